"""A pixel's size is taken where a file says it and a microscope can have taken it."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.pictures import PixelSize, open_picture
from mrcnn.pictures.pixel_size import of_dots_per_inch, of_tiff_tags

COLORS = np.zeros((4, 6, 3), np.uint8)
INCH, CENTIMETER, NONE = 2, 3, 1


def size_of(path):
    with open_picture(path) as picture:
        size = picture.pixel_size
        picture.pixels()
        assert picture.pixel_size == size
    with open_picture(path) as picture:
        picture.pixels()
        assert picture.pixel_size == size, "also where it is asked after the pixels"
    return size


def check(size, y, x, told_by):
    assert size is not None
    assert (size.y, size.x) == pytest.approx((y, x), rel=1e-4)
    assert size.told_by == told_by


def save_tiff(path, pixels=COLORS, **options):
    tifffile.imwrite(path, pixels, photometric="rgb", **options)
    return path


# 8 bits are read by pillow, 16 bits by tifffile.
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("unit", "per_x", "per_y", "micrometers"),
    [(CENTIMETER, 40000, 20000, (0.5, 0.25)), (INCH, 101600, 101600, (0.25, 0.25))],
)
def test_resolution_of_tiff(tmp_path, dtype, unit, per_x, per_y, micrometers):
    path = save_tiff(
        tmp_path / "a.tif",
        COLORS.astype(dtype),
        resolution=(per_x, per_y),
        resolutionunit=unit,
        metadata=None,
    )
    check(size_of(path), *micrometers, "TIFF resolution")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resolution_without_a_unit_says_nothing(tmp_path, dtype):
    path = save_tiff(
        tmp_path / "a.tif",
        COLORS.astype(dtype),
        resolution=(4, 4),
        resolutionunit=NONE,
        metadata=None,
    )
    assert size_of(path) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("unit", "per_pixel", "micrometers"),
    [
        ("micron", 0.325, 0.325),
        ("um", 0.325, 0.325),
        ("\\u00B5m", 0.325, 0.325),
        ("nm", 65, 0.065),
        ("mm", 0.0005, 0.5),
        ("cm", 0.0001, 1.0),
    ],
)
def test_imagej(tmp_path, dtype, unit, per_pixel, micrometers):
    """ImageJ writes pixels per unit, and the unit into the description."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        COLORS[:, :, 0].astype(dtype),
        imagej=True,
        resolution=(1 / per_pixel, 1 / per_pixel),
        metadata={"unit": unit, "spacing": 2.0},
    )
    check(size_of(path), micrometers, micrometers, "ImageJ metadata")


def test_imagej_with_two_units():
    tags = {270: "ImageJ=1.54\nunit=micron\nyunit=nm\n", 282: (4, 1), 283: (1, 250)}
    check(of_tiff_tags(tags), 0.25, 0.25, "ImageJ metadata")


def test_imagej_that_only_copied_72_dots_per_inch():
    assert of_tiff_tags({270: "ImageJ=1.54\nunit=inch\n", 282: 72.0, 283: 72.0, 296: 2}) is None


def test_imagej_without_a_unit_of_length_has_its_resolution():
    tags = {270: "ImageJ=1.54\nunit=pixel\n", 282: 40000.0, 283: 40000.0, 296: CENTIMETER}
    check(of_tiff_tags(tags), 0.25, 0.25, "TIFF resolution")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("said", "micrometers"),
    [
        ({"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3}, (0.3, 0.2)),
        (
            {
                "PhysicalSizeX": 200,
                "PhysicalSizeXUnit": "nm",
                "PhysicalSizeY": 0.3,
                "PhysicalSizeYUnit": "µm",
            },
            (0.3, 0.2),
        ),
    ],
)
def test_ome_xml(tmp_path, dtype, said, micrometers):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path, COLORS.astype(dtype), photometric="rgb", metadata={"axes": "YXS", **said}
    )
    check(size_of(path), *micrometers, "OME-XML")


def test_ome_xml_is_believed_before_the_resolution():
    xml = '<?xml version="1.0"?><ome:OME><ome:Pixels ID="0" PhysicalSizeY=\'0.5\' '
    tags = {270: xml + 'PhysicalSizeX="0.5"/></ome:OME>', 282: 40000, 283: 40000, 296: CENTIMETER}
    check(of_tiff_tags(tags), 0.5, 0.5, "OME-XML")


@pytest.mark.parametrize(
    "text",
    [
        '<Pixels PhysicalSizeX="0.5"/>',
        '<Pixels PhysicalSizeX="a" PhysicalSizeY="0.5"/>',
        '<Pixels PhysicalSizeX="0.5" PhysicalSizeXUnit="pixel" PhysicalSizeY="0.5"/>',
        '<Image PhysicalSizeX="0.5" PhysicalSizeY="0.5"/>',
    ],
)
def test_half_a_size_is_none(text):
    assert of_tiff_tags({270: text}) is None


def test_png(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "a.png", dpi=(101600, 50800))
    check(size_of(tmp_path / "a.png"), 0.5, 0.25, "PNG pHYs")


def test_jpeg(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "a.jpg", dpi=(50800, 25400))
    check(size_of(tmp_path / "a.jpg"), 1.0, 0.5, "JPEG density")


def test_bmp(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "a.bmp", dpi=(50800, 50800))
    check(size_of(tmp_path / "a.bmp"), 0.5, 0.5, "BMP resolution")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp"])
@pytest.mark.parametrize("dpi", [72, 96, 300, 600, 1200, 2400])
def test_dots_of_screens_and_printers_are_no_size(tmp_path, name, dpi):
    Image.fromarray(COLORS).save(tmp_path / name, dpi=(dpi, dpi))
    assert size_of(tmp_path / name) is None


def test_files_that_say_nothing(tmp_path):
    for name in ("a.png", "a.jpg", "a.tif", "a.ppm", "a.gif", "a.webp"):
        Image.fromarray(COLORS).save(tmp_path / name)
        assert size_of(tmp_path / name) is None


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_lies_on_its_side(tmp_path, name, orientation):
    """Shape and size of a pixel are those of the upright picture."""
    image = Image.fromarray(COLORS)
    exif = image.getexif()
    exif[274] = orientation
    image.save(
        tmp_path / name, dpi=(101600, 50800) if name != "a.jpg" else (50800, 25400), exif=exif
    )
    upright = (0.5, 0.25) if orientation < 5 else (0.25, 0.5)
    if name == "a.jpg":
        upright = tuple(2 * size for size in upright)
    with open_picture(tmp_path / name) as picture:
        assert picture.shape == ((4, 6) if orientation < 5 else (6, 4))
        assert picture.pixels().shape[:2] == picture.shape
    with open_picture(tmp_path / name) as picture:
        assert picture.pixels().shape[:2] == picture.shape
    size = size_of(tmp_path / name)
    assert (size.y, size.x) == pytest.approx(upright, rel=1e-4)


@given(
    value=st.none()
    | st.text(max_size=3)
    | st.tuples(st.floats(), st.floats())
    | st.tuples(st.integers(-1, 10**6), st.integers(-1, 10**6))
)
def test_any_resolution_is_plausible_or_none(value):
    found = of_dots_per_inch(value, "here")
    assert found is None or (0.001 <= found.y < 10 and 0.001 <= found.x < 10)


anything = (
    st.none()
    | st.binary(max_size=4)
    | st.text(max_size=4)
    | st.integers(-1, 10**6)
    | st.floats()
    | st.tuples(st.integers(-1, 9), st.integers(-1, 9))
    | st.just(())
)
descriptions = anything | st.builds(
    "{}{}=\"{}\" PhysicalSizeY='{}' unit=\n{}".format,
    st.sampled_from(["<Pixels PhysicalSizeX", "ImageJ=", ""]),
    *[st.text(max_size=4)] * 4,
)


@given(
    tags=st.fixed_dictionaries(
        {}, optional={270: descriptions, 282: anything, 283: anything, 296: anything}
    )
)
def test_any_tags_are_plausible_or_none(tags):
    found = of_tiff_tags(tags)
    assert found is None or isinstance(found, PixelSize)
