"""How far a command is: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Any, Protocol


class Progress(Protocol):
    """Is told what a command does with one picture after the other."""

    def line(self, text: str) -> None:
        """Say what came out of a picture; a bar says it in sum."""

    def note(self, text: str) -> None:
        """Say something that a person should see."""

    def advance(self, objects: int) -> None:
        """One more picture is done."""


class PlainLines:
    """A line for each picture, for files and other programs."""

    def line(self, text: str) -> None:
        print(text, flush=True)

    def note(self, text: str) -> None:
        print(text, flush=True)

    def advance(self, objects: int) -> None:
        pass


class Bar:
    """A bar with speed and time left; only notes have lines, above it.

    Args:
        progress: of rich, begun.
        task: of it.
        objects: what they are called.
    """

    def __init__(self, progress: Any, task: Any, objects: str) -> None:
        self._progress, self._task, self._objects = progress, task, objects
        self._began, self._count, self._found = monotonic(), 0, 0

    def line(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        # Without markup: names of files may hold brackets.
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def advance(self, objects: int) -> None:
        self._count += 1
        self._found += objects
        minutes = max(monotonic() - self._began, 1e-9) / 60
        speed = (
            f"{self._count / minutes:.0f} pictures, {self._found / minutes:.0f} {self._objects} "
            "a minute"
        )
        self._progress.update(self._task, advance=1, speed=speed)


@contextlib.contextmanager
def progress_of(total: int, done: int, objects: str) -> Iterator[Progress]:
    """Show how far a command is while the block runs.

    Args:
        total: pictures in all.
        done: of them, before the command began.
        objects: what is found in them, such as "cells".
    """
    if not sys.stdout.isatty():
        yield PlainLines()
        return
    try:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress
    except ImportError:
        yield PlainLines()
        return
    # In 80 columns all of it is seen; of fewer the end is cut off.
    columns = (
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left, {task.fields[speed]}"),
    )
    # The time left follows the last pictures, of which a slow network takes one in seconds.
    with RichProgress(*columns, speed_estimate_period=300) as shown:
        task = shown.add_task("", total=total, completed=done, speed="")
        yield Bar(shown, task, objects)
