"""The command `serve`: what it starts, and what it refuses."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from mrcnn.errors import ConfigError
from mrcnn.serve import command, extra
from mrcnn.serve.command import address_of, is_loopback, listen

ROOT = Path(__file__).resolve().parents[2]
MADE_UP = """
import sys
from mrcnn.serve import detector
from tests.serve.made_up import APPLICATION, made_up_model
detector.load_model = lambda application, options: made_up_model()
sys.exit(APPLICATION.main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
def test_it_starts_prints_its_address_and_ends(tmp_path):
    arguments = ["serve", "--no-browser", "--port", "0", "--project", str(tmp_path / "project")]
    with subprocess.Popen(
        [sys.executable, "-c", MADE_UP, *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == f"Project: {tmp_path / 'project'}\n"
            address = re.fullmatch(r"Page: (http://127\.0\.0\.1:\d+/)\n", process.stdout.readline())
            with urllib.request.urlopen(address[1] + "api/state", timeout=20) as answered:
                assert json.load(answered)["model"]["state"] in ("loading", "ready")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--port {port}: cannot be listened at"):
            listen("127.0.0.1", port)
    with pytest.raises(ConfigError, match="--port 70000"):
        listen("127.0.0.1", 70_000)


def test_the_extra_is_named(monkeypatch):
    known = importlib.util.find_spec
    monkeypatch.setattr(
        extra.importlib.util, "find_spec", lambda name: None if name == "uvicorn" else known(name)
    )
    with pytest.raises(ConfigError, match=r"needs uvicorn, .*pip install 'mrcnn-keras3\[serve\]'"):
        extra.require_libraries()


def test_only_other_addresses_need_a_token():
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1")] == [True] * 3
    assert not any(is_loopback(host) for host in ("0.0.0.0", "192.168.0.7", "127.0.0.1.example"))
    assert address_of("127.0.0.1", 80, None) == "http://127.0.0.1:80/"
    assert address_of("::1", 80, None) == "http://[::1]:80/"
    assert address_of("0.0.0.0", 80, "t") == f"http://{socket.gethostname()}:80/?token=t"


def test_options_of_detect():
    from rbc import APPLICATION

    given = APPLICATION.parse(["serve", "--min-conf", "0.6", "--pixel-size", "0.1"])
    chosen = command.detect_options(APPLICATION, given)
    assert (chosen.command, chosen.min_conf, chosen.pixel_size) == ("detect", 0.6, 0.1)
    assert chosen.outline == "stain" and chosen.weights is None
