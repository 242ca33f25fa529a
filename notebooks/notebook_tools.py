"""What the notebooks share and is not their subject: the clone, small pictures, the sample program.

To import it prepares a notebook: the clone becomes the working folder, one that the notebook made
for itself is installed, and pictures are kept small.
"""

import os
import subprocess
import sys
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
# Under this name a notebook clones the project into its own folder, on a machine without it.
OWN_CLONE = "mask-rcnn-clone"
PROGRAM = "samples/rbc/rbc.py"
FIELDS, SEED = 12, 1

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if CLONE.name == OWN_CLONE:
    # Each time: what pip did not end is done again.
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", str(CLONE)], check=True)
os.chdir(CLONE)


def rbc(*arguments: object) -> str:
    """Run `python samples/rbc/rbc.py ...`, tell the command, and return what it prints.

    Args:
        arguments: of the command, as they would be typed.

    Raises:
        RuntimeError: it failed; with what it printed.
    """
    print("[python", PROGRAM, *arguments, end="]\n", flush=True)
    return _run(*arguments)


def rendered_fields(kinds: bool = False) -> Path:
    """Render blood smears with exact outlines, the same each time, unless they are there.

    Args:
        kinds: with white cells and platelets, as in a smear from a laboratory, and classes of
            cells; otherwise red cells alone, with classes of size.

    Returns:
        the folder, which has `train` and `val`, relative to the clone.
    """
    folder = Path("datasets/notebooks_stained" if kinds else "datasets/notebooks")
    if not folder.is_dir():
        # Not told: only the first notebook renders them.
        _run("smears", folder, "--fields", FIELDS, "--seed", SEED, *(["--kinds"] if kinds else []))
    return folder


def small_pictures() -> None:
    """Keep pictures small, so that the notebook stays small."""
    import matplotlib.pyplot as plt
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("jpeg", pil_kwargs={"quality": 75})
    plt.rcParams["figure.dpi"] = 80


def _run(*arguments: object) -> str:
    command = [sys.executable, PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout
