"""Every form that VIA writes is read; what cannot be used is named by file, image and region."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.data.instances import InstanceMasks
from mrcnn.data.via import locate_image, read_via
from mrcnn.errors import DataError

NAMES = ["large", "normal", "small", "undefined"]
ALIASES = {"besar": "large", "kecil": "small"}

TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}
TRIANGLE_POINTS = [[2, 1], [2, 9], [8, 5]]


def region(value="normal", shape=TRIANGLE, attribute="name", **others):
    return {"shape_attributes": shape, "region_attributes": {attribute: value, **others}}


def image(*regions, name="a.jpg", size=100):
    return {
        "filename": name,
        "size": size,
        "regions": list(regions),
        "file_attributes": {"caption": "x"},
    }


def export(*images):
    return {f"{entry['filename']}{entry['size']}": entry for entry in images}


@pytest.fixture
def write(tmp_path):
    def write_json(content, name="via.json"):
        path = tmp_path / name
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        path.write_bytes(text)
        return path

    return write_json


# ---- forms of the file


def test_version_2_export(write):
    (entry,) = read_via(write(export(image(region(), region("large")))), NAMES)
    assert entry.filename == "a.jpg"
    assert entry.size == 100
    assert entry.class_names == ["normal", "large"]
    assert entry.region_numbers == [0, 1]
    assert entry.polygons[0].dtype == np.float64
    assert entry.polygons[0].tolist() == TRIANGLE_POINTS


def test_version_1_export(write):
    content = export(image())
    content["a.jpg100"]["regions"] = {"0": region("small"), "1": region("large")}
    content["a.jpg100"] |= {"fileref": "", "base64_img_data": ""}
    (entry,) = read_via(write(content), NAMES)
    assert entry.class_names == ["small", "large"]


@pytest.mark.parametrize("as_list", [True, False])
def test_project(write, as_list):
    content = export(image(region()), image(name="empty.jpg"))
    if not as_list:
        content["a.jpg100"]["regions"] = {"0": region()}
    project = {
        "_via_settings": {"core": {}},
        "_via_img_metadata": content,
        "_via_attributes": {"region": {"name": {"type": "radio"}}},
        "_via_image_id_list": list(content),
    }
    entries = read_via(write(project), NAMES)
    assert [entry.filename for entry in entries] == ["a.jpg", "empty.jpg"]
    assert [len(entry.polygons) for entry in entries] == [1, 0]


def coco(segmentation, *, identity=1, **annotation):
    return {
        "info": {},
        "licenses": [],
        "images": [
            {"id": identity, "width": 20, "height": 20, "file_name": "a.jpg"},
            {"id": 2, "width": 20, "height": 20, "file_name": "empty.jpg"},
        ],
        "categories": [{"supercategory": "name", "id": 7, "name": "normal"}],
        "annotations": [
            {
                "id": 1,
                "image_id": str(identity),
                "category_id": 7,
                "segmentation": segmentation,
                "iscrowd": 0,
                **annotation,
            }
        ],
    }


@pytest.mark.parametrize("nested", [True, False])
def test_coco_export(write, nested):
    outline = [1, 2, 9, 2, 5, 8]
    first, empty = read_via(write(coco([outline] if nested else outline)), NAMES)
    assert first.class_names == ["normal"]
    assert first.polygons[0].tolist() == TRIANGLE_POINTS
    assert (empty.filename, empty.polygons) == ("empty.jpg", [])
    assert read_via(write(coco([outline])), NAMES, attribute="name")[0].class_names == ["normal"]
    assert read_via(write(coco([outline])))[0].class_names == ["normal"]
    assert read_via(write(coco([outline])), ["cell"])[0].class_names == ["cell"]


def test_coco_box_and_parts(write):
    (boxed, _) = read_via(write(coco([], bbox=[3, 4, 5, 6])), NAMES)
    masks = InstanceMasks.from_polygons(boxed.polygons, [1], (20, 20))
    assert masks.boxes.tolist() == [[4, 3, 10, 8]]
    assert masks.crops[0].all()

    parts = [[1, 1, 4, 1, 4, 4, 1, 4], [10, 10, 15, 10, 15, 13, 10, 13], [1, 9, 3, 9, 3, 12, 1, 12]]
    (entry, _) = read_via(write(coco(parts)), NAMES)
    masks = InstanceMasks.from_polygons(entry.polygons, [1], (20, 20)).to_full()[:, :, 0]
    expected = np.zeros((20, 20), bool)
    expected[1:5, 1:5] = expected[10:14, 10:16] = expected[9:13, 1:4] = True
    np.testing.assert_array_equal(masks, expected)


def test_byte_order_mark(write):
    content = b"\xef\xbb\xbf" + json.dumps(export(image(region()))).encode()
    assert read_via(write(content), NAMES)[0].class_names == ["normal"]


# ---- shapes


def pixels(write, shape):
    (entry,) = read_via(write(export(image(region(shape=shape)))), NAMES)
    instances = InstanceMasks.from_polygons(entry.polygons, [1], (40, 50))
    return instances.to_full()[:, :, 0]


def test_polyline_is_closed(write):
    np.testing.assert_array_equal(
        pixels(write, {**TRIANGLE, "name": "polyline"}), pixels(write, TRIANGLE)
    )


def test_rectangle_covers_its_width_and_height(write):
    mask = pixels(write, {"name": "rect", "x": 5, "y": 7, "width": 10, "height": 3})
    expected = np.zeros((40, 50), bool)
    expected[7:10, 5:15] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("radius", [0.6, 3, 12.5])
def test_circle(write, radius):
    mask = pixels(write, {"name": "circle", "cx": 20, "cy": 15, "r": radius})
    rows, columns = np.mgrid[:40, :50]
    distance = np.hypot(rows - 15, columns - 20)
    assert mask[distance < radius - 0.06].all()
    assert not mask[distance > radius].any()


def test_turned_ellipse(write):
    shape = {"name": "ellipse", "cx": 25, "cy": 20, "rx": 15, "ry": 5, "theta": 0.6}
    mask = pixels(write, shape)
    rows, columns = np.mgrid[:40, :50]
    x, y = columns - 25, rows - 20
    along = x * np.cos(0.6) + y * np.sin(0.6)
    across = y * np.cos(0.6) - x * np.sin(0.6)
    inside = (along / 15) ** 2 + (across / 5) ** 2
    assert mask[inside < 0.97].all()
    assert not mask[inside > 1].any()
    upright = {key: value for key, value in shape.items() if key != "theta"}
    assert pixels(write, upright)[20, 11] and not pixels(write, upright)[28, 25]


@pytest.mark.filterwarnings("error")
def test_regions_reach_beyond_the_image(write):
    shape = {"name": "rect", "x": -30, "y": 35, "width": 60, "height": 60}
    mask = pixels(write, shape)
    assert mask[35:, :30].all()
    assert mask.sum() == 5 * 30


def test_points_are_left_out_and_counted(write):
    point = {"name": "point", "cx": 3, "cy": 4}
    path = write(export(image(region(), region(shape=point), region(value="", shape=point))))
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
def test_regions_without_area_are_left_out_and_named(write, shape):
    path = write(export(image(region(), region(shape=shape), region("large"))))
    with pytest.warns(UserWarning, match=r"via\.json: 1 regions .*: a\.jpg region 1\."):
        (entry,) = read_via(path, NAMES)
    assert entry.degenerate_regions == [1]
    assert entry.class_names == ["normal", "large"]
    assert entry.region_numbers == [0, 2]


# ---- classes


@pytest.mark.parametrize("value", ["normal", " NORMAL ", {"normal": True}, ["normal"]])
def test_values_of_all_kinds(write, value):
    (entry,) = read_via(write(export(image(region(value)))), NAMES)
    assert entry.class_names == ["normal"]


def test_checkbox_with_unchecked_options(write):
    value = {"large": False, "small": True}
    assert read_via(write(export(image(region(value)))), NAMES)[0].class_names == ["small"]


def test_aliases(write):
    path = write(export(image(region("Besar"), region("kecil "), region("LARGE"))))
    (entry,) = read_via(path, NAMES, class_aliases=ALIASES)
    assert entry.class_names == ["large", "small", "large"]
    (entry,) = read_via(path, attribute="name", class_aliases=ALIASES)
    assert entry.class_names == ["large", "small", "LARGE"]


def test_alias_of_an_unknown_class(write):
    with pytest.raises(DataError, match=r"'riesig' stands for 'huge'.*large, normal"):
        read_via(write(export(image(region()))), NAMES, class_aliases={"riesig": "huge"})


def test_numbers_as_classes(write):
    assert read_via(write(export(image(region(3)))))[0].class_names == ["3"]


def test_attribute_is_found_among_others(write):
    path = write(
        export(
            image(region("normal", stage="ring"), region("small", stage="none", note="normal?"))
        )
    )
    assert read_via(path, NAMES)[0].class_names == ["normal", "small"]
    assert read_via(path, attribute="stage")[0].class_names == ["ring", "none"]


def test_several_candidates(write):
    path = write(export(image(region("normal", second="small"))))
    with pytest.raises(DataError, match="several attributes.*'name', 'second'.*Name the attribute"):
        read_via(path, NAMES)
    with pytest.raises(DataError, match="several attributes"):
        read_via(path)
    assert read_via(path, NAMES, attribute="second")[0].class_names == ["small"]


def test_the_attribute_that_all_regions_fill_wins(write):
    path = write(export(image(region("normal", second="small"), region("large"))))
    assert read_via(path, NAMES)[0].class_names == ["normal", "large"]


def test_one_class_needs_no_attribute(write):
    regions = [region(), {"shape_attributes": TRIANGLE, "region_attributes": {}}]
    (entry,) = read_via(write(export(image(*regions))), ["balloon"])
    assert entry.class_names == ["balloon", "balloon"]


def test_no_attribute_at_all(write):
    path = write(export(image({"shape_attributes": TRIANGLE, "region_attributes": {}})))
    with pytest.raises(DataError, match="no region has attributes"):
        read_via(path, NAMES)


def test_unknown_class_is_named_with_region_and_aliases(write):
    path = write(export(image(region()), image(region(), region("giant"), name="b.jpg")))
    with pytest.raises(DataError) as caught:
        read_via(path, NAMES, class_aliases=ALIASES)
    message = str(caught.value)
    for part in (str(path), "'b.jpg'", "region 1", "'giant'", "'name'", *NAMES, "besar = large"):
        assert part in message


def test_only_unknown_classes(write):
    with pytest.raises(DataError, match=r"region 0: unknown class 'cat'.*large, normal"):
        read_via(write(export(image(region("cat")))), NAMES)


def test_none_of_several_attributes(write):
    with pytest.raises(DataError, match="none of the attributes 'a', 'name'"):
        read_via(write(export(image(region("cat", a="dog")))), NAMES)


@pytest.mark.parametrize("value", ["", "  ", None, {}, {"normal": False}])
def test_class_without_value(write, value):
    with pytest.raises(DataError, match=r"region 1: the attribute 'name' has no value"):
        read_via(write(export(image(region(), region(value)))), NAMES)


def test_missing_attribute(write):
    other = region("x", attribute="colour")
    with pytest.raises(DataError, match=r"region 1: .*'name'.*is missing.*'colour'"):
        read_via(write(export(image(region(), other))), NAMES)


def test_two_classes_in_one_region(write):
    value = {"normal": True, "small": True}
    with pytest.raises(DataError, match="several classes, 'normal', 'small'"):
        read_via(write(export(image(region(value)))), NAMES)


# ---- broken files


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="folder .*nowhere does not exist.*via.json"):
        read_via(tmp_path / "nowhere" / "via.json")


def test_missing_file_names_the_json_files_there(write, tmp_path):
    write({}, "other.json")
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
def test_broken_files(write, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_via(write(content), NAMES)
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
def test_broken_shapes(write, shape, message):
    path = write(export(image(region(), region(shape=shape), name="b.jpg")))
    with pytest.raises(DataError, match=message) as caught:
        read_via(path, NAMES)
    assert f"{path}, image 'b.jpg', region 1" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 9}, "annotation 0: there is no image with the 'id' 9"),
        ({"image_id": None}, "annotation 0: 'image_id'"),
        ({"category_id": 1}, r"'a\.jpg', annotation 0: there is no category.*known: 7"),
        ({"segmentation": [1, 2, 3]}, "even number"),
        ({"segmentation": [[1, 2, 3, "x", 5, 6]]}, r"'segmentation'\[1\] is 'x'"),
        ({"segmentation": {"counts": "abc", "size": [3, 3]}}, "run-length"),
        ({"segmentation": None, "bbox": [1, 2]}, "'bbox' of 4 numbers"),
        ({"segmentation": "abc"}, "'segmentation' must be a list"),
    ],
)
def test_broken_coco_exports(write, change, message):
    with pytest.raises(DataError, match=message):
        read_via(write(coco([1, 2, 9, 2, 5, 8], **{})), NAMES) and read_via(
            write(coco(**{"segmentation": [1, 2, 9, 2, 5, 8], **change})), NAMES
        )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4)
    ),
    max_leaves=8,
)
keys = st.sampled_from(["filename", "regions", "size", "shape_attributes", "region_attributes"])


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.data())
def test_any_change_is_read_or_refused_clearly(tmp_path_factory, data):
    """Whatever stands in place of one value, there is no error but DataError."""
    content = data.draw(
        st.sampled_from([export(image(region(), region("large"))), coco([1, 2, 9, 2, 5, 8])])
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
    path = tmp_path_factory.getbasetemp() / "changed.json"
    path.write_text(json.dumps(content))
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
