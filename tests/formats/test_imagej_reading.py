"""ROI sets as ImageJ's ROI Manager saves them."""

import io
import zipfile

import numpy as np
import pytest
import roifile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations
from mrcnn.formats.imagej import is_imagej
from mrcnn.instances import Instances

SQUARE = [[10, 5], [30, 5], [30, 25], [10, 25]]


def roi(points=SQUARE, name="0015-0020", kind=roifile.ROI_TYPE.POLYGON, **more):
    with np.errstate(invalid="ignore"):
        made = roifile.ImagejRoi.frompoints(np.array(points))
    made.roitype, made.name = kind, name
    for key, value in more.items():
        setattr(made, key, value)
    return made


def sides(kind, left, top, right, bottom, **more):
    return roifile.ImagejRoi(
        roitype=kind, left=left, top=top, right=right, bottom=bottom, name="0001-0001", **more
    )


def packed(*rois):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, each in enumerate(rois):
            data = each if isinstance(each, bytes) else each.tobytes()
            archive.writestr(f"{number:04d}-0020-0015.roi", data)
    return content.getvalue()


@pytest.fixture
def read(tmp_path):
    """Write a ROI set of the image a.png, and read it."""
    Image.new("RGB", (50, 40)).save(tmp_path / "a.png")

    def write_and_read(content, names=None, problems=None, filename="a_RoiSet.zip"):
        (tmp_path / filename).write_bytes(content)
        (image,) = read_annotations(tmp_path / filename, names, problems=problems)
        return image

    return write_and_read


def masks(image):
    found = Instances.from_polygons(image.polygons, [1] * len(image.polygons), (40, 50))
    return np.moveaxis(found.full_masks(), 2, 0)


def square_mask():
    expected = np.zeros((40, 50), bool)
    expected[5:25, 10:30] = True
    return expected


@pytest.mark.parametrize("kind", ["POLYGON", "FREEHAND", "TRACED"])
def test_corners_are_edges_of_pixels(read, kind):
    image = read(packed(roi(kind=roifile.ROI_TYPE[kind])))
    assert image.filename == "a.png" and image.class_names == ["object"]
    np.testing.assert_array_equal(masks(image)[0], square_mask())
    floating = np.array(SQUARE, np.float32)
    np.testing.assert_array_equal(masks(read(packed(roi(floating))))[0], square_mask())
    single = read(roi().tobytes(), filename="a.roi")
    np.testing.assert_array_equal(masks(single)[0], square_mask())


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
def test_rectangles_and_ovals(read):
    image = read(
        packed(
            sides(roifile.ROI_TYPE.RECT, 10, 5, 30, 25),
            sides(roifile.ROI_TYPE.OVAL, 10, 5, 30, 25),
        )
    )
    assert image.is_box == [True, False]
    box, oval = masks(image)
    np.testing.assert_array_equal(box, square_mask())
    rows, columns = np.mgrid[:40, :50]
    distance = np.hypot(rows + 0.5 - 15, columns + 0.5 - 20)
    assert oval[distance < 9.9].all() and not oval[distance > 10].any()


def test_composites_with_holes_and_curves(read):
    hole = [0, 15, 10, 1, 15, 15, 1, 20, 15, 1, 20, 10, 4]
    outer = [0, 10, 5, 1, 30, 5, 1, 30, 25, 1, 10, 25, 4]
    # A quarter of a circle, as Java joins shapes.
    arc = [0, 40, 0, 1, 50, 0, 1, 50, 10, 3, 44.48, 10, 40, 5.52, 40, 0, 4]
    path = np.array([*outer, *hole, *arc], np.float32)
    composite = sides(
        roifile.ROI_TYPE.RECT, 10, 0, 50, 25, multi_coordinates=path, shape_roi_size=len(path)
    )
    expected = square_mask()
    expected[10:15, 15:20] = False
    (mask,) = masks(read(packed(composite)))
    np.testing.assert_array_equal(mask[:, :40], expected[:, :40])
    assert mask[:10, 40:].sum() == pytest.approx(np.pi * 25, abs=4)
    assert read(packed(composite)).is_box == [False]


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("0001-normal-0.93", "normal"),
        ("large", "large"),
        ("Large-1", "large"),
        ("12_normal", "normal"),
        ("normal 3", "normal"),
    ],
)
def test_names_hold_the_class(read, name, class_name):
    assert read(packed(roi(name=name)), ["large", "normal"]).class_names == [class_name]


def test_names_of_numbers_hold_none(read):
    image = read(packed(roi(name="0001-0123-0456"), roi(name="7")), ["cell"])
    assert image.class_names == ["cell", "cell"]
    with pytest.raises(DataError, match="single class name"):
        read(packed(roi(name="0001-0123-0456")), ["large", "normal"])


def test_what_has_no_area_is_told(read):
    line = sides(roifile.ROI_TYPE.LINE, 0, 0, 5, 5)
    point = roi([[5, 5]], kind=roifile.ROI_TYPE.POINT)
    with pytest.warns(UserWarning, match="2 point regions"):
        assert read(packed(line, point, roi())).point_regions == 2


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"Iout", "damaged"),
        (b"", "damaged"),
        (roi().tobytes()[:70], "damaged"),
        (b"Iout" + b"\xff" * 100, "of an unknown kind"),
        (roi(np.array([[0, 0], [np.nan, 1], [5, 5]], np.float32)).tobytes(), "not a number up to"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_broken_rois(read, broken, said):
    problems = []
    assert len(read(packed(roi(), broken), problems=problems).polygons) == 1
    assert len(problems) == 1
    with pytest.raises(DataError, match=rf"ROI 2 .*{said}"):
        read(packed(roi(), broken))


def test_archives_that_are_none_or_do_harm(tmp_path, read):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", b"x")
    assert not is_imagej(content.getvalue())
    assert not is_imagej(b"PK\x03\x04 and so on")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large.roi", bytes(1 << 25))
    with pytest.raises(DataError, match="unpack to far more"):
        read(content.getvalue())
    damaged = bytearray(packed(roi()))
    damaged[60:80] = b"x" * 20
    with pytest.raises(DataError, match="the zip file is damaged"):
        read(bytes(damaged))
