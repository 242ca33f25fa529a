"""The verdict on a server that many clients ask, and the clients."""

import threading
from types import SimpleNamespace

import pytest

from benchmarks import serve, serve_page, serve_training

GOOD = {
    "requests": 20,
    "answered": 18,
    "cancelled": 2,
    "failed": [],
    "different": 0,
    "waiting": 0,
    "mebibytes": [900.0, 910.0],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answered": 17}, "1 answers are lost"),
        ({"answered": 17, "failed": ["500"]}, "1 requests failed, the first: 500"),
        ({"different": 3}, "3 answers differ"),
        ({"waiting": 2}, "2 requests are left"),
        ({"mebibytes": [900.0, 1000.0]}, "memory grew from 900 to 1000 MiB"),
    ],
)
def test_what_is_wrong_is_said(change, said):
    assert serve.complaints(GOOD) == []
    assert serve.complaints({**GOOD, "mebibytes": [None, None]}) == []
    (found,) = serve.complaints({**GOOD, **change})
    assert said in found


def test_a_server_with_a_made_up_network(tmp_path):
    uvicorn = pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")
    from mrcnn.serve.command import listen
    from mrcnn.serve.server import make_server
    from tests.serve.made_up import made_up_state, png

    state = made_up_state(tmp_path / "project")
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(make_server(state), log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        options = SimpleNamespace(requests=40, clients=8, cancel_every=10)
        result = serve.measure(address, 0, png(), options)
    finally:
        server.should_exit = True
        thread.join()
        state.project.close()
    assert serve.complaints(result) == []
    assert (result["answered"], result["cancelled"]) == (36, 4)
    assert list(state.project.scratch.iterdir()) == []


TRAINED = {
    "confirmed": 30, "lost": 0, "epochs_at_kill": 1, "epochs": [0, 1, 2], "state": "done",
    "problem": "", "figures": {"before": {}, "after": {}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lost": 2}, "2 of 30 corrections are lost"),
        ({"confirmed": 0}, "nothing was corrected"),
        ({"epochs_at_kill": 3}, "was over before"),
        ({"state": "failed", "problem": "no room"}, "failed: no room"),
        ({"epochs": [0, 1, 1, 2]}, "[0, 1, 1, 2]"),
        ({"figures": {}}, "not compared"),
    ],
)
def test_what_is_wrong_with_a_training_whose_server_was_killed(change, said):
    assert serve_training.complaints(TRAINED, 3) == []
    (found,) = serve_training.complaints({**TRAINED, **change}, 3)
    assert said in found
    assert serve_training.complaints({"problem": "no model"}, 3) != []


def test_what_takes_too_long_on_a_slide():
    good = {"longest_frame_ms": {"1": 30.0}, "acts_ms": [40.0, 90.0], "slowest_tile_ms": 200.0}
    assert serve_page.complaints(good) == []
    (found,) = serve_page.complaints({**good, "acts_ms": [40.0, 201.0]})
    assert found.startswith("an act took 201.0 ms")
    assert len(serve_page.found(1000, 30).cells) == 30
