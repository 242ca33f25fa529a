"""Fetching published weights: the right file under its final name, or one clear error.

Files come over https. `MRCNN_WEIGHTS_URL` names another place that holds the same files under the
same names, for example a mirror inside a laboratory; plain http is accepted for this machine only
(localhost). Whatever the place, a file gets its name after its size and checksum were right.

A download that was cut begins again, and leaves nothing under the final name. Of several processes
that ask at once, one fetches the file.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mrcnn.errors import OutputError, WeightsError
from mrcnn.files import InUseError, alone, atomic_path, remove_leftovers
from mrcnn.weights.downloads import TransferError, download, is_allowed, md5_of

MIRROR_VARIABLE = "MRCNN_WEIGHTS_URL"
# For another process that fetches the same file.
LOCK_SECONDS = 3600.0


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
            process that fetches the file and does not end. An existing file is never changed.
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
    say = _print if progress else _ignore
    try:
        if not _is_there(file, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _download_alone(file, url, target, say)
    except InUseError as error:
        raise WeightsError(
            f"The {file.name} weights are being downloaded to {target} by {error}, for more than "
            f"{_minutes(LOCK_SECONDS)}. End it and start again."
        ) from None
    except (OSError, OutputError) as error:
        raise WeightsError(_disk_message(file, target, error)) from error
    return target


def _download_alone(file: WeightsFile, url: str, target: Path, say: Callable[[str], None]) -> None:
    """Download while no other process does; or, where there are no locks, beside them."""

    def on_wait(holder: str) -> None:
        say(
            f"The {file.name} weights are being downloaded by {holder}: waiting for it, at most "
            f"{_minutes(LOCK_SECONDS)}"
        )

    with alone(target.with_name(f".{target.name}.lock"), on_wait, LOCK_SECONDS) as held:
        # Another process may have fetched it meanwhile.
        if _is_there(file, target):
            return
        if held:
            remove_leftovers(target.parent, target.name.partition(".")[0] + ".")
        _check_space(file, target.parent)
        try:
            with atomic_path(target) as temporary:
                download(url, temporary, file.size, file.md5, f"{file.name} weights", say)
                # Someone may have put another file there by hand.
                _is_there(file, target)
        except TransferError as failure:
            raise WeightsError(_failure_message(file, url, target, str(failure))) from failure


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
    if (found := md5_of(path)) != file.md5:
        raise WeightsError(
            f"{path} is not the published file of the {file.name} weights: {path.stat().st_size} "
            f"bytes with checksum {found}, expected {file.size} bytes with {file.md5}. It was left "
            "as it is. If it is a broken download, delete it and start again; if it is a file of "
            f"your own, give it by its path: --weights {path}."
        )
    return True


def _check_space(file: WeightsFile, folder: Path) -> None:
    """Refuse to begin what cannot end."""
    usage = shutil.disk_usage(folder)
    # Some network file systems tell zeros.
    if usage.total and usage.free < file.size:
        raise WeightsError(
            f"The disk of {folder} is too full for the {file.name} weights: "
            f"{_megabytes(file.size)} are needed, {_megabytes(usage.free)} are free. Make room, or "
            "have the folder of the weights on another disk."
        )


def _failure_message(file: WeightsFile, url: str, target: Path, reason: str) -> str:
    others = [f"--weights {name}" for name in PUBLISHED_FILES if name != file.name]
    return (
        f"The {file.name} weights ({file.description}; {_megabytes(file.size)}) could not be "
        f"downloaded: {reason}.\n"
        f"  Address: {url}\n"
        f"  By hand: download that address on any machine and save it as {target}\n"
        f"  Mirror:  set {MIRROR_VARIABLE} to the https address of a folder with {file.file_name}\n"
        f"  Instead: {', '.join(others)}, --weights none (random weights) or --weights PATH "
        "(a weights file you have)"
    )


def _disk_message(file: WeightsFile, target: Path, error: OSError | OutputError) -> str:
    for folder in target.parents:
        if os.path.lexists(folder) and not os.path.isdir(folder):
            return (
                f"{target} cannot be read or written: {folder} is not a folder. Move it away, or "
                "give another folder."
            )
    reason = error.__cause__ if isinstance(error, OutputError) else error
    where = getattr(error, "filename", None) or target
    return (
        f"{where} cannot be read or written: {getattr(reason, 'strerror', None) or reason}. The "
        f"{file.name} weights need {_megabytes(file.size)} of free space there and the right to "
        "write."
    )


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _ignore(text: str) -> None:
    pass


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 9_500_000 else f"{size / 1e6:.1f} MB"
