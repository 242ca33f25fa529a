"""Fetching published weights: the right file under its final name, or one clear error.

Files come over https. `MRCNN_WEIGHTS_URL` names another place that holds the same files under the
same names, for example a mirror inside a laboratory; plain http is accepted for this machine only
(localhost). Whatever the place, a file gets its name after its size and checksum were right.

A transfer that was cut, by the network, by Ctrl-C or by a killed process, goes on where it was when
the file is asked for again. Of several processes that ask at once, one fetches the file.
"""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mrcnn.errors import WeightsError
from mrcnn.locks import LockHeldError, exclusive
from mrcnn.weights.connections import Patience, TransferFailed, is_allowed
from mrcnn.weights.transfer import Partial, Transfer, md5_of

MIRROR_VARIABLE = "MRCNN_WEIGHTS_URL"
PATIENCE = Patience()


@dataclass(frozen=True)
class WeightsFile:
    """A published weights file.

    Attributes:
        name: what the command line calls it.
        url: where it is published; the last part is its file name.
        md5: checksum of the whole file, 32 hexadecimal digits.
        size: length in bytes. No more than this is ever written.
        description: what is inside, for people.
    """

    name: str
    url: str
    md5: str
    size: int
    description: str

    @property
    def file_name(self) -> str:
        """Name of the file inside a weights folder or a mirror."""
        return urlsplit(self.url).path.rpartition("/")[2]


COCO = WeightsFile(
    name="coco",
    url="https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5",
    md5="e98aaff6f99e307b5e2a8a3ff741a518",
    size=257_557_808,
    description="Mask R-CNN with ResNet-101, trained on COCO (81 classes)",
)
IMAGENET = WeightsFile(
    name="imagenet",
    url="https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    md5="a268eb855778b3df3c7506639542a6af",
    size=94_653_016,
    description="ResNet-50 without its classifier, trained on ImageNet",
)
PUBLISHED_FILES: dict[str, WeightsFile] = {file.name: file for file in (COCO, IMAGENET)}


def fetch_weights(
    name: str,
    directory: str | os.PathLike,
    progress: bool = True,
    files: Mapping[str, WeightsFile] = PUBLISHED_FILES,
) -> Path:
    """Give the path of a published weights file, downloading it if `directory` has it not.

    Args:
        name: "coco" or "imagenet" (a key of `files`).
        directory: the folder that holds the weights; made if missing.
        progress: whether to show the progress on standard error.
        files: the files that can be asked for, by name.

    Returns:
        Path of the file inside `directory`. Its checksum has been checked in this call.

    Raises:
        WeightsError: unknown name; a file of another content in its place; no network, a refused or
            broken transfer, a wrong checksum; a folder that cannot be written, a full disk; another
            process that fetches the file and is stuck. An existing file is never changed. What a
            broken transfer brought is kept beside it under a hidden name, for the next call.
    """
    if name not in files:
        raise WeightsError(f"There are no published weights {name!r}. Choose {' or '.join(files)}.")
    return download_file(files[name], Path(directory) / files[name].file_name, progress)


def download_trained_weights(coco_model_path: str | os.PathLike, verbose: int = 1) -> None:
    """Download Matterport's COCO weights to a path of your choice (Matterport's function).

    Args:
        coco_model_path: the file to write. If it is there already it is checked, not fetched again.
        verbose: 0 for silence, anything higher shows the progress on standard error.

    Raises:
        WeightsError: as `fetch_weights`.
    """
    download_file(COCO, Path(coco_model_path), progress=verbose > 0)


def download_file(file: WeightsFile, target: Path, progress: bool = True) -> Path:
    """Make `target` hold `file`: keep it if it already does, else download it.

    Args:
        file: what to fetch.
        target: the path to write, in one step, after size and checksum were found right.
        progress: whether to show the progress on standard error.

    Returns:
        `target`.

    Raises:
        WeightsError: as `fetch_weights`.
    """
    url = source_url(file)
    display = _Display(file, progress)
    try:
        if not _is_there(file, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _alone(file, target, display) as partial:
                # Another process may have fetched it meanwhile.
                if not _is_there(file, target):
                    _check_space(file, partial)
                    _fetch(file, url, partial, display)
    except OSError as error:
        raise WeightsError(_disk_message(file, target, error)) from error
    finally:
        display.close()
    return target


@contextlib.contextmanager
def _alone(file: WeightsFile, target: Path, display: "_Display") -> Iterator[Partial]:
    """The partial file of `target`, which no other process or thread uses meanwhile."""
    partial = Partial(target, file.md5, file.size)
    minutes = f"{PATIENCE.lock_seconds / 60:g} minutes"

    def on_wait(holder: str) -> None:
        display.say(
            f"The {file.name} weights are being downloaded by {holder}: waiting for it, until "
            f"nothing has arrived for {minutes}"
        )

    lock = target.with_name(f".{target.name}.lock")
    try:
        with exclusive(lock, on_wait, partial.length, PATIENCE.lock_seconds) as held:
            if held:
                yield partial
                return
            display.say(f"{target.parent} has no locks: what arrives is not kept for a later call")
            partial = Partial(target, file.md5, file.size, shared=False)
            try:
                yield partial
            finally:
                partial.discard()
    except LockHeldError as error:
        raise WeightsError(
            f"The {file.name} weights are being downloaded to {target} by {error}, but nothing has "
            f"arrived for {minutes}. End it and start again: what it received is kept."
        ) from error


def _fetch(file: WeightsFile, url: str, partial: Partial, display: "_Display") -> None:
    """Bring the partial file to its end and give it its name."""
    try:
        Transfer(url, partial, PATIENCE, display, f"{file.name} weights").run()
        # Someone may have put a file there by hand.
        if _is_there(file, partial.target):
            partial.discard()
        else:
            partial.publish()
    except TransferFailed as failure:
        raise WeightsError(_failure_message(file, url, partial, str(failure))) from failure
    except KeyboardInterrupt:
        if kept := _kept(partial):
            display.say(f"Stopped. {kept}")
        raise
    finally:
        if partial.length() == 0:
            # Nothing of use: an empty file, or one that belongs to no file that is published now.
            with contextlib.suppress(OSError):
                partial.discard()


def source_url(file: WeightsFile) -> str:
    """Where `file` is fetched from: its own address, or the mirror in `MRCNN_WEIGHTS_URL`.

    Raises:
        WeightsError: the address is neither https nor http on this machine.
    """
    mirror = os.environ.get(MIRROR_VARIABLE, "").strip()
    url = f"{mirror.rstrip('/')}/{file.file_name}" if mirror else file.url
    if not is_allowed(url):
        raise WeightsError(
            f"Weights are not fetched from {url}: expected an address that begins with https:// "
            f"(http:// is accepted for localhost only). Correct or unset {MIRROR_VARIABLE}."
        )
    return url


def _is_there(file: WeightsFile, path: Path) -> bool:
    """Whether `path` holds `file`; anything else at its place is an error."""
    if not path.exists():
        return False
    if not path.is_file():
        raise WeightsError(f"{path} is where the {file.name} weights go, but it is not a file.")
    with open(path, "rb") as stream:
        found = md5_of(stream)
    if found != file.md5:
        raise WeightsError(
            f"{path} is not the published file of the {file.name} weights: {path.stat().st_size} "
            f"bytes with checksum {found}, expected {file.size} bytes with {file.md5}. It was left "
            "as it is. If it is a broken download, delete it and start again; if it is a file of "
            f"your own, give it by its path: --weights {path}."
        )
    return True


def _check_space(file: WeightsFile, partial: Partial) -> None:
    """Refuse to begin what cannot end."""
    folder = partial.path.parent
    usage = shutil.disk_usage(folder)
    missing = file.size - partial.length()
    # Some network file systems tell zeros.
    if usage.total and usage.free < missing:
        raise WeightsError(
            f"The disk of {folder} is too full for the {file.name} weights: {_megabytes(missing)} "
            f"are needed, {_megabytes(usage.free)} are free. Make room, or have the folder of the "
            "weights on another disk."
        )


def _kept(partial: Partial) -> str:
    """What is left for the next call, in words; empty if nothing is."""
    received = partial.length()
    if not received:
        return ""
    return (
        f"{_megabytes(received)} of {_megabytes(partial.size)} are kept in {partial.path}: start "
        "again to go on from there."
    )


def _failure_message(file: WeightsFile, url: str, partial: Partial, reason: str) -> str:
    others = [f"--weights {name}" for name in PUBLISHED_FILES if name != file.name]
    kept = _kept(partial)
    return (
        f"The {file.name} weights ({file.description}; {_megabytes(file.size)}) could not be "
        f"downloaded: {reason}.\n"
        + (f"  Kept:    {kept}\n" if kept else "")
        + f"  Address: {url}\n"
        f"  By hand: download that address on any machine and save it as {partial.target}\n"
        f"  Mirror:  set {MIRROR_VARIABLE} to the https address of a folder with {file.file_name}\n"
        f"  Instead: {', '.join(others)}, --weights none (random weights) or --weights PATH "
        "(a weights file you have)"
    )


def _disk_message(file: WeightsFile, target: Path, error: OSError) -> str:
    for folder in target.parents:
        if os.path.lexists(folder) and not os.path.isdir(folder):
            return (
                f"{target} cannot be read or written: {folder} is not a folder. Move it away, or "
                "give another folder."
            )
    kept = _kept(Partial(target, file.md5, file.size))
    return (
        f"{error.filename or target} cannot be read or written: {error.strerror or error}. The "
        f"{file.name} weights need {_megabytes(file.size)} of free space there and the right to "
        "write." + (f" {kept}" if kept else "")
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 9_500_000 else f"{size / 1e6:.1f} MB"


class _Display:
    """How far a download is, on standard error: one line that is rewritten on a terminal, a line
    for each tenth elsewhere (log files)."""

    def __init__(self, file: WeightsFile, shown: bool) -> None:
        self._title = f"{file.name} weights"
        self._size = file.size
        self._visible = shown
        self._terminal = shown and sys.stderr.isatty()
        self._open_line = False
        self._step = -1
        self._received = file.size
        # Where the connection began, in bytes and on the clock.
        self._first, self._start = 0, time.monotonic()

    def show(self, received: int) -> None:
        """So many bytes are on the disk; the speed is that of the connection."""
        if not self._visible:
            return
        if received <= self._received:
            self._first, self._start = received, time.monotonic()
        self._received = received
        percent = 100 * received // self._size
        step = percent // (1 if self._terminal else 10)
        if step == self._step:
            return
        self._step = step
        seconds = max(time.monotonic() - self._start, 1e-3)
        line = (
            f"Downloading {self._title}: {percent:3d} % of {_megabytes(self._size)}, "
            f"{(received - self._first) / 1e6 / seconds:.1f} MB/s"
        )
        print(line, end="\r" if self._terminal else "\n", file=sys.stderr, flush=True)
        self._open_line = self._terminal

    def say(self, text: str) -> None:
        """A line of text."""
        if self._visible:
            self.close()
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the line that is being rewritten."""
        if self._open_line:
            print(file=sys.stderr)
        self._open_line = False
