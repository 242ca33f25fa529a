"""The code of the pages on video, channels, masks and Colab is run, from top to bottom."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from mrcnn.inference import Predictor
from tests.drawn_cells import write_subset
from tests.inference.bright_spots import BrightSpots, SpotsConfig, field
from tests.test_guides import fenced

ROOT = Path(__file__).resolve().parents[1]


def run(page: str, **known):
    """The names that the code of a page makes."""
    names = dict(known)
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = fenced(text, "python")
    assert blocks
    for number, block in enumerate(blocks):
        exec(compile(block, f"{page}.md, block {number}", "exec"), names)
    return SimpleNamespace(**{name: each for name, each in names.items() if name[:2] != "__"})


@pytest.fixture
def predictor():
    config = SpotsConfig()
    return Predictor(config, BrightSpots(config))


def moving(count):
    """A spot that goes to the right, and one that stays."""
    return [
        field(((8, 8 + 4 * n, 24, 24 + 4 * n), 180), ((40, 40, 56, 56), 230)) for n in range(count)
    ]


def test_a_video_is_drawn_and_a_camera_watched(predictor, tmp_path):
    cv2 = pytest.importorskip("cv2")
    page = run("video")
    film = tmp_path / "spots.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 64))
    for frame in moving(3):
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    assert page.splash(predictor, str(film), tmp_path / "drawn.mp4") == [2, 2, 2]
    drawn = list(page.frames_of(str(tmp_path / "drawn.mp4")))
    assert len(drawn) == 3 and drawn[0].shape == (64, 64, 3)
    with pytest.raises(SystemExit, match="cannot be opened"):
        next(page.frames_of(str(tmp_path / "none.avi")))
    watched = list(page.watch(predictor, iter(moving(4))))
    # At least the last one was there when the network was free.
    np.testing.assert_array_equal(watched[-1][0], moving(4)[-1])
    assert all(len(boxes) == 2 for _, boxes in watched)


def test_a_tracker_gets_what_it_wants(predictor, monkeypatch):
    """In the place of supervision's: ids by the class, as the spots differ in that."""

    class Detections(SimpleNamespace):
        pass

    class ByteTrack:
        def update_with_detections(self, found):
            count = len(found.xyxy)
            assert found.xyxy.shape == (count, 4) and found.xyxy.dtype == float
            assert found.mask.shape == (count, 64, 64) and found.mask.dtype == bool
            assert found.confidence.shape == found.class_id.shape == (count,)
            for (x1, y1, x2, y2), mask in zip(found.xyxy.astype(int), found.mask, strict=True):
                assert mask[y1:y2, x1:x2].all() and mask.sum() == (y2 - y1) * (x2 - x1)
            return Detections(tracker_id=found.class_id, xyxy=found.xyxy)

    module = SimpleNamespace(ByteTrack=ByteTrack, Detections=Detections)
    monkeypatch.setitem(sys.modules, "supervision", module)
    left = []
    for _, ids, boxes in run("video").tracked(predictor, moving(3)):
        left.append(boxes[ids.tolist().index(1)][0])
    assert left == [8, 12, 16]


def test_a_network_of_four_channels(tmp_path):
    page = run("channels")
    image = np.full((20, 30, 4), 4095, np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extrasamples=[0])
    dataset = page.Orchard()
    dataset.add_class("orchard", 1, "tree")
    dataset.add_image("orchard", 0, tmp_path / "a.tif")
    dataset.prepare()
    assert dataset.load_image(0).shape == (20, 30, 4)
    assert dataset.load_image(0).max() == 255
    assert page.OrchardConfig().IMAGE_SHAPE.tolist() == [256, 256, 4]
    # `tests/clients/test_channels.py` starts a training so.
    assert page.start.__defaults__ == ("logs",)


def test_finer_masks():
    page = run("masks")
    assert page.FineConfig().MASK_SHAPE == [56, 56]
    y, x = np.mgrid[:200, :200] - 99.5
    comb = (x**2 + y**2 < 95**2) & ((np.floor(x / 6) % 2 == 0) | (y > 0))
    assert page.best_iou(x**2 + y**2 < 95**2, 28) > 0.98
    assert page.best_iou(comb, 28) < page.best_iou(comb, 56) < page.best_iou(comb, 200)


def test_a_data_set_is_checked_in_colab(tmp_path, monkeypatch):
    write_subset(tmp_path / "set" / "train")
    shutil.make_archive(str(tmp_path / "my_cells"), "zip", tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    assert run("colab").status == 0
