"""Opening files of weights from anywhere: HDF5, or a `.keras` archive with HDF5 in it.

Nothing in a file is evaluated, nothing is unpacked that is absurdly large, and what Keras is to
open is looked at before, since Keras reads it by way of the HDF5 library.
"""

import contextlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from mrcnn.errors import WeightsError, shown
from mrcnn.weights.hdf5 import Group, UnreadableError, check_structure, open_file

_MAX_INFLATION = 20
_COPIED_AT_ONCE = 1 << 20
_MAX_LIST_BYTES = 4 << 20
# A ZIP archive's list of its members is read at once; one of Keras has four members.
_LONGEST_READ = 1 << 20
_LONGEST_REASON = 600
# What Keras writes (stored) and what packing it again makes (deflated).
_PACKED_AS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

_WEIGHTS_IN_KERAS_ARCHIVE = "model.weights.h5"
REPAIR = "It may be truncated or damaged: fetch or copy it again."


def open_root(path: Path, opened: contextlib.ExitStack) -> Group:
    """The root group of a file of weights.

    Args:
        path: HDF5, or a `.keras` archive.
        opened: closes what is opened here.

    Raises:
        WeightsError: there is no such file, or it is of another kind.
        UnreadableError: it is truncated or damaged.
        OSError: it cannot be read.
    """
    _require_file(path)
    root = open_file(opened.enter_context(path.open("rb")))
    return _open_archive(path, opened) if root is None else root


def check_for_keras(path: str | os.PathLike) -> None:
    """Look at a file before Keras opens it, which takes the HDF5 library.

    Args:
        path: a file that Keras 3 wrote: `.weights.h5`, `.keras`, or `.weights.json` with the names
            of several files beside it.

    Raises:
        WeightsError: it is missing, damaged, or not what Keras writes.
    """
    path = Path(path)
    if path.name.endswith(".json"):
        for name in _shards(path):
            check_for_keras(path.parent / name)
        return
    # Keras goes by the name: what could be read in two ways must be looked at as Keras does.
    opening = _open_archive if path.name.endswith(".keras") else open_root
    with contextlib.ExitStack() as opened, telling(path):
        check_structure(opening(path, opened))


@contextlib.contextmanager
def telling(path: Path) -> Iterator[None]:
    """Name the file in errors; a WeightsError of what was unreadable."""
    try:
        yield
    except UnreadableError as error:
        raise WeightsError(
            f"{path}: cannot be read as an HDF5 weights file: {shortened(error)} {REPAIR}"
        ) from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}.") from error


def shortened(error: UnreadableError) -> str:
    """What it says, with long names of the file cut out of its middle."""
    text, half = str(error), _LONGEST_REASON // 2
    return text if len(text) <= _LONGEST_REASON else f"{text[:half]} ... {text[-half:]}"


def _shards(path: Path) -> list[str]:
    """The files that the weights of a model are spread over; they lie beside the list of them."""
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise WeightsError(f"{path}: is absurdly large for a list of files.")
        content = json.loads(path.read_bytes())
        found = content["weight_map"].values()
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no such weights file.") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except WeightsError:
        raise
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise WeightsError(f"{path}: is not the list of files that Keras writes.") from None
    names = []
    for value in found:
        names += value if isinstance(value, list) else [value]
    for name in names:
        plain = isinstance(name, str) and name.endswith(".h5") and "\0" not in name
        if not plain or PureWindowsPath(name).name != name or PurePosixPath(name).name != name:
            raise WeightsError(f"{path}: names {shown(name)}, which is no file beside it.")
    # Keras opens the first one whether it is on the list or not.
    first = f"{path.stem.replace('.weights', '')}_00000.weights.h5"
    return list(dict.fromkeys([*names, first]))


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise WeightsError(f"{path}: is a folder, not a weights file. Give the file in it.")
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file.")


def _open_archive(path: Path, opened: contextlib.ExitStack) -> Group:
    _require_file(path)
    if not zipfile.is_zipfile(path):
        raise WeightsError(f"{path}: cannot be read as a weights file: {_kind_of(path)}")
    # In an archive, moving about is slow.
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
    unpacked = opened.enter_context((folder / _WEIGHTS_IN_KERAS_ARCHIVE).open("w+b"))
    _unpack(path, unpacked)
    root = open_file(unpacked)
    if root is None:
        raise UnreadableError(f"{_WEIGHTS_IN_KERAS_ARCHIVE} in it is not HDF5.")
    return root


class _Archive(io.FileIO):
    """A file of which no large piece is read at once, as a ZIP archive may ask for."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LONGEST_READ:
            raise UnreadableError("its list of members is absurdly long.")
        return super().read(size)


def _unpack(path: Path, unpacked: io.BufferedIOBase) -> None:
    """Write the weights of a `.keras` archive to a file."""
    try:
        with _Archive(path) as file, zipfile.ZipFile(file) as archive:
            member = _weights_member(archive, path)
            with archive.open(member) as packed:
                shutil.copyfileobj(packed, unpacked, _COPIED_AT_ONCE)
    except (WeightsError, UnreadableError):
        raise
    except Exception as error:  # the ZIP reader raises whatever it runs into
        raise WeightsError(
            f"{path}: cannot be read as a ZIP archive ({error}). {REPAIR}"
        ) from error


def _weights_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    if _WEIGHTS_IN_KERAS_ARCHIVE not in archive.namelist():
        raise WeightsError(
            f"{path}: cannot be read as a weights file: it is a ZIP archive but no Keras model. "
            "Unpack it and give the .h5 file in it."
        )
    member = archive.getinfo(_WEIGHTS_IN_KERAS_ARCHIVE)
    if member.file_size > _MAX_INFLATION * path.stat().st_size:
        raise WeightsError(f"{path}: holds an absurdly compressed file, which is not unpacked.")
    if member.compress_type not in _PACKED_AS:
        raise WeightsError(
            f"{path}: cannot be read as a weights file: it is packed in a way that Keras does not "
            "use. Unpack it and give the .h5 file in it."
        )
    return member


def _kind_of(path: Path) -> str:
    """What a file that is not HDF5 seems to be, and what to do."""
    with open(path, "rb") as file:
        start = file.read(64)
    if not start:
        return "it is empty. Fetch or copy it again."
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself. Run `git lfs pull`."
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page, perhaps of a failed download. Fetch it again."
    return f"it is not HDF5, and begins with {start[:16]!r}. {REPAIR}"
