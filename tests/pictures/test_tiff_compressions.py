"""What Pillow writes in any compression is read as Pillow reads it from a file object."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.pictures import open_picture, read_image

NOISE = np.random.default_rng(0).integers(0, 256, (31, 45, 4)).astype(np.uint8)
Y, X = np.mgrid[:31, :45]
SMOOTH = np.stack([3 * (X + Y), 2 * X + Y, 255 - 2 * X], axis=-1).astype(np.uint8)
MODES = {
    "1": Image.fromarray(SMOOTH).convert("1"),
    "L": Image.fromarray(SMOOTH).convert("L"),
    "LA": Image.fromarray(NOISE).convert("LA"),
    "P": Image.fromarray(SMOOTH).quantize(200),
    "P of 4 bits": Image.fromarray(SMOOTH).quantize(16),
    "RGB": Image.fromarray(SMOOTH),
    "RGBA": Image.fromarray(NOISE),
    "RGBX": Image.fromarray(SMOOTH).convert("RGBX"),
    "CMYK": Image.fromarray(SMOOTH).convert("CMYK"),
    "YCbCr": Image.fromarray(SMOOTH).convert("YCbCr"),
}
OF_ANY = [None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "lzma", "zstd"]
WRITTEN = [(mode, compression) for mode in MODES for compression in OF_ANY]
WRITTEN += [(mode, "jpeg") for mode in MODES if mode[0] not in "1P"]
WRITTEN += [("1", compression) for compression in ("group3", "group4", "tiff_ccitt")]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("mode", "compression"), WRITTEN)
def test_as_pillow_reads_it(tmp_path, mode, compression, orientation):
    file = io.BytesIO()
    MODES[mode].save(file, "TIFF", compression=compression, tiffinfo={274: orientation})
    (tmp_path / "a.tif").write_bytes(file.getvalue())
    with Image.open(file) as image:
        expected = np.asarray((image.convert("L") if mode == "LA" else image).convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_gray(tmp_path, dtype, compression):
    values = SMOOTH[..., 0].astype(dtype) * 100
    Image.fromarray(values).save(tmp_path / "a.tif", compression=compression)
    tifffile.imwrite(tmp_path / "b.tif", values)
    expected = read_image(tmp_path / "b.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)


def test_lzw_with_differences(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={317: 2})
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].predictor == 2
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), SMOOTH)


@pytest.mark.parametrize("bits", [2, 4, 12, 14])
def test_samples_of_odd_bits(tmp_path, bits):
    """By hand: each row begins with a byte, the highest bit comes first."""
    values = np.random.default_rng(1).integers(0, 2**bits, (9, 13))
    values[0, :2] = 0, 2**bits - 1
    digits = values[..., None] >> np.arange(bits)[::-1] & 1
    packed = np.packbits(digits.reshape(9, -1).astype(np.uint8), axis=1)
    tifffile.imwrite(tmp_path / "a.tif", packed, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        tags = file.pages[0].tags
        tags["BitsPerSample"].overwrite(bits)
        tags["ImageWidth"].overwrite(13)
    expected = np.rint(values * (255 / (2**bits - 1)))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 1], expected)


def test_premultiplied_colors(tmp_path):
    """Colors of which the alpha is a factor are what they were before."""
    alpha = np.full((31, 45, 1), 128, np.uint8)
    stored = np.concatenate([(SMOOTH * (128 / 255)).astype(np.uint8), alpha], axis=2)
    for name, samples in {
        "8": stored,
        "16": stored.astype(np.uint16) * 257,
        "32": stored.astype(np.float32) / 255,
    }.items():
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, samples, photometric="rgb", extrasamples=["assocalpha"])
        found = read_image(path).astype(int)
        spread = (SMOOTH.astype(float) - SMOOTH.min()) * 255 / (int(SMOOTH.max()) - SMOOTH.min())
        assert np.abs(found - (SMOOTH if name == "8" else spread)).max() <= 4, name


def test_segments_that_were_left_out_are_zero(tmp_path):
    def tiles():
        yield from (np.full((16, 16), 9, np.uint8), None, None, np.full((16, 16), 7, np.uint8))

    options = {"shape": (32, 32), "dtype": np.uint8, "tile": (16, 16), "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", tiles(), compression="zlib", **options)
    pixels = read_image(tmp_path / "a.tif")[..., 0]
    assert [pixels[y, x] for y in (0, 31) for x in (0, 31)] == [9, 0, 0, 7]


def test_a_file_without_a_name_that_is_mapped(tmp_path):
    """Regions of uncompressed strips read their rows alone, from far inside the file."""
    rows = np.arange(5000, dtype=np.uint16)[:, None, None] + np.zeros((1, 8, 3), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", (rows % 251).astype(np.uint8), photometric="rgb")
    with open_picture(tmp_path / "a.tif") as picture:
        assert (picture.region(4000, 2, 3, 4)[:, 0, 0] == np.arange(4000, 4003) % 251).all()


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg", "tiff_adobe_deflate"])
def test_damaged_tags_and_data_are_refused_or_read(tmp_path, compression):
    """Whatever a file says: a picture, or an error that names it."""
    random = np.random.default_rng(0)
    file = io.BytesIO()
    Image.fromarray(SMOOTH).save(file, "TIFF", compression=compression)
    path, refused = tmp_path / "a.tif", 0
    for _ in range(150):
        content = bytearray(file.getvalue())
        for place in random.integers(4, len(content), 6):
            content[place] = random.choice([0, 1, 2, 8, 64, 127, 255])
        head = random.integers(4, 200)
        content[head] = random.integers(256)
        path.write_bytes(content)
        try:
            with open_picture(path) as picture:
                assert picture.pixels().shape == (*picture.shape, 3)
                assert picture.pixel_size is None
        except DataError as error:
            assert "a.tif" in str(error)
            refused += 1
    assert 0 < refused < 150
