"""Tiles and thumbnails of pictures of any size."""

import io
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.serve import tiles as tiles_module
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
        tile = pixels(tiles.tile(picture, 11, x, y))
        assert tile.shape[:2] == shape
        part = whole[y * 512 : y * 512 + shape[0], x * 512 : x * 512 + shape[1]]
        assert np.abs(tile - part).mean() < 2
    tiles.close()


def test_every_level_shows_the_same(picture, tmp_path):
    tiles = Tiles(tmp_path)
    for level in range(12):
        factor = 2 ** (11 - level)
        tile = pixels(tiles.tile(picture, level, 0, 0))
        assert tile.shape[:2] == (min(512, -(-700 // factor)), min(512, -(-1100 // factor)))
        if level > 6:
            shown = ramp(*tile.shape[:2]) if level < 10 else None
            if shown is not None:
                assert np.abs(tile - shown).mean() < 4
    thumbnail = pixels(tiles.thumbnail(picture))
    assert thumbnail.shape[:2] == (175, 275)
    assert tiles.thumbnail(picture) == (tmp_path / "a.png.jpg").read_bytes()
    tiles.close()


@pytest.mark.parametrize(("level", "x", "y"), [(12, 0, 0), (-1, 0, 0), (11, 3, 0), (11, 0, -1)])
def test_tiles_that_are_not_there(picture, tmp_path, level, x, y):
    with pytest.raises(DataError, match="There is no"):
        Tiles(tmp_path).tile(picture, level, x, y)


def test_a_large_file_without_levels_is_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr(tiles_module, "OVERVIEW_SIDE", 256)
    path = tmp_path / "a.tif"
    whole = ramp(1500, 2000)
    tifffile.imwrite(path, whole, tile=(128, 128), compression="zlib")
    tiles = Tiles(tmp_path / "kept")
    small = pixels(tiles.tile(path, last_level(1500, 2000) - 4, 0, 0))
    assert small.shape == (94, 125, 3)
    assert np.abs(small - ramp(94, 125)).mean() < 4
    assert (tmp_path / "kept" / "a.tif.overview.npy").exists()
    tiles.forget(path)
    assert not (tmp_path / "kept" / "a.tif.overview.npy").exists()


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
    shown = pixels(tiles.tile(path, last_level(20_000, 20_000), 20, 30))
    assert np.abs(shown - np.tile(ramp(256, 256), (2, 2, 1))).mean() < 3


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
    assert pixels(tiles.tile(path, last - 2, 0, 0))[..., 2].mean() == pytest.approx(200, abs=2)
    assert pixels(tiles.tile(path, last - 1, 0, 0))[..., 2].mean() == pytest.approx(90, abs=2)
