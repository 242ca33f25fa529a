"""Learning from corrections: what is trained on, how it stops and goes on, what is compared."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mrcnn.formats import read_annotations
from mrcnn.serve.models import chosen_model
from mrcnn.serve.server import make_server
from mrcnn.serve.starters import own_command
from tests.serve.conftest import ADDRESS, wait_for
from tests.serve.made_up import made_up_model, made_up_state, png

COMMAND = [sys.executable, str(Path(__file__).with_name("made_up_program.py"))]


def until(client, *states: str) -> dict:
    for _ in range(3000):
        told = client.get("/api/learning").json()
        if told["state"] in states:
            return told
        time.sleep(0.01)
    raise AssertionError(told)


@pytest.fixture
def learner(tmp_path):
    """A client of a project with six corrected pictures, whose model has weights of a file."""
    weights = tmp_path / "weights" / "model.h5"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    weights.with_name("README.md").write_text("# The card")

    state = made_up_state(
        tmp_path / "project", lambda: replace(made_up_model(), weights=weights), COMMAND
    )
    with TestClient(make_server(state), base_url=ADDRESS) as client:
        for number in range(6):
            sent = client.post("/api/pictures", files={"image": (f"{number}.png", png())})
            told = wait_for(client, sent.json()["name"])
            asked = {"act": {"kind": "delete", "cells": [2]}, "after": told["number"]}
            assert client.post(f"/api/pictures/{number}.png/acts", json=asked).status_code == 200
        yield client, state
    state.project.close()


def start(client):
    return client.post("/api/learning", json={"epochs": 3, "steps": 5})


def test_a_training_from_its_beginning_to_a_choice(learner, monkeypatch):
    client, state = learner
    assert client.get("/api/learning").json()["state"] == "idle"
    assert start(client).json()["state"] == "running"
    assert start(client).status_code == 422
    told = until(client, "done", "failed")
    assert told["state"] == "done", told
    assert told["validated"] == ["4.png"] and len(told["trained"]) == 5
    assert [row["loss"] for row in told["losses"]] == pytest.approx([2, 1, 2 / 3])
    assert told["figures"]["before"]["f1"] == 0.8 and told["figures"]["after"]["f1"] == 0.9
    assert told["figures"]["after"]["accuracy"] == 0.9
    folder = state.project.models / told["name"]
    images = read_annotations(folder / "train" / "via_region_data.json", ("dim", "bright"))
    assert [image.filename for image in images] == told["trained"]
    # The one that was deleted is not learned.
    assert all(image.class_names == ["bright"] for image in images)
    assert all((folder / "train" / image.filename).is_file() for image in images)
    trained, first = client.get("/api/models").json()
    assert (trained["name"], first["name"]) == ("spots20260101T0000/best.h5", "weights/model.h5")
    assert (trained["card"], first["card"]) == ("", "# The card")
    assert trained["date"] == told["began"] and "lesson" not in first
    lesson = trained["lesson"]
    assert lesson["validated"] == ["4.png"] and (lesson["epochs"], lesson["steps"]) == (3, 5)
    assert lesson["from"] == first["name"] and lesson["figures"]["after"]["f1"] == 0.9
    loaded = []
    monkeypatch.setattr(
        "mrcnn.serve.api_learning.load_model",
        lambda application, options: (
            loaded.append(options.weights)
            or replace(made_up_model(), weights=Path(options.weights))
        ),
    )
    assert client.post("/api/models", json={"path": told["result"]}).status_code == 200
    state.detector.submit(lambda model: None).result(10)
    assert loaded == [told["result"]] and chosen_model(state.project) == told["result"]
    # The earlier one can be taken again.
    listed = {each["name"]: each["is_present"] for each in client.get("/api/models").json()}
    assert listed == {"spots20260101T0000/best.h5": True, "weights/model.h5": False}
    assert client.post("/api/models", json={"path": "/etc/passwd"}).status_code == 422


def test_it_stops_and_goes_on(learner):
    client, state = learner
    wait = state.project.models / "wait"
    state.project.models.mkdir()
    wait.touch()
    start(client)
    for _ in range(1000):
        if client.get("/api/learning").json()["epoch"] == 1:
            break
        time.sleep(0.01)
    client.post("/api/learning/stop")
    told = until(client, "stopped")
    assert told["epoch"] == 1 and told["figures"] == {}
    wait.unlink()
    assert client.post("/api/learning/go-on").status_code == 200
    told = until(client, "done", "failed")
    assert told["state"] == "done" and told["epoch"] == 3
    assert client.post("/api/learning/go-on").status_code == 422


def test_a_training_that_fails_says_why(learner):
    client, state = learner
    state.project.models.mkdir()
    (state.project.models / "fail").touch()
    start(client)
    told = until(client, "failed")
    assert told["problem"] == "It went wrong."


def copied(server, told: dict, folder: Path, **left) -> Path:
    """The project as a killed server left it; the folder of the training."""
    # Done is told before it is on the disk.
    server.learning._thread.join(20)
    shutil.copytree(server.project.folder, folder)
    training = folder / "models" / told["name"]
    file = training / "lesson.json"
    values = {**json.loads(file.read_text()), "figures": {}, "result": "", **left}
    file.write_text(json.dumps(values))
    return training


def ended(learning) -> dict:
    for _ in range(3000):
        if not learning.lesson.is_busy:
            return learning.told()
        time.sleep(0.01)
    raise AssertionError(learning.lesson)


@pytest.mark.parametrize("left", [0, 1, 3])
def test_after_a_kill_it_goes_on_by_itself(learner, tmp_path, left):
    client, state = learner
    start(client)
    told = until(client, "done")
    training = copied(state, told, tmp_path / "copy", state="running")
    run = training / "runs" / "spots20260101T0000"
    # Of three epochs so many are there.
    losses = (run / "losses.csv").read_text().splitlines()
    (run / "losses.csv").write_text("\n".join(losses[: left + 1]) + "\n")
    for number in range(left, 3):
        (run / f"mask_rcnn_spots_{number + 1:04d}.h5").unlink()
    if not left:
        shutil.rmtree(run)
    again = made_up_state(tmp_path / "copy", command=COMMAND)
    told = ended(again.learning)
    assert told["state"] == "done" and told["epoch"] == 3, told["problem"]
    assert [row["epoch"] for row in told["losses"]] == [0, 1, 2]
    assert told["figures"]["after"]["f1"] == 0.9
    again.close()
    again.project.close()


HOLDING = (
    "import sys, time; from pathlib import Path; from mrcnn.runs.run import Run\n"
    "with Run.at(sys.argv[1]).alone():\n    print('held', flush=True)\n"
    "    while not Path(sys.argv[1], 'end').exists(): time.sleep(0.02)"
)


@pytest.mark.skipif(os.name != "posix", reason="signals are those of Windows there")
@pytest.mark.parametrize("is_stopped", [False, True])
def test_the_training_of_a_killed_server_is_waited_for(learner, tmp_path, is_stopped):
    client, state = learner
    start(client)
    told = until(client, "done")
    training = copied(state, told, tmp_path / "copy")
    run = training / "runs" / "spots20260101T0000"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(run)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "held\n"
            file = training / "lesson.json"
            left = {"state": "running", "process": process.pid}
            file.write_text(json.dumps({**json.loads(file.read_text()), **left}))
            again = made_up_state(tmp_path / "copy", command=COMMAND)
            time.sleep(0.2)
            assert again.learning.lesson.state == "running" and process.poll() is None
            if is_stopped:
                again.learning.stop()
                assert process.wait(20) != 0
            else:
                (run / "end").touch()
                assert process.wait(20) == 0
            assert ended(again.learning)["state"] == ("stopped" if is_stopped else "done")
        finally:
            process.kill()
    again.close()
    again.project.close()


def test_what_is_needed(client):
    answered = start(client)
    assert answered.status_code == 422
    for asked in ({}, {"epochs": "3", "steps": 1}, {"epochs": True, "steps": 1}):
        assert client.post("/api/learning", json=asked).status_code == 422


def test_too_few_corrections(learner):
    client, _ = learner
    for number in range(5):
        assert client.delete(f"/api/pictures/{number}.png").status_code == 200
    answered = start(client)
    assert answered.status_code == 422 and "at least 2 are needed" in answered.json()["detail"]
    assert client.post("/api/learning", json={"epochs": 0, "steps": 1}).status_code == 422


def test_how_the_program_is_started_again(monkeypatch, tmp_path):
    script = tmp_path / "rbc.py"
    script.touch()
    monkeypatch.setattr(sys, "argv", [str(script), "serve"])
    assert own_command() == [sys.executable, str(script)]
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "mrcnn" / "__main__.py"), "serve"])
    assert own_command() == [sys.executable, "-m", "mrcnn"]
