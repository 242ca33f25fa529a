"""A server that is killed in the middle of corrections has all that it confirmed."""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

from mrcnn.serve.project import Project
from tests.serve.made_up import png
from tests.serve.test_command import MADE_UP

ROOT = Path(__file__).resolve().parents[2]


def ask(address: str, path: str, told: object) -> dict:
    request = urllib.request.Request(
        address + path, json.dumps(told).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answered:
        return json.load(answered)


def test_nothing_that_was_confirmed_is_lost(tmp_path):
    folder, picture = tmp_path / "project", tmp_path / "a.png"
    picture.write_bytes(png())
    arguments = ["serve", str(picture), "--no-browser", "--port", "0", "--project", str(folder)]
    with subprocess.Popen(
        [sys.executable, "-c", MADE_UP, *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            address = [process.stdout.readline() for _ in range(2)][1].split()[1]
            while True:
                with urllib.request.urlopen(address + "api/pictures/a.png", timeout=20) as answered:
                    if json.load(answered)["cells"] is not None:
                        break
            confirmed = []
            enough = threading.Event()

            def correct() -> None:
                try:
                    for number in range(10_000):
                        x = 5.0 + number % 40
                        outline = [[x, 5], [x + 9, 5], [x + 9, 14]]
                        act = {"kind": "draw", "outline": outline, "class": "dim"}
                        done = ask(address, "api/pictures/a.png/acts", {"act": act})
                        confirmed.append(done["added"][0])
                        if number == 20:
                            enough.set()
                except OSError:
                    # It was killed.
                    enough.set()

            thread = threading.Thread(target=correct)
            thread.start()
            assert enough.wait(30)
            process.kill()
            thread.join(30)
        finally:
            process.kill()
    assert len(confirmed) > 20
    project = Project(folder)
    _, corrections = project.opened("a.png")
    kept = corrections.cells
    assert all(kept[cell["id"]]["outline"] == cell["outline"] for cell in confirmed)
    # At most the one act that was on its way is there besides.
    assert len(confirmed) <= corrections.number <= len(confirmed) + 1
    project.close()
