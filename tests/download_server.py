"""A real server on this machine that misbehaves as it is told, and processes that ask it."""

import contextlib
import dataclasses
import hashlib
import http.server
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mrcnn.errors import WeightsError
from mrcnn.weights import published as downloads
from mrcnn.weights.connections import Patience
from mrcnn.weights.published import WeightsFile, fetch_weights

if TYPE_CHECKING:
    # Not in the processes that this file starts: it would double the time of their start.
    import pytest

CONTENT = bytes(range(256)) * 9000  # more than two chunks
WHOLE = len(CONTENT)
HALF = WHOLE // 2
MD5 = hashlib.md5(CONTENT).hexdigest()
# What stays of a transfer that broke.
LEFT = [".good.h5.part", ".good.h5.part.json"]
# Short pauses; limits that a machine with much else to do does not reach.
QUICK = Patience(
    silence_seconds=60,
    slow_seconds=60,
    first_pause_seconds=0.01,
    longest_pause_seconds=2,
    progress_bytes=1 << 20,
    lock_seconds=60,
)


class Request(NamedTuple):
    path: str
    range: str | None = None
    if_range: str | None = None


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` under every name.

    Attributes:
        content: what is served.
        etag: strong or weak name of the content; None for none.
        ranges: whether requests of a part are understood.
        answers: functions that answer the next requests; when there are none, `Handler.serve`.
        requests: all that were made.
        sent: bytes of content that were given to the network.
        go: what `stop_at` waits for.
    """

    daemon_threads = True

    def __init__(self, port: int = 0):
        super().__init__(("127.0.0.1", port), Handler)
        self.content = CONTENT
        self.etag: str | None = '"one"'
        self.ranges = True
        self.answers: list[Callable[[Handler], None]] = []
        self.requests: list[Request] = []
        self.sent = 0
        self.go = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Clients that leave are what these tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        headers = self.headers
        self.server.requests.append(Request(self.path, headers["Range"], headers["If-Range"]))
        answer = self.server.answers.pop(0) if self.server.answers else Handler.serve
        answer(self)

    def serve(self, cut: int | None = None, stop: int | None = None, length: bool = True) -> None:
        """Answer as a good server does.

        Args:
            cut: bytes after which the connection ends.
            stop: bytes after which `Server.go` is waited for.
            length: whether the length of the answer is told.
        """
        content, etag = self.server.content, self.server.etag
        first = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        same = self.headers["If-Range"] in (None, etag)
        if asked and same and self.server.ranges:
            first = int(asked[1])
            if first >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        body = content[first:]
        if length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if stop is not None:
            self.send(body[:stop])
            self.server.go.wait(60)
            body = body[stop:]
        self.send(body[:cut])

    def send(self, body: bytes) -> None:
        for start in range(0, len(body), 1 << 16):
            piece = body[start : start + (1 << 16)]
            self.wfile.write(piece)
            self.server.sent += len(piece)

    def log_message(self, *args):
        pass


def cut_at(number: int) -> Callable[[Handler], None]:
    """Answer with so many bytes, then end as if that were all."""
    return lambda handler: handler.serve(cut=number)


def stop_at(number: int) -> Callable[[Handler], None]:
    """Answer with so many bytes, and with the rest when `Server.go` is set."""
    return lambda handler: handler.serve(stop=number)


def reset_at(number: int) -> Callable[[Handler], None]:
    """Answer with so many bytes and break the connection, so that the client sees an error."""

    def answer(handler: Handler) -> None:
        handler.serve(cut=number)
        handler.wfile.flush()
        time.sleep(0.1)  # what is on its way when the connection breaks would be lost
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        socket.close(handler.connection.detach())

    return answer


def status(code: int, headers: dict[str, str] | None = None) -> Callable[[Handler], None]:
    """Answer with a status and no content."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serve in a thread while the block lasts."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def weights_file(content: bytes = CONTENT, file_name: str = "good.h5") -> WeightsFile:
    return WeightsFile(
        name="coco",
        url=f"https://weights.invalid/releases/{file_name}",
        md5=hashlib.md5(content).hexdigest(),
        size=len(content),
        description="small file for tests",
    )


def fetch(folder: Path, file_name: str = "good.h5", progress: bool = False) -> Path:
    file = weights_file(file_name=file_name)
    return fetch_weights("coco", folder, progress=progress, files={"coco": file})


@contextlib.contextmanager
def mirror(monkeypatch: "pytest.MonkeyPatch", folder: str = "") -> Iterator[Server]:
    """A server that is the mirror of this process and its children."""
    # Proxies of the environment must not stand between this machine and itself.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    set_patience(monkeypatch)
    with running(Server()) as server:
        monkeypatch.setenv(downloads.MIRROR_VARIABLE, server.address + folder)
        yield server


def set_patience(monkeypatch: "pytest.MonkeyPatch", **changes: float) -> None:
    monkeypatch.setattr(downloads, "PATIENCE", dataclasses.replace(QUICK, **changes))


def leave_half(server: Server, folder: Path, monkeypatch: "pytest.MonkeyPatch") -> None:
    """Have a transfer that broke in the middle; the server forgets it."""
    server.answers = [cut_at(HALF)]
    set_patience(monkeypatch, failures=1)
    with contextlib.suppress(WeightsError):
        fetch(folder)
    set_patience(monkeypatch)
    assert part_of(folder).read_bytes() == CONTENT[:HALF]
    server.requests.clear()
    server.sent = 0


def rest_of(offset: int, validator: str | None = '"one"') -> Request:
    """A request for what follows."""
    return Request("/good.h5", f"bytes={offset}-", validator)


def has_half(folder: Path) -> bool:
    return part_of(folder).exists() and part_of(folder).stat().st_size == HALF


def part_of(folder: Path) -> Path:
    return folder / ".good.h5.part"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait_until(happens: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.01)


# Ctrl-C reaches the process also where the test suite runs in the background.
_CLIENT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import sys
from pathlib import Path
from mrcnn.weights import published as downloads
from tests.download_server import QUICK, fetch
downloads.PATIENCE = QUICK
{setup}
print(fetch(Path(sys.argv[1]), progress=True))
"""


class Client:
    """Another process that fetches the file into a folder."""

    def __init__(self, folder: Path, log: Path, setup: str = ""):
        self._log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CLIENT.format(setup=setup), str(folder)],
                cwd=Path(__file__).parents[1],
                stdout=output,
                stderr=output,
            )

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """At once, as the system does when memory runs out."""
        self.process.kill()
        self.process.wait(60)

    def interrupt(self) -> int:
        """As Ctrl-C does; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def wait(self) -> int:
        return self.process.wait(60)


@contextlib.contextmanager
def clients(number: int, folder: Path, logs: Path, setup: str = "") -> Iterator[list[Client]]:
    """Processes that fetch the same file; they do not outlive the block."""
    started = []
    try:
        for index in range(number):
            started.append(Client(folder, logs / f"client{index}.log", setup))
        yield started
    finally:
        for client in started:
            client.kill()
