"""`POST /api/detect`: what programs get for an image."""

import numpy as np
import pytest

from mrcnn.errors import WeightsError
from tests.inference.bright_spots import field
from tests.serve.conftest import ADDRESS
from tests.serve.made_up import made_up_state, png


def detect(client, content: bytes, name: str = "a.png"):
    return client.post("/api/detect", files={"image": (name, content)})


def test_objects_of_an_image(client):
    answered = detect(client, png())
    assert answered.status_code == 200
    told = answered.json()
    assert told["count"] == 2 and told["counts"] == {"dim": 1, "bright": 1}
    assert told["size"] == [64, 64] and told["quality"] == []
    assert told["scale"] == {"diameter_px": None, "source": "settings", "pixel_size_um": None}
    bright, dim = told["cells"]
    assert bright["box"] == [5, 6, 25, 30] and bright["class"] == "bright"
    assert bright["score"] == pytest.approx(240 / 255, abs=1e-4)
    xs, ys = np.array(bright["outline"]).T
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == pytest.approx((6, 29, 5, 24), abs=0.5)
    assert bright["measurements"]["area"] == 20 * 24 == bright["measurements"]["visible_area"]
    assert dim["box"] == [30, 8, 50, 20] and dim["class"] == "dim"


def test_an_image_without_objects_is_doubted(client):
    told = detect(client, png(field())).json()
    assert told["count"] == 0 and told["cells"] == []
    assert [doubt["reason"] for doubt in told["quality"]] == ["foreign"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image"),
        (b"<!doctype html><script>alert(1)</script>", "image"),
        (b"", "empty"),
        (png()[:200], ""),
    ],
)
def test_what_is_no_image_is_refused(client, content, said):
    answered = detect(client, content)
    assert answered.status_code == 422
    assert said in answered.json()["detail"] and "a.png" in answered.json()["detail"]
    # Where it lay meanwhile is nobody's business.
    assert "scratch" not in answered.json()["detail"]


def test_nothing_is_left_of_an_image(client, state):
    detect(client, png())
    detect(client, b"no image")
    assert list(state.project.scratch.iterdir()) == []


def test_a_form_has_one_image(client):
    assert client.post("/api/detect").status_code == 400
    assert client.post("/api/detect", files={"picture": ("a.png", png())}).status_code == 400
    several = [("image", (f"{number}.png", b"x")) for number in range(10_000)]
    answered = client.post("/api/detect", files=several)
    assert answered.status_code == 400 and "Too many files" in answered.json()["detail"]


def test_a_model_that_cannot_be_loaded_is_told(tmp_path):
    from starlette.testclient import TestClient

    from mrcnn.serve.server import make_server

    def load():
        raise WeightsError("There are no weights.")

    state = made_up_state(tmp_path, load)
    with TestClient(make_server(state), base_url=ADDRESS) as client:
        answered = detect(client, png())
        assert answered.status_code == 422
        assert answered.json()["detail"] == "There are no weights."
        told = client.get("/api/state").json()["model"]
        assert told["state"] == "failed" and told["problem"] == "There are no weights."


def test_the_description_has_the_call(client):
    told = client.get("/openapi.json").json()
    call = told["paths"]["/api/detect"]["post"]
    form = call["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image"]
    # Pages that would fetch scripts from elsewhere are not there.
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404
