"""What cannot be used of a VIA file is refused by name of file, image and region."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats.via_reading import locate_image, read_via

NAMES = ["large", "normal", "small", "undefined"]

TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}


# ---- broken files


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=r"folder .*nowhere does not exist.*via\.json"):
        read_via(tmp_path / "nowhere" / "via.json")


def test_missing_file_names_the_json_files_there(via, tmp_path):
    via.write({}, "other.json")
    with pytest.raises(DataError, match=r"via\.json does not exist.*other\.json"):
        read_via(tmp_path / "via.json")


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_via(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON.*line 1, column 1"),
        (b'{"a": \n{"filename": "a.jpg", ', "not valid JSON.*line 2"),
        (b"\xff\xfe{}", "not UTF-8 text"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
        (b"[1, 2]", "not a VIA annotation file"),
        (b'"text"', "not a VIA annotation file"),
        (b'{"a": 3}', "entry 'a': 'filename' and 'regions'"),
        (b'{"a": {"filename": "x.jpg"}}', "entry 'a': 'filename' and 'regions'"),
        (b'{"a": {"filename": 5, "regions": []}}', "'filename' must be text"),
        (b'{"a": {"filename": "x.jpg", "regions": 5}}', "'x.jpg': 'regions' must be"),
        (b'{"a": {"filename": "x.jpg", "regions": [5]}}', "region 0: 'shape_attributes'"),
        (b'{"project": {}, "metadata": {}, "file": {}}', "VIA 3"),
    ],
)
def test_broken_files(via, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_via(via.write(content), NAMES)
    assert "via.json" in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"name": "hexagon"}, "unknown shape 'hexagon'.*polygon, polyline, rect, circle, ellipse"),
        ({}, "unknown shape None"),
        (5, "'shape_attributes' must be an object"),
        ({"name": "polygon", "all_points_x": [1, 2, 3]}, "no 'all_points_y'"),
        ({"name": "polygon", "all_points_x": 4, "all_points_y": []}, "'all_points_x' must be a"),
        ({**TRIANGLE, "all_points_x": [1, 2]}, "has 2 numbers and 'all_points_y' has 3"),
        ({**TRIANGLE, "all_points_x": [1, "2", 3]}, r"'all_points_x'\[1\] is '2'"),
        ({**TRIANGLE, "all_points_y": [1, 2, float("nan")]}, r"'all_points_y'\[2\] is nan"),
        ({**TRIANGLE, "all_points_y": [1, 2, 10**400]}, r"'all_points_y'\[2\] is 1000"),
        ({**TRIANGLE, "all_points_y": [1, 2, True]}, r"'all_points_y'\[2\] is True"),
        ({"name": "rect", "x": 1, "y": 1, "width": 5}, "rect has no 'height'"),
        ({"name": "rect", "x": 1, "y": 1, "width": -5, "height": 3}, "'width' is -5"),
        ({"name": "circle", "cx": 1, "cy": 1, "r": None}, "'r' is None"),
        ({"name": "circle", "cx": float("inf"), "cy": 1, "r": 1}, "'cx' is inf"),
    ],
)
def test_broken_shapes(via, shape, message):
    path = via.save(via.image(via.region(), via.region(shape=shape), name="b.jpg"))
    with pytest.raises(DataError, match=message) as caught:
        read_via(path, NAMES)
    assert f"{path}, image 'b.jpg', region 1" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 9}, "annotation 0: there is no image with the 'id' 9"),
        ({"image_id": None}, "annotation 0: 'image_id'"),
        ({"category_id": 1}, r"'a\.jpg', annotation 0: there is no category.*known: '7'"),
        ({"segmentation": [1, 2, 3]}, "even number"),
        ({"segmentation": [[1, 2, 3, "x", 5, 6]]}, r"'segmentation'\[1\] is 'x'"),
        ({"segmentation": {"counts": "abc", "size": [3, 3]}}, "run-length"),
        ({"segmentation": None, "bbox": [1, 2]}, "'bbox' of 4 numbers"),
        ({"segmentation": "abc"}, "'segmentation' must be a list"),
    ],
)
def test_broken_coco_exports(via, change, message):
    path = via.write(via.coco(**{"segmentation": [1, 2, 9, 2, 5, 8], **change}))
    with pytest.raises(DataError, match=message) as caught:
        read_via(path, NAMES)
    assert str(path) in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4)
    ),
    max_leaves=8,
)
keys = st.sampled_from(["filename", "regions", "size", "shape_attributes", "region_attributes"])


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_any_change_is_read_or_refused_clearly(via, data):
    """Whatever stands in place of one value, there is no error but DataError."""
    content = data.draw(
        st.sampled_from(
            [via.export(via.image(via.region(), via.region("large"))), via.coco([1, 2, 9, 2, 5, 8])]
        )
    )
    content = json.loads(json.dumps(content))
    node = content
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        place = data.draw(st.sampled_from(places))
        child = node[place]
        if not (isinstance(child, dict | list) and child and data.draw(st.booleans())):
            break
        node = child
    node[place] = data.draw(json_values)
    path = via.write(content, "changed.json")
    try:
        entries = read_via(path, NAMES)
    except DataError as error:
        assert "changed.json" in str(error)
    else:
        assert all(len(e.polygons) == len(e.class_names) for e in entries)


# ---- image files


def test_locate_image(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.jpg").touch()
    assert locate_image(tmp_path, "inner/a.jpg") == tmp_path / "inner" / "a.jpg"


def test_listed_image_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"name the image 'b\.jpg'.*does not exist"):
        locate_image(tmp_path, "b.jpg")


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "link/secret.jpg", "a\0b"])
def test_images_outside_the_folder_are_refused(tmp_path, name):
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.jpg").touch()
    (tmp_path / "data" / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="not inside the folder"):
        locate_image(tmp_path / "data", name)
