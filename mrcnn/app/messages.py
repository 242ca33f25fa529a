"""What the package says while a command runs."""

import contextlib
import logging
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def messages_shown() -> Iterator[None]:
    """While the block runs, print what the package logs as plain lines on standard output.

    Progress is shown as well, which a program sees only if it asks for it.
    """
    package = logging.getLogger("mrcnn")
    handler, level = logging.StreamHandler(sys.stdout), package.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
