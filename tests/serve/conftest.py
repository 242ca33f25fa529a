"""A server with a made-up network, and a client of it in this process."""

import time

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from starlette.testclient import TestClient

from mrcnn.serve.server import make_server
from tests.serve.made_up import made_up_state, png

ADDRESS = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    made = made_up_state(tmp_path_factory.mktemp("serve") / "project")
    yield made
    made.close()
    made.project.close()


@pytest.fixture(scope="module")
def client(state):
    with TestClient(make_server(state), base_url=ADDRESS) as opened:
        yield opened


def wait_for(client, name: str) -> dict:
    """The picture, once what was asked for is done with it."""
    for _ in range(2000):
        told = client.get(f"/api/pictures/{name}").json()
        if told["job"] is None or told["job"]["state"] not in ("waiting", "running"):
            return told
        time.sleep(0.01)
    raise AssertionError(f"{name} is not done")


@pytest.fixture
def add(client):
    """Sends a picture and waits until it is detected in; gives what the page is told of it."""

    def add(content: bytes | None = None, name: str = "a.png") -> dict:
        sent = client.post(
            "/api/pictures", files={"image": (name, png() if content is None else content)}
        )
        assert sent.status_code == 200, sent.text
        return wait_for(client, sent.json()["name"])

    return add
