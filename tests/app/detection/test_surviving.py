"""Runs of `detect` that are interrupted, repeated or fail half way: nothing there is lost."""

import codecs
import errno
import json
import os
import signal
import sys

import numpy as np
import pytest
from PIL import Image

import mrcnn.app.detection.picture
import mrcnn.app.detection.results
import mrcnn.app.detection.run
from mrcnn.app.application import Application
from mrcnn.app.detection.results import Total
from mrcnn.errors import OutputError
from mrcnn.files import alone
from mrcnn.inference.processors import VARIABLE as THREADS
from tests.app.large_slides import APPLICATION, rows_of, slide
from tests.inference.bright_spots import BrightSpots

EXPORTS = ("--via", "--coco")
TABLES = (
    "objects.csv", "summary.csv", "images.csv", "slides.csv", "shares.csv", "histogram.csv",
    "via_predictions.json", "coco_predictions.json",
)  # fmt: skip


@pytest.fixture
def pictures(tmp_path):
    """Five small pictures, each with other discs, and one file that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(5):
        Image.fromarray(slide(150, seed=number)).save(folder / f"p{number}.png")
    (folder / "p2x.png").write_text("no picture")
    return folder


def tables_of(out):
    return {name: (out / name).read_bytes() for name in TABLES if (out / name).exists()}


def everything(out):
    return {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def interrupted_at(monkeypatch, name, end=KeyboardInterrupt):
    """The network is stopped at the picture with so many calls before it."""
    run = BrightSpots.run
    calls = iter(range(10**6))

    def stopped(self, inputs):
        if next(calls) == name:
            end()
        return run(self, inputs)

    monkeypatch.setattr(BrightSpots, "run", stopped)


def raised(error=KeyboardInterrupt):
    raise error


@pytest.mark.parametrize("threads", [1, 2])
def test_what_an_interrupted_run_did_is_there_and_resuming_makes_it_whole(
    detect, pictures, monkeypatch, capsys, threads
):
    """With two threads two pictures are predicted at once, and either may be the fourth."""
    monkeypatch.setenv(THREADS, str(threads))
    given = ("--diameter", 24, *EXPORTS)
    assert detect(pictures, *given, out="whole")[0] == 2
    capsys.readouterr()
    with monkeypatch.context() as patched:
        interrupted_at(patched, 3, raised)
        status, out = detect(pictures, *given, out="cut")
    assert status == 130
    error = capsys.readouterr().err
    assert "interrupted: " in error and "--resume" in error
    *names, last = [row["name"] for row in rows_of(out / "summary.csv")]
    assert last == "", "the total"
    assert names == ["p0", "p1", "p2", "p2x", "p3"][: len(names)]
    assert len(names) == 3 if threads == 1 else 2 <= len(names) <= 5
    # Nothing is found in the one of them that cannot be read.
    found = {row["name"] for row in rows_of(out / "objects.csv")}
    assert found == set(names) - {"p2x"}
    assert set(tables_of(out)) == set(TABLES)
    assert detect(pictures, *given, "--resume", out="cut")[0] == 2
    said = capsys.readouterr().out
    assert f"{len(found)} of 6 images are done already" in said
    # What failed is tried again.
    assert "[1/6]" not in said and "[4/6]" in said and "[6/6]" in said
    assert tables_of(out) == tables_of(out.parent / "whole")
    sessions = json.loads((out / "run.json").read_text())["sessions"]
    assert [each["state"] for each in sessions] == ["interrupted", "finished"]
    assert not [path for path in out.rglob(".*")]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a signal of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_a_session_is_as_ctrl_c(detect, pictures, monkeypatch, number):
    # Of several at once, all may be in hand.
    monkeypatch.setenv(THREADS, "1")
    interrupted_at(monkeypatch, 2, lambda: os.kill(os.getpid(), number))
    # Whoever started the tests may have had it ignored.
    found = signal.signal(number, signal.SIG_DFL)
    try:
        status, out = detect(pictures, "--diameter", 24)
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, found)
    assert status == 130
    assert len(rows_of(out / "summary.csv")) >= 2


def test_tables_grow_with_each_picture(detect, pictures, monkeypatch):
    """As a run that is killed would leave them: without total, each picture once."""
    seen = []
    take = mrcnn.app.detection.results.Results.take

    def noted(self, finished):
        take(self, finished)
        out = finished.part.file.parents[1]
        seen.append([row["name"] for row in rows_of(out / "summary.csv")])

    monkeypatch.setattr(mrcnn.app.detection.results.Results, "take", noted)
    detect(pictures, "--diameter", 24)
    assert seen == [["p0", "p1", "p2", "p2x", "p3", "p4"][: n + 1] for n in range(6)]
    seen.clear()
    _, out = detect(pictures, "--diameter", 24, "--resume")
    assert seen == [["p0", "p1", "p2", "p3", "p4", "p2x"]]
    assert [row["name"] for row in rows_of(out / "summary.csv")] == [
        "p0", "p1", "p2", "p2x", "p3", "p4", ""
    ]  # fmt: skip


def test_excel_sees_that_growing_tables_are_utf_8(detect, pictures, monkeypatch):
    (pictures / "p1.png").rename(pictures / "\u8840.png")
    # As a run that is killed would leave them.
    monkeypatch.setattr(mrcnn.app.detection.results.Results, "finish", lambda *_: Total())
    monkeypatch.setattr(mrcnn.app.detection.run, "write_counts", lambda *_: [])
    _, out = detect(pictures, "--diameter", 24)
    for name in ("objects.csv", "summary.csv"):
        content = (out / name).read_bytes()
        assert content.startswith(codecs.BOM_UTF8) and content.count(codecs.BOM_UTF8) == 1
        assert "\u8840" in content.decode("utf-8-sig")


def test_a_result_is_overwritten_only_on_request(detect, pictures, capsys):
    (pictures / "p2x.png").unlink()
    _, out = detect(pictures, "--geojson")
    for name in ("notes.txt", "parts/notes.txt"):
        (out / name).write_text("of a person")
    before = everything(out)
    assert detect(pictures / "p1.png")[0] == 2
    error = capsys.readouterr().err
    assert "holds the results of an earlier run. --resume" in error and "--overwrite" in error
    assert everything(out) == before
    assert detect(pictures / "p1.png", "--overwrite")[0] == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "histogram.csv", "images.csv", "notes.txt", "objects.csv", "p1_labels.png",
        "p1_labels_preview.png", "p1_overlay.jpg", "parts", "report.html", "run.json",
        "shares.csv", "slides.csv", "summary.csv",
    ]  # fmt: skip
    assert [row["name"] for row in rows_of(out / "summary.csv")] == ["p1", ""]
    assert sorted(path.name for path in (out / "parts").iterdir()) == [
        "notes.txt", "p1.jsonl", "p1.page.json"
    ]  # fmt: skip


def test_what_an_earlier_version_wrote_is_a_result_as_well(detect, pictures, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.csv").write_text("image,name\nold.png,old\n../x,../x\n")
    for name in ("old_overlay.png", "old_labels.png"):
        (out / name).write_text("old")
    (tmp_path / "x_overlay.jpg").write_text("of somebody else")
    before = everything(out)
    assert detect(pictures / "p1.png")[0] == 2
    assert detect(pictures / "p1.png", "--resume")[0] == 2
    assert "have no run.json" in capsys.readouterr().err
    assert everything(out) == before
    assert detect(pictures / "p1.png", "--overwrite")[0] == 0
    assert not (out / "old_overlay.png").exists() and (tmp_path / "x_overlay.jpg").exists()


@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--resume",)])
@pytest.mark.parametrize("kind", ["missing", "empty", "unusable"])
def test_an_input_without_a_picture_replaces_nothing(
    detect, pictures, tmp_path, capsys, kind, options
):
    _, out = detect(pictures)
    tables = tables_of(out)
    (tmp_path / "empty").mkdir()
    bad = {"missing": "nothere.jpg", "empty": "empty", "unusable": "in/p2x.png"}[kind]
    capsys.readouterr()
    assert detect(tmp_path / bad, *options)[0] == 2
    if (kind, *options) == ("unusable", "--resume"):
        # That this one cannot be used is the last of its lines now.
        assert rows_of(out / "summary.csv")[-2]["name"] == "p2x"
        assert (out / "objects.csv").read_bytes() == tables["objects.csv"]
    else:
        assert tables_of(out) == tables
    assert capsys.readouterr().err
    assert detect(pictures, "--resume")[0] == 2
    assert tables_of(out) == tables


def test_no_picture_no_folder(detect, tmp_path):
    assert detect(tmp_path / "nothere.jpg")[0] == 2
    assert not (tmp_path / "out").exists()


def test_files_of_others_are_not_written_over(detect, pictures, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "p1_labels.png").write_text("drawn by hand")
    assert detect(pictures / "p1.png")[0] == 2
    assert "p1_labels.png is there already" in capsys.readouterr().err
    assert everything(out) == {out / "p1_labels.png": b"drawn by hand"}
    (out / "via_predictions.json").write_text("corrected by hand")
    assert detect(pictures / "p0.png", "--via")[0] == 2
    assert "via_predictions.json is there already" in capsys.readouterr().err
    assert (out / "via_predictions.json").read_text() == "corrected by hand"
    # A training keeps its record under the same name.
    (out / "p1_labels.png").unlink()
    (out / "run.json").write_text('{"trainings": []}')
    for option in ("--overwrite", "--resume"):
        assert detect(pictures / "p1.png", option)[0] == 2
    assert (out / "run.json").read_text() == '{"trainings": []}'


def test_a_run_goes_on_with_what_it_was_begun_with(detect, pictures, capsys):
    _, out = detect(pictures, "--diameter", 24)
    before = tables_of(out)
    assert detect(pictures, "--diameter", 30, "--resume")[0] == 2
    assert "begun with other --diameter (it was 24" in capsys.readouterr().err
    assert detect(pictures, "--overwrite", "--resume")[0] == 2
    assert tables_of(out) == before


def test_new_and_changed_pictures_are_done_and_none_is_lost(detect, pictures, capsys):
    _, out = detect(pictures / "p1.png", pictures / "p3.png")
    Image.fromarray(slide(100, seed=9)).save(pictures / "p3.png")
    (out / "p1_overlay.jpg").unlink()
    capsys.readouterr()
    assert detect(pictures / "p3.png", pictures / "p0.png", "--resume")[0] == 0
    rows = rows_of(out / "summary.csv")
    assert [(row["name"], row["height"]) for row in rows[:3]] == [
        ("p1", "150"), ("p3", "100"), ("p0", "150"),
    ]  # fmt: skip
    assert detect(pictures / "p1.png", "--resume")[0] == 0
    assert (out / "p1_overlay.jpg").exists()


def test_without_a_folder_each_run_has_its_own(pictures, detect, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Application, "results", lambda self, command: tmp_path / command)
    words = ["detect", "--diameter", "24", str(pictures / "p1.png")]
    assert APPLICATION.main(words) == APPLICATION.main(words) == 0
    first, second = sorted((tmp_path / "detect").iterdir())
    assert (first / "objects.csv").read_bytes() == (second / "objects.csv").read_bytes()
    assert f"results: {second}" in capsys.readouterr().out
    assert APPLICATION.main([*words, str(pictures / "p0.png"), "--resume"]) == 0
    assert len(list((tmp_path / "detect").iterdir())) == 2
    assert len(rows_of(second / "summary.csv")) == 3


def failing(monkeypatch, error, first):
    """Writing a label image fails from the picture of a name on."""
    write = mrcnn.app.detection.picture.write_labels

    def fails(out, name, *others):
        if name >= first:
            raise error
        return write(out, name, *others)

    monkeypatch.setattr(mrcnn.app.detection.picture, "write_labels", fails)


def test_a_full_disk_ends_a_run_that_can_go_on(detect, pictures, monkeypatch, capsys):
    assert detect(pictures, *EXPORTS, out="whole")[0] == 2
    full = OutputError("x: cannot be written (No space left on device).")
    full.errno = errno.ENOSPC
    with monkeypatch.context() as patched:
        failing(patched, full, "p3")
        capsys.readouterr()
        status, out = detect(pictures, *EXPORTS)
    assert status == 2
    error = capsys.readouterr().err
    assert "No space left on device" in error
    assert "images are done and kept in" in error and "--resume" in error
    assert [row["name"] for row in rows_of(out / "summary.csv")] == ["p0", "p1", "p2", "p2x", ""]
    assert detect(pictures, *EXPORTS, "--resume")[0] == 2
    assert tables_of(out) == tables_of(out.parent / "whole")


def test_what_goes_wrong_with_a_picture_is_told_and_stops_no_other(
    detect, pictures, monkeypatch, capsys
):
    failing(monkeypatch, RuntimeError("out of luck"), "p4")
    status, out = detect(pictures)
    assert status == 2
    assert "p4.png: RuntimeError: out of luck" in capsys.readouterr().err
    rows = {row["name"]: row for row in rows_of(out / "summary.csv")}
    assert rows["p4"]["problem"].endswith("p4.png: RuntimeError: out of luck")
    assert rows["p3"]["objects"] != ""
    assert not list(out.glob("p4_*"))


def test_a_network_that_fails_at_one_picture(detect, pictures, monkeypatch, capsys):
    run = BrightSpots.run
    worst = np.asarray(Image.open(pictures / "p2.png")).astype(float).sum()

    def fails(self, inputs):
        if round(inputs[0].sum()) == round(worst):
            raise MemoryError("too large")
        return run(self, inputs)

    monkeypatch.setattr(BrightSpots, "run", fails)
    status, out = detect(pictures, "--image-size", 128)
    assert status == 2
    error = capsys.readouterr().err
    rows = rows_of(out / "summary.csv")
    assert [row["name"] for row in rows] == ["p0", "p1", "p2", "p2x", "p3", "p4", ""]
    failed = [row["name"] for row in rows if row["problem"]]
    assert "p2x" in failed and ("p2" in failed) == ("MemoryError" in error)


NAMES = [
    b"n" * 240 + b".png",
    b"b\xe4.png",
    "\u8840.png".encode(),
    b"line\nbreak.png",
    b"[bold]x[bold] \x1b[31m.png",
    b'"quoted", and so on.png',
    ("\u00e9" * 120).encode() + b".png",
    b"-o.png",
]


@pytest.mark.skipif(sys.platform != "linux", reason="a name may be any bytes")
def test_any_name_of_a_file(detect, pictures, monkeypatch, capsys):
    content = (pictures / "p1.png").read_bytes()
    folder = os.fsencode(pictures)
    for path in pictures.iterdir():
        path.unlink()
    for name in NAMES:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    status, out = detect(pictures, *EXPORTS, "--geojson", "--imagej")
    assert status == 0
    rows = rows_of(out / "summary.csv")
    assert len(rows) == len(NAMES) + 1
    assert len({row["name"] for row in rows}) == len(rows)
    assert any(row["image"].endswith("b\\xe4.png") for row in rows)
    assert any(row["image"].endswith("\u8840.png") for row in rows)
    assert any(row["image"].endswith("line\\nbreak.png") for row in rows)
    assert {row["objects"] for row in rows[:-1]} == {rows[0]["objects"]}
    for row in rows[:-1]:
        for ending in ("_overlay.jpg", "_labels.png", ".geojson", "_rois.zip"):
            assert (out / f"{row['name']}{ending}").stat().st_size > 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert sum(line.startswith("[") for line in said.splitlines()) == len(NAMES)
    via = json.loads((out / "via_predictions.json").read_text())
    assert len(via["_via_img_metadata"]) == len(NAMES)
    before = tables_of(out)
    assert detect(pictures, *EXPORTS, "--geojson", "--imagej", "--resume")[0] == 0
    assert f"{len(NAMES)} of {len(NAMES)} images are done already" in capsys.readouterr().out
    assert tables_of(out) == before


def test_an_anonymous_run_names_neither_folders_nor_the_machine(
    detect, pictures, tmp_path, monkeypatch
):
    (pictures / "deep").mkdir()
    Image.fromarray(slide(150)).save(
        pictures / "deep" / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"
    )
    monkeypatch.setattr("platform.node", lambda: "laboratory-seven")
    monkeypatch.setattr(sys, "argv", ["spots", "detect", str(pictures)])
    given = (pictures, pictures / "deep", *EXPORTS, "--geojson")
    status, out = detect(*given, "--anonymous")
    assert status == 2
    for path, content in everything(out).items():
        assert os.fsencode(tmp_path) not in content, path
        assert b"laboratory-seven" not in content and b"Exif" not in content
    rows = rows_of(out / "summary.csv")
    assert rows[-2]["image"] == "deep/a.jpg" and rows[0]["image"] == "p0.png"
    assert "p2x.png" in rows[3]["problem"]
    # And it goes on.
    before = tables_of(out)
    assert detect(*given, "--anonymous", "--resume")[0] == 2
    assert tables_of(out) == before
    _, out = detect(*given, out="named")
    record = json.loads((out / "run.json").read_text())
    assert record["host"] == "laboratory-seven"
    assert record["command"] == ["spots", "detect", str(pictures)]
    assert (record["pictures"], record["failed"]) == (7, 1)
    assert record["settings"]["OBJECT_DIAMETER"] == 24
    assert {"python", "mrcnn"} <= set(record["versions"])
    assert record["sessions"][0]["state"] == "finished"


def test_a_table_of_a_person_is_not_written_over(detect, pictures, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Images.csv").write_text("mine")
    assert detect(pictures)[0] == 2
    assert "Images.csv is there already" in capsys.readouterr().err
    assert (tmp_path / "out" / "Images.csv").read_text() == "mine"


def test_two_runs_do_not_write_to_one_folder(detect, pictures, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    with alone(tmp_path / "out" / ".detect.lock"):
        status, out = detect(pictures)
        assert status == 2
        assert "is writing its results there" in capsys.readouterr().err
        assert not (out / "run.json").exists()
    assert detect(pictures / "p1.png")[0] == 0
