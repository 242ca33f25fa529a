"""Pages and channels: which are taken by themselves, which can be asked for, what is said."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.pictures import open_picture

PLANES = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 11, 17)).astype(np.uint8)
COLORS = np.random.default_rng(1).integers(0, 256, (40, 60, 3)).astype(np.uint8)


def read(path, **choice):
    with open_picture(path, **choice) as picture:
        return picture.pixels(), picture.notes


def page_said(number, count):
    return f"page {number} of {count} was read, the others were left out; --page takes another"


def channels_said(names, count):
    return f"channels {names} of {count} were taken as red, green and blue; --channels takes others"


@pytest.mark.parametrize("kind", ["imagej", "ome", "ome planar", "plain"])
def test_every_page_of_a_stack(tmp_path, kind):
    """Moments of slices, each of four channels; a plain stack has pages alone."""
    path = tmp_path / ("a.ome.tif" if kind.startswith("ome") else "a.tif")
    if kind == "imagej":
        tifffile.imwrite(path, PLANES, imagej=True, metadata={"axes": "TZCYX"})
    elif kind == "plain":
        tifffile.imwrite(path, PLANES, photometric="minisblack")
    else:
        axes = {"ome": "TZCYX", "ome planar": "TCZYX"}[kind]
        planes = PLANES if kind == "ome" else PLANES.swapaxes(1, 2)
        tifffile.imwrite(path, planes, photometric="minisblack", metadata={"axes": axes})
    if kind == "plain":
        for page in range(24):
            pixels, notes = read(path, page=page + 1)
            expected = PLANES.reshape(24, 11, 17)[page]
            np.testing.assert_array_equal(pixels, np.stack([expected] * 3, axis=-1))
            assert notes == (page_said(page + 1, 24),)
        return
    for page in range(6):
        channels = PLANES[divmod(page, 3)]
        pixels, notes = read(path, page=page + 1)
        np.testing.assert_array_equal(pixels, np.moveaxis(channels[:3], 0, -1))
        assert notes == (page_said(page + 1, 6), channels_said("1, 2, 3", 4))
        pixels, notes = read(path, page=page + 1, channels=(4, 1, 3))
        np.testing.assert_array_equal(pixels, np.moveaxis(channels[[3, 0, 2]], 0, -1))
        assert notes == (page_said(page + 1, 6),)
        pixels, _ = read(path, page=page + 1, channels=(2,))
        np.testing.assert_array_equal(pixels[..., 0], channels[1])


def test_planes_without_tags_of_their_own(tmp_path):
    """Large stacks of ImageJ have tags for the first plane only."""
    options = {"imagej": True, "truncate": True, "metadata": {"axes": "TZCYX"}}
    tifffile.imwrite(tmp_path / "a.tif", PLANES, **options)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 1
    pixels, _ = read(tmp_path / "a.tif", page=6)
    np.testing.assert_array_equal(pixels, np.moveaxis(PLANES[1, 2, :3], 0, -1))


@pytest.mark.parametrize("metadata", [None, {}], ids=["plain", "with its shape"])
def test_a_stack_that_was_cut_short(tmp_path, metadata):
    """The first page is there; that others are lost is said."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PLANES[0, 0], photometric="minisblack", metadata=metadata)
    with tifffile.TiffFile(path) as file:
        end = file.pages[3].aspage().offset
    path.write_bytes(path.read_bytes()[:end])
    pixels, notes = read(path)
    np.testing.assert_array_equal(pixels[..., 0], PLANES[0, 0, 0])
    assert notes[-1].startswith("the file is damaged or cut short: not all of its pages")


def test_three_channels_in_planes_are_colors(tmp_path):
    path = tmp_path / "a.ome.tif"
    planes = np.moveaxis(COLORS, -1, 0)
    tifffile.imwrite(path, planes, photometric="minisblack", metadata={"axes": "CYX"})
    pixels, notes = read(path)
    np.testing.assert_array_equal(pixels, COLORS)
    assert notes == (channels_said("1, 2, 3", 3),)


def save_channels_apart(folder, planes):
    """OME-TIFF with a file for each channel, all of which name all; returns the first one."""
    names = [f"c{number}.ome.tif" for number in range(len(planes))]
    places = "".join(
        f'<TiffData FirstC="{n}" IFD="0" PlaneCount="1"><UUID FileName="{name}">{name}</UUID>'
        "</TiffData>"
        for n, name in enumerate(names)
    )
    height, width = planes[0].shape
    for name, plane in zip(names, planes, strict=True):
        said = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{name}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
            f'Type="uint8" SizeX="{width}" SizeY="{height}" SizeC="{len(planes)}" SizeZ="1" '
            f'SizeT="1">{places}</Pixels></Image></OME>'
        )
        tifffile.imwrite(folder / name, plane, description=said, metadata=None)
    return folder / names[0]


def test_channels_in_files_of_their_own(tmp_path):
    path = save_channels_apart(tmp_path, PLANES[0, 0, :3])
    for _ in range(2):
        pixels, notes = read(path)
        np.testing.assert_array_equal(pixels, np.moveaxis(PLANES[0, 0, :3], 0, -1))
        assert notes == (channels_said("1, 2, 3", 3),)
    (tmp_path / "c1.ome.tif").unlink()
    with pytest.raises(DataError, match="a plane of it is missing, or the file that it is in"):
        read(path)
    assert read(path, channels=(3,))[0][2, 3, 0] == PLANES[0, 0, 2, 2, 3]


@pytest.mark.parametrize("options", [{}, {"subfiletype": 1}], ids=["untold", "told"])
@pytest.mark.parametrize("first", [True, False])
def test_a_thumbnail_is_not_taken_for_the_picture(tmp_path, first, options):
    images = [(COLORS[::4, ::4], options), (COLORS, {})]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for pixels, told in images if first else images[::-1]:
            writer.write(np.ascontiguousarray(pixels), photometric="rgb", **told)
    pixels, notes = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(pixels, COLORS)
    if not options:
        assert notes == (page_said(2 if first else 1, 2),)
        assert read(tmp_path / "a.tif", page=1 if first else 2)[0].shape == (10, 15, 3)


def test_a_picture_in_a_sub_ifd_of_its_thumbnail(tmp_path):
    """As cameras keep it."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        small = np.ascontiguousarray(COLORS[::4, ::4])
        options = {"photometric": "rgb", "metadata": None}
        writer.write(small, subifds=1, subfiletype=1, **options)
        writer.write(COLORS, subfiletype=0, **options)
    pixels, notes = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(pixels, COLORS)
    assert notes == ()


def test_of_pictures_of_like_sizes_the_first_is_taken(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(COLORS[:30], photometric="rgb")
        writer.write(COLORS, photometric="rgb")
    assert read(tmp_path / "a.tif")[0].shape == (30, 60, 3)
    pixels, notes = read(tmp_path / "a.tif", page=2)
    assert pixels.shape == (40, 60, 3) and notes == (page_said(2, 2),)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_frames_of_other_files(tmp_path, name):
    frames = [Image.new("RGB", (8, 6), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    for number in range(3):
        pixels, notes = read(tmp_path / name, page=number + 1)
        assert pixels[3, 4].argmax() == number and page_said(number + 1, 3) in notes


def test_channels_of_colors(tmp_path):
    for name in ("a.png", "a.tif"):
        Image.fromarray(COLORS).save(tmp_path / name)
        np.testing.assert_array_equal(
            read(tmp_path / name, channels=(3, 1, 2))[0], COLORS[..., [2, 0, 1]]
        )
        gray, notes = read(tmp_path / name, channels=(2,))
        np.testing.assert_array_equal(gray, COLORS[..., [1, 1, 1]])
        assert gray.flags.writeable and notes == ()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"page": 2}, "it has no page 2: it has 1 page"),
        ({"page": 0}, "it has no page 0: it has 1 page"),
        ({"channels": (1, 2, 4)}, "it has no channel 4: it has 3 channels, counted from 1"),
        ({"channels": (0,)}, "it has no channel 0: it has 3 channels, counted from 1"),
        ({"channels": (1, 2)}, "2 channels were asked for: name one"),
    ],
    ids=str,
)
def test_what_there_is_not(tmp_path, name, choice, reason):
    Image.fromarray(COLORS).save(tmp_path / name)
    with pytest.raises(DataError, match=rf"Cannot read the image .*{name}: {reason}"):
        open_picture(tmp_path / name, **choice)


def test_a_palette_has_no_channels(tmp_path):
    Image.fromarray(COLORS).quantize(16).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="its colors are PALETTE, which are no channels"):
        open_picture(tmp_path / "a.tif", channels=(1,))
