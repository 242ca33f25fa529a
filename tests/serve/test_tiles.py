"""Tiles and thumbnails of pictures of any size."""

import io
import time
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.pictures import open_picture
from mrcnn.serve import pyramid as pyramid_module
from mrcnn.serve import tiles as tiles_module
from mrcnn.serve.pyramid import Pyramid
from mrcnn.serve.tiles import Tiles, last_level


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content))).astype(int)


def ramp(height: int, width: int) -> np.ndarray:
    """A picture whose colors tell the place."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y * 255 // height, x * 255 // width, np.full((height, width), 90)], 2).astype(
        np.uint8
    )


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiles") / "a.png"
    Image.fromarray(ramp(700, 1100)).save(path)
    return path


def test_tiles_of_the_last_level_are_the_pixels(picture, tmp_path):
    tiles = Tiles(tmp_path)
    assert tiles.size(picture) == (700, 1100) and last_level(700, 1100) == 11
    whole = ramp(700, 1100).astype(int)
    for x, y, shape in ((0, 0, (512, 512)), (2, 0, (512, 76)), (1, 1, (188, 512))):
        tile = pixels(tiles.tile(picture, 11, x, y)[0])
        assert tile.shape[:2] == shape
        part = whole[y * 512 : y * 512 + shape[0], x * 512 : x * 512 + shape[1]]
        assert np.abs(tile - part).mean() < 2
    tiles.close()


def test_every_level_shows_the_same(picture, tmp_path):
    tiles = Tiles(tmp_path)
    for level in range(12):
        factor = 2 ** (11 - level)
        tile = pixels(tiles.tile(picture, level, 0, 0)[0])
        assert tile.shape[:2] == (min(512, -(-700 // factor)), min(512, -(-1100 // factor)))
        if level > 6:
            shown = ramp(*tile.shape[:2]) if level < 10 else None
            if shown is not None:
                assert np.abs(tile - shown).mean() < 4
    thumbnail, is_final = tiles.thumbnail(picture)
    assert pixels(thumbnail).shape[:2] == (175, 275) and is_final
    assert tiles.thumbnail(picture) == ((tmp_path / "a.png.jpg").read_bytes(), True)
    tiles.close()


@pytest.mark.parametrize(("level", "x", "y"), [(12, 0, 0), (-1, 0, 0), (11, 3, 0), (11, 0, -1)])
def test_tiles_that_are_not_there(picture, tmp_path, level, x, y):
    with pytest.raises(DataError, match="There is no"):
        Tiles(tmp_path).tile(picture, level, x, y)


def slide(path, height=1500, width=2000) -> np.ndarray:
    whole = ramp(height, width)
    tifffile.imwrite(path, whole, tile=(128, 128), compression="zlib")
    return whole


def until_prepared(tiles, path) -> None:
    for _ in range(2000):
        if tiles.is_prepared(path):
            return
        time.sleep(0.01)
    raise AssertionError("the levels are not made")


@pytest.fixture
def small_limits(monkeypatch):
    """Pictures are large from a few pixels on."""
    monkeypatch.setattr(tiles_module, "SMALL", 2**16)
    monkeypatch.setattr(tiles_module, "MOST_READ", 3 * 2**15)
    monkeypatch.setattr(tiles_module, "SIDE", 128)
    monkeypatch.setattr(pyramid_module, "SIDE", 128)
    monkeypatch.setattr(pyramid_module, "_PREVIEW", 128)


def test_slow_levels_are_made_once_and_told(tmp_path, small_limits):
    path, folder, told = tmp_path / "a.tif", tmp_path / "kept", []
    whole = slide(path)
    tiles = Tiles(folder, lambda *each: told.append(each))
    last = last_level(1500, 2000)
    first, is_final = tiles.tile(path, last - 2, 0, 0)
    assert pixels(first).shape == (128, 128, 3)
    until_prepared(tiles, path)
    while told[-1][1] < 1:
        time.sleep(0.01)
    assert told[-1] == ("a.tif", 1.0, "") and 0 < told[0][1] < 1
    for number in range(12):
        factor = 2**number
        high, wide = -(-1500 // factor), -(-2000 // factor)
        for x, y in {(0, 0), ((wide - 1) // 128, (high - 1) // 128)}:
            content, is_final = tiles.tile(path, last - number, x, y)
            shape = min(128, high - y * 128), min(128, wide - x * 128)
            shown = pixels(content)
            assert is_final and shown.shape == (*shape, 3)
            top, left = y * 128 * factor, x * 128 * factor
            part = whole[top : top + 128 * factor, left : left + 128 * factor]
            assert np.abs(shown.mean((0, 1)) - part.mean((0, 1))).max() < 3
            if number < 5:
                corner = whole[top : top + factor, left : left + factor].mean((0, 1))
                assert np.abs(shown[:2, :2].mean((0, 1)) - corner).max() < 6
    tiles.close()
    # They are there the next time.
    again = Tiles(folder, lambda *each: told.clear())
    assert again.tile(path, last - 3, 0, 0)[1] and again.thumbnail(path)[1] and told
    again.forget(path)
    assert list(folder.iterdir()) == []
    again.close()


def test_another_picture_of_the_name_has_its_own_tiles(tmp_path, small_limits):
    path, folder = tmp_path / "a.tif", tmp_path / "kept"
    slide(path)
    tiles = Tiles(folder)
    tiles.tile(path, 8, 0, 0)
    until_prepared(tiles, path)
    tiles.close()
    tifffile.imwrite(path, np.full((1500, 2000, 3), 250, np.uint8), tile=(128, 128))
    tiles = Tiles(folder)
    tiles.tile(path, 8, 0, 0)
    until_prepared(tiles, path)
    assert pixels(tiles.tile(path, 8, 0, 0)[0]).mean() > 245
    tiles.close()


def test_before_the_levels_are_made_what_was_read_is_shown(tmp_path, small_limits):
    path = tmp_path / "a.tif"
    whole = slide(path)
    shown = []
    pyramid = Pyramid(tmp_path / "kept" / "a", (1500, 2000), 4, "")
    assert pixels(pyramid.tile(16, 0, 0)[0]).std() < 1

    def told(share):
        content, is_final = pyramid.tile(16, 0, 0)
        shown.append((share, is_final, pixels(content)))

    with open_picture(path) as picture:
        pyramid.make(picture, told)
    assert [share for share, *_ in shown][-1] == 1 and shown[-1][1]
    share, is_final, half = next(each for each in shown if each[0] > 0.4)
    assert not is_final and share < 0.5
    # The upper rows are there, the lower ones are gray still.
    assert np.abs(half[:20, :100].mean((0, 1)) - whole[:320, :1600].mean((0, 1))).max() < 8
    assert np.abs(half[-8:].astype(int) - 200).max() < 4


def test_what_cannot_be_read_is_told_and_ends(tmp_path, small_limits, monkeypatch, capsys):
    path, told = tmp_path / "a.tif", []
    slide(path)

    def broken(*_):
        raise DataError("a.tif: a tile is damaged.")

    monkeypatch.setattr(Pyramid, "make", broken)
    tiles = Tiles(tmp_path / "kept", lambda *each: told.append(each))
    assert not tiles.tile(path, 8, 0, 0)[1]
    tiles.close()
    assert told == [("a.tif", 1.0, "a.tif: a tile is damaged.")]
    assert "coarse levels" in capsys.readouterr().err


def test_a_slide_that_no_memory_holds(tmp_path):
    path = tmp_path / "slide.tif"
    tile = zlib.compress(ramp(256, 256).tobytes())
    across = 79
    tifffile.imwrite(
        path, (tile for _ in range(across**2)), shape=(20_000, 20_000, 3), dtype=np.uint8,
        tile=(256, 256), compression="zlib", photometric="rgb",
    )  # fmt: skip
    tiles = Tiles(tmp_path / "kept")
    assert tiles.size(path) == (20_000, 20_000)
    shown = pixels(tiles.tile(path, last_level(20_000, 20_000), 20, 30)[0])
    assert np.abs(shown - np.tile(ramp(256, 256), (2, 2, 1))).mean() < 3
    tiles.close()


def test_a_pyramid_gives_its_own_levels(tmp_path):
    path = tmp_path / "a.tif"
    whole = ramp(1024, 2048)
    # The level is told from the picture by its color.
    level = ramp(256, 512)
    level[..., 2] = 200
    with tifffile.TiffWriter(path) as file:
        file.write(whole, tile=(128, 128), subifds=1, photometric="rgb")
        file.write(level, tile=(128, 128), subfiletype=1, photometric="rgb")
    tiles = Tiles(tmp_path / "kept")
    last = last_level(1024, 2048)
    assert pixels(tiles.tile(path, last - 2, 0, 0)[0])[..., 2].mean() == pytest.approx(200, abs=2)
    assert pixels(tiles.tile(path, last - 1, 0, 0)[0])[..., 2].mean() == pytest.approx(90, abs=2)
