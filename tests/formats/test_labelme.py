"""LabelMe's files, as LabelMe writes them."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations
from mrcnn.instances import Instances

NAMES = ["large", "normal"]
TRIANGLE = [[1.0, 2.0], [9.5, 2.0], [5.0, 8.0]]


def shape(label="normal", points=TRIANGLE, kind="polygon", **more):
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
        **more,
    }


@pytest.fixture
def read(tmp_path):
    """Write LabelMe's file of the image a.jpg, and read it."""
    Image.new("RGB", (50, 40)).save(tmp_path / "a.jpg")

    def write_and_read(*shapes, names=NAMES, problems=None, **more):
        content = {
            "version": "5.4.1",
            "flags": {},
            "shapes": list(shapes),
            "imagePath": "..\\pictures\\a.jpg",
            "imageData": base64.b64encode(b"x" * 2000).decode(),
            "imageHeight": 40,
            "imageWidth": 50,
            **more,
        }
        (tmp_path / "a.json").write_text(json.dumps(content))
        (image,) = read_annotations(tmp_path / "a.json", names, problems=problems)
        return image

    return write_and_read


def masks(image):
    found = Instances.from_polygons(image.polygons, [1] * len(image.polygons), (40, 50))
    return np.moveaxis(found.full_masks(), 2, 0)


def test_polygons_and_their_classes(read):
    image = read(shape(), shape("Large"))
    assert (image.filename, image.image_shape) == ("a.jpg", (40, 50))
    assert image.class_names == ["normal", "large"]
    assert image.polygons[0].tolist() == [[2, 1], [2, 9.5], [8, 5]]
    assert read(shape("ring"), names=None).class_names == ["ring"]
    assert read(shape("ring"), names=["cell"]).class_names == ["cell"]
    old = {"label": "large", "points": TRIANGLE}
    assert read(old, imagePath="lost.jpg", version="3.16.7").filename == "a.jpg"


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
def test_other_shapes(read):
    box = shape(points=[[20.0, 12.0], [5.0, 7.0]], kind="rectangle")
    circle = shape(points=[[20.0, 15.0], [20.0, 25.0]], kind="circle")
    image = read(box, circle)
    assert image.is_box == [True, False]
    boxed, round_ = masks(image)
    assert boxed[7:12, 5:20].all() and boxed.sum() == 5 * 15
    rows, columns = np.mgrid[:40, :50]
    distance = np.hypot(rows - 15, columns - 20)
    assert round_[distance < 9.9].all() and not round_[distance > 10].any()


def test_masks_in_their_boxes(read):
    mask = np.random.default_rng(0).random((6, 9)) < 0.6
    content = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(content, "PNG")
    packed = base64.b64encode(content.getvalue()).decode()
    image = read(shape(points=[[30.0, 20.0], [38.0, 25.0]], kind="mask", mask=packed))
    expected = np.zeros((40, 50), bool)
    expected[20:26, 30:39] = mask
    assert np.array_equal(masks(image)[0], expected)


def test_a_group_is_one_object(read):
    far = [[20, 20], [30, 20], [30, 30], [20, 30]]
    image = read(
        shape(group_id=1),
        shape("large", group_id=1),
        shape(points=far, group_id=1),
        shape(points=far, group_id=2),
        shape(points=far),
    )
    assert image.class_names == ["normal", "large", "normal", "normal"]
    assert [int(mask.sum()) for mask in masks(image)] == [
        masks(read(shape()))[0].sum() + 121,
        masks(read(shape()))[0].sum(),
        121,
        121,
    ]


def test_what_has_no_area_is_told(read):
    with pytest.warns(UserWarning, match="3 point regions"):
        image = read(
            shape(points=[[1, 2]], kind="point"),
            shape(points=[[1, 2], [3, 4]], kind="line"),
            shape(kind="linestrip"),
        )
    assert image.point_regions == 3


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (5, "an object with 'label' and 'points'"),
        (shape(kind="star"), "unknown shape 'star'.*polygon, rectangle, circle, mask"),
        (shape(points=5), "'points' must be a list"),
        (shape(points=[[1, 2], [3]]), "'points' must be a list"),
        (shape(points=[[1, 2], [3, "x"], [5, 6]]), r"'points'\[1\] is 'x'"),
        (shape(kind="circle"), "a circle has 2 points, and this one has 3"),
        (shape(points=TRIANGLE[:2], kind="mask", mask="###"), "no PNG picture in base64"),
        (shape(points=TRIANGLE[:2], kind="mask", mask="aaaa"), "Cannot read"),
        (shape(points=TRIANGLE[:2], kind="mask"), "no PNG picture in base64"),
        (shape("ring"), "unknown class 'ring'"),
        (shape(None), "which holds the class, is missing"),
    ],
)
def test_broken_shapes(read, entry, said):
    with pytest.raises(DataError, match=said) as caught:
        read(shape(), entry)
    assert "a.json, shape 2" in str(caught.value)
    problems = []
    assert read(shape(), entry, problems=problems).class_names == ["normal"]
    assert len(problems) == 1
