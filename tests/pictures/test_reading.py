"""Image files of every common kind come out as 8-bit RGB; damaged ones are named."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.pictures import read_image

COLORS = np.random.default_rng(0).integers(0, 256, (11, 17, 3)).astype(np.uint8)
GRAYS = COLORS[:, :, 0]


def gray_rgb(gray):
    return np.repeat(np.asarray(gray)[:, :, None], 3, axis=2)


@pytest.fixture
def saved(tmp_path):
    def save(image: Image.Image, name="image.png", **options):
        path = tmp_path / name
        image.save(path, **options)
        return path

    return save


def check(path, expected):
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.flags.writeable
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("name", ["image.png", "image.bmp", "image.tif", "image.ppm"])
def test_color(saved, name):
    check(saved(Image.fromarray(COLORS), name), COLORS)


def test_jpeg_is_close(saved):
    smooth = np.zeros((32, 32, 3), np.uint8) + np.arange(0, 64, 2, dtype=np.uint8)[:, None, None]
    image = read_image(str(saved(Image.fromarray(smooth), "image.jpg", quality=95)))
    assert np.abs(image.astype(int) - smooth).max() <= 4


def test_gray(saved):
    check(saved(Image.fromarray(GRAYS)), gray_rgb(GRAYS))


def test_one_bit(saved):
    bits = GRAYS > 127
    check(saved(Image.fromarray(bits)), gray_rgb(bits * 255))


def test_palette(saved):
    image = Image.fromarray(COLORS).quantize(16)
    check(saved(image), np.asarray(image.convert("RGB")))


@pytest.mark.filterwarnings("error")
def test_palette_with_transparency(saved):
    image = Image.fromarray(COLORS).quantize(16)
    check(saved(image, transparency=bytes([0, 128] * 8)), np.asarray(image.convert("RGB")))


def test_alpha_is_dropped_not_blended(saved):
    alpha = np.random.default_rng(1).integers(0, 256, (11, 17, 1)).astype(np.uint8)
    check(saved(Image.fromarray(np.concatenate([COLORS, alpha], axis=2))), COLORS)
    check(
        saved(Image.fromarray(np.concatenate([GRAYS[:, :, None], alpha], axis=2))), gray_rgb(GRAYS)
    )


@pytest.mark.parametrize("name", ["image.png", "image.tif"])
@pytest.mark.parametrize("highest", [255, 4095, 65535])
def test_16_bit_gray_is_scaled_by_its_range(saved, name, highest):
    pixels = np.linspace(100, highest, 12 * 16).reshape(12, 16).astype(np.uint16)
    image = read_image(saved(Image.fromarray(pixels), name))
    assert image.shape == (12, 16, 3)
    assert image.min() == 0
    assert image.max() == 255
    expected = (pixels - 100.0) / (highest - 100.0) * 255
    np.testing.assert_allclose(image[:, :, 1], expected, atol=0.51)


def test_constant_16_bit_keeps_its_level(saved):
    check(saved(Image.fromarray(np.full((3, 4), 65535, np.uint16))), np.full((3, 4, 3), 255))
    check(saved(Image.fromarray(np.zeros((3, 4), np.uint16))), np.zeros((3, 4, 3)))


def test_16_bit_color_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", COLORS.astype(np.uint16) * 16, photometric="rgb")
    lowest, highest = int(COLORS.min()), int(COLORS.max())
    expected = np.rint((COLORS.astype(float) - lowest) * 255 / (highest - lowest))
    check(tmp_path / "image.tif", expected.astype(np.uint8))


@pytest.mark.parametrize("mode", ["rgb", "minisblack"])
def test_a_deep_tiff_with_too_many_pixels_is_refused(tmp_path, monkeypatch, mode):
    shape = (40, 50, 3) if mode == "rgb" else (3, 40, 50)
    tifffile.imwrite(tmp_path / "image.tif", np.zeros(shape, np.uint16), photometric=mode)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(DataError, match=r"image\.tif: it has too many pixels"):
        read_image(tmp_path / "image.tif")


def test_float_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", np.array([[0.0, 0.25], [0.5, 1.0]], np.float32))
    check(tmp_path / "image.tif", gray_rgb([[0, 64], [128, 255]]))


def test_one_pixel(saved):
    check(saved(Image.fromarray(COLORS[:1, :1])), COLORS[:1, :1])
    check(saved(Image.fromarray(GRAYS[:1, :1])), gray_rgb(GRAYS[:1, :1]))


def test_exif_orientation(saved):
    image = Image.fromarray(COLORS)
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    check(saved(image, exif=exif), np.rot90(COLORS, -1))


def test_cmyk(saved):
    image = Image.fromarray(COLORS).convert("CMYK")
    check(saved(image, "image.tif"), np.asarray(image.convert("RGB")))


def test_missing_file_and_missing_folder(tmp_path):
    with pytest.raises(DataError, match=r"no\.png does not exist\.$"):
        read_image(tmp_path / "no.png")
    with pytest.raises(DataError, match=r"folder .*nowhere does not exist"):
        read_image(tmp_path / "nowhere" / "no.png")


def test_folder(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_image(tmp_path)


def test_empty_file(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(DataError, match=r"empty\.jpg: the file is empty"):
        read_image(tmp_path / "empty.jpg")


def test_not_an_image(tmp_path):
    (tmp_path / "notes.png").write_text("this is text")
    with pytest.raises(DataError, match=r"notes\.png: it is not an image"):
        read_image(tmp_path / "notes.png")


@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif", "image.bmp"])
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_truncated(saved, name, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    path = saved(Image.fromarray(noise), name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_image(path)


def test_damaged_chunk(saved):
    path = saved(Image.fromarray(COLORS))
    content = bytearray(path.read_bytes())
    start = content.index(b"IDAT") + 8
    content[start : start + 20] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged or cut short"):
        read_image(path)


def test_tiff_that_claims_to_be_huge(tmp_path):
    """A header alone must neither be believed nor fill the memory."""
    entries = [(256, 4, 1, 2**31 - 1), (257, 4, 1, 2**31 - 1), (258, 3, 1, 8), (273, 4, 1, 8)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    (tmp_path / "huge.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + directory)
    with pytest.raises(DataError, match=r"huge\.tif"):
        read_image(tmp_path / "huge.tif")
