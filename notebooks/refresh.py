"""Run the notebooks and store their outputs: `make notebooks`, or `python notebooks/refresh.py`.

They run in a copy of the folders that they use, as a reader's clone, so that no data set, run or
result is left in this one. What is stored holds no times and no paths of the machine.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
# In the order in which they are read; the first one renders the fields that all use.
NOTEBOOKS = ("inspect_data", "inspect_model", "rbc_walkthrough", "your_own_dataset")
# What the notebooks use of a clone. `mrcnn` is imported, installed or not, from this one.
FOLDERS = ("samples/rbc", "weights/rbc")
LONGEST_CELL_SECONDS = 1800

# The metadata that ties outputs to the sources that gave them.
DIGEST = "outputs_of"
# What TensorFlow says of the machine whenever it is loaded.
_START_UP_NOTES = re.compile(r"^(WARNING: All log messages before|[IWE]\d{4} [\d:.]+ ).*\n?", re.M)
# What a progress bar says of the speed, and the time in the name of a training run.
_SPEED = re.compile(r"(\x1b\[1m)?[\d:]+[mu]?s?(\x1b\[0m)? [\d.]+[mu]?s/step - ")
_RUN_TIME = re.compile(r"(?<=[a-z])\d{8}T\d{4}(?=\W)")
_ANY_RUN_TIME = "20260131T0930"


def copy_clone(folder: Path) -> Path:
    """Copy what the notebooks use of this clone.

    Args:
        folder: to make; it becomes the root of the copy.

    Returns:
        the folder with the notebooks in it.
    """
    for name in (*FOLDERS, "notebooks"):
        shutil.copytree(
            ROOT / name,
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"),
        )
    return folder / "notebooks"


def execute(path: Path) -> nbformat.NotebookNode:
    """Run a notebook from the folder that it lies in.

    Args:
        path: the notebook; the file is not changed.

    Returns:
        the notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=LONGEST_CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    # The kernel finds `mrcnn`, keeps no history in the home folder, and is quiet.
    client.execute(
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "IPYTHONDIR": str(path.parent / ".ipython"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
    )
    return notebook


def digest_of(notebook: nbformat.NotebookNode) -> str:
    """A checksum of all cells' sources, to tell outputs of other sources."""
    sources = "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in notebook.cells)
    return hashlib.sha256(sources.encode()).hexdigest()


def clean(notebook: nbformat.NotebookNode) -> None:
    """Take out of an executed notebook, in place, what differs from run to run or machine."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            DIGEST: digest_of(notebook),
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_cleaned, cell.outputs) if output is not None]


def _cleaned(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """An output without metadata and what tells of the machine; None if nothing is left."""
    if output.output_type == "stream":
        text = _SPEED.sub("", _START_UP_NOTES.sub("", output.text))
        output.text = _RUN_TIME.sub(_ANY_RUN_TIME, text)
        return output if output.text.strip() else None
    output.metadata = nbformat.from_dict({})
    return output


def refresh(name: str, folder: Path) -> None:
    """Run a notebook in a copied clone and store it here with its outputs.

    Args:
        name: of the notebook, without suffix.
        folder: of the copied notebooks, see `copy_clone`.
    """
    print(f"Running {name}", flush=True)
    notebook = execute(folder / f"{name}.ipynb")
    clean(notebook)
    target = ROOT / "notebooks" / f"{name}.ipynb"
    nbformat.write(notebook, target)
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB", flush=True)


def main() -> int:
    """Refresh the notebooks that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NOTEBOOKS)}")
    names = parser.parse_args().names or NOTEBOOKS
    if unknown := sorted({*names} - {*NOTEBOOKS}):
        parser.error(f"no such notebook: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = copy_clone(Path(temporary) / "clone")
        for name in names:
            refresh(name, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
