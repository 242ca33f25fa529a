"""Writing files so that a crash, a full disk or an interruption never leaves half of one."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it onto `path` when the block ends well.

    The temporary name keeps the suffix, because image and HDF5 writers look at it. If the block
    raises, the temporary file is removed and an earlier `path` stays as it was.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = target.with_name(f".{target.stem}.{token}{target.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: str | os.PathLike, content: bytes | str | Callable[[Path], None]) -> None:
    """Write `content` to `path` in one step.

    Args:
        path: the file to make or replace; its folder is made if missing.
        content: bytes, text (UTF-8), or a function that writes to the path it is given.
    """
    with atomic_path(path) as temporary:
        if callable(content):
            content(temporary)
        elif isinstance(content, bytes):
            temporary.write_bytes(content)
        else:
            temporary.write_text(content, encoding="utf-8")
