"""Who may ask the page for something: the person at this machine, or who has the token.

A page of another site that is open in the same browser can send requests here, and by DNS
rebinding under a name of its own. So `Host` has to be a name of this machine, and a request that
another page caused is refused, whatever it asks for.
"""

import hmac
import ipaddress
import json
import re
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "mrcnn_token"

# Nothing runs or loads but what this server sends; no other page may hold this one.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_NAME = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\s]+)(?::(\d{1,5}))?")


class Guard:
    """Lets through what may be asked, and sends the headers that keep the page to itself.

    Args:
        app: what answers.
        token: that everybody has to know; None where only this machine can ask.
        most_bytes: (method, path) -> bytes of a body at most.
    """

    def __init__(self, app: Any, token: str | None, most_bytes: Callable[[str, str], int]) -> None:
        self._app, self._token, self._most_bytes = app, token, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        problem = self._problem(scope, headers)
        if problem is not None:
            await _refuse(send, *problem)
            return
        if self._token is not None:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if scope["path"] == "/" and _same(given, self._token):
                await _remember(send, self._token)
                return
            if not self._is_known(headers):
                text = "The token is missing or wrong: open the address that `serve` printed."
                await _refuse(send, 401, text)
                return
        most = self._most_bytes(scope["method"], scope["path"])
        length = headers.get(b"content-length", "0")
        if not length.isdigit() or int(length) > most:
            await _refuse(send, 413, f"More than {most} bytes were sent, the most that is taken.")
            return
        await self._app(scope, _counted(receive, most), _with_headers(send))

    def _problem(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = headers.get(b"host", "")
        if not is_own_name(host, beyond_loopback=self._token is not None):
            return 403, f"This machine is not called {host[:80]!r}."
        is_page = scope["method"] == "GET" and scope["path"] == "/"
        origin = headers.get(b"origin")
        if origin is not None and origin != f"{scope['scheme']}://{host}":
            return 403, "Another page asked for this, which is not allowed."
        site = headers.get(b"sec-fetch-site", "none")
        # Somebody may follow a link to the page; all else comes from the page itself.
        if site not in ("none", "same-origin") and not (
            is_page and headers.get(b"sec-fetch-mode") == "navigate"
        ):
            return 403, "Another page asked for this, which is not allowed."
        return None

    def _is_known(self, headers: dict[bytes, str]) -> bool:
        assert self._token is not None
        given = headers.get(b"authorization", "")
        if given.startswith("Bearer "):
            return _same(given.removeprefix("Bearer "), self._token)
        try:
            cookie = SimpleCookie(headers.get(b"cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and _same(cookie.value, self._token)


def is_own_name(host: str, *, beyond_loopback: bool) -> bool:
    """Whether a `Host` header names this machine.

    Args:
        host: with or without a port.
        beyond_loopback: whether other machines may ask, by an address or by this one's name.
    """
    match = _NAME.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower()
    if name in LOOPBACK:
        return True
    if not beyond_loopback:
        return False
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        own = socket.gethostname().lower()
        return name in {own, own.split(".")[0], f"{own.split('.')[0]}.local"}
    return True


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _counted(receive: Receive, most: int) -> Receive:
    """Takes no more than so many bytes, also of a body whose length was not told."""
    taken = 0

    async def receive_counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, f"More than {most} bytes were sent, the most that is taken.")
        return message

    return receive_counted


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ())]
            known = {name.lower() for name, _ in headers}
            added = {**_HEADERS, "cache-control": "no-store"}
            headers += [
                (name.encode(), value.encode())
                for name, value in added.items()
                if name.encode() not in known
            ]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_headers


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": body})


async def _remember(send: Send, token: str) -> None:
    """Keep the token in a cookie and show the page without it in the address."""
    cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"
    headers = [(b"location", b"/"), (b"set-cookie", cookie.encode())]
    start = {"type": "http.response.start", "status": 303, "headers": headers}
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": b""})
