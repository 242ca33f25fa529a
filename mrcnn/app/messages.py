"""What the package says while a command runs."""

import contextlib
import io
import logging
import sys
from collections.abc import Iterator

from mrcnn.app.names import on_one_line


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


@contextlib.contextmanager
def names_can_be_printed() -> Iterator[None]:
    """While the block runs, what a console has no character for is escaped instead of an error."""
    with contextlib.ExitStack() as restored:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")
                restored.callback(stream.reconfigure, errors="strict")
        yield


def tell_failed(problems: list[str]) -> int:
    """List what could not be used on stderr; the exit status."""
    if not problems:
        return 0
    print(f"\n{len(problems)} of the inputs could not be used:", file=sys.stderr)
    for problem in problems:
        print(f"  {on_one_line(problem)}", file=sys.stderr)
    return 2
