"""A server with a made-up network, and a client of it in this process."""

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from starlette.testclient import TestClient

from mrcnn.serve.server import make_server
from tests.serve.made_up import made_up_state

ADDRESS = "http://127.0.0.1:8765"


@pytest.fixture
def state(tmp_path):
    made = made_up_state(tmp_path / "project")
    yield made
    made.detector.close()


@pytest.fixture
def client(state):
    with TestClient(make_server(state), base_url=ADDRESS) as opened:
        yield opened
