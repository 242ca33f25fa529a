"""Every form and shape that VIA writes is read."""

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats import read_via
from mrcnn.instances import Instances

NAMES = ["large", "normal", "small", "undefined"]

TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}
TRIANGLE_POINTS = [[2, 1], [2, 9], [8, 5]]


# ---- forms of the file


def test_version_2_export(via):
    (entry,) = read_via(via.save(via.image(via.region(), via.region("large"))), NAMES)
    assert entry.filename == "a.jpg"
    assert entry.size == 100
    assert entry.class_names == ["normal", "large"]
    assert entry.region_numbers == [0, 1]
    assert entry.polygons[0].dtype == np.float64
    assert entry.polygons[0].tolist() == TRIANGLE_POINTS


def test_version_1_export(via):
    content = via.export(via.image())
    content["a.jpg100"]["regions"] = {"0": via.region("small"), "1": via.region("large")}
    content["a.jpg100"] |= {"fileref": "", "base64_img_data": ""}
    (entry,) = read_via(via.write(content), NAMES)
    assert entry.class_names == ["small", "large"]


@pytest.mark.parametrize("as_list", [True, False])
def test_project(via, as_list):
    content = via.export(via.image(via.region()), via.image(name="empty.jpg"))
    if not as_list:
        content["a.jpg100"]["regions"] = {"0": via.region()}
    project = {
        "_via_settings": {"core": {}},
        "_via_img_metadata": content,
        "_via_attributes": {"region": {"name": {"type": "radio"}}},
        "_via_image_id_list": list(content),
    }
    entries = read_via(via.write(project), NAMES)
    assert [entry.filename for entry in entries] == ["a.jpg", "empty.jpg"]
    assert [len(entry.polygons) for entry in entries] == [1, 0]


@pytest.mark.parametrize("nested", [True, False])
def test_coco_export(via, nested):
    outline = [1, 2, 9, 2, 5, 8]
    first, empty = read_via(via.write(via.coco([outline] if nested else outline)), NAMES)
    assert first.class_names == ["normal"]
    assert first.polygons[0].tolist() == TRIANGLE_POINTS
    assert (empty.filename, empty.polygons) == ("empty.jpg", [])
    assert read_via(via.write(via.coco([outline])), NAMES, attribute="name")[0].class_names == [
        "normal"
    ]
    assert read_via(via.write(via.coco([outline])))[0].class_names == ["normal"]
    assert read_via(via.write(via.coco([outline])), ["cell"])[0].class_names == ["cell"]


# ---- shapes


def pixels(via, shape):
    (entry,) = read_via(via.save(via.image(via.region(shape=shape))), NAMES)
    instances = Instances.from_polygons(entry.polygons, [1], (40, 50))
    return instances.full_masks()[:, :, 0]


def test_polyline_is_closed(via):
    np.testing.assert_array_equal(
        pixels(via, {**TRIANGLE, "name": "polyline"}), pixels(via, TRIANGLE)
    )


def test_rectangle_covers_its_width_and_height(via):
    mask = pixels(via, {"name": "rect", "x": 5, "y": 7, "width": 10, "height": 3})
    expected = np.zeros((40, 50), bool)
    expected[7:10, 5:15] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("radius", [0.6, 3, 12.5])
def test_circle(via, radius):
    mask = pixels(via, {"name": "circle", "cx": 20, "cy": 15, "r": radius})
    rows, columns = np.mgrid[:40, :50]
    distance = np.hypot(rows - 15, columns - 20)
    assert mask[distance < radius - 0.06].all()
    assert not mask[distance > radius].any()


def test_turned_ellipse(via):
    shape = {"name": "ellipse", "cx": 25, "cy": 20, "rx": 15, "ry": 5, "theta": 0.6}
    mask = pixels(via, shape)
    rows, columns = np.mgrid[:40, :50]
    x, y = columns - 25, rows - 20
    along = x * np.cos(0.6) + y * np.sin(0.6)
    across = y * np.cos(0.6) - x * np.sin(0.6)
    inside = (along / 15) ** 2 + (across / 5) ** 2
    assert mask[inside < 0.97].all()
    assert not mask[inside > 1].any()
    upright = {key: value for key, value in shape.items() if key != "theta"}
    assert pixels(via, upright)[20, 11] and not pixels(via, upright)[28, 25]


@pytest.mark.filterwarnings("error")
def test_regions_reach_beyond_the_image(via):
    shape = {"name": "rect", "x": -30, "y": 35, "width": 60, "height": 60}
    mask = pixels(via, shape)
    assert mask[35:, :30].all()
    assert mask.sum() == 5 * 30


def test_points_are_left_out_and_counted(via):
    point = {"name": "point", "cx": 3, "cy": 4}
    path = via.save(
        via.image(via.region(), via.region(shape=point), via.region(value="", shape=point))
    )
    with pytest.warns(UserWarning, match="2 point regions"):
        (entry,) = read_via(path, NAMES)
    assert entry.point_regions == 2
    assert entry.region_numbers == [0]


@pytest.mark.parametrize(
    "shape",
    [
        {"name": "polygon", "all_points_x": [], "all_points_y": []},
        {"name": "polygon", "all_points_x": [3, 4], "all_points_y": [3, 5]},
        {"name": "polygon", "all_points_x": [3, 4, 3, 4], "all_points_y": [3, 5, 3, 5]},
        {"name": "polygon", "all_points_x": [3, 4, 5], "all_points_y": [3, 4, 5]},
        {"name": "rect", "x": 3, "y": 4, "width": 0, "height": 5},
        {"name": "circle", "cx": 3, "cy": 4, "r": 0},
    ],
)
def test_regions_without_area_are_left_out_and_named(via, shape):
    path = via.save(via.image(via.region(), via.region(shape=shape), via.region("large")))
    with pytest.warns(UserWarning, match=r"via\.json: 1 regions .*: 'a\.jpg' region 2\."):
        (entry,) = read_via(path, NAMES)
    assert entry.degenerate_regions == [1]
    assert entry.class_names == ["normal", "large"]
    assert entry.region_numbers == [0, 2]


def test_messages_count_regions_as_via_does(via):
    with pytest.raises(DataError, match=r"'a\.jpg', region 2: unknown shape 'star'"):
        read_via(via.save(via.image(via.region(), via.region(shape={"name": "star"}))), NAMES)
