"""The tiles of large pictures by worker processes give what one process gives."""

import sys

import pytest
import tifffile

import mrcnn.app.detection.run
import mrcnn.app.engine.dask_engine
import mrcnn.inference
from tests.app.large_slides import DIAMETER, pyramid, rows_of, slide

# Files that say when a run was, or which.
OWN = {"run.json", "report.html"}


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """A slide, one with levels, and a small picture."""
    folder = tmp_path_factory.mktemp("slides")
    tifffile.imwrite(folder / "a.tif", slide(750), tile=(256, 256), photometric="rgb")
    pyramid(folder / "b.tif", slide(750, seed=1), levels=1)
    tifffile.imwrite(folder / "c.tif", slide(200, seed=2), photometric="rgb")
    return folder


@pytest.fixture
def both(detect, slides, scheduler, tmp_path, monkeypatch):
    """Runs `detect` in this process and with workers; the two folders and the status of each."""

    def run(*options, pictures=slides):
        found = []
        monkeypatch.setattr(
            mrcnn.app.detection.run, "_CHOOSE", "tests.app.engine_workers:choose_spots"
        )
        for name, given in (("alone", ()), ("workers", ("--engine", f"dask={scheduler[0]}"))):
            found.append(detect(pictures, "--coco", "--geojson", *options, *given, out=name))
        return found

    return run


def same(one, other) -> None:
    names, others = ({path.name for path in each.iterdir() if path.is_file()}
                     for each in (one, other))  # fmt: skip
    assert names == others
    for name in names - OWN:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_tiles_are_tasks(both, scheduler, monkeypatch, capsys):
    # Fewer tasks than there are tiles are given away at once.
    monkeypatch.setattr(mrcnn.app.engine.dask_engine, "_TASKS_OF_A_THREAD", 1)
    # This process puts together what the workers saw, and looks at no tile.
    seen = mrcnn.inference.TiledPredictor._see
    looked = []
    monkeypatch.setattr(
        mrcnn.inference.TiledPredictor, "_see", lambda *given: looked.append(1) or seen(*given)
    )
    (status, alone), (status_of_workers, workers) = both("--diameter", DIAMETER)
    assert status == status_of_workers == 0
    assert len(looked) == 2
    same(workers, alone)
    assert (workers / "a_labels.tif").exists() and (workers / "c_labels.png").exists()
    assert len(rows_of(workers / "objects.csv")) == 2 * 225 + 16
    said = capsys.readouterr().out
    assert said.count("750 x 750 pixels are detected in by 4 tiles") == 4
    processes = (scheduler[1] / "slides").read_text().split()
    assert len(processes) == len(set(processes)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is one of POSIX")
def test_a_worker_that_is_killed_has_its_tile_done_again(both, slides, scheduler):
    kills = scheduler[1] / "kills"
    kills.write_text("tile")
    # The scale is estimated: by a worker, since this process has the network for nothing else.
    (status, alone), (status_of_workers, workers) = both(pictures=slides / "b.tif")
    assert status == status_of_workers == 0
    assert not kills.exists()
    same(workers, alone)
