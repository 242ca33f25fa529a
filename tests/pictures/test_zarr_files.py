"""Zarr and OME-Zarr: axes, levels, sizes, pages and channels; chunks are read as needed."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from mrcnn.app.inputs import expand_inputs
from mrcnn.errors import DataError
from mrcnn.pictures import open_picture, read_image
from tests.pictures.slides import colors

PIXELS = colors(300, 420)


def test_what_is_missing_is_named(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    code = (
        "import sys; sys.modules['zarr'] = None\n"
        "from mrcnn.pictures import read_image\n"
        f"try: read_image({str(tmp_path / 'a.zarr')!r})\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("DataError Cannot read the image"), done.stderr
    assert "Install the extra `slides`: pip install 'mrcnn-keras3[slides]'" in done.stdout


def zarr_library():
    return pytest.importorskip("zarr")


def save_array(path, pixels, version=2, **options):
    zarr = zarr_library()
    options = {"chunks": tuple(min(64, size) for size in pixels.shape), **options}
    array = zarr.create_array(
        path, shape=pixels.shape, dtype=pixels.dtype, zarr_format=version, **options
    )
    array[:] = pixels
    return path


def save_ome(path, pixels, axes, version, scale=0.25, **more):
    """Two levels in a group; more pictures beside it as bioformats2raw writes them."""
    zarr = zarr_library()
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    datasets = []
    for number, step in enumerate((1, 2)):
        steps = tuple(slice(None, None, step if axis in "yx" else None) for axis in axes)
        level = pixels[steps]
        chunks = tuple(64 if axis in "yx" else 1 for axis in axes)
        group.create_array(str(number), shape=level.shape, dtype=level.dtype, chunks=chunks)[:] = (
            level
        )
        factors = [scale * step if axis in "yx" else 1.0 for axis in axes]
        scales = [{"type": "scale", "scale": factors}]
        datasets.append({"path": str(number), "coordinateTransformations": scales})
    kinds = {"y": "space", "x": "space", "z": "space", "c": "channel", "t": "time"}
    told = [{"name": axis, "type": kinds[axis]} for axis in axes]
    for axis in told:
        if axis["name"] in "yx":
            axis["unit"] = "micrometer"
    said = {"multiscales": [{"version": version, "axes": told, "datasets": datasets}], **more}
    if version == "0.5":
        group.attrs["ome"] = said
    else:
        group.attrs.update(said)
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("order", ["yx", "yxc", "cyx"])
def test_a_plain_array(tmp_path, version, order):
    pixels = {"yx": PIXELS[..., 0], "yxc": PIXELS, "cyx": np.moveaxis(PIXELS, -1, 0)}[order]
    path = save_array(tmp_path / "field", pixels, version)
    expected = PIXELS[..., [0, 0, 0]] if order == "yx" else PIXELS
    with open_picture(path) as picture:
        assert picture.shape == (300, 420)
        np.testing.assert_array_equal(picture.region(50, 60, 70, 80), expected[50:120, 60:140])
        np.testing.assert_array_equal(picture.pixels(), expected)
        assert picture.pixel_size is None


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["cyx", "tczyx", "yx"])
def test_ome_zarr(tmp_path, version, axes):
    pixels = {
        "cyx": np.moveaxis(PIXELS, -1, 0),
        "tczyx": np.moveaxis(PIXELS, -1, 0)[None, :, None],
        "yx": PIXELS[..., 1],
    }[axes]
    expected = PIXELS[..., [1, 1, 1]] if axes == "yx" else PIXELS
    path = save_ome(tmp_path / "a.zarr", pixels, axes, version)
    with open_picture(path) as picture:
        assert [(lv.height, lv.width, lv.downsample) for lv in picture.levels] == [
            (300, 420, 1.0),
            (150, 210, 2.0),
        ]
        for number, step in enumerate((1, 2)):
            whole = expected[::step, ::step]
            np.testing.assert_array_equal(picture.pixels(number), whole)
            region = picture.region(40, 30, 50, 60, level=number)
            np.testing.assert_array_equal(region, whole[40:90, 30:90])
        size = picture.pixel_size
        assert (size.y, size.x, size.told_by) == (0.25, 0.25, "OME-Zarr")


def test_pages_and_channels(tmp_path):
    stack = np.random.default_rng(0).integers(0, 256, (2, 5, 3, 40, 50)).astype(np.uint8)
    path = save_ome(tmp_path / "a.zarr", stack, "tczyx", "0.4")
    with open_picture(path) as picture:
        np.testing.assert_array_equal(picture.pixels(), np.moveaxis(stack[0, :3, 0], 0, -1))
        assert picture.notes == (
            "page 1 of 6 was read, the others were left out; --page takes another",
            "channels 1, 2, 3 of 5 were taken as red, green and blue; --channels takes others",
        )
    with open_picture(path, page=5, channels=(5, 1, 2)) as picture:
        np.testing.assert_array_equal(picture.pixels(), np.moveaxis(stack[1, [4, 0, 1], 1], 0, -1))
    with open_picture(path, channels=(4,)) as picture:
        np.testing.assert_array_equal(picture.pixels()[..., 2], stack[0, 3, 0])
    for choice, reason in [({"page": 7}, "no page 7"), ({"channels": (6,)}, "no channel 6")]:
        with pytest.raises(DataError, match=reason):
            open_picture(path, **choice)


def test_deep_values_share_one_range(tmp_path):
    deep = PIXELS[..., 0].astype(np.uint16) * 100
    path = save_ome(tmp_path / "a.zarr", deep, "yx", "0.4")
    with open_picture(path) as picture:
        region = picture.region(0, 0, 50, 50)
        np.testing.assert_array_equal(region, picture.pixels()[:50, :50])
        assert picture.notes[-1].startswith("values of 27")


def test_the_first_picture_of_bioformats2raw(tmp_path):
    """The others are the label and the overview of a slide."""
    zarr = zarr_library()
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    save_ome(tmp_path / "a.zarr" / "0", PIXELS, "yxc", "0.4")
    save_ome(tmp_path / "a.zarr" / "1", PIXELS[:30, :40], "yxc", "0.4")
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr"), PIXELS)


def test_groups_that_are_no_picture(tmp_path):
    zarr = zarr_library()
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    with pytest.raises(DataError, match=r"a\.zarr: it holds no picture"):
        open_picture(tmp_path / "a.zarr")
    save_array(tmp_path / "a.zarr" / "one", PIXELS)
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr"), PIXELS)
    save_array(tmp_path / "a.zarr" / "two", PIXELS)
    with pytest.raises(DataError, match="it holds no picture: name one of its arrays, one, two"):
        open_picture(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr" / "two"), PIXELS)
    group.attrs["plate"] = {}
    with pytest.raises(DataError, match="it holds a plate of many pictures: name one"):
        open_picture(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((2, 3, 4, 5, 6, 7), np.uint8), "nothing tells what its 6 axes are"),
        (np.zeros((5, 6), np.complex64), "its values are of type complex64"),
        (np.zeros((0, 6), np.uint8), "it has no pixels"),
    ],
    ids=str,
)
def test_arrays_that_are_no_picture(tmp_path, pixels, reason):
    path = save_array(tmp_path / "a.zarr", pixels, chunks=tuple(max(n, 1) for n in pixels.shape))
    with pytest.raises(DataError, match=reason):
        open_picture(path)


def test_a_damaged_one_is_named(tmp_path):
    path = save_ome(tmp_path / "a.zarr", PIXELS, "yxc", "0.4")
    (path / "1" / ".zarray").unlink()
    with pytest.raises(DataError, match=r"a\.zarr: it is damaged or cut short"):
        open_picture(path)


def test_a_closed_one_reads_no_more(tmp_path):
    path = save_array(tmp_path / "a.zarr", PIXELS)
    with open_picture(path) as picture:
        pass
    with pytest.raises(DataError, match=r"a\.zarr was closed"):
        picture.pixels()


def test_a_region_of_a_large_one_takes_little_memory(tmp_path):
    zarr = zarr_library()
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, shape=(20_000, 20_000, 3), dtype="uint8", chunks=(512, 512, 3))
    array[600:700, 800:900] = 7
    tracemalloc.start()
    with open_picture(path) as picture:
        region = picture.region(600, 700, 1000, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (region == 7).sum() == 100 * 100 * 3
    assert peak < 64 * 2**20


def test_a_folder_that_is_a_picture(tmp_path):
    save_array(tmp_path / "b.zarr", PIXELS)
    (tmp_path / "a.jpg").touch()
    assert [path.name for path in expand_inputs([str(tmp_path)]).paths] == ["a.jpg", "b.zarr"]
    assert expand_inputs([str(tmp_path / "b.zarr")]).paths == [tmp_path / "b.zarr"]
