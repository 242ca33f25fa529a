"""One file from a server to the disk, checked: https only, never stuck, every failure in words.

Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`), certificates from the system or from
`SSL_CERT_FILE`. pooch and requests are imported when something is downloaded, so that programs
that download nothing start without them.
"""

import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

# Without a single byte, also while connecting.
SILENCE_SECONDS = 30.0
# Before each further try.
PAUSES = (1.0, 4.0)
_CHUNK_BYTES = 1 << 18
_PASSING_STATUSES = {408, 425, 429, 500, 502, 503, 504, *range(520, 525)}
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class TransferError(Exception):
    """The server cannot be reached or offers something else than the expected file."""


def download(
    url: str, path: Path, size: int, md5: str, title: str, say: Callable[[str], None]
) -> None:
    """Write a file from a server to a path, from its first byte to its last, and check it.

    Args:
        url: an address for which `is_allowed` is true.
        path: the file to write.
        size: expected length in bytes; no more than this is written.
        md5: expected checksum, 32 hexadecimal digits.
        title: what the lines of text call the file.
        say: told of each tenth that has arrived, and of every new start.

    Raises:
        TransferError: the reason in words.
        OSError: the disk.
    """
    import pooch
    import requests

    def check(answer: Any, **options: Any) -> None:
        _check_answer(answer, size)

    fetch = pooch.HTTPDownloader(
        chunk_size=_CHUNK_BYTES,
        timeout=SILENCE_SECONDS,
        headers={"Accept-Encoding": "identity"},
        hooks={"response": check},
        proxies={"no_proxy": _without_proxy()},
        verify=ssl.get_default_verify_paths().cafile or True,
    )
    for number, pause in enumerate((*PAUSES, None), start=1):
        try:
            with open(path, "wb") as stream:
                fetch(url, _Received(stream, size, title, say), None)
        except (requests.RequestException, ValueError) as error:
            reason = _reason(error)
            if pause is None or not _may_pass(error):
                tried = f" (tried {number} times)" if number > 1 else ""
                raise TransferError(f"{reason}{tried}") from error
        else:
            break
        say(f"The {title}: {reason}. Trying again in {pause:g} s ({number} of {len(PAUSES)})")
        time.sleep(pause)
    if (found := md5_of(path)) != md5:
        raise TransferError(
            f"{path.stat().st_size} bytes came with the checksum {found}, expected {size} bytes "
            f"with {md5}"
        )


def md5_of(path: Path) -> str:
    """Checksum of a file, 32 hexadecimal digits."""
    import pooch

    return pooch.file_hash(str(path), alg="md5")


def is_allowed(url: str) -> bool:
    """Whether `url` is https, or http on this machine."""
    try:
        scheme = urlsplit(url).scheme
        return bool(urlsplit(url).hostname) and (
            scheme == "https" or (scheme == "http" and _is_local(url))
        )
    except ValueError:
        return False


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in _THIS_MACHINE


def _without_proxy() -> str:
    """Hosts that no proxy is asked for; it would look for "localhost" on its own machine."""
    asked = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return asked if asked == "*" else ",".join([*_THIS_MACHINE, asked])


def _check_answer(answer: Any, size: int) -> None:
    """Refuse redirects to addresses that would not have been accepted, and files of other sizes."""
    if answer.is_redirect:
        address = urljoin(answer.url, answer.headers["Location"])
        # From another machine, no plain http at all: not even to this one.
        plain = urlsplit(address).scheme != "https" and not _is_local(answer.url)
        if plain or not is_allowed(address):
            raise TransferError(f"the server redirects to {address}, which is not https")
        # The content of the redirect is of no use, and may be endless.
        answer.close()
    elif answer.ok:
        offered = answer.headers.get("Content-Length", str(size))
        if answer.status_code != 200:
            raise TransferError(f"the server answered {answer.status_code} {answer.reason}")
        if offered.strip() != str(size):
            raise TransferError(f"the server offers {offered[:20]} bytes, expected {size}")


class _Received:
    """A file that takes no more than it should, and says how far it is."""

    def __init__(self, stream: BinaryIO, size: int, title: str, say: Callable[[str], None]) -> None:
        self._stream, self._size, self._title, self._say = stream, size, title, say
        self._received = 0
        self._tenths = 0

    def write(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._received > self._size:
            raise TransferError(f"the server sent more than the expected {self._size} bytes")
        self._stream.write(chunk)
        if (tenths := 10 * self._received // self._size) > self._tenths:
            self._tenths = tenths
            self._say(f"Downloading {self._title}: {10 * tenths} % of {self._size / 1e6:.1f} MB")

    def flush(self) -> None:
        """What pooch asks for after each chunk; the file is flushed when it is closed."""


def _may_pass(error: Exception) -> bool:
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return error.response.status_code in _PASSING_STATUSES
    lasting = (exceptions.SSLError, exceptions.ProxyError)
    passing = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError)
    return isinstance(error, passing) and not isinstance(error, lasting)


def _reason(error: Exception) -> str:
    """The cause of a failure, without the layers that it came through."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return f"the server answered {error.response.status_code} {error.response.reason}"
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if isinstance(error, exceptions.SSLError):
        return (
            f"{text}. If your network inspects https, set SSL_CERT_FILE to a file with its "
            "certificates"
        )
    return text
