"""Label images that are written while their instances come."""

import itertools

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.formats import write_label_image
from mrcnn.instances import Instances


def scattered(seed, shape, count):
    """Discs that overlap, as far as the image goes."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[-20:21, -20:21]
    boxes, crops = [], []
    for _ in range(count):
        crop = rows**2 + columns**2 < rng.integers(2, 20) ** 2
        y, x = rng.integers(-20, shape[0] + 20), rng.integers(-20, shape[1] + 20)
        top, left = max(y - 20, 0), max(x - 20, 0)
        bottom, right = min(y + 21, shape[0]), min(x + 21, shape[1])
        if bottom > top and right > left:
            boxes.append((top, left, bottom, right))
            crops.append(crop[top - y + 20 : bottom - y + 20, left - x + 20 : right - x + 20])
    found = Instances.from_crops(shape, boxes, crops, [1] * len(boxes))
    return found.replaced(scores=rng.choice([0.5, 0.7, 0.9, 0.95], len(found)))


def in_parts(instances, rows):
    ordered = instances.take(np.argsort(instances.boxes[:, 0], kind="stable"))
    edges = [0, *sorted(rows), len(ordered)]
    parts = [ordered.take(np.arange(*pair)) for pair in itertools.pairwise(edges)]
    return ordered, parts


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 700), st.integers(1, 600)),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_parts_give_the_label_image_of_all(tmp_path_factory, seed, shape, cuts):
    path = tmp_path_factory.getbasetemp() / "labels.tif"
    instances = scattered(seed, shape, 60)
    ordered, parts = in_parts(instances, [min(cut, len(instances)) for cut in cuts])
    visible = write_label_image(path, parts)
    labels = tifffile.imread(path)
    assert labels.dtype == np.uint32 and labels.shape == shape
    best_first = np.argsort(-ordered.scores, kind="stable")
    expected = np.concatenate([[0], best_first + 1])[ordered.label_image(best_first)]
    np.testing.assert_array_equal(labels, expected)
    assert visible.tolist() == np.bincount(labels.ravel(), minlength=len(ordered) + 1)[1:].tolist()


def test_more_objects_than_16_bits_hold(tmp_path):
    side = 300
    boxes = [(y, x, y + 1, x + 1) for y in range(side) for x in range(side)]
    dots = Instances((side, side), boxes, [np.ones((1, 1), bool)] * len(boxes), np.ones(len(boxes)))
    assert len(dots) > 65_535
    visible = write_label_image(tmp_path / "labels.tif", [dots])
    assert (visible == 1).all()
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.ravel().tolist() == list(range(1, len(boxes) + 1))
    with Image.open(tmp_path / "labels.tif") as opened:
        assert np.asarray(opened)[-1, -1] == len(boxes)


def test_the_same_bytes_again_and_small_ones(tmp_path):
    _, parts = in_parts(scattered(0, (2000, 3000), 50), [20])
    files = []
    for name in ("a.tif", "b.tif"):
        write_label_image(tmp_path / name, iter(parts))
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1] and len(files[0]) < 2000 * 3000 * 4 / 50
    assert len(list(tmp_path.iterdir())) == 2


def test_an_image_of_nothing(tmp_path):
    assert len(write_label_image(tmp_path / "a.tif", [Instances.empty((5, 7))] * 3)) == 0
    assert tifffile.imread(tmp_path / "a.tif").tolist() == [[0] * 7] * 5


def dot(y, shape=(900, 20)):
    return Instances(shape, [(y, 3, y + 4, 5)], [np.ones((4, 2), bool)], [1])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "at least one part"),
        ([dot(300), dot(10)], "row 10 comes after one that begins in row 300"),
        ([dot(800), dot(10)], "from the top down"),
        ([dot(3), dot(5, shape=(900, 21))], "one label image is of one image"),
        ([Instances.from_boxes((9, 9), [(1, 1, 2, 2)], [1])], "without a mask"),
    ],
)
def test_parts_that_cannot_be_written_leave_no_file(tmp_path, parts, message):
    with pytest.raises(DataError, match=message):
        write_label_image(tmp_path / "labels.tif", parts)
    assert list(tmp_path.iterdir()) == []


def test_parts_are_taken_when_they_are_needed(tmp_path):
    # Of a picture of any size only a stripe and what reaches into it are kept.
    taken = []

    def parts():
        for y in range(0, 5120, 512):
            taken.append(y)
            yield dot(y, shape=(5120, 20))

    visible = write_label_image(tmp_path / "labels.tif", parts())
    assert len(taken) == 10 and visible.tolist() == [8] * 10
