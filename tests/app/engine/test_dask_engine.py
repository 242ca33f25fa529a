"""Runs with worker processes give what one process gives, also when one of them is killed."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from PIL import Image
from skimage.measure import label

import mrcnn.app.detection.run
import mrcnn.app.engine.dask_engine
from mrcnn.app.engine.dask_engine import shares_of
from tests.app.engine_workers import APPLICATION
from tests.app.large_slides import slide

pytest.importorskip("distributed", reason="the extra `scale` is not installed")

TABLES = (
    "cells.csv", "summary.csv", "fields.csv", "slides.csv", "shares.csv", "histogram.csv",
    "coco_predictions.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Eight pictures of discs, each of another width, and a file that is none."""
    folder = tmp_path_factory.mktemp("in")
    for number in range(8):
        image = slide(150, seed=number)[:, : 150 - number]
        Image.fromarray(image).save(folder / f"p{number}.png")
    (folder / "p3x.png").write_text("no picture")
    return folder


def detect(pictures, out, *options):
    words = [
        "detect",
        pictures,
        "--method",
        "bright",
        "--coco",
        "--geojson",
        "--out",
        out,
        *options,
    ]
    return APPLICATION.main([str(word) for word in words])


@pytest.fixture(scope="module")
def alone(pictures, tmp_path_factory):
    """The results of one process."""
    out = tmp_path_factory.mktemp("alone") / "out"
    assert detect(pictures, out) == 2
    return out


def same(out, other) -> None:
    for name in TABLES:
        assert (out / name).read_bytes() == (other / name).read_bytes(), name
    files = sorted(path.name for path in other.iterdir())
    assert sorted(path.name for path in out.iterdir()) == files
    for name in files:
        if name.endswith((".png", ".jpg", ".geojson")):
            assert (out / name).read_bytes() == (other / name).read_bytes(), name


def test_two_workers_give_what_one_process_gives(
    scheduler, pictures, alone, tmp_path, monkeypatch, capsys
):
    address, folder = scheduler
    monkeypatch.setattr(mrcnn.app.detection.run, "_CHOOSE", "tests.app.engine_workers:choose")
    assert detect(pictures, tmp_path / "out", "--engine", f"dask={address}") == 2
    captured = capsys.readouterr()
    assert "Engine: dask, 2 processes with 2 threads" in captured.out
    assert sum(line.startswith("[") for line in captured.out.splitlines()) == 9
    assert "1 of the inputs could not be used" in captured.err and "p3x.png" in captured.err
    same(tmp_path / "out", alone)
    # Each process makes its method once, and this one has made its own as ever.
    loads = (folder / "loads").read_text().split()
    assert len(loads) == len(set(loads)) == 2
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["sessions"][-1]["state"] == "finished"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is one of POSIX")
def test_a_worker_that_is_killed_has_its_pictures_done_again(scheduler, pictures, alone, tmp_path):
    address, folder = scheduler
    (folder / "kills").write_text(f"146 {tmp_path / 'out' / '.p2.4711-0badcafe.geojson'}")
    assert detect(pictures, tmp_path / "out", "--engine", f"dask={address}") == 2
    assert not (folder / "kills").exists()
    same(tmp_path / "out", alone)


def test_a_run_goes_on_with_workers(scheduler, pictures, alone, tmp_path):
    out = tmp_path / "out"
    assert detect(pictures / "p0.png", out) == 0
    assert detect(pictures, out, "--resume", "--engine", f"dask={scheduler[0]}") == 2
    for name in TABLES:
        assert (out / name).read_bytes() == (alone / name).read_bytes(), name


def test_without_a_usable_picture_the_earlier_results_stay(scheduler, pictures, tmp_path, capsys):
    out = tmp_path / "out"
    assert detect(pictures / "p0.png", out) == 0
    before = (out / "cells.csv").read_bytes()
    again = ("--overwrite", "--engine", f"dask={scheduler[0]}")
    assert detect(pictures / "p3x.png", out, *again) == 2
    assert "Nothing could be used" in capsys.readouterr().out
    assert (out / "cells.csv").read_bytes() == before
    assert detect(pictures / "p1.png", out, *again) == 0
    assert not (out / "p0_labels.png").exists() and (out / "p1_labels.png").exists()


def test_evaluation_by_workers(scheduler, tmp_path):
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    for number in range(3):
        image = slide(150, seed=number)
        Image.fromarray(image).save(folder / f"{number}.png")
        labels = label(image[..., 0] > 128).astype(np.uint16)
        Image.fromarray(labels).save(folder / f"{number}_masks.png")
    results = []
    for name, given in (("one", ()), ("two", ("--engine", f"dask={scheduler[0]}"))):
        words = ["evaluate", "--dataset", folder.parent, "--method", "bright", *given]
        words += ["--classes", "cell", "--out", tmp_path / name]
        results.append(APPLICATION.main([str(word) for word in words]))
    assert results == [0, 0]
    for name in ("summary.json", "per_cell.csv", "per_image.csv", "table.md"):
        one, two = ((tmp_path / each / name).read_bytes() for each in ("one", "two"))
        assert one == two, name


def test_without_dask_the_extra_is_named(pictures, tmp_path, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "distributed" else find(name)
    )
    assert detect(pictures, tmp_path / "out", "--engine", "dask") == 2
    assert "pip install 'mrcnn-keras3[scale]'" in capsys.readouterr().err


def test_a_scheduler_that_does_not_answer_is_told(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mrcnn.app.engine.dask_engine, "_PATIENCE", 0.5)
    address = "dask=tcp://127.0.0.1:9"
    assert detect(pictures, tmp_path / "out", "--engine", address) == 2
    assert "no scheduler of Dask answers there" in capsys.readouterr().err


@pytest.mark.parametrize("engine", ["spark", "dask=", "dask:2"])
def test_other_engines_are_refused(pictures, tmp_path, engine, capsys):
    assert detect(pictures, tmp_path / "out", "--engine", engine) == 2
    assert "is neither dask nor dask=ADDRESS" in capsys.readouterr().err


def test_a_machine_is_shared_among_processes():
    assert [shares_of(cores) for cores in (1, 2, 6, 8, 12, 64)] == [
        (1, 1), (2, 1), (6, 1), (4, 2), (6, 2), (16, 4),
    ]  # fmt: skip
