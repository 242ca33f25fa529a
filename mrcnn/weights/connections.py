"""Connections that files are fetched over: https only, never stuck, every failure in words.

Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`), certificates from the system or from
`SSL_CERT_FILE`.
"""

import email.message
import email.utils
import functools
import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

# The last ones are those of a content network whose server behind it fails.
_PASSING_STATUSES = {408, 425, 429, 500, 502, 503, 504, *range(520, 525)}


Answer = http.client.HTTPResponse | urllib.error.HTTPError
# Of an answer: names in any case.
Headers = Mapping[str, str] | email.message.Message


@dataclass(frozen=True)
class Patience:
    """How long a transfer bears with a bad network.

    Attributes:
        silence_seconds: without a single byte, also while connecting.
        slow_seconds, slow_rate: fewer than `slow_rate` bytes a second over `slow_seconds`.
        failures: connections in a row that broke without `progress_bytes` more of the file.
        progress_bytes: what counts as progress.
        first_pause_seconds: before the second connection; it doubles from one to the next.
        longest_pause_seconds: and no longer pause is made, also if the server asks for one.
        lock_seconds: for another process that fetches the same file and makes no progress.
    """

    silence_seconds: float = 30.0
    slow_seconds: float = 60.0
    slow_rate: float = 10_000.0
    failures: int = 4
    progress_bytes: int = 4 << 20
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    lock_seconds: float = 600.0


class TransferFailed(Exception):
    """The server cannot be reached or offers something else than the expected file."""


class TransferBroke(TransferFailed):
    """A failure that may pass. `retry_after`: seconds that the server asks to wait, or None."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def open_url(url: str, headers: Mapping[str, str], patience: Patience, begun: bool) -> Answer:
    """Ask for `url`, following redirects to addresses that are allowed.

    Args:
        url: an address for which `is_allowed` is true.
        headers: of the request.
        patience: its silence and slowness hold for the answer and all that is read from it.
        begun: whether this server has been reached before, so that it can be expected to be back.

    Returns:
        The answer, to be closed by the caller, of status 2xx or 416. Nothing of its content has
        been read.

    Raises:
        TransferBroke: a failure that may pass.
        TransferFailed: any other.
    """
    opener = urllib.request.build_opener(
        _ProxiesForOthers(),
        _CheckedRedirects(),
        _WatchedHTTPHandler(patience),
        _WatchedHTTPSHandler(patience),
    )
    try:
        return opener.open(
            urllib.request.Request(url, headers=dict(headers)), timeout=patience.silence_seconds
        )
    except urllib.error.HTTPError as answer:
        if answer.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return answer
        answer.close()
        reason = f"the server answered {answer.code} {' '.join(str(answer.reason).split())}"
        if answer.code in _PASSING_STATUSES:
            raise TransferBroke(reason, _retry_after(answer.headers)) from answer
        raise TransferFailed(reason) from answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise failure_of(error, begun) from error


def failure_of(error: Exception, begun: bool, prefix: str = "") -> TransferFailed:
    """What an error of the network means: whether it may pass, and the cause in words.

    Args:
        error: an OSError, HTTPException or ValueError of opening or reading.
        begun: see `open_url`.
        prefix: text in front of the cause.
    """
    # urllib wraps the cause of a failed connection.
    cause = getattr(error, "reason", None)
    cause = cause if isinstance(cause, Exception) else error
    text = prefix + (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TransferFailed(
            f"{text}. If your network inspects https, set SSL_CERT_FILE to a file with its "
            "certificates"
        )
    # Refused, unreachable and unknown servers are mostly so for good, unless they have just sent
    # something. http.client.InvalidURL is an HTTPException that no waiting mends.
    may_pass = isinstance(
        cause,
        (
            TimeoutError,
            ConnectionResetError,
            ConnectionAbortedError,
            BrokenPipeError,
            ssl.SSLEOFError,
            http.client.HTTPException,
        ),
    ) or (begun and isinstance(cause, OSError))
    if may_pass and not isinstance(cause, http.client.InvalidURL):
        return TransferBroke(text)
    return TransferFailed(text)


def _retry_after(headers: Headers) -> float | None:
    """Seconds from now that the server asks to wait: it gives their number or a date."""
    value = (headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def is_local(url: str) -> bool:
    """Whether `url` names this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_allowed(url: str) -> bool:
    """Whether `url` is https, or http on this machine."""
    try:
        scheme = urlsplit(url).scheme
        return bool(urlsplit(url).hostname) and (
            scheme == "https" or (scheme == "http" and is_local(url))
        )
    except ValueError:
        return False


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never to an address that would not have been accepted at first."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        # The content of the redirect is of no use, and may be endless.
        fp.close()
        # From another machine, no plain http at all: not even to this one.
        if not is_allowed(newurl) or (
            urlsplit(newurl).scheme == "http" and not is_local(req.full_url)
        ):
            raise TransferFailed(f"the server redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _ProxiesForOthers(urllib.request.ProxyHandler):
    """The proxies of the environment; a proxy would look for "localhost" on its own machine."""

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> Any:
        if is_local(req.full_url):
            return None
        return super().proxy_open(req, proxy, type)


class _WatchedHTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._patience = patience

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_watched(http.client.HTTPConnection, self._patience), req)


class _WatchedHTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._patience = patience

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_watched(http.client.HTTPSConnection, self._patience), req)


def _watched(connection_class: Callable[..., Any], patience: Patience) -> Callable[..., Any]:
    """A maker of connections whose answers are read through `_WatchedStream`."""

    def connection(*arguments: Any, **options: Any) -> Any:
        made = connection_class(*arguments, **options)
        made.response_class = functools.partial(_WatchedResponse, patience=patience)
        return made

    return connection


class _WatchedResponse(http.client.HTTPResponse):
    def __init__(
        self, sock: socket.socket, *arguments: Any, patience: Patience, **options: Any
    ) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_WatchedStream(self.fp.detach(), patience))


class _WatchedStream(io.RawIOBase):
    """A stream that ends in a TimeoutError when too little comes.

    The time limit of a socket holds for each piece, so a server that sends a byte now and then
    would never be left. Headers and the framing of the content are watched as well.
    """

    def __init__(self, raw: io.RawIOBase, patience: Patience) -> None:
        self._raw = raw
        self._patience = patience
        self._since = time.monotonic()
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self._raw.readinto(buffer)
        self._received += count or 0
        elapsed = time.monotonic() - self._since
        if count and elapsed >= self._patience.slow_seconds:
            if self._received < self._patience.slow_rate * elapsed:
                raise TimeoutError(
                    f"less than {self._patience.slow_rate / 1000:g} kB a second "
                    f"for {elapsed:.0f} seconds"
                )
            self._since += elapsed
            self._received = 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
