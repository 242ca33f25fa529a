"""Images with all their channels and bits."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.pictures import read_channels


def samples(dtype, channels=5):
    random = np.random.default_rng(channels)
    values = random.integers(0, 200, (12, 20, channels))
    return values.astype(dtype) * (100 if dtype == "uint16" else 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_tiff_keeps_channels_and_bits(tmp_path, dtype, planes):
    image = samples(dtype)
    stored = image if planes == "contig" else np.moveaxis(image, -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=planes, rowsperstrip=5
    )
    found = read_channels(tmp_path / "a.tif")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, image)
    np.testing.assert_array_equal(
        read_channels(tmp_path / "a.tif", channels=(5, 1)), image[..., [4, 0]]
    )


def test_it_is_upright(tmp_path):
    image = samples("uint16", 4)
    turned = np.rot90(image, axes=(0, 1))
    # Orientation 6: the first row is at the right.
    extra = [(274, "H", 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", turned, photometric="rgb", extratags=extra)
    np.testing.assert_array_equal(read_channels(tmp_path / "a.tif"), image)


def test_files_of_pillow_keep_what_they_have(tmp_path):
    image = samples("uint8", 4)
    Image.fromarray(image).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read_channels(tmp_path / "rgba.png"), image)
    Image.fromarray(image[..., 0]).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_channels(tmp_path / "gray.png"), image[..., :1])
    deep = samples("uint16", 1)[..., 0]
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_channels(tmp_path / "deep.png")[..., 0], deep)


def test_what_cannot_be_had_is_said(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", samples("uint8"), photometric="minisblack")
    with pytest.raises(DataError, match=r"a\.tif: has no channel 6: it has 5, counted from 1"):
        read_channels(tmp_path / "a.tif", channels=(1, 6))
    import cv2

    cv2.imwrite(str(tmp_path / "deep.png"), samples("uint16", 3))
    with pytest.raises(DataError, match="save it as TIFF"):
        read_channels(tmp_path / "deep.png")
