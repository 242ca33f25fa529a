"""Pictures of a project: taken in, listed, corrected, exported, removed."""

import csv
import io
import json
import os
import threading
import zipfile

import pytest

from mrcnn.formats import read_annotations
from mrcnn.serve.exports import VIA_FILE
from mrcnn.serve.limits import open_checked
from mrcnn.serve.project import Project, UnknownPictureError
from mrcnn.serve.results import Result
from tests.inference.bright_spots import field
from tests.serve.conftest import wait_for
from tests.serve.made_up import SPOTS, made_up_state, png

DRAWN = [[40.0, 40.0], [55.0, 40.0], [55.0, 55.0], [40.0, 55.0]]


def act(client, told: dict, kind: str, **more):
    asked = {"act": {"kind": kind, **more}, "after": told["number"]}
    return client.post(f"/api/pictures/{told['name']}/acts", json=asked)


def test_a_picture_is_taken_in_and_detected_in(client, add):
    told = add(name="smear.png")
    assert told["name"] == "smear.png" and told["size"] == [64, 64]
    assert told["job"]["state"] == "done" and told["confidence"] == 0.7 and told["floor"] == 0.5
    scores = [round(cell["score"], 2) for cell in told["cells"]]
    # What is less sure is there for the slider, and does not count.
    assert scores == [0.94, 0.78, 0.59]
    (listed,) = (one for one in client.get("/api/pictures").json() if one["name"] == "smear.png")
    assert listed["counts"] == {"bright": 1, "dim": 1} and listed["doubts"] == []
    assert not listed["corrected"]


def test_the_most_doubted_come_first(client, add):
    add(png(field()), "empty.png")
    add(name="sure.png")
    names = [one["name"] for one in client.get("/api/pictures").json()]
    assert names.index("empty.png") < names.index("sure.png")


def test_names_are_given_once(client, add):
    names = [add(name="same.png")["name"] for _ in range(3)]
    assert names == ["same.png", "same_2.png", "same_3.png"]


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("../../outside.png", "outside.png"),
        ("/etc/absolute.png", "absolute.png"),
        ("C:\\pictures\\windows.png", "windows.png"),
        ("..hidden.png", "hidden.png"),
    ],
)
def test_a_name_leads_nowhere(client, state, add, sent, taken):
    assert add(name=sent)["name"] == taken
    assert state.project.path(taken).parent == state.project.pictures


@pytest.mark.parametrize(
    "path",
    [
        "..%2F..%2Fproject.sqlite", "%2Fetc%2Fpasswd", "via_region_data.json", ".hidden.png",
        "..%5Ca.png", "a%00.png", "missing.png", "..%2Fresults%2Fx.png",
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["", "/thumbnail", "/tiles/0/0/0", "/export/csv"])
def test_a_path_outside_the_project_is_refused(client, path, what):
    answered = client.get(f"/api/pictures/{path}{what}")
    assert answered.status_code in (404, 405)
    assert "root:" not in answered.text


@pytest.mark.parametrize("name", ["", ".", "..", "a/b.png", "/etc/passwd", "..\\a.png", "a\0.png"])
def test_a_name_is_only_a_name(state, name):
    with pytest.raises(UnknownPictureError):
        state.project.path(name)


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_link_is_no_picture(client, state, tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    link = state.project.pictures / "link.png"
    link.symlink_to(tmp_path / "secret.png")
    assert client.get("/api/pictures/link.png").status_code == 404
    assert "link.png" not in [one["name"] for one in client.get("/api/pictures").json()]
    link.unlink()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("a.html", b"<script>alert(1)</script>"),
        ("disguised.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("page.jpg", b"<!doctype html><script>alert(1)</script>"),
        ("a", b""),
        (".png", png()),
    ],
)
def test_what_is_no_picture_is_refused(client, state, name, content):
    before = state.project.names()
    answered = client.post("/api/pictures", files={"image": (name, content)})
    assert answered.status_code == 422 and "image" in answered.json()["detail"]
    assert state.project.names() == before
    assert list(state.project.scratch.iterdir()) == []


def test_no_more_pictures_than_the_page_keeps(client, state, add, monkeypatch):
    add(name="one.png")
    monkeypatch.setattr("mrcnn.serve.project.MOST_PICTURES", 1)
    answered = client.post("/api/pictures", files={"image": ("two.png", png())})
    assert (
        answered.status_code == 422 and "the most that the page keeps" in answered.json()["detail"]
    )


def test_thumbnails_and_tiles_are_pictures_that_are_made_anew(client, add):
    told = add(name="shown.png")
    for path in ("thumbnail", "tiles/6/0/0"):
        answered = client.get(f"/api/pictures/{told['name']}/{path}")
        assert answered.headers["content-type"] == "image/jpeg"
        assert answered.content.startswith(b"\xff\xd8")


def test_acts_are_confirmed_once_they_are_on_the_disk(client, state, add):
    told = add(name="acts.png")
    drawn = act(client, told, "draw", outline=DRAWN, **{"class": "dim"}).json()
    assert drawn["number"] == 1 and drawn["can_undo"] and drawn["corrected"]
    assert drawn["added"][0]["id"] == 4 and drawn["added"][0]["score"] is None
    lines = (state.project.folder / "corrections" / "acts.png.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["kind"] == "draw" and len(lines) == 2
    again = client.get("/api/pictures/acts.png").json()
    assert [cell["id"] for cell in again["cells"]] == [1, 2, 3, 4] and again["number"] == 1
    # Who does not know of it does not change it.
    assert act(client, told, "delete", cells=[1]).status_code == 409
    assert act(client, again, "delete", cells=[1]).json()["removed"] == [1]
    listed = {one["name"]: one for one in client.get("/api/pictures").json()}["acts.png"]
    assert listed["corrected"] and listed["counts"] == {"dim": 2}


def test_lists_are_right_after_a_kill_in_mid_act(tmp_path, monkeypatch):
    first = Project(tmp_path / "project")
    (tmp_path / "a.png").write_bytes(png())
    name = first.add(tmp_path / "a.png", "a.png")
    cell = {"box": [5, 6, 25, 30], "class": "dim", "score": 0.9, "outline": DRAWN, "area": 9}
    first.store(name, Result("made", (60, 60), [cell, cell], 0.7, 0.5, ("dim", "bright")))
    acts = first.opened(name)[1]

    def kill(*_):
        raise KeyboardInterrupt

    # As if it came when the act was on the disk, and nothing else was done.
    monkeypatch.setattr(acts, "_count", kill)
    with pytest.raises(KeyboardInterrupt):
        first.change(name, lambda _, at: acts.do({"kind": "delete", "cells": [1]}, at), 0)
    first.close()
    second = Project(tmp_path / "project")
    assert second.summaries()[name]["counts"] == {"dim": 1}
    second.close()


def test_acts_that_are_none(client, add):
    told = add(name="none.png")
    url = f"/api/pictures/{told['name']}/acts"
    assert act(client, told, "delete", cells=[77]).status_code == 422
    assert client.post(url, json={}).status_code == 422
    assert client.post(url, json=[1]).status_code == 422
    assert (
        client.post(url, content=b"{", headers={"Content-Type": "application/json"}).status_code
        == 422
    )
    assert client.get(f"/api/pictures/{told['name']}").json()["number"] == 0


def test_corrections_are_not_lost_by_detecting_anew(client, add):
    told = add(name="anew.png")
    act(client, told, "delete", cells=[1])
    assert client.post("/api/pictures/anew.png/detect").status_code == 409
    assert client.post("/api/pictures/anew.png/detect", json={"replace": True}).status_code == 200
    told = wait_for(client, "anew.png")
    assert len(told["cells"]) == 3 and told["number"] == 0


def test_objects_come_so_many_at_a_time(client, add, monkeypatch):
    told = add(name="parts.png")
    monkeypatch.setattr("mrcnn.serve.api_pictures.MOST_CELLS", 2)
    url = "/api/pictures/parts.png"
    few = client.get(f"{url}?cells=false").json()
    assert few == {**told, "cells": 3}
    parts = [client.get(f"{url}/cells?start={start}").json() for start in (0, 2, 3)]
    assert [len(part["cells"]) for part in parts] == [2, 1, 0]
    assert [cell for part in parts for cell in part["cells"]] == told["cells"]
    assert all(part["number"] == 0 for part in parts)
    assert client.get("/api/pictures/not-here.png/cells").status_code == 404


def test_a_slide_is_detected_in_when_it_is_asked_for(client, monkeypatch):
    monkeypatch.setattr("mrcnn.serve.work.MOST_WHOLE_PIXELS", 60 * 60)
    for side, waits in ((60, False), (61, True)):
        name = f"slide{side}.png"
        sent = client.post("/api/pictures", files={"image": (name, png(field(shape=(side, 60))))})
        assert (sent.json()["job"] is None) == waits
        assert (wait_for(client, name)["cells"] is None) == waits
    client.post("/api/pictures/slide61.png/detect")
    assert wait_for(client, "slide61.png")["cells"] == []


def test_a_region_is_detected_in(client, add):
    told = add(name="region.png")
    act(client, told, "delete", cells=[1, 2, 3])
    url = "/api/pictures/region.png/detect"
    assert client.post(url, json={"region": [0, 0, 28, 64]}).status_code == 200
    told = wait_for(client, "region.png")
    assert [cell["box"] for cell in told["cells"]] == [[5, 6, 25, 30], [8, 40, 20, 56]]
    for region in ([0, 0, 65, 64], [-1, 0, 5, 5], [0, 0, 0, 5], [0, 0, 5], "all", [0, 0, 5, 5.5]):
        assert client.post(url, json={"region": region}).status_code == 422


def test_an_object_at_the_border_of_a_region_is_not_cut(client, add):
    add(name="cut.png")
    url = "/api/pictures/cut.png/detect"
    # The middle of the dim one, rows 30 to 50, is in the region, and its upper half is not.
    assert client.post(url, json={"region": [38, 0, 26, 64]}).status_code == 200
    told = wait_for(client, "cut.png")
    assert sorted(cell["box"] for cell in told["cells"]) == [
        [5, 6, 25, 30], [8, 40, 20, 56], [30, 8, 50, 20]
    ]  # fmt: skip
    # Of one whose middle is outside nothing comes or goes.
    assert client.post(url, json={"region": [0, 0, 32, 64]}).status_code == 200
    assert len(wait_for(client, "cut.png")["cells"]) == 3


def test_a_region_alone_is_no_correction(client, add):
    add(name="alone.png")
    url = "/api/pictures/alone.png/detect"
    assert client.post(url, json={"region": [0, 0, 28, 64]}).status_code == 200
    told = wait_for(client, "alone.png")
    assert told["number"] == 1 and told["can_undo"] and not told["corrected"]
    # So nobody is asked whether it may go.
    assert client.post(url).status_code == 200
    assert wait_for(client, "alone.png")["number"] == 0


def test_a_region_that_would_fill_the_memory_is_refused(client, add, monkeypatch):
    add(name="much.png")
    monkeypatch.setattr("mrcnn.serve.work.MOST_WHOLE_PIXELS", 1000)
    answered = client.post("/api/pictures/much.png/detect", json={"region": [0, 0, 40, 40]})
    assert answered.status_code == 422 and "Choose a smaller one" in answered.json()["detail"]


def test_corrections_made_while_it_is_detected_anew_stay(client, state, add, monkeypatch):
    told = add(name="meanwhile.png")
    predictor = state.detector.model.finder.predictor
    begun, may_end = threading.Event(), threading.Event()
    predict = predictor.predict

    def slow(image, **more):
        begun.set()
        assert may_end.wait(10)
        return predict(image, **more)

    monkeypatch.setattr(predictor, "predict", slow)
    assert client.post("/api/pictures/meanwhile.png/detect").status_code == 200
    assert begun.wait(10)
    assert act(client, told, "delete", cells=[1]).status_code == 200
    may_end.set()
    told = wait_for(client, "meanwhile.png")
    assert told["job"]["state"] == "failed" and "the corrections stay" in told["job"]["problem"]
    assert told["number"] == 1 and [cell["id"] for cell in told["cells"]] == [2, 3]


def test_files_of_other_programs(client, state, add):
    told = add(name="export.png")
    act(client, told, "class", cells=[2], **{"class": "bright"})

    def export(kind, name="export.png"):
        answered = client.get(f"/api/pictures/{name}/export/{kind}")
        assert answered.status_code == 200, answered.text
        assert answered.headers["content-disposition"].startswith("attachment")
        return answered.content

    rows = list(csv.DictReader(io.StringIO(export("csv").decode("utf-8-sig"))))
    assert [(row["class"], row["area"], row["score"]) for row in rows] == [
        ("bright", "480", "0.9412"), ("bright", "240", "1.0000"),
    ]  # fmt: skip
    assert b"export.png" in export("summary")
    via = json.loads(export("via"))
    (entry,) = via["_via_img_metadata"].values()
    assert len(entry["regions"]) == 2
    assert len(json.loads(export("coco"))["annotations"]) == 2
    assert len(json.loads(export("geojson"))["features"]) == 2
    assert len(zipfile.ZipFile(io.BytesIO(export("imagej"))).namelist()) == 2
    assert client.get("/api/pictures/export.png/export/pdf").status_code == 422
    archive = zipfile.ZipFile(io.BytesIO(client.get("/api/export/geojson").content))
    assert "export.geojson" in archive.namelist()
    assert len(list(csv.DictReader(io.StringIO(client.get("/api/export/csv").text)))) > 2
    assert list(state.project.scratch.iterdir()) == []


def test_the_file_of_corrections_is_read_as_annotations(client, state, add):
    told = add(name="via.png")
    act(client, told, "draw", outline=DRAWN, **{"class": "dim"})
    written = state.corrections_file.write()
    assert "via.png" in written and "smear.png" not in written
    images = {
        image.filename: image
        for image in read_annotations(state.project.pictures / VIA_FILE, ("dim", "bright"))
    }
    assert images["via.png"].class_names == ["bright", "dim", "dim"]
    assert images["via.png"].size == state.project.path("via.png").stat().st_size


def test_a_picture_is_removed(client, state, add):
    told = add(name="gone.png")
    act(client, told, "delete", cells=[1])
    assert client.delete("/api/pictures/gone.png").status_code == 200
    assert client.get("/api/pictures/gone.png").status_code == 404
    kept = {path.name for path in state.project.folder.glob("removed/*/*")}
    assert kept == {"gone.png", "gone.png.json", "gone.png.jsonl"}
    # Another one of this name begins anew, also where a browser keeps tiles.
    again = add(png(field(SPOTS[0])), "gone.png")
    assert len(again["cells"]) == 1 and again["version"] != told["version"]


def test_a_picture_that_fails_says_why(client, state, add):
    path = state.project.pictures / "broken.png"
    path.write_bytes(png()[:300])
    job = client.post("/api/pictures/broken.png/detect")
    assert job.status_code == 200
    failed = next(iter(state.project.jobs.newest()[name] for name in ["broken.png"]))
    for _ in range(200):
        failed = state.project.jobs.newest()["broken.png"]
        if failed.state == "failed":
            break
    assert str(state.project.folder) not in failed.problem
    path.unlink()


def test_figures_of_all_pictures(client, add):
    add(name="figures.png")
    told = client.get("/api/figures").json()
    bins = told["histogram"]["bins"]
    whole = dict(told["rows"])["whole objects"]
    assert told["histogram"]["unit"] == "px" and sum(bins[2] for bins in bins) == int(whole)
    assert int(whole) <= sum(told["counts"].values()) and told["pictures"]
    titles = [title for title, _ in client.get("/api/figures?language=id").json()["rows"]]
    assert "objek utuh" in titles and len(titles) == len(told["rows"])


def test_what_waited_goes_on_after_a_kill(tmp_path):
    first = made_up_state(tmp_path)
    folder = first.project
    (tmp_path / "a.png").write_bytes(png())
    folder.add(tmp_path / "a.png", "a.png")
    first.detector.close()
    # As if the server had been killed before it came to it.
    number = folder.jobs.add("a.png").number
    folder.jobs.begin(number)
    second = made_up_state(tmp_path)
    second.detector.submit(lambda model: None).result(10)
    assert second.project.jobs.job(number).state == "done"
    assert second.project.summaries()["a.png"]["counts"] == {"bright": 1, "dim": 1}
    for state in (first, second):
        state.close()
        state.project.close()


def test_a_job_that_runs_is_cancelled(tmp_path, monkeypatch):
    state = made_up_state(tmp_path)
    begun, may_end = threading.Event(), threading.Event()
    (tmp_path / "a.png").write_bytes(png())
    state.detector.submit(lambda model: None).result(10)
    finder = state.detector.model.finder
    predict = finder.predictor.predict

    def slow(image, **more):
        begun.set()
        assert may_end.wait(10)
        return predict(image, **more)

    monkeypatch.setattr(finder.predictor, "predict", slow)
    job = state.work.add(state.project.add(tmp_path / "a.png", "a.png"))
    assert begun.wait(10)
    assert state.work.cancel(job.number) and not state.work.cancel(job.number)
    may_end.set()
    state.detector.submit(lambda model: None).result(10)
    assert state.project.jobs.job(job.number).state == "cancelled"
    assert state.project.opened("a.png") is None
    state.close()
    state.project.close()


def test_pictures_are_known_by_their_content(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(png())
    with open_checked(path, "shown.png") as picture:
        assert picture.name == "shown.png" and picture.shape == (64, 64)
