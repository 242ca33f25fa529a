"""Files of this program: written so that a crash or a full disk never leaves half of one.

And by one process at a time: a lock ends with the process that holds it, also when that process is
killed; the file that may then be left means nothing. Their forms have versions: whole numbers that
rise where an earlier reader would go wrong.
"""

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mrcnn.errors import OutputError, shown

# `.cells.4711-0badcafe.csv` on its way to becoming `cells.csv`.
_TEMPORARY_NAME = re.compile(r"\..+?\.\d+-[0-9a-f]{8}(\..*)?")
# Bytes that a file system allows for a name.
_LONGEST_NAME = 255
# Of Windows: no right to replace a file, and one that another program has open. Virus scanners and
# search indexes open new files for a moment.
_HELD = (5, 32)
_PAUSES = (0.01, 0.05, 0.2, 0.5, 1.0)
# Of Windows: characters of a path, where long ones are not allowed.
_LONGEST_ON_WINDOWS = 259
# Some network file systems have no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it onto `path` when the block ends well.

    The temporary name keeps the suffixes, because writers look at them. If the block raises, the
    temporary file is removed and an earlier `path` stays as it was.

    Raises:
        OutputError: the folder or the file cannot be made, or the disk is full; also where the
            block raised an OSError.
    """
    target = Path(path)
    suffixes = "".join(target.suffixes)
    stem = target.name.removesuffix(suffixes)
    mark = f".{os.getpid()}-{secrets.token_hex(4)}"
    if len(os.fsencode(f".{stem}{mark}{suffixes}")) > _LONGEST_NAME:
        # Its own name just fits.
        stem, suffixes = target.name[:8], target.suffix[:16]
    temporary = target.with_name(f".{stem}{mark}{suffixes}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        _replace(temporary, target)
        _flush_folder(target.parent)
    except OutputError:
        raise
    except OSError as error:
        raise _output_error(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def atomic_write(
    path: str | os.PathLike, content: bytes | memoryview | str | Callable[[Path], None]
) -> None:
    """Write `content` to `path` in one step.

    Args:
        path: the file to make or replace; its folder is made if missing.
        content: bytes, text (UTF-8), or a function that writes to the path it is given.

    Raises:
        OutputError: it cannot be written; an earlier file is as it was.
    """
    with atomic_path(path) as temporary:
        if callable(content):
            content(temporary)
        elif isinstance(content, str):
            try:
                temporary.write_bytes(content.encode("utf-8"))
            except UnicodeEncodeError as error:
                name = content[max(error.start - 20, 0) : error.end + 20]
                raise OutputError(
                    f"{path}: cannot be written, since a name in it is not UTF-8: ...{name!r}... "
                    "Rename that file."
                ) from None
        else:
            temporary.write_bytes(content)


@contextlib.contextmanager
def together(folder: str | os.PathLike) -> Iterator[Path]:
    """Give a folder for files that belong together; once the block ends well they move to `folder`.

    Those that are there under the same names are replaced then. If the block raises, or the disk is
    full, all of them are as they were.

    Args:
        folder: exists; folders in it are made where they are missing.

    Raises:
        OutputError: there is no room; also where the block raised an OSError.
    """
    target = Path(folder)
    try:
        with tempfile.TemporaryDirectory(dir=target, prefix=".waiting-") as name:
            waiting = Path(name)
            yield waiting
            for path in sorted(waiting.rglob("*")):
                moved = target / path.relative_to(waiting)
                if path.is_dir():
                    moved.mkdir(exist_ok=True)
                else:
                    _replace(path, moved)
    except OutputError:
        raise
    except OSError as error:
        raise _output_error(target, error) from error


def is_newer(name: str | os.PathLike, version: Any, known: int, stacklevel: int = 1) -> bool:
    """Whether a file is of a version that only a later program knows; a line warns of one.

    Args:
        name: of the file.
        version: that it says; None for a file that was written before it had one.
        known: the last version that this program knows.
        stacklevel: 1 lets the warning point at the caller, 2 at its caller.
    """
    if version is None or (isinstance(version, int) and version <= known):
        return False
    warnings.warn(
        f"{name}: is of version {shown(version)}, and this program knows versions up to {known}: "
        "what it knows is read, and the rest is left out.",
        stacklevel=stacklevel + 1,
    )
    return True


def checksum_of(path: str | os.PathLike) -> str | None:
    """SHA-256 of a file, 64 hexadecimal digits; None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def make_writable_folder(folder: str | os.PathLike) -> Path:
    """Make a folder if it is missing, and try whether a file can be written there.

    To be asked before hours of work, not after.

    Raises:
        OutputError: it cannot be made or written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"-")
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot write there ({_reason(error)}). Give another folder, or make room "
            "and the right to write in this one."
        ) from error
    return folder


def remove_leftovers(folder: str | os.PathLike, prefix: str) -> None:
    """Remove the temporary files that a killed process left of files named `prefix...`.

    Args:
        folder: where to look.
        prefix: how the names of the files to be written begin. No other process may be writing
            such files there.
    """
    with contextlib.suppress(OSError):
        for path in Path(folder).iterdir():
            if path.name.startswith(f".{prefix}") and _TEMPORARY_NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)


class InUseError(Exception):
    """Another process or thread has what was asked for; the text names that process."""


@contextlib.contextmanager
def alone(
    lock_file: Path, on_wait: Callable[[str], None] | None = None, seconds: float = 0
) -> Iterator[bool]:
    """Be the only process, and the only thread, inside the block.

    Args:
        lock_file: path in a folder that exists. The file is made, and removed at the end.
        on_wait: called once, with the holder in words, if another one holds the lock.
        seconds: how long to wait for it.

    Yields:
        True; or False, at once, where the file system has no locks.

    Raises:
        InUseError: another one still holds it.
        OSError: the file cannot be made.
    """
    # A lock that is only a file would outlive a killed process.
    lock = FileLock(lock_file, on_acquired=_write_holder, fallback_to_soft=False)
    held = _acquire(lock, lock_file, on_wait, seconds)
    try:
        yield held
    finally:
        # While it is held: whoever opened the file before finds that it has no name, and makes
        # another. Windows removes no open file; there the library does it.
        with contextlib.suppress(OSError):
            lock_file.unlink()
        lock.release()


def _acquire(
    lock: FileLock, lock_file: Path, on_wait: Callable[[str], None] | None, seconds: float
) -> bool:
    """Whether there are locks; if so, this one is held."""
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_wait:
                on_wait(_holder(lock_file))
            lock.acquire(timeout=seconds)
    except Timeout:
        raise InUseError(_holder(lock_file)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True


def _write_holder(descriptor: int) -> None:
    # On a full disk the lock holds as well.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())


def _holder(lock_file: Path) -> str:
    try:
        text = lock_file.read_bytes()[:200].decode("utf-8", "replace")
    except OSError:
        text = ""
    return text if text.isprintable() and text else "another process"


def _replace(path: Path, target: Path) -> None:
    """Move a file onto another one; where that is in use for a moment, once it is free."""
    for pause in _PAUSES:
        try:
            os.replace(path, target)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _HELD:
                raise
            time.sleep(pause)
        else:
            return
    os.replace(path, target)


def _flush_folder(folder: Path) -> None:
    """Make a new name survive a loss of power, where the system can open a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _output_error(target: Path, error: OSError) -> OutputError:
    # lexists: a link that leads nowhere is there as well.
    kept = " The file that was there is as it was." if os.path.lexists(target) else ""
    raised = OutputError(
        f"{target}: cannot be written ({_reason(error)}).{kept}{_cause(target, error)}"
    )
    raised.errno = error.errno
    return raised


def _cause(target: Path, error: OSError) -> str:
    """What to do about an error that only Windows has."""
    number = getattr(error, "winerror", None)
    if number in _HELD:
        return " Close it in the program that has it open, such as Excel."
    if number is not None and len(str(target.absolute())) > _LONGEST_ON_WINDOWS:
        return (
            f" The path is longer than {_LONGEST_ON_WINDOWS} characters: write to a folder with a "
            "shorter one, or allow long paths in Windows (LongPathsEnabled)."
        )
    return ""


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
