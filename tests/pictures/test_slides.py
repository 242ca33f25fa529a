"""Pyramids and slides: levels, pixel sizes, regions; never a label, and never all at once."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from mrcnn.errors import DataError
from mrcnn.pictures import Level, open_picture
from tests.pictures.slides import colors, save_ndpi, save_svs

PIXELS = colors(700, 900)


def save_pyramid(path, pixels=PIXELS, *, flat=False, **options):
    levels = [np.ascontiguousarray(pixels[::step, ::step]) for step in (1, 2, 4)]
    options = {"photometric": "rgb", "tile": (128, 160), **options}
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as writer:
        writer.write(levels[0], **({} if flat else {"subifds": 2}), **options)
        options.pop("metadata", None)
        for level in levels[1:]:
            writer.write(level, subfiletype=1, **{**options, "metadata": None})
    return path


def check_levels(path, levels, tolerance=0):
    """Levels, and regions of each that cross tiles and touch all borders."""
    with open_picture(path) as picture:
        found = [(level.height, level.width) for level in picture.levels]
        assert found == [level.shape[:2] for level in levels]
        for number, expected in enumerate(levels):
            height, width = expected.shape[:2]
            whole = picture.pixels(number).astype(int)
            assert np.abs(whole - expected).max() <= tolerance
            for y, x in [(0, 0), (height - 60, width - 70), (height // 3, width // 2)]:
                region = picture.region(y, x, 60, 70, level=number)
                assert region.flags.writeable
                assert np.array_equal(region, whole[y : y + 60, x : x + 70])
        return picture.pixel_size, picture.notes


@pytest.mark.parametrize("flat", [False, True], ids=["in SubIFDs", "page after page"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiled_pyramid(tmp_path, flat, bigtiff, compression):
    path = tmp_path / "a.tif"
    save_pyramid(path, flat=flat, bigtiff=bigtiff, compression=compression)
    _, notes = check_levels(path, [PIXELS, PIXELS[::2, ::2], PIXELS[::4, ::4]])
    assert notes == ()
    with open_picture(path) as picture:
        assert picture.levels[2] == Level(175, 225, 4.0)


def test_an_ome_pyramid(tmp_path):
    said = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    path = save_pyramid(tmp_path / "a.ome.tif", metadata=said)
    size, notes = check_levels(path, [PIXELS, PIXELS[::2, ::2], PIXELS[::4, ::4]])
    assert (size.y, size.x, size.told_by) == (0.5, 0.25, "OME-XML") and notes == ()


def test_levels_of_a_turned_pyramid(tmp_path):
    """The main page alone says how it is turned."""
    turned = [np.rot90(PIXELS[::step, ::step], -1) for step in (1, 2, 4)]
    path = tmp_path / "a.tif"
    save_pyramid(path, extratags=[(274, "H", 1, 6, True)])
    check_levels(path, turned)


@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_slide_by_aperio(tmp_path, bigtiff):
    path = save_svs(tmp_path / "a.svs", PIXELS, bigtiff=bigtiff)
    size, notes = check_levels(path, [PIXELS, PIXELS[::4, ::4]])
    assert (size.y, size.x, size.told_by) == (0.252, 0.252, "Aperio MPP")
    assert notes == ()
    with pytest.raises(DataError, match="it has no page 2: it has 1 page"):
        open_picture(path, page=2)


@pytest.mark.parametrize("codec", ["jpeg", "aperio_jp2000_rgb"])
def test_compressed_slides(tmp_path, codec):
    pytest.importorskip("imagecodecs", reason="writes the tiles")
    path = save_svs(tmp_path / "a.svs", PIXELS, compression=codec)
    with tifffile.TiffFile(path) as file:
        seen = [level.asarray() for level in file.series[0].levels]
    assert np.abs(seen[0].astype(int) - PIXELS).mean() < 8
    # Decoders of JPEG differ in how they round, and spread the colors of pairs of pixels.
    check_levels(path, seen, tolerance=40 if codec == "jpeg" else 1)


def test_a_slide_as_tiffslide_reads_it(tmp_path):
    tiffslide = pytest.importorskip("tiffslide")
    path = save_svs(tmp_path / "a.svs", PIXELS, compression="jpeg")
    with open_picture(path) as picture, tiffslide.TiffSlide(path) as slide:
        assert [(lv.width, lv.height) for lv in picture.levels] == list(slide.level_dimensions)
        theirs = slide.read_region((40, 80), 1, (100, 90), as_array=True)
        ours = picture.region(20, 10, 90, 100, level=1)
        assert np.abs(ours.astype(int) - theirs).max() <= 2
        assert picture.pixel_size.x == slide.properties["tiffslide.mpp-x"]


def test_a_slide_by_hamamatsu(tmp_path):
    levels = [np.ascontiguousarray(PIXELS[:640:step, :896:step]) for step in (1, 2)]
    seen = save_ndpi(tmp_path / "a.ndpi", levels)
    size, notes = check_levels(tmp_path / "a.ndpi", seen)
    assert (size.y, size.x) == (0.25, 0.25) and notes == ()


def test_a_slide_of_labels_alone(tmp_path):
    label = np.zeros((40, 30, 3), np.uint8)
    metadata = {"axes": "YXS", "Name": "label image"}
    tifffile.imwrite(tmp_path / "a.ome.tif", label, photometric="rgb", metadata=metadata)
    with pytest.raises(DataError, match="labels and overviews of a slide only, which are not read"):
        open_picture(tmp_path / "a.ome.tif")


def test_pictures_of_ome_that_are_labels(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for name, pixels in [("label image", PIXELS), ("field", PIXELS[:90]), ("macro", PIXELS)]:
            size = {"PhysicalSizeX": 0.1 * len(name), "PhysicalSizeY": 0.1 * len(name)}
            metadata = {"axes": "YXS", "Name": name, **size}
            writer.write(pixels, photometric="rgb", metadata=metadata)
    with open_picture(tmp_path / "a.ome.tif") as picture:
        assert picture.shape == (90, 900) and picture.notes == ()
        assert picture.pixel_size.x == pytest.approx(0.5)


def large_tiff(path, side):
    """A tiled file of which all but one tile in 100 are left out."""
    across = -(-side // 512)
    tile = colors(512, 512)

    def tiles():
        for number in range(across * across):
            yield tile if number % 101 == 0 else None

    shape = {"shape": (side, side, 3), "dtype": np.uint8, "tile": (512, 512)}
    tifffile.imwrite(path, tiles(), photometric="rgb", compression="zlib", **shape)
    return path, tile


def most_memory(act):
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_region_of_a_large_file_takes_little_memory(tmp_path):
    """20,000 pixels a side are 1.2 GB."""
    path, tile = large_tiff(tmp_path / "a.tif", 20_000)

    def read():
        with open_picture(path) as picture:
            assert picture.shape == (20_000, 20_000)
            np.testing.assert_array_equal(picture.region(0, 0, 512, 512), tile)
            for y in range(0, 18_000, 3000):
                picture.region(y, y, 1024, 1024)

    assert most_memory(read) < 64 * 2**20
    with (
        open_picture(path) as picture,
        pytest.raises(
            DataError, match=r"too many pixels\. Cut it .* or read it a region at a time"
        ),
    ):
        picture.pixels()


def test_a_region_of_one_large_strip_takes_little_memory(tmp_path):
    """Uncompressed, a file with holes: 768 MB of which some rows are read."""
    path = tmp_path / "a.tif"
    shape = (16_000, 16_000, 3)
    stored = tifffile.memmap(path, shape=shape, dtype=np.uint8, photometric="rgb")
    stored[8000:8100, :400] = 255
    stored.flush()
    del stored

    def read():
        with open_picture(path) as picture:
            region = picture.region(7990, 100, 60, 50)
            assert region[:10].max() == 0 and region[10:].min() == 255

    assert most_memory(read) < 64 * 2**20


def test_only_the_tiles_of_a_region_are_read(tmp_path):
    """All the others are damaged."""
    path = save_pyramid(tmp_path / "a.tif", tile=(128, 128), compression="zlib")
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    content = bytearray(path.read_bytes())
    for number, (offset, count) in enumerate(segments):
        if number not in (9, 10):
            content[offset : offset + count] = bytes(count)
    path.write_bytes(content)
    with open_picture(path) as picture:
        region = picture.region(128, 140, 120, 200)
        np.testing.assert_array_equal(region, PIXELS[128:248, 140:340])
        with pytest.raises(DataError, match=r"a\.tif: it is damaged or cut short"):
            picture.region(0, 0, 10, 10)


def test_threads_read_one_picture(tmp_path):
    path = save_pyramid(tmp_path / "a.tif", compression="zlib")
    places = [(y, x) for y in range(0, 600, 50) for x in range(0, 800, 50)]
    with open_picture(path) as picture, ThreadPoolExecutor(8) as pool:
        for (y, x), region in zip(
            places, pool.map(lambda at: picture.region(*at, 90, 90), places), strict=True
        ):
            np.testing.assert_array_equal(region, PIXELS[y : y + 90, x : x + 90])


def test_a_pyramid_whose_levels_are_lost(tmp_path, capfd):
    """They stand behind the picture itself, which is there."""
    path = save_pyramid(tmp_path / "a.tif")
    content = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        *_, first, second = file.pages[0].tags["SubIFDs"].value
    for end in (first + 20, second + 30):
        path.write_bytes(content[:end])
        with pytest.raises(DataError, match=r"a\.tif: .*not all of its pages, levels and tags"):
            open_picture(path)
    assert capfd.readouterr().err == "", "what tifffile logs is said by the error"


def test_all_regions_and_levels_share_one_range(tmp_path):
    deep = PIXELS[..., 0].astype(np.uint16) * 100
    deep[5, 5] = 65535
    path = save_pyramid(tmp_path / "a.tif", deep, photometric="minisblack")
    with open_picture(path) as picture:
        corner = picture.region(0, 0, 100, 100)
        whole = picture.pixels()
        np.testing.assert_array_equal(corner, whole[:100, :100])
        assert np.abs(whole[::2, ::2].astype(int) - picture.pixels(1)).max() == 0
        assert picture.notes[0].startswith("values of 27")
