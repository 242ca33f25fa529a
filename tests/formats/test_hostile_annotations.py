"""Damaged or hostile annotation files: refused, or read in little time and memory."""

import json
import time
import tracemalloc

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats import json_text, read_via

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
    monkeypatch.setattr(json_text, "_MAX_BYTES", 100)
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
