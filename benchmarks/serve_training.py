"""Whether a training of the local page outlives its server.

    python -m benchmarks.serve_training [--epochs 3] [--steps 5] [--training-too] [--out FILE]

`rbc serve` is started with the model that comes with the project and some rendered fields. They are
marked as correct, and a real training is begun. In its second epoch the server is killed as the
system kills a process, while corrections are sent; with --training-too the training as well, as
where the machine stops. A server that is started then has to have all that was confirmed, and
the training has to come to its end with every epoch once and both models compared. The exit status
is 0 if all is well, 1 if something is lost, 2 for a wrong command line. It takes minutes.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.serve import PROGRAM

_FIELDS = 3
_SECONDS = 1800.0
_PAUSE = 0.2


def ask(address: str, path: str, told: Any = None) -> Any:
    """A call of the server, and what it answers."""
    content = None if told is None else json.dumps(told).encode()
    request = urllib.request.Request(
        f"{address}api/{path}", content, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answered:
        return json.load(answered)


@contextmanager
def server(project: Path, pictures: Sequence[Path]) -> Iterator[tuple[subprocess.Popen, str]]:
    """A server that runs, and its address; it is killed at the end."""
    serve = ["serve", "--no-browser", "--port", "0", "--project", str(project)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*PROGRAM, *serve, *map(str, pictures)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        try:
            lines = (line.split(": ", 1) for line in process.stdout)
            yield process, next(line[1].strip() for line in lines if line[0] == "Page")
        finally:
            process.kill()


def wait_for(address: str, path: str, is_there: Any) -> Any:
    """What a call answers, once it is what is waited for."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        told = ask(address, path)
        if is_there(told):
            return told
        time.sleep(_PAUSE)
    raise TimeoutError(f"{path}: {told}")


class Corrector(threading.Thread):
    """Draws objects one after the other until the server is gone.

    Attributes:
        confirmed: objects that the server has answered for.
    """

    def __init__(self, address: str, picture: str, name: str) -> None:
        super().__init__()
        self._address, self._picture, self._name = address, picture, name
        self.confirmed: list[dict[str, Any]] = []

    def run(self) -> None:
        for number in range(100_000):
            x, y = 20.0 + number % 100, 20.0 + number // 100 % 100
            outline = [[x, y], [x + 9, y], [x + 9, y + 9]]
            act = {"kind": "draw", "outline": outline, "class": self._name}
            try:
                done = ask(self._address, f"pictures/{self._picture}/acts", {"act": act})
            except (OSError, urllib.error.URLError):
                return
            self.confirmed += done["added"]
            time.sleep(0.02)


def measure(folder: Path, options: Any) -> dict[str, Any]:
    """Train, kill, start again; what came of it."""
    command = [*PROGRAM, "smears", str(folder / "smears"), "--fields", str(_FIELDS)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    pictures = sorted((folder / "smears").glob("*/*.[jp][pn]g"))[:_FIELDS]
    project = folder / "project"
    with server(project, pictures) as (process, address):
        counted = wait_for(
            address,
            "pictures",
            lambda told: len(told) == _FIELDS and all("counts" in t for t in told),
        )
        names = [each["name"] for each in counted]
        for name in names:
            ask(address, f"pictures/{name}/acts", {"act": {"kind": "checked"}})
        ask(address, "learning", {"epochs": options.epochs, "steps": options.steps})
        begun = wait_for(
            address, "learning", lambda told: told["epoch"] or told["state"] != "running"
        )
        if begun["state"] != "running":
            return {"problem": begun["problem"] or begun["state"]}
        corrector = Corrector(address, names[0], ask(address, "state")["model"]["classes"][0])
        corrector.start()
        time.sleep(2)
        killed = time.monotonic()
        process.kill()
        process.wait()
        corrector.join()
    epochs_at_kill = begun["epoch"]
    if options.training_too:
        os.kill(begun["process"], signal.SIGKILL)
    with server(project, []) as (_, address):
        cells = {cell["id"]: cell for cell in ask(address, f"pictures/{names[0]}")["cells"]}
        resumed = ask(address, "learning")
        told = wait_for(
            address, "learning", lambda told: told["state"] not in ("running", "comparing")
        )
    return {
        "confirmed": len(corrector.confirmed),
        "lost": sum(
            cells.get(cell["id"], {}).get("outline") != cell["outline"]
            for cell in corrector.confirmed
        ),
        "epochs_at_kill": epochs_at_kill,
        "state_after_start": resumed["state"],
        "epochs": [int(row["epoch"]) for row in told["losses"]],
        "state": told["state"],
        "problem": told["problem"],
        "figures": told["figures"],
        "seconds_after_kill": time.monotonic() - killed,
    }


def complaints(result: dict[str, Any], epochs: int) -> list[str]:
    """What is wrong with the figures of a run; nothing if all is well."""
    if "confirmed" not in result:
        return [f"the training was not begun: {result['problem']}"]
    found = []
    if not result["confirmed"]:
        found.append("nothing was corrected before the server was killed")
    if result["lost"]:
        found.append(f"{result['lost']} of {result['confirmed']} corrections are lost")
    if result["epochs_at_kill"] >= epochs:
        found.append("the training was over before the server was killed: give more --epochs")
    if result["state"] != "done":
        found.append(f"the training ended as {result['state']}: {result['problem']}")
    if result["epochs"] != list(range(epochs)):
        found.append(f"its epochs are {result['epochs']}")
    if result["state"] == "done" and set(result["figures"]) != {"before", "after"}:
        found.append("the models were not compared")
    return found


def parse(arguments: Sequence[str] | None = None) -> Any:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--training-too", action="store_true", help="kill the training as well")
    parser.add_argument("--out", type=Path, help="JSON file of the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit status."""
    options = parse(arguments)
    with tempfile.TemporaryDirectory() as name:
        result = measure(Path(name), options)
    for key, value in result.items():
        print(f"{key}: {value}")
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    found = complaints(result, options.epochs)
    for line in found:
        print(f"FAIL {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
