"""Values of any type become bytes by their range, of which outliers are no part."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.pictures import open_picture, read_image
from mrcnn.pictures.conversion import Range

RNG = np.random.default_rng(0)
FIELD = RNG.integers(1200, 3900, (60, 80)).astype(np.uint16)
COLORS = RNG.integers(300, 4000, (60, 80, 3)).astype(np.uint16)


def save_png(path, samples):
    """A PNG file of 16 bits, as cameras write it: uint16 [H, W] or [H, W, 2 to 4]."""
    height, width = samples.shape[:2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[samples.reshape(height, width, -1).shape[2]]
    rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(filtered.tobytes()))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))
    return path


def save_tiff(path, samples):
    photometric = "rgb" if samples.ndim == 3 else "minisblack"
    tifffile.imwrite(path, samples, photometric=photometric)
    return path


SAVERS = {"png": save_png, "tif": save_tiff}


def with_spots(samples, value, count):
    spotted = samples.copy()
    ys, xs = RNG.integers(0, 60, count), RNG.integers(0, 80, count)
    spotted[ys, xs] = value
    return spotted, (ys, xs)


@pytest.mark.parametrize("suffix", SAVERS)
@pytest.mark.parametrize("samples", [FIELD, COLORS], ids=["gray", "color"])
@pytest.mark.parametrize(("value", "count"), [(65535, 1), (65535, 3), (9000, 2)])
def test_hot_pixels_change_no_other(tmp_path, suffix, samples, value, count):
    save = SAVERS[suffix]
    spotted, spots = with_spots(samples, value, count)
    clean = read_image(save(tmp_path / f"clean.{suffix}", samples))
    with open_picture(save(tmp_path / f"hot.{suffix}", spotted)) as picture:
        hot = picture.pixels()
        many = count * (3 if samples.ndim == 3 else 1)
        assert picture.notes[-1].endswith(f"(outliers: {many})")
    assert (hot[spots] == 255).all()
    hot[spots] = clean[spots]
    # The spots may have hidden the lowest or highest value.
    assert np.abs(hot.astype(int) - clean).max() <= 1


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_a_hot_pixel_of_a_small_picture(shape):
    small = np.random.default_rng(0).integers(1000, 3000, shape).astype(np.uint16)
    hot = small.copy()
    hot[3, 4] = 65535
    assert Range.of(hot)[0].highest <= 3000
    assert Range.of(small)[1] == 0


def test_dead_pixels_are_outliers_too():
    dead, spots = with_spots(FIELD + 20000, 0, 2)
    found, outliers = Range.of(dead)
    assert outliers == 2 and found.lowest > 20000
    assert (found.to_bytes(dead)[spots] == 0).all()


def test_what_many_pixels_show_is_no_outlier():
    bright, _ = with_spots(FIELD, 65535, 200)
    assert Range.of(bright) == (Range(float(bright.min()), 65535.0), 0)


@pytest.mark.parametrize("suffix", SAVERS)
def test_a_small_bright_spot_is_no_outlier(tmp_path, suffix):
    """A bead in a dark picture is what it is about; the hot pixels beside it are not."""
    beads = np.random.default_rng(2).integers(100, 120, (200, 200)).astype(np.uint16)
    beads[50:55, 60:65] = 4000
    beads[100, 100] = beads[150, 20] = 65535
    assert Range.of(beads)[0].highest == 4000
    pixels = read_image(SAVERS[suffix](tmp_path / f"a.{suffix}", beads))[..., 0]
    assert (pixels[51:54, 61:64] == 255).all() and np.median(pixels) < 2


def test_a_hot_column_is_an_outlier():
    field = np.random.default_rng(2).integers(1000, 3000, (500, 1500)).astype(np.uint16)
    field[:, 700] = 65535
    assert Range.of(field) == (Range(1000.0, 2999.0), 500)


def test_what_lies_near_is_no_outlier():
    near, _ = with_spots(FIELD, 5000, 1)
    assert Range.of(near) == (Range(float(near.min()), 5000.0), 0)


def test_few_samples_have_no_outliers():
    assert Range.of(np.array([0, 1, 2, 60000], np.uint16)) == (Range(0.0, 60000.0), 0)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_sparse_spots_on_a_constant_ground_are_kept(dtype):
    spots = np.zeros((80, 80), dtype)
    spots[3, 5] = 200
    assert Range.of(spots) == (Range(0.0, 200.0), 0)


@pytest.mark.parametrize("values", [[-1.7e308, 1.7e308], [0.0, 5e-324], [-3e38, 3e38]])
def test_ranges_at_the_end_of_what_numbers_can_tell(values):
    samples = np.array([values], np.float64)
    assert Range.noted(samples)[0].to_bytes(samples).tolist() == [[0, 255]]


def test_all_channels_have_one_range():
    colors = COLORS.copy()
    colors[..., 2] //= 4
    pixels = Range.of(colors)[0].to_bytes(colors).astype(float)
    assert pixels[..., 2].max() < 80, "the blue channel is not spread by itself"


@given(
    st.lists(st.floats(width=32) | st.integers(-(2**40), 2**40), min_size=1, max_size=30),
    st.sampled_from([np.float32, np.float64]),
)
def test_any_numbers_become_bytes(values, dtype):
    samples = np.array(values, dtype)
    found, notes = Range.noted(samples)
    assert found.to_bytes(samples).dtype == np.uint8
    assert np.isfinite([found.lowest, found.highest]).all() and notes


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_and_tiff_of_16_bits_are_read_alike(tmp_path, channels):
    samples = np.concatenate([COLORS, 65535 - COLORS], axis=2)[..., :channels].squeeze()
    seen = samples[..., :3] if channels > 2 else samples.reshape(60, 80, -1)[..., 0]
    expected = read_image(save_tiff(tmp_path / "a.tif", seen))
    np.testing.assert_array_equal(read_image(save_png(tmp_path / "a.png", samples)), expected)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_png_of_16_bits_may_be_asked_for_its_size_first(tmp_path, channels):
    samples = np.random.default_rng(5).integers(0, 4000, (9, 8, channels)).astype(np.uint16)
    path = save_png(tmp_path / "a.png", samples)
    with open_picture(path) as picture:
        assert (picture.levels[0].height, picture.levels[0].width) == (9, 8)
        np.testing.assert_array_equal(picture.pixels(), read_image(path))


def test_a_turned_png_of_16_bits(tmp_path):
    path = save_png(tmp_path / "a.png", COLORS)
    upright = read_image(path)
    exif = Image.Exif()
    exif[274] = 6
    content, data = path.read_bytes(), exif.tobytes()[6:]
    chunk = b"eXIf" + data
    chunk = struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:33] + chunk + content[33:])
    with open_picture(path) as picture:
        assert picture.shape == (80, 60)
        np.testing.assert_array_equal(picture.pixels(), np.rot90(upright, -1))


def camera(highest=3888):
    """Values of 12 bits as a camera gives them of a smear, far from black."""
    return np.random.default_rng(0).integers(1360, highest + 1, (40, 50, 3)).astype(np.uint16)


def with_tags(path, pixels, low, high, photometric="rgb"):
    count = 3 if photometric == "rgb" else 1
    extra = [(341, "H", count, (high,) * count if count > 1 else high, True)]
    if low is not None:
        extra.append((340, "H", count, (low,) * count if count > 1 else low, True))
    tifffile.imwrite(path, pixels, photometric=photometric, extratags=extra, metadata=None)
    return path


@pytest.mark.parametrize("low", [None, 0, 1000])
@pytest.mark.parametrize("photometric", ["rgb", "minisblack"])
def test_the_white_level_of_a_tiff(tmp_path, low, photometric):
    pixels = camera() if photometric == "rgb" else camera()[..., 0]
    pixels[3, 4] = 65535  # a hot pixel
    path = with_tags(tmp_path / "a.tif", pixels, low, 4095, photometric)
    with open_picture(path) as picture:
        found = picture.pixels()
        assert picture.notes[-1] == (
            f"values of {low or 0} to 4095 were scaled to 0 to 255, as its SMaxSampleValue says"
        )
    black = low or 0
    expected = np.rint((np.minimum(pixels, 4095.0) - black) * 255 / (4095 - black))
    np.testing.assert_array_equal(found, expected if photometric == "rgb" else
                                  np.repeat(expected[..., None], 3, axis=2))  # fmt: skip


@pytest.mark.parametrize(("low", "high"), [(0, 65535), (0, 3000), (2000, 4095), (4095, 0)])
def test_a_white_level_that_cannot_be_that_of_the_values(tmp_path, low, high):
    path = with_tags(tmp_path / "a.tif", camera(), low, high)
    tifffile.imwrite(tmp_path / "plain.tif", camera(), photometric="rgb", metadata=None)
    np.testing.assert_array_equal(read_image(path), read_image(tmp_path / "plain.tif"))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("bits", "spread"), [(12, 16), (12, 16 + 1 / 256), (16, 16)])
def test_the_bits_of_a_png(tmp_path, channels, bits, spread):
    pixels = (camera()[..., :channels] * spread).astype(np.uint16)
    save_png(tmp_path / "a.png", pixels)
    content = (tmp_path / "a.png").read_bytes()
    part = b"sBIT" + bytes([bits] * channels)
    part = struct.pack(">I", channels) + part + struct.pack(">I", zlib.crc32(part))
    (tmp_path / "b.png").write_bytes(content[:33] + part + content[33:])
    plain, told = read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png")
    assert plain.min() == 0 and plain.max() == 255
    if bits == 16:
        np.testing.assert_array_equal(told, plain)
        return
    expected = np.rint(pixels * (255.0 / 65535))
    np.testing.assert_array_equal(told, np.broadcast_to(expected, told.shape))
