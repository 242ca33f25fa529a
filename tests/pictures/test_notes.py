"""Nothing of a file is left out without a note; a plain picture has none."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.pictures import open_picture

COLORS = np.random.default_rng(0).integers(0, 256, (11, 17, 3)).astype(np.uint8)
GRAYS = COLORS[:, :, 0]
ALPHA = "the transparency was dropped, not blended"


def notes_of(path):
    with open_picture(path) as picture:
        picture.pixels()
        return picture.notes


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "a.gif", "a.webp"])
@pytest.mark.parametrize("pixels", [COLORS, GRAYS], ids=["color", "gray"])
def test_a_plain_picture_has_none(tmp_path, name, pixels):
    Image.fromarray(pixels).save(tmp_path / name)
    assert notes_of(tmp_path / name) == ()


def test_transparency(tmp_path):
    alpha = np.concatenate([COLORS, GRAYS[:, :, None]], axis=2)
    Image.fromarray(alpha).save(tmp_path / "rgba.png")
    Image.fromarray(alpha[:, :, 2:]).save(tmp_path / "la.png")
    Image.fromarray(COLORS).quantize(16).save(tmp_path / "p.png", transparency=bytes([0, 128] * 8))
    tifffile.imwrite(tmp_path / "rgba.tif", alpha, photometric="rgb", extrasamples=["unassalpha"])
    for name in ("rgba.png", "la.png", "p.png", "rgba.tif"):
        assert notes_of(tmp_path / name) == (ALPHA,)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_gray(tmp_path, name):
    pixels = np.linspace(100, 4095, 12 * 16).reshape(12, 16).astype(np.uint16)
    Image.fromarray(pixels).save(tmp_path / name)
    assert notes_of(tmp_path / name) == ("values of 100 to 4095 were scaled to 0 to 255",)


def test_16_bit_color(tmp_path):
    deep = COLORS.astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb")
    expected = f"values of {deep.min()} to {deep.max()} were scaled to 0 to 255"
    assert notes_of(tmp_path / "a.tif") == (expected,)


def test_16_bit_color_of_png(tmp_path):
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(tmp_path / "a.png"), COLORS.astype(np.uint16) * 257)
    expected = (
        f"values of {257 * int(COLORS.min())} to {257 * int(COLORS.max())} were scaled to 0 to 255"
    )
    assert notes_of(tmp_path / "a.png") == (expected,)


def test_constant_and_floating_values(tmp_path):
    Image.fromarray(np.full((3, 4), 700, np.uint16)).save(tmp_path / "a.png")
    assert notes_of(tmp_path / "a.png") == ("values of 0 to 65535 were scaled to 0 to 255",)
    floats = np.array([[0.0, np.nan], [np.inf, 2.5]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", floats)
    assert notes_of(tmp_path / "a.tif") == (
        "2 samples that are no finite number were taken as 0",
        "values of 0 to 2.5 were scaled to 0 to 255",
    )


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.png", "a.webp"])
def test_further_pictures_of_a_file(tmp_path, name):
    pages = [Image.fromarray(np.roll(COLORS, shift, axis=0)) for shift in range(4)]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
    note = "page 1 of 4 was read, the others were left out; --page takes another"
    assert note in notes_of(tmp_path / name)
    with open_picture(tmp_path / name) as picture:
        assert note in picture.notes, "known before the pixels are read"


def test_further_pictures_of_a_deep_tiff(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for size in (12, 15, 20):
            writer.write(np.zeros((size, 9, 3), np.uint16), photometric="rgb")
    assert (
        notes_of(tmp_path / "a.tif")[0]
        == "page 1 of 3 was read, the others were left out; --page takes another"
    )


def test_channels_and_slices_of_imagej(tmp_path):
    stack = np.zeros((3, 2, 8, 9), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    assert notes_of(tmp_path / "a.tif")[:2] == (
        "page 1 of 3 was read, the others were left out; --page takes another",
        "channel 1 of 2 was taken as gray; --channels takes others",
    )


def test_a_second_channel(tmp_path):
    """Of a kind that pillow does not read."""
    pixels = np.random.default_rng(0).integers(0, 9, (8, 9, 2)).astype(np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig="contig")
    assert (
        notes_of(tmp_path / "a.tif")[0]
        == "channel 1 of 2 was taken as gray; --channels takes others"
    )
