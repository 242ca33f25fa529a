"""Every form, shape and class attribute that VIA writes is read."""

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats.via_reading import read_via
from mrcnn.instances import Instances

NAMES = ["large", "normal", "small", "undefined"]
ALIASES = {"besar": "large", "kecil": "small"}

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


def test_coco_box_and_parts(via):
    (boxed, _) = read_via(via.write(via.coco([], bbox=[3, 4, 5, 6])), NAMES)
    masks = Instances.from_polygons(boxed.polygons, [1], (20, 20))
    assert masks.boxes.tolist() == [[4, 3, 10, 8]]
    assert masks.crops[0].all()

    parts = [[1, 1, 4, 1, 4, 4, 1, 4], [10, 10, 15, 10, 15, 13, 10, 13], [1, 9, 3, 9, 3, 12, 1, 12]]
    (entry, _) = read_via(via.write(via.coco(parts)), NAMES)
    masks = Instances.from_polygons(entry.polygons, [1], (20, 20)).full_masks()[:, :, 0]
    expected = np.zeros((20, 20), bool)
    expected[1:5, 1:5] = expected[10:14, 10:16] = expected[9:13, 1:4] = True
    np.testing.assert_array_equal(masks, expected)


def test_byte_order_mark(via):
    path = via.save(via.image(via.region()))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_via(path, NAMES)[0].class_names == ["normal"]


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
    with pytest.warns(UserWarning, match=r"via\.json: 1 regions .*: 'a\.jpg' region 1\."):
        (entry,) = read_via(path, NAMES)
    assert entry.degenerate_regions == [1]
    assert entry.class_names == ["normal", "large"]
    assert entry.region_numbers == [0, 2]


# ---- classes


@pytest.mark.parametrize("value", ["normal", " NORMAL ", {"normal": True}, ["normal"]])
def test_values_of_all_kinds(via, value):
    (entry,) = read_via(via.save(via.image(via.region(value))), NAMES)
    assert entry.class_names == ["normal"]


def test_checkbox_with_unchecked_options(via):
    value = {"large": False, "small": True}
    assert read_via(via.save(via.image(via.region(value))), NAMES)[0].class_names == ["small"]


def test_aliases(via):
    path = via.save(via.image(via.region("Besar"), via.region("kecil "), via.region("LARGE")))
    (entry,) = read_via(path, NAMES, class_aliases=ALIASES)
    assert entry.class_names == ["large", "small", "large"]
    (entry,) = read_via(path, attribute="name", class_aliases=ALIASES)
    assert entry.class_names == ["large", "small", "LARGE"]


def test_alias_of_an_unknown_class(via):
    with pytest.raises(DataError, match=r"'riesig' stands for 'huge'.*large, normal"):
        read_via(via.save(via.image(via.region())), NAMES, class_aliases={"riesig": "huge"})


def test_numbers_as_classes(via):
    assert read_via(via.save(via.image(via.region(3))))[0].class_names == ["3"]


def test_attribute_is_found_among_others(via):
    path = via.save(
        via.image(
            via.region("normal", stage="ring"),
            via.region("small", stage="none", note="normal?"),
        )
    )
    assert read_via(path, NAMES)[0].class_names == ["normal", "small"]
    assert read_via(path, attribute="stage")[0].class_names == ["ring", "none"]


def test_several_candidates(via):
    path = via.save(via.image(via.region("normal", second="small")))
    with pytest.raises(DataError, match=r"several attributes.*'name', 'second'.*Name the"):
        read_via(path, NAMES)
    with pytest.raises(DataError, match="several attributes"):
        read_via(path)
    assert read_via(path, NAMES, attribute="second")[0].class_names == ["small"]


def test_the_attribute_that_all_regions_fill_wins(via):
    path = via.save(via.image(via.region("normal", second="small"), via.region("large")))
    assert read_via(path, NAMES)[0].class_names == ["normal", "large"]


def test_one_class_needs_no_attribute(via):
    regions = [via.region(), {"shape_attributes": TRIANGLE, "region_attributes": {}}]
    (entry,) = read_via(via.save(via.image(*regions)), ["balloon"])
    assert entry.class_names == ["balloon", "balloon"]


def test_no_attribute_at_all(via):
    path = via.save(via.image({"shape_attributes": TRIANGLE, "region_attributes": {}}))
    with pytest.raises(DataError, match="no region has attributes"):
        read_via(path, NAMES)


def test_unknown_class_is_named_with_region_and_aliases(via):
    path = via.save(
        via.image(via.region()), via.image(via.region(), via.region("giant"), name="b.jpg")
    )
    with pytest.raises(DataError) as caught:
        read_via(path, NAMES, class_aliases=ALIASES)
    message = str(caught.value)
    for part in (str(path), "'b.jpg'", "region 1", "'giant'", "'name'", *NAMES, "besar = large"):
        assert part in message


def test_only_unknown_classes(via):
    with pytest.raises(DataError, match=r"region 0: unknown class 'cat'.*large, normal"):
        read_via(via.save(via.image(via.region("cat"))), NAMES)


def test_none_of_several_attributes(via):
    with pytest.raises(DataError, match="none of the attributes 'a', 'name'"):
        read_via(via.save(via.image(via.region("cat", a="dog"))), NAMES)


@pytest.mark.parametrize("value", ["", "  ", None, {}, {"normal": False}])
def test_class_without_value(via, value):
    with pytest.raises(DataError, match=r"region 1: the attribute 'name' has no value"):
        read_via(via.save(via.image(via.region(), via.region(value))), NAMES)


def test_missing_attribute(via):
    other = via.region("x", attribute="colour")
    with pytest.raises(DataError, match=r"region 1: .*'name'.*is missing.*'colour'"):
        read_via(via.save(via.image(via.region(), other)), NAMES)


def test_two_classes_in_one_region(via):
    value = {"normal": True, "small": True}
    with pytest.raises(DataError, match="several classes, 'normal', 'small'"):
        read_via(via.save(via.image(via.region(value))), NAMES)
