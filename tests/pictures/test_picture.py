"""A picture gives any region inside it, says what it is asked in vain, and closes its file."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.pictures import Level, Picture, open_picture, read_image

COLORS = np.random.default_rng(0).integers(0, 256, (11, 17, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "field.png"
    Image.fromarray(COLORS).save(path)
    return path


@pytest.fixture(scope="module")
def deep_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "deep.tif"
    tifffile.imwrite(path, COLORS.astype(np.uint16) * 257, photometric="rgb")
    return path


@pytest.fixture
def of_any_kind(file, deep_file):
    with open_picture(file) as png, open_picture(deep_file) as deep:
        yield png, deep, Picture.of(COLORS)


class Halved(Picture):
    """A picture of two levels, as slides have: the second has every second pixel."""

    def __init__(self, pixels):
        self._arrays = pixels, pixels[::2, ::2]

    @property
    def levels(self):
        return tuple(Level(*a.shape[:2], 2.0**n) for n, a in enumerate(self._arrays))

    def _read(self, level, y, x, height, width):
        return self._arrays[level][y : y + height, x : x + width].copy()


@st.composite
def rectangles(draw, height=11, width=17):
    y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return y, x, draw(st.integers(1, height - y)), draw(st.integers(1, width - x))


def test_a_file_is_a_picture_of_one_level(of_any_kind):
    for picture in of_any_kind:
        assert picture.shape == (11, 17)
        assert picture.levels == (Level(11, 17, 1.0),)
        assert picture.pixels().dtype == np.uint8


@given(rectangle=rectangles())
def test_regions_are_parts_of_the_whole(file, deep_file, rectangle):
    y, x, height, width = rectangle
    with open_picture(file) as png, open_picture(deep_file) as deep:
        for picture, whole in [
            (png, read_image(file)),
            (deep, read_image(deep_file)),
            (Picture.of(COLORS), COLORS),
        ]:
            region = picture.region(y, x, height, width)
            assert region.dtype == np.uint8
            np.testing.assert_array_equal(region, whole[y : y + height, x : x + width])


@given(rectangle=rectangles(6, 9))
def test_regions_of_a_level_are_in_its_pixels(rectangle):
    y, x, height, width = rectangle
    region = Halved(COLORS).region(y, x, height, width, level=1)
    np.testing.assert_array_equal(region, COLORS[::2, ::2][y : y + height, x : x + width])


def test_all_of_a_level():
    picture = Halved(COLORS)
    assert picture.shape == (11, 17)
    np.testing.assert_array_equal(picture.pixels(), COLORS)
    np.testing.assert_array_equal(picture.pixels(level=1), COLORS[::2, ::2])
    assert (picture.pixel_size, picture.notes) == (None, ())


@given(
    rectangle=st.tuples(
        st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20)
    )
)
def test_a_region_that_is_not_inside_is_refused(rectangle):
    y, x, height, width = rectangle
    picture = Picture.of(COLORS, name="field 7")
    if min(height, width) > 0 and y >= 0 and x >= 0 and y + height <= 11 and x + width <= 17:
        assert picture.region(*rectangle).shape == (height, width, 3)
        return
    expected = f"Cannot read {height} x {width} pixels at y={y}, x={x} of field 7: its level 0 has "
    with pytest.raises(DataError) as caught:
        picture.region(*rectangle)
    assert str(caught.value).startswith(expected + "11 x 17 pixels")


@pytest.mark.parametrize("level", [-1, 2])
def test_a_level_that_there_is_not(level):
    picture = Halved(COLORS)
    message = rf"no level {level}: it has 2, counted from 0, of 11 x 17, 6 x 9 pixels"
    with pytest.raises(DataError, match=message):
        picture.region(0, 0, 1, 1, level=level)
    with pytest.raises(DataError, match=message):
        picture.pixels(level)


@pytest.mark.parametrize("level", [-1, 1])
def test_a_file_has_one_level(of_any_kind, level):
    for picture in of_any_kind:
        with pytest.raises(DataError, match=f"no level {level}: it has 1"):
            picture.pixels(level)


def test_a_region_is_an_array_of_its_own(of_any_kind):
    for picture in of_any_kind:
        picture.region(0, 0, 11, 17)[:] = 0
        np.testing.assert_array_equal(picture.region(0, 0, 11, 17), COLORS)


def test_an_array_is_kept_not_copied():
    assert Picture.of(COLORS).pixels() is COLORS


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((4, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
    ids=str,
)
def test_other_arrays_are_refused(array):
    with pytest.raises(DataError, match=r"as field 7: expected .height, width, 3. and uint8"):
        Picture.of(array, name="field 7")


def test_pixels_are_read_once_and_kept(tmp_path):
    for name in ("field.png", "field.tif"):
        Image.fromarray(COLORS).save(tmp_path / name)
        with open_picture(tmp_path / name) as picture:
            first = picture.pixels()
            (tmp_path / name).unlink()
            assert picture.pixels() is first
            np.testing.assert_array_equal(picture.region(2, 3, 4, 5), COLORS[2:6, 3:8])


def test_opening_reads_no_pixels(tmp_path):
    path = tmp_path / "field.jpg"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 80, 3)).astype(np.uint8)).save(
        path
    )
    path.write_bytes(path.read_bytes()[:2000])
    with open_picture(path) as picture:
        assert picture.shape == (64, 80)
        with pytest.raises(DataError, match=r"field\.jpg: it is damaged or cut short"):
            picture.region(0, 0, 1, 1)


def test_a_closed_picture_reads_no_more(file, deep_file):
    for path in (file, deep_file):
        for has_read in (True, False):
            with open_picture(path) as picture:
                if has_read:
                    picture.pixels()
            picture.close()
            for ask in (picture.pixels, lambda p=picture: p.region(0, 0, 1, 1)):
                with pytest.raises(DataError, match=f"{path.name} was closed. Open it again"):
                    ask()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts the open files of Linux")
@pytest.mark.parametrize("kind", ["png", "deep", "stack"])
def test_no_file_stays_open(tmp_path, file, deep_file, kind):
    if kind == "stack":
        tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 8, 9), np.uint8))
    path = {"png": file, "deep": deep_file, "stack": tmp_path / "stack.tif"}[kind]
    before = set(os.listdir("/proc/self/fd"))
    picture = open_picture(path)
    picture.pixels()
    assert len(picture.notes) == {"png": 0, "deep": 1, "stack": 1}[kind]
    assert set(os.listdir("/proc/self/fd")) <= before, "once the pixels are kept"
    picture.close()
    with open_picture(path) as picture:
        assert picture.shape
    assert set(os.listdir("/proc/self/fd")) <= before, "closed without being read"


def test_pictures_import_neither_keras_nor_tifffile():
    code = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None; "
        "import mrcnn.pictures; print('tifffile' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
