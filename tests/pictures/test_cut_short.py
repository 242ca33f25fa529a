"""Files that end early: what is lost is told, and what is there is as in the whole file."""

import numpy as np
import pytest
import tifffile

from mrcnn.errors import DataError
from mrcnn.pictures import open_picture
from tests.pictures.cut_files import BETWEEN, FIRST, LAST, SMALLEST_FIRST, pyramid_file
from tests.pictures.slides import colors, save_svs

PIXELS = colors(90, 110)
LEVELS = [np.ascontiguousarray(PIXELS[::step, ::step]) for step in (1, 2, 4)]


def is_refused_or_told(path):
    """Whether a file is refused, by its name, or has a note on what of it is lost.

    What can be read has to be that of the whole file.
    """
    try:
        with open_picture(path) as picture:
            levels = [picture.pixels(level) for level in range(len(picture.levels))]
            notes = picture.notes
    except DataError as error:
        assert str(path) in str(error)
        return "damaged or cut short" in str(error)
    np.testing.assert_array_equal(levels[0], PIXELS)
    whole = {level.shape: level for level in LEVELS}
    for level in levels:
        np.testing.assert_array_equal(level, whole[level.shape])
    return any("damaged or cut short" in note for note in notes)


@pytest.mark.parametrize("order", [FIRST, LAST, BETWEEN])
@pytest.mark.parametrize("big", [False, True], ids=["classic", "BigTIFF"])
@pytest.mark.parametrize("tiled", [False, True], ids=["strips", "tiles"])
@pytest.mark.parametrize("sub_ifds", [False, True], ids=["page after page", "in SubIFDs"])
def test_pyramids_cut_anywhere(tmp_path, capfd, order, big, tiled, sub_ifds):
    path = tmp_path / "a.tif"
    for compressed in (False, True):
        options = {"big": big, "tiled": tiled, "sub_ifds": sub_ifds, "compressed": compressed}
        content = pyramid_file(LEVELS, order=order, **options)
        path.write_bytes(content)
        with open_picture(path) as picture:
            assert len(picture.levels) == 3 and picture.notes == ()
        assert not is_refused_or_told(path)
        for kept in (*range(5, 100, 5), 99):
            path.write_bytes(content[: len(content) * kept // 100])
            assert is_refused_or_told(path), f"{kept} % of it"
        if order != LAST:
            path.write_bytes(content[:-1])
            assert is_refused_or_told(path)
    assert capfd.readouterr().err == "", "what tifffile logs is said by note or error"


def test_a_smaller_level_that_ends_early_is_not_used(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(pyramid_file(LEVELS, order=FIRST)[:-1])
    with open_picture(path) as picture:
        assert [(level.height, level.width) for level in picture.levels] == [(90, 110), (45, 55)]
        (note,) = picture.notes
    assert note == (
        "the file is damaged or cut short: its smaller levels (23 x 28 pixels) end early and are "
        "not used"
    )


def test_the_full_size_ends_early(tmp_path):
    """Its levels stand before it, as in files for the web, and are whole."""
    path = tmp_path / "a.tif"
    path.write_bytes(pyramid_file(LEVELS, order=SMALLEST_FIRST)[:-2000])
    with open_picture(path) as picture:
        (note,) = picture.notes
        assert note.endswith(": it ends before the last pixels of the picture, which are lost")
        np.testing.assert_array_equal(picture.region(0, 0, 16, 110), PIXELS[:16])
        np.testing.assert_array_equal(picture.pixels(1), LEVELS[1])
        with pytest.raises(DataError, match=r"a\.tif: it is damaged or cut short"):
            picture.pixels()


@pytest.mark.parametrize(
    ("lost", "told"), [(100, "another page ends early"), (60_000, "3 other pages end early")]
)
def test_other_pages_that_end_early(tmp_path, lost, told):
    path = tmp_path / "a.tif"
    path.write_bytes(pyramid_file([PIXELS] * 4, order=FIRST, stack=True)[:-lost])
    with open_picture(path) as picture:
        assert picture.notes[-1] == f"the file is damaged or cut short: {told}"
        np.testing.assert_array_equal(picture.pixels(), PIXELS)
    with pytest.raises(DataError, match="ends early"), open_picture(path, page=4) as picture:
        picture.pixels()


def test_planes_without_tags_of_their_own(tmp_path):
    """The first one's tags are all there is, and say how many there are."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([PIXELS] * 4), photometric="rgb", truncate=True)
    path.write_bytes(path.read_bytes()[: -PIXELS.size - 10])
    with open_picture(path) as picture:
        assert picture.notes[-1] == "the file is damaged or cut short: 2 other pages end early"
        np.testing.assert_array_equal(picture.pixels(), PIXELS)
    with pytest.raises(DataError, match="ends early"), open_picture(path, page=4) as picture:
        picture.pixels()


def test_slides_cut_anywhere(tmp_path):
    """Behind the levels of Aperio stand label and overview, which are not read: nothing is lost."""
    path = save_svs(tmp_path / "a.svs", PIXELS)
    content = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        end = sum(file.pages[2].dataoffsets[-1:] + file.pages[2].databytecounts[-1:])
    for kept in range(10, 100, 5):
        if kept * len(content) // 100 < end:
            path.write_bytes(content[: len(content) * kept // 100])
            assert is_refused_or_told(path), f"{kept} % of it"
