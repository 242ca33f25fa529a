"""What `detect` writes of objects that cover one another, and the order of files."""

from functools import partial

import numpy as np
import tifffile
from PIL import Image

from mrcnn.app.detection.picture import visible_objects, write_labels
from mrcnn.app.detection.stream import detect_all, numbered
from mrcnn.app.finding import Found
from mrcnn.instances import Instances
from mrcnn.report.detection_files import object_rows, object_titles
from tests.drawn_objects import objects_of

NAMES = ("large", "small")


def test_more_objects_than_a_png_has_numbers_for_are_written_as_a_tiff(tmp_path):
    for height, name in ((3, "few_labels.png"), (260, "many_labels.tif")):
        boxes = [(y, x, y + 1, x + 1) for y in range(height) for x in range(256)]
        cells, labels = visible_objects(objects_of((height, 256), boxes))
        write_labels(tmp_path, name.split("_")[0], cells, labels)
        opened = tifffile.imread if name.endswith(".tif") else Image.open
        written = np.asarray(opened(tmp_path / name))
        np.testing.assert_array_equal(written, labels)
        assert written.max() == height * 256
    assert len(list(tmp_path.iterdir())) == 2


def test_overlap_goes_to_the_better_score_and_areas_say_so():
    cells, labels = visible_objects(objects_of((20, 20), [[0, 0, 10, 10], [0, 5, 10, 15]]))
    assert labels.dtype == np.uint16
    assert (labels[:10, :10] == 1).all() and (labels[:10, 10:15] == 2).all()
    assert (labels == 0).sum() == 400 - 150
    rows = [
        dict(zip(object_titles(False), row, strict=True))
        for row in object_rows("a.png", "a", cells, labels, NAMES, None)
    ]
    assert [int(row["area"]) for row in rows] == [100, 100]
    assert [int(row["visible_area"]) for row in rows] == [100, 50]


def test_a_cell_without_a_visible_pixel_has_no_label():
    boxes = [[0, 0, 10, 10], [2, 2, 4, 4], [12, 12, 18, 18]]
    cells, labels = visible_objects(objects_of((20, 20), boxes, class_ids=[1, 1, 2]))
    assert len(cells) == 2
    assert sorted(np.unique(labels)) == [0, 1, 2]
    assert list(cells.class_ids) == [1, 2]


def test_no_cells():
    cells, labels = visible_objects(objects_of((4, 5), []))
    assert len(cells) == 0 and labels.shape == (4, 5) and not labels.any()
    assert object_rows("a.png", "a", cells, labels, NAMES, None) == []


class EchoFinder:
    """Finds nothing, and notes the order in which images are read and found."""

    predictor = None

    def find_later(self, images, failed=None):
        for image in images:
            yield partial(Found, Instances.empty(image.shape))


def test_files_come_in_their_order_also_those_that_cannot_be_read(tmp_path):
    names = ["bad.png", "a.png", "gone.png", "b.png", "worse.png"]
    for name in ("a.png", "b.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    for name in ("bad.png", "worse.png"):
        (tmp_path / name).write_text("no image")
    paths = [tmp_path / name for name in names]
    given = [
        (each.number, each.path.name, found is not None, bool(each.problem))
        for each, found in detect_all(EchoFinder(), numbered(paths))
    ]
    assert given == [
        (1, "bad.png", False, True),
        (2, "a.png", True, False),
        (3, "gone.png", False, True),
        (4, "b.png", True, False),
        (5, "worse.png", False, True),
    ]
    assert [found for _, found in detect_all(EchoFinder(), numbered(paths[:1]))] == [None]
