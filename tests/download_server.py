"""A real server on this machine that misbehaves as it is told, and processes that ask it."""

import contextlib
import hashlib
import http.server
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mrcnn.weights import downloads
from mrcnn.weights.published import MIRROR_VARIABLE, WeightsFile, fetch_weights

if TYPE_CHECKING:
    # Not in the processes that this file starts: it would double the time of their start.
    import pytest

CONTENT = bytes(range(256)) * 9000  # more than one chunk
WHOLE = len(CONTENT)
HALF = 1 << 20  # of whole chunks
MD5 = hashlib.md5(CONTENT).hexdigest()
# Pauses between tries.
QUICK = (0.01, 0.01, 0.01)


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` under every name.

    Attributes:
        content: what is served.
        answers: functions that answer the next requests; when there are none, `Handler.serve`.
        requests: the paths that were asked for.
        sent: bytes of content that were given to the network.
        go: what `stop_at` waits for.
    """

    daemon_threads = True

    def __init__(self, port: int = 0):
        super().__init__(("127.0.0.1", port), Handler)
        self.content = CONTENT
        self.answers: list[Callable[[Handler], None]] = []
        self.requests: list[str] = []
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
        self.server.requests.append(self.path)
        answer = self.server.answers.pop(0) if self.server.answers else Handler.serve
        answer(self)

    def serve(self, cut: int | None = None, stop: int | None = None, length: bool = True) -> None:
        """Answer as a good server does.

        Args:
            cut: bytes after which the connection ends.
            stop: bytes after which `Server.go` is waited for.
            length: whether the length of the answer is told.
        """
        body = self.server.content
        self.send_response(200)
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
    monkeypatch.setattr(downloads, "PAUSES", QUICK)
    with running(Server()) as server:
        monkeypatch.setenv(MIRROR_VARIABLE, server.address + folder)
        yield server


def on_the_way(folder: Path) -> list[Path]:
    """What has another name than it shall get."""
    return list(folder.glob(".good.*-*.h5"))


def has_half(folder: Path) -> bool:
    return [path.stat().st_size for path in on_the_way(folder)] == [HALF]


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
from mrcnn.weights import downloads
from tests.download_server import QUICK, fetch
downloads.PAUSES = QUICK
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
