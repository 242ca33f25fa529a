"""Fetching published weights: the right file under its final name, or nothing and one clear error.

Files come over https. `MRCNN_WEIGHTS_URL` names another place that holds the same files under the
same names, for example a mirror inside a laboratory; plain http is accepted for this machine only
(localhost). Whatever the place, a file gets its name after its size and checksum were right.
"""

import hashlib
import http.client
import ipaddress
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from mrcnn.errors import WeightsError
from mrcnn.files import atomic_path

MIRROR_VARIABLE = "MRCNN_WEIGHTS_URL"
CHUNK_BYTES = 1 << 20
# Longest silence of the server, not the longest download.
TIMEOUT_SECONDS = 30.0


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
            broken transfer, a wrong checksum; a folder that cannot be written. An existing file is
            never changed, and a failed transfer leaves no file behind.
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
    try:
        if target.exists():
            _check_existing(file, target)
            return target
        with atomic_path(target) as temporary, open(temporary, "wb") as output:
            _transfer(file, url, output, progress)
    except _TransferFailed as failure:
        raise WeightsError(_failure_message(file, url, target, str(failure))) from failure
    except OSError as error:
        raise WeightsError(
            f"{target} cannot be read or written: {_reason(error)}. The {file.name} weights need "
            f"{_megabytes(file.size)} of free space there and the right to write."
        ) from error
    return target


def source_url(file: WeightsFile) -> str:
    """Where `file` is fetched from: its own address, or the mirror in `MRCNN_WEIGHTS_URL`.

    Raises:
        WeightsError: the address is neither https nor http on this machine.
    """
    mirror = os.environ.get(MIRROR_VARIABLE, "").strip()
    url = f"{mirror.rstrip('/')}/{file.file_name}" if mirror else file.url
    if not _is_allowed(url):
        raise WeightsError(
            f"Weights are not fetched from {url}: expected an address that begins with https:// "
            f"(http:// is accepted for localhost only). Correct or unset {MIRROR_VARIABLE}."
        )
    return url


class _TransferFailed(Exception):
    """The server could not be reached or sent something else than the expected file."""


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never to an address that would not have been accepted at first."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not _is_allowed(newurl):
            raise _TransferFailed(f"the server redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _transfer(file: WeightsFile, url: str, output: BinaryIO, progress: bool) -> None:
    """Copy the content of `url` to `output` and check its size and checksum."""
    digest = hashlib.md5(usedforsecurity=False)
    received = 0
    display = _Progress(f"{file.name} weights", file.size) if progress else None
    try:
        for chunk in _chunks(url, file.size):
            received += len(chunk)
            if received > file.size:
                raise _TransferFailed(f"the server sent more than the expected {file.size} bytes")
            digest.update(chunk)
            output.write(chunk)
            if display:
                display.show(received)
    finally:
        if display:
            display.close()
    if received < file.size:
        raise _TransferFailed(f"the transfer ended after {received} of {file.size} bytes")
    if digest.hexdigest() != file.md5:
        raise _TransferFailed(f"the checksum is {digest.hexdigest()}, expected {file.md5}")


def _chunks(url: str, size: int) -> Iterator[bytes]:
    """Content of `url`, piece by piece; every network error becomes `_TransferFailed`."""
    handlers: list = [_CheckedRedirects()]
    if _is_local(url):
        # A proxy server would look for "localhost" on its own machine.
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    try:
        response = opener.open(url, timeout=TIMEOUT_SECONDS)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _TransferFailed(_reason(error)) from error
    with response:
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) != size:
            raise _TransferFailed(f"the server offers {announced} bytes, expected {size}")
        while True:
            try:
                chunk = response.read(CHUNK_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise _TransferFailed(f"the connection broke: {_reason(error)}") from error
            if not chunk:
                return
            yield chunk


def _check_existing(file: WeightsFile, path: Path) -> None:
    """Accept the file that is already at `path`, or say what to do about it."""
    if not path.is_file():
        raise WeightsError(f"{path} is where the {file.name} weights go, but it is not a file.")
    with open(path, "rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != file.md5:
        raise WeightsError(
            f"{path} is not the published file of the {file.name} weights: {path.stat().st_size} "
            f"bytes with checksum {found}, expected {file.size} bytes with {file.md5}. It was left "
            "as it is. If it is a broken download, delete it and start again; if it is a file of "
            f"your own, give it by its path: --weights {path}."
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


def _is_local(url: str) -> bool:
    """Whether `url` names this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_allowed(url: str) -> bool:
    try:
        scheme = urlsplit(url).scheme
        return bool(urlsplit(url).hostname) and (
            scheme == "https" or (scheme == "http" and _is_local(url))
        )
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    """The cause in words; urllib wraps the cause of a failed connection."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    cause = getattr(error, "reason", None) or error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


class _Progress:
    """How far a download is, on standard error: one line that is rewritten on a terminal, a line
    for each tenth elsewhere (log files)."""

    def __init__(self, title: str, size: int):
        self._title = title
        self._size = size
        self._terminal = sys.stderr.isatty()
        self._start = time.monotonic()
        self._shown = -1

    def show(self, received: int) -> None:
        percent = 100 * received // self._size
        if percent // (1 if self._terminal else 10) == self._shown:
            return
        self._shown = percent // (1 if self._terminal else 10)
        seconds = max(time.monotonic() - self._start, 1e-3)
        line = (
            f"Downloading {self._title}: {percent:3d} % of {_megabytes(self._size)}, "
            f"{received / 1e6 / seconds:.1f} MB/s"
        )
        print(line, end="\r" if self._terminal else "\n", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._terminal and self._shown >= 0:
            print(file=sys.stderr)
