"""What cannot be used of a VIA file is refused by name of file, image and region."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations, read_via

NAMES = ["large", "normal", "small", "undefined"]

TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
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
        (b'{"a": {"filename": "x.jpg", "regions": [5]}}', "region 1: 'shape_attributes'"),
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
    assert f"{path}, image 'b.jpg', region 2" in str(caught.value)


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
    read = data.draw(st.sampled_from([read_via, read_annotations]))
    try:
        entries = read(path, NAMES)
    except DataError as error:
        assert "changed.json" in str(error)
    else:
        assert all(len(e.polygons) == len(e.class_names) for e in entries)
