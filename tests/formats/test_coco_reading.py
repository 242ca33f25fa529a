"""COCO's files are read by every reader that may meet one."""

import time
import warnings

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations, read_coco, read_via
from mrcnn.instances import Instances, run_length
from tests.formats.drawn import area, filled

NAMES = ["large", "normal", "small", "undefined"]


@pytest.fixture(params=[read_coco, read_via, read_annotations])
def read(request, via):
    """Write a file and read it."""

    def write_and_read(content, names=NAMES, **kwargs):
        return request.param(via.write(content, "coco.json"), names, **kwargs)

    return write_and_read


def test_categories_are_the_classes(via, read):
    content = via.coco([[1, 2, 9, 2, 5, 8]])
    first, empty = read(content)
    assert (first.filename, first.image_shape, first.size) == ("a.jpg", (20, 20), None)
    assert first.class_names == ["normal"]
    assert first.region_numbers == [0]
    assert first.polygons[0].dtype == np.float64
    assert first.polygons[0].tolist() == [[2, 1], [2, 9], [8, 5]]
    assert (empty.filename, empty.polygons) == ("empty.jpg", [])
    assert read(content, None)[0].class_names == ["normal"]
    assert read(content, ["cell"])[0].class_names == ["cell"]
    assert read(content, ["ring", "arm"], class_aliases={"Normal": "arm"})[0].class_names == ["arm"]
    with pytest.raises(DataError, match=r"'a\.jpg', annotation 1: unknown class 'normal'"):
        read(content, ["ring", "arm"])


def test_what_cannot_be_used_is_told_and_the_rest_is_read(via, read):
    content = via.coco([[1, 2, 9, 2, 5, 8]])
    content["annotations"].append({"image_id": 1, "category_id": 8})
    content["images"].append({"id": 3})
    problems = []
    first, empty = read(content, problems=problems)
    assert first.class_names == ["normal"] and empty.polygons == []
    assert len(problems) == 2 and all("coco.json, image" in problem for problem in problems)


def test_warnings_point_at_the_caller(via, read):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(via.coco([[1, 2, 9, 2]]))
    (warning,) = caught
    assert "no area" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("missing", ["images", "annotations"])
def test_what_is_not_coco_is_refused(via, missing):
    content = via.coco([[1, 2, 9, 2, 5, 8]])
    del content[missing]
    with pytest.raises(DataError, match=r"not a COCO annotation file: .*'images', 'annotations', "):
        read_coco(via.write(content))
    with pytest.raises(DataError, match="not a COCO annotation file"):
        read_coco(via.save(via.image(via.region())))


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
def test_boxes_and_parts(via, read):
    (boxed, _) = read(via.coco([], bbox=[3, 4, 5, 6]))
    masks = Instances.from_polygons(boxed.polygons, [1], (20, 20))
    assert masks.boxes.tolist() == [[4, 3, 10, 8]]
    assert masks.crops[0].all()

    parts = [[1, 1, 4, 1, 4, 4, 1, 4], [10, 10, 15, 10, 15, 13, 10, 13], [1, 9, 3, 9, 3, 12, 1, 12]]
    (entry, _) = read(via.coco(parts))
    masks = Instances.from_polygons(entry.polygons, [1], (20, 20)).full_masks()[:, :, 0]
    expected = np.zeros((20, 20), bool)
    expected[1:5, 1:5] = expected[10:14, 10:16] = expected[9:13, 1:4] = True
    np.testing.assert_array_equal(masks, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 9}, "annotation 1: there is no image with the 'id' 9"),
        ({"image_id": None}, "annotation 1: 'image_id'"),
        ({"category_id": 1}, r"'a\.jpg', annotation 1: there is no category.*known: '7'"),
        ({"segmentation": [1, 2, 3]}, "even number"),
        ({"segmentation": [[1, 2, 3, "x", 5, 6]]}, r"'segmentation'\[1\] is 'x'"),
        ({"segmentation": {"counts": "abc", "size": [3, 3]}}, "run-length"),
        ({"segmentation": None, "bbox": [1, 2]}, "'bbox' of 4 numbers"),
        ({"segmentation": "abc"}, "'segmentation' must be a list"),
    ],
)
def test_broken_annotations(via, read, change, message):
    with pytest.raises(DataError, match=message) as caught:
        read(via.coco(**{"segmentation": [1, 2, 9, 2, 5, 8], **change}))
    assert str(via.folder / "coco.json") in str(caught.value)


# ---- run lengths and crowds


def coco(*segmentations, size=(6, 5), **more):
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "height": size[0], "width": size[1]}],
        "categories": [{"id": 1, "name": "large"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 1, "segmentation": segmentation, **more}
            for n, segmentation in enumerate(segmentations)
        ],
    }


def test_masks_are_read_as_the_others(read):
    mask = np.zeros((6, 5), bool)
    mask[1:5, 1:4] = True
    mask[2, 2] = False
    counts = run_length.encode(np.array([0, 0, 6, 5]), mask, (6, 5))
    codes = [{"size": [6, 5], "counts": code} for code in (counts.tolist(), "")]
    codes[1]["counts"] = run_length.compress(counts)
    (image,) = read(coco(*codes))
    assert image.class_names == ["large", "large"]
    for polygon in image.polygons:
        assert np.array_equal(filled([polygon], (6, 5)), mask)


def test_a_mask_of_a_million_million_pixels_is_four_corners(read):
    side = 10**6
    (image,) = read(coco({"size": [side, side], "counts": [0, side * side]}, size=(side, side)))
    np.testing.assert_array_equal(image.polygons[0].min(axis=0), [-0.5, -0.5])
    np.testing.assert_array_equal(image.polygons[0].max(axis=0), [side - 0.5] * 2)
    assert len(image.polygons[0]) == 4


def test_a_mask_of_noise_takes_little_time(read):
    mask = np.random.default_rng(0).random((400, 500)) < 0.5
    counts = run_length.encode(np.array([0, 0, *mask.shape]), mask, mask.shape)
    start = time.process_time()
    (image,) = read(coco({"size": [400, 500], "counts": counts.tolist()}, size=mask.shape))
    assert time.process_time() - start < 0.5
    assert area(image.polygons[0]) == mask.sum()


def test_an_empty_mask_is_a_region_without_area(read):
    with pytest.warns(UserWarning, match="no area"):
        (image,) = read(coco({"size": [6, 5], "counts": [30]}))
    assert image.degenerate_regions == [0]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ({"size": [6, 5], "counts": [1, 2]}, "cover 3 pixels and 'size' says 6 x 5"),
        ({"size": [6, 5], "counts": [2**39] * 4}, "cover .* pixels"),
        ({"size": [6, 5], "counts": [-1, 31]}, "whole numbers"),
        ({"size": [6, 5], "counts": [True] * 30}, "whole numbers"),
        ({"size": [6, 5], "counts": [1.5, 28.5]}, "whole numbers"),
        ({"size": [6, 5], "counts": None}, "whole numbers, or text; it is None"),
        ({"size": [6, 5], "counts": "\x7f"}, "has the character"),
        ({"size": [6, 5], "counts": "café"}, "has the character"),
        ({"size": [6, 5], "counts": "o"}, "cut short"),
        ({"size": [5, 6], "counts": [30]}, "of an image of 5 x 6 pixels .* has 6 x 5"),
        ({"size": [0, 5], "counts": []}, "height and width"),
        ({"size": [6], "counts": []}, "height and width"),
        ({"size": [10**400, 1], "counts": []}, "height and width"),
        ({"counts": [30]}, "height and width"),
    ],
)
def test_damaged_run_lengths(read, code, said):
    with pytest.raises(DataError, match=said) as caught:
        read(coco(code))
    assert "image 'a.jpg', annotation 1" in str(caught.value)


def test_crowds_are_left_out_and_told(read):
    content = coco([1, 2, 4, 2, 3, 5], [1, 2, 4, 2, 3, 5])
    content["annotations"][1]["iscrowd"] = 1
    with pytest.warns(UserWarning, match="1 annotations are crowds"):
        (image,) = read(content)
    assert image.crowd_regions == 1
    assert image.region_numbers == [0]
    assert image.crowds[0].tolist() == [[2, 1], [2, 4], [5, 3]]
    assert image.crowd_class_names == ["large"]


def test_boxes_are_told_to_be_such(read):
    content = coco([1, 2, 4, 2, 3, 5], None, [])
    for annotation in content["annotations"]:
        annotation["bbox"] = [1, 1, 3, 2]
    with pytest.warns(UserWarning, match="2 objects are boxes without masks"):
        (image,) = read(content)
    assert image.is_box == [False, True, True]
    assert image.polygons[1].tolist() == [[0.5, 0.5], [0.5, 3.5], [2.5, 3.5], [2.5, 0.5]]


# ---- classes


@pytest.mark.parametrize("categories", [None, [], [{"id": 1, "name": "large"}], 5])
def test_one_class_needs_no_categories(read, categories):
    content = coco([1, 2, 4, 2, 3, 5], [1, 2, 4, 2, 3, 5])
    content["annotations"][1]["category_id"] = None
    content["categories"] = categories
    if categories is None:
        del content["categories"]
    (image,) = read(content, ["cell"])
    assert image.class_names == ["cell", "cell"]


@pytest.mark.parametrize("names", [NAMES, None])
def test_coco_without_categories(read, names):
    content = coco([1, 2, 4, 2, 3, 5])
    del content["categories"]
    with pytest.raises(DataError, match=r"coco\.json is COCO without 'categories'"):
        read(content, names)


@pytest.mark.parametrize("names", [NAMES, None])
def test_ids_that_via_made_null(read, names):
    content = coco([1, 2, 4, 2, 3, 5], [1, 2, 4, 2, 3, 5])
    content["annotations"][1]["category_id"] = None
    problems = []
    (image,) = read(content, names, problems=problems)
    assert image.class_names == ["large"]
    (problem,) = problems
    assert "annotation 2: 'category_id' is null" in problem
    assert "begins with a digit: export the annotations as JSON" in problem
