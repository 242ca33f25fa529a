"""Damaged or hostile annotation files: refused, or read in little time and memory."""

import json
import os
import sys
import time
import tracemalloc

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats import via_reading as via_module
from mrcnn.formats.coco_reading import join_outlines
from mrcnn.formats.run_outlines import mask_outlines
from mrcnn.formats.via_reading import locate_image, read_via
from mrcnn.instances import run_length
from mrcnn.instances.polygons import rasterise_polygons

NAMES = ["large", "small"]


@pytest.fixture
def read(tmp_path):
    """Write a file and read it; text stands as it is."""

    def write_and_read(content, names=NAMES, **kwargs):
        path = tmp_path / "via.json"
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_via(path, names, **kwargs)

    return write_and_read


def via_text(*regions, name="a.jpg"):
    return f'{{"a": {{"filename": {json.dumps(name)}, "regions": [{", ".join(regions)}]}}}}'


def region_text(shape, value='"large"'):
    return f'{{"shape_attributes": {shape}, "region_attributes": {{"name": {value}}}}}'


RECTANGLE = '{"name": "rect", "x": 1, "y": 1, "width": 5, "height": 5}'


# ---- values


@pytest.mark.parametrize("opening", ["[", '{"a": '])
@pytest.mark.parametrize("depth", [10, 500, 900, 960, 980, 990])
def test_deep_values_are_refused_wherever_the_stack_ends(read, opening, depth):
    deep = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
    for text in (
        via_text(region_text(RECTANGLE, deep)),
        via_text(region_text(deep)),
        via_text(region_text(f'{{"name": "rect", "x": {deep}}}')),
        via_text(region_text(f'{{"name": {deep}}}')),
    ):
        with pytest.raises(DataError, match=r"via\.json"):
            read(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": {"filename": "a.jpg", "regions": []}, "a": {}}', "the key 'a' twice"),
        (via_text('{"shape_attributes": {"name": "x", "name": "y"}}'), "the key 'name' twice"),
        (via_text(name="a\ud800.jpg"), "half a character"),
        (via_text(region_text(RECTANGLE, '"\\udfff"')), "half a character"),
    ],
)
def test_what_would_be_lost_or_cannot_be_shown(read, text, said):
    with pytest.raises(DataError, match=said):
        read(text)


def test_whole_pairs_of_escapes_are_characters(read):
    (image,) = read('{"a": {"filename": "\\ud83e\\uddec.jpg", "regions": []}}')
    assert image.filename == "\U0001f9ec.jpg"


def test_a_file_of_absurd_size_is_not_read(read, monkeypatch):
    monkeypatch.setattr(via_module, "_MAX_BYTES", 100)
    with pytest.raises(DataError, match="which no annotation file has"):
        read("[" + " " * 100 + "]")


# ---- many and large


def test_large_circles_take_little_memory(read):
    circle = '{"name": "circle", "cx": 1, "cy": 1, "r": 1000000}'
    tracemalloc.start()
    (image,) = read(via_text(*[region_text(circle)] * 500))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(image.polygons) == 500
    assert peak < 10 << 20


def test_circles_of_images_are_as_round_as_before(read):
    (image,) = read(via_text(region_text('{"name": "circle", "cx": 0, "cy": 0, "r": 5000}')))
    middles = (image.polygons[0] + np.roll(image.polygons[0], 1, axis=0)) / 2
    assert 0 < 5000 - np.hypot(*middles.T).min() < 0.051


def test_attributes_that_differ_from_region_to_region_are_counted_once(read):
    regions = [
        f'{{"shape_attributes": {RECTANGLE}, "region_attributes": '
        f"{json.dumps({f'{number}_{n}': 1 for n in range(60)})}}}"
        for number in range(300)
    ]
    for names in (None, NAMES):
        start = time.process_time()
        with pytest.raises(DataError, match="more holds the class of all regions"):
            read(via_text(*regions), names)
        assert time.process_time() - start < 1


@pytest.mark.parametrize("kind", ["name", "class", "category", "attributes"])
def test_messages_stay_short(read, kind):
    problems = []
    if kind == "name":
        read(via_text(*["5"] * 100, name="x" * 100_000), problems=problems)
    elif kind == "class":
        read(via_text(*[region_text(RECTANGLE, json.dumps("y" * 99_999))] * 100), problems=problems)
    elif kind == "attributes":
        wrong = {f"other{n}": "large" for n in range(10_000)}
        region = f'{{"shape_attributes": {RECTANGLE}, "region_attributes": {json.dumps(wrong)}}}'
        read(via_text(region, region_text(RECTANGLE)), attribute="name", problems=problems)
    else:
        categories = [{"id": n, "name": "z" * 100} for n in range(10_000)]
        annotations = [{"image_id": 1, "category_id": -1}] * 100
        images = [{"id": 1, "file_name": "a.jpg"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        read(content, problems=problems)
    assert problems
    assert all(len(problem) < 2500 for problem in problems)


def test_a_file_of_nothing_but_mistakes_is_not_read_to_its_end(read):
    problems = ["of another file"]
    text = via_text(region_text('{"name": "star"}'), *["5"] * 20_000)
    with pytest.raises(DataError, match=r"more than 10,000 images and regions .* shape 'star'"):
        read(text, problems=problems)
    assert len(problems) == 10_001


def test_a_million_points(read):
    xs = ",".join(str(n % 1000) for n in range(1_000_000))
    text = f'{{"name": "polygon", "all_points_x": [{xs}], "all_points_y": [{xs}, 0.5]}}'
    with pytest.raises(DataError, match="has 1000000 numbers and 'all_points_y' has 1000001"):
        read(via_text(region_text(text)))


# ---- COCO's run lengths and crowds


def coco(*segmentations, size=(6, 5), **more):
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "height": size[0], "width": size[1]}],
        "categories": [{"id": 1, "name": "large"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 1, "segmentation": segmentation, **more}
            for n, segmentation in enumerate(segmentations)
        ],
    }


def filled(outlines, shape):
    mask = np.zeros(shape, bool)
    boxes, crops, _ = rasterise_polygons([join_outlines(outlines)], (0, 0, *shape))
    for (y1, x1, y2, x2), crop in zip(boxes, crops, strict=True):
        mask[y1:y2, x1:x2] = crop
    return mask


def area(outline):
    y, x = outline.T
    return 0.5 * (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def test_outlines_of_run_lengths_hold_exactly_the_mask():
    rng = np.random.default_rng(0)
    for _ in range(200):
        shape = tuple(rng.integers(1, 9, 2).tolist())
        mask = rng.random(shape) < rng.choice([0, 0.1, 0.5, 0.9, 1])
        counts = run_length.encode(np.array([0, 0, *shape]), mask, shape)
        for stored in (counts.tolist(), run_length.compress(counts)):
            outlines = mask_outlines({"size": list(shape), "counts": stored}, shape)
            assert sum(map(area, outlines)) == mask.sum()
            assert np.array_equal(filled(outlines, shape) if outlines else mask * 0, mask)


def test_masks_of_coco_are_read_as_the_others(read):
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
    assert "image 'a.jpg', annotation 0" in str(caught.value)


def test_crowds_are_left_out_and_told(read):
    content = coco([1, 2, 4, 2, 3, 5], [1, 2, 4, 2, 3, 5])
    content["annotations"][1]["iscrowd"] = 1
    with pytest.warns(UserWarning, match="1 annotations are crowds"):
        (image,) = read(content)
    assert image.crowd_regions == 1
    assert image.region_numbers == [0]


# ---- names of images


@pytest.mark.parametrize(
    "name",
    [
        "C:\\secret.jpg",
        "c:/secret.jpg",
        "\\\\server\\share\\a.jpg",
        "..\\secret.jpg",
        "inner\\..\\..\\secret.jpg",
        "inner/../../secret.jpg",
        "loop/a.jpg",
        "",
        "x" * 300,
        "x" * 100_000,
        "\ud800.jpg",
    ],
)
def test_names_that_lead_out_or_nowhere(tmp_path, name):
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (tmp_path / "secret.jpg").touch()
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(DataError) as caught:
        locate_image(folder, name)
    assert len(str(caught.value)) < 1000
    str(caught.value).encode()


def test_links_count_by_where_they_lead(tmp_path):
    folder = tmp_path / "real" / "train"
    folder.mkdir(parents=True)
    (folder / "a.jpg").touch()
    (tmp_path / "other.jpg").touch()
    (folder / "inside.jpg").symlink_to("a.jpg")
    (folder / "outside.jpg").symlink_to(tmp_path / "other.jpg")
    # What the user names may be a link, or lie below one.
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train").symlink_to(folder)
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    for named in (folder, tmp_path / "set" / "train", tmp_path / "linked" / "train"):
        assert locate_image(named, "a.jpg").is_file()
        assert locate_image(named, "inside.jpg").is_file()
        with pytest.raises(DataError, match=r"'outside\.jpg'.*not inside.*is not followed"):
            locate_image(named, "outside.jpg")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files in folders")
def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg", "."):
        with pytest.raises(DataError, match="does not exist"):
            locate_image(tmp_path, name)
