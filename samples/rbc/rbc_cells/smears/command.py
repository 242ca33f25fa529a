"""`smears`: the rendered data set, as a command and for a training without data."""

import sys
from pathlib import Path
from typing import Any

from rbc_cells.kinds import KINDS
from rbc_cells.smears.rendering import render_dataset


def render(directory: Path, fields: int | None = None, seed: int = 0, kinds: bool = False) -> None:
    """Render a data set and show how far it is.

    Args:
        directory: folder to make.
        fields: number of fields; None takes the renderer's default.
        seed: same seed, same bytes.
        kinds: white cells and platelets as well.

    Raises:
        DataError: the folder holds something else.
    """
    at_terminal = sys.stdout.isatty()

    def show(done: int, total: int) -> None:
        if at_terminal:
            print(f"\r{done}/{total} fields", end="\n" if done == total else "", flush=True)
        elif done == total or done % 10 == 0:
            print(f"{done}/{total} fields", flush=True)

    number = {} if fields is None else {"fields": fields}
    render_dataset(directory, seed=seed, progress=show, kinds=kinds, **number)
    print(f"Rendered smears: {directory}", flush=True)
    if kinds:
        names = " ".join(f'"{name}"' for name in KINDS)
        print(f"What reads them is told their classes: --classes {names}", flush=True)


def render_demo(directory: Path) -> None:
    """Render the data set of a training for which none was named."""
    print("rendering the demo set of synthetic smears there.", flush=True)
    render(directory)


def run(application: Any, options: Any) -> int:
    """Render; returns the exit status."""
    render(options.directory, options.fields, options.seed, options.kinds)
    return 0
