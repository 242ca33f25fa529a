"""Whether the local page's server holds: many clients at once, some of which go away.

    python -m benchmarks.serve [--requests 200] [--clients 8] [--cancel-every 10] [--image FILE]
        [--out FILE]

`rbc serve` is started with the model that comes with the project. Clients send an image to
`POST /api/detect` one after the other; each tenth request is left before its answer. The exit
status is 0 if all is well; 1 if an answer is lost or differs from the first, work is left in the
queue, or the server's memory grew; 2 for a wrong command line. Memory is read from /proc, and not
judged elsewhere. Without --image a rendered field is sent. Times mean something only where nothing
else runs.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.parse import urlsplit

from benchmarks.golden import ROOT

PROGRAM = [sys.executable, str(ROOT / "samples" / "rbc" / "rbc.py")]
# MiB from the first quarter to the end: queues and caches are filled by then.
MOST_GROWTH = 64.0
_SECONDS = 3600.0
# After so many seconds a client that goes away does.
_LEAVES_AFTER = 0.1
_LINE = "--" + "c" * 16


def complaints(result: dict[str, Any]) -> list[str]:
    """What is wrong with the figures of a run; nothing if all is well."""
    found = []
    if result["failed"]:
        found.append(f"{len(result['failed'])} requests failed, the first: {result['failed'][0]}")
    missing = result["requests"] - result["cancelled"] - result["answered"] - len(result["failed"])
    if missing:
        found.append(f"{missing} answers are lost")
    if result["different"]:
        found.append(f"{result['different']} answers differ from the first")
    if result["waiting"]:
        found.append(f"{result['waiting']} requests are left in the queue")
    early, late = result["mebibytes"]
    if early is not None and late is not None and late - early > MOST_GROWTH:
        found.append(f"memory grew from {early:.0f} to {late:.0f} MiB")
    return found


def memory_of(process: int) -> float | None:
    """Resident MiB of a process, where the system tells it."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    (line,) = (line for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def form_of(image: bytes) -> bytes:
    """The body of a form with one file."""
    head = (
        f'{_LINE}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + image + f"\r\n{_LINE}--\r\n".encode()


class Clients:
    """Sends requests from several threads.

    Args:
        address: of the server.
        body: of each request, a form.
        every: of so many requests one is left before its answer; 0 leaves none.
    """

    def __init__(self, address: str, body: bytes, every: int) -> None:
        self._place, self._body, self._every = urlsplit(address), body, every
        self._lock = threading.Lock()
        self.answers: list[bytes] = []
        self.seconds: list[float] = []
        self.failed: list[str] = []
        self.cancelled = 0

    def send(self, number: int) -> None:
        """One request; it may be one that is left."""
        leaves = self._every > 0 and number % self._every == self._every - 1
        place = self._place
        assert place.hostname is not None
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=_SECONDS)
        began = time.perf_counter()
        try:
            kind = {"Content-Type": f"multipart/form-data; boundary={_LINE[2:]}"}
            connection.request("POST", "/api/detect", self._body, kind)
            if leaves:
                time.sleep(_LEAVES_AFTER)
                with self._lock:
                    self.cancelled += 1
                return
            answered = connection.getresponse()
            content = answered.read()
            with self._lock:
                if answered.status == 200:
                    self.answers.append(content)
                    self.seconds.append(time.perf_counter() - began)
                else:
                    self.failed.append(f"{answered.status} {content[:200]!r}")
        except OSError as error:
            with self._lock:
                self.failed.append(repr(error))
        finally:
            connection.close()

    def send_all(self, numbers: Sequence[int], clients: int) -> None:
        """Some requests, from so many threads."""
        waiting: Queue[int] = Queue()
        for number in numbers:
            waiting.put(number)

        def work() -> None:
            while True:
                try:
                    self.send(waiting.get_nowait())
                except Empty:
                    return

        threads = [threading.Thread(target=work) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def measure(address: str, process: int, image: bytes, options: Any) -> dict[str, Any]:
    """All requests to a server, and what came of them."""
    clients = Clients(address, form_of(image), options.cancel_every)
    # The model is there, and the first image has been through.
    clients.send(0)
    first, *_ = clients.answers or [b""]
    clients.seconds.clear()
    quarter = max(options.requests // 4, 1)
    began = time.perf_counter()
    clients.send_all(range(1, quarter), options.clients)
    early = memory_of(process)
    clients.send_all(range(quarter, options.requests), options.clients)
    seconds = time.perf_counter() - began
    waiting = -1
    for _ in range(100):
        with urllib.request.urlopen(address + "api/state") as answered:
            waiting = json.load(answered)["waiting"]
        if not waiting:
            break
        time.sleep(0.3)
    return {
        "requests": options.requests,
        "answered": len(clients.answers),
        "cancelled": clients.cancelled,
        "failed": clients.failed,
        "different": sum(answer != first for answer in clients.answers),
        "waiting": waiting,
        "mebibytes": [early, memory_of(process)],
        "seconds": seconds,
        "slowest": max(clients.seconds, default=0.0),
    }


def parse(arguments: Sequence[str] | None = None) -> Any:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--cancel-every", type=int, default=10, metavar="N")
    parser.add_argument("--image", type=Path)
    parser.add_argument("--out", type=Path, help="JSON file of the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit status."""
    options = parse(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = options.image
        if image is None:
            command = [*PROGRAM, "smears", str(folder / "smears"), "--fields", "2"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            image = next((folder / "smears" / "train").glob("*.[jp][pn]g"))
        serve = ["serve", "--no-browser", "--port", "0", "--project", str(folder / "project")]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            [*PROGRAM, *serve], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            try:
                lines = (line.split(": ", 1) for line in process.stdout)
                address = next(line[1].strip() for line in lines if line[0] == "Page")
                result = measure(address, process.pid, image.read_bytes(), options)
            finally:
                process.kill()
    for key, value in result.items():
        print(f"{key}: {value}")
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    found = complaints(result)
    for line in found:
        print(f"FAIL {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
