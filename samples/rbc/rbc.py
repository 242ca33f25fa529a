"""Red blood cells in stained smears: settings, data set and command line.

    python samples/rbc/rbc.py train    [--dataset DIR] [--weights coco|imagenet|rbc|last|none|PATH]
    python samples/rbc/rbc.py evaluate [--dataset DIR] [--subset val] [--min-conf 0.7 0.8 0.9]
    python samples/rbc/rbc.py detect   IMAGE_OR_FOLDER ... [--min-conf 0.7] [--out DIR]
    python samples/rbc/rbc.py smears   DIR [--fields N] [--seed S]
    python samples/rbc/rbc.py check    DIR
    python samples/rbc/rbc.py pack     DIR [--weights best]

`COMMAND --help` lists the options of each.
"""

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mrcnn.app.messages import messages_shown
from mrcnn.errors import MrcnnError
from rbc_arguments import build_parser
from rbc_config import RBCConfig

if TYPE_CHECKING:
    from rbc_dataset import RBCDataset

__all__ = ["RBCConfig", "RBCDataset", "main"]


def __getattr__(name: str) -> object:
    # Image libraries take a second to import, which --help should not cost.
    if name == "RBCDataset":
        from rbc_dataset import RBCDataset

        return RBCDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Warnings as a user reads them, without the line of code that gave them."""
    print(f"rbc.py: warning: {message}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None takes them from the shell.

    Returns:
        exit status: 0 on success, 2 on bad input, 130 when interrupted.
    """
    # Fewer start-up notes of TensorFlow's runtime, which say nothing to a user of this program.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as leaving:
        return int(leaving.code or 0)
    try:
        with messages_shown(), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return importlib.import_module(options.module).run(options)
    except (MrcnnError, OSError) as error:
        sys.stdout.flush()
        print(f"rbc.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        sys.stdout.flush()
        print(f"rbc.py: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
