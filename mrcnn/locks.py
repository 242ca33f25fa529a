"""A lock among processes and threads that nobody can leave behind.

The operating system keeps it with an open file. It ends with the process that holds it, also when
that process is killed; the file that may then be left means nothing.
"""

import contextlib
import errno
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_SECONDS = 0.2
# Some network file systems have no locks.
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
# A link in place of the lock would lead to somebody's file.
_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class LockHeldError(Exception):
    """Another process keeps the lock and makes no progress; the text names that process."""


@contextlib.contextmanager
def exclusive(
    path: Path,
    on_wait: Callable[[str], None],
    progress: Callable[[], object],
    patience_seconds: float,
) -> Iterator[bool]:
    """Hold the lock of a path: for one process and one thread at a time.

    Args:
        path: the file of the lock, in a folder that exists. It is made, and removed at the end.
        on_wait: called once, with the holder in words, if another one holds the lock.
        progress: asked while waiting; as long as its answer changes, waiting goes on.
        patience_seconds: how long to wait for an answer that does not change.

    Yields:
        True; or False, at once, where the file system has no locks.

    Raises:
        LockHeldError: the holder showed no progress for `patience_seconds`.
        OSError: the file cannot be made.
    """
    try:
        descriptor = _wait_for(path, on_wait, progress, patience_seconds)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        descriptor = None
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        _release(path, descriptor)


def _wait_for(
    path: Path,
    on_wait: Callable[[str], None],
    progress: Callable[[], object],
    patience_seconds: float,
) -> int:
    """Descriptor of the file, once it is locked."""
    descriptor = _try(path)
    if descriptor is None:
        on_wait(_holder(path))
        seen, since = progress(), time.monotonic()
        while (descriptor := _try(path)) is None:
            if (now := progress()) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > patience_seconds:
                raise LockHeldError(_holder(path))
            time.sleep(POLL_SECONDS)
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
    return descriptor


def _try(path: Path) -> int | None:
    """Descriptor of the locked file, or None if another one holds the lock."""
    while True:
        descriptor = os.open(path, _OPEN_FLAGS, 0o666)
        kept = False
        try:
            if not _lock(descriptor):
                return None
            # The holder before may have removed the file after it was opened here.
            kept = _is_at(descriptor, path)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                path.unlink(missing_ok=True)
            raise
        finally:
            if not kept:
                os.close(descriptor)
        if kept:
            return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        # Windows removes no open file.
        return os.name == "nt" or os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        text = path.read_bytes()[:200].decode("utf-8", "replace")
    except OSError:
        text = ""
    return text if text.isprintable() and text else "another process"


def _release(path: Path, descriptor: int) -> None:
    # The name goes while the lock is held, so that nobody finds a file that is about to go; on
    # Windows it goes last, unless another one has opened the file.
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    os.close(descriptor)
    if os.name == "nt":
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            # Beyond the text of the file, which others may read.
            os.lseek(descriptor, 1024, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            # Not lockf: its locks would not tell two threads apart.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
