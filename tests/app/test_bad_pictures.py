"""Pictures that cannot be used as asked: told by name, status 2, and nothing else is lost."""

import numpy as np
import pytest
import tifffile
from PIL import Image

import mrcnn.app.methods
import mrcnn.inference.tile_grid
from tests.app.large_slides import DIAMETER, made_up, pyramid, rows_of, slide

SMALL, LARGE = slide(300), slide(900)


@pytest.fixture
def good(tmp_path):
    """A picture on either side of the bad one: what it gives has to stay."""
    paths = [tmp_path / "before.png", tmp_path / "later.png"]
    for path in paths:
        Image.fromarray(SMALL).save(path)
    return paths


def fails(detect, capsys, good, bad, *arguments):
    """Detects in a bad picture between two good ones; what was said of it."""
    before, later = good
    status, out = detect(before, bad, later, *arguments)
    error = capsys.readouterr().err
    assert status == 2
    assert "1 of the inputs could not be used" in error and str(bad) in error
    first, second, third, whole = rows_of(out / "summary.csv")
    assert (first["objects"], third["objects"], whole["objects"]) == ("36", "36", "72")
    assert second["objects"] == "" and second["problem"] in error
    assert len(rows_of(out / "objects.csv")) == 72
    names = ["before", "later"]
    kinds = ("labels.png", "labels_preview.png", "overlay.jpg")
    pictures = [f"{name}_{kind}" for name in names for kind in kinds]
    # Neither files of the bad one nor temporary ones.
    assert sorted(path.name for path in out.iterdir()) == [
        *pictures[:3], "histogram.csv", "images.csv", *pictures[3:], "objects.csv", "parts",
        "report.html", "run.json", "shares.csv", "slides.csv", "summary.csv",
    ]  # fmt: skip
    return second["problem"]


def damage(path, page, segment, content=b"\xff\x13\x00"):
    """Write over the beginning of a tile of a page, counted from the finest level."""
    with tifffile.TiffFile(path) as file:
        pages = [file.pages[0], *(file.pages[0].pages or ())]
        offset = pages[page].dataoffsets[segment]
    whole = bytearray(path.read_bytes())
    whole[offset : offset + len(content)] = content
    path.write_bytes(whole)


@pytest.mark.parametrize("side", [20, 900])
def test_a_diameter_larger_than_the_picture(detect, capsys, good, tmp_path, side):
    Image.fromarray(slide(side)).save(tmp_path / "bad.png")
    arguments = ("--diameter", DIAMETER if side == 20 else 1000)
    if side == 20:
        problem = fails(detect, capsys, good, tmp_path / "bad.png", *arguments)
        assert "has 20 x 20 pixels, fewer than the objects are wide (24 pixels" in problem
        return
    status, out = detect(tmp_path / "bad.png", *arguments)
    assert status == 2
    assert "has 900 x 900 pixels, fewer than the objects" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == [
        "histogram.csv", "images.csv", "objects.csv", "parts", "report.html", "run.json",
        "shares.csv", "slides.csv", "summary.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "reason"), [(1000, "are too small"), (0.001, "fewer than")])
def test_a_pixel_size_that_cannot_be(detect, capsys, tmp_path, size, reason):
    for name, image in (("a", SMALL), ("b", LARGE)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    status, out = detect(tmp_path / "a.png", tmp_path / "b.png", "--pixel-size", size)
    error = capsys.readouterr().err
    assert status == 2 and "2 of the inputs could not be used" in error
    for row in rows_of(out / "summary.csv")[:2]:
        assert reason in row["problem"] and "by the pixel-size" in row["problem"]


@pytest.mark.parametrize("size", ["0", "-1", "nan", "inf", "1e9", "0.0009", "1001", "x"])
def test_a_pixel_size_that_is_none(detect, capsys, size):
    assert detect("a.png", f"--pixel-size={size}")[0] == 2
    assert (
        f"{size!r} is not a size of pixels from 0.001 to 1000 micrometers"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("size", [0, -0.25, 1e9])
def test_a_pixel_size_of_a_file_that_cannot_be(detect, capsys, tmp_path, size):
    """It is told, and the picture is asked instead."""
    metadata = {"axes": "YXS", "PhysicalSizeX": size, "PhysicalSizeY": size}
    tifffile.imwrite(tmp_path / "a.ome.tif", LARGE, photometric="rgb", metadata=metadata)
    status, out = detect(tmp_path / "a.ome.tif")
    said = capsys.readouterr().out
    assert status == 0
    assert f"pixels of {size:g} x {size:g} micrometers (by its OME-XML) are those of no" in said
    assert rows_of(out / "summary.csv")[0]["scale_source"] == "estimate"


def test_a_slide_without_a_level_that_fits(detect, capsys, good, tmp_path, monkeypatch):
    monkeypatch.setattr(mrcnn.inference.tile_grid, "_MOST_PIXELS_A_SIDE", 1000)
    large = np.repeat(np.repeat(slide(300), 8, axis=0), 8, axis=1)
    tifffile.imwrite(tmp_path / "bad.tif", large, photometric="rgb", tile=(256, 256))
    problem = fails(detect, capsys, good, tmp_path / "bad.tif")
    assert "a tile has 2400 x 2400 pixels of the picture; 1000 a side are the most" in problem
    pyramid(tmp_path / "fine.tif", large)
    assert detect(tmp_path / "fine.tif", out="fine")[0] == 0


def test_an_empty_slide_says_that_its_scale_is_not_known(detect, capsys, good, tmp_path):
    Image.new("RGB", (900, 800)).save(tmp_path / "bad.png")
    problem = fails(detect, capsys, good, tmp_path / "bad.png")
    assert "nothing was found, so the scale is not known" in problem


@pytest.mark.parametrize("page", [0, 1])
def test_tiles_that_cannot_be_decoded_half_way(detect, capsys, good, tmp_path, page):
    """Of a picture as it is, and of the level that is shown."""
    times = 2**page
    image = np.repeat(np.repeat(slide(900), times, axis=0), times, axis=1)
    bad = pyramid(tmp_path / "bad.tif", image, levels=page)
    damage(bad, page, 13)
    given = ("--diameter", DIAMETER * times)
    if page:
        Image.fromarray(np.repeat(np.repeat(SMALL, 2, axis=0), 2, axis=1)).save(good[0])
        Image.fromarray(np.repeat(np.repeat(SMALL, 2, axis=0), 2, axis=1)).save(good[1])
    problem = fails(detect, capsys, good, bad, *given)
    assert problem.startswith(f"Cannot read the image {bad}: it is damaged or cut short")


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_file_that_ends_early(detect, capsys, good, tmp_path, kept):
    bad = tmp_path / "bad.tif"
    tifffile.imwrite(bad, LARGE, photometric="rgb", tile=(256, 256))
    content = bad.read_bytes()
    bad.write_bytes(content[: int(len(content) * kept)])
    assert "damaged or cut short" in fails(detect, capsys, good, bad, "--diameter", DIAMETER)


def test_a_pyramid_without_its_levels(detect, capsys, good, tmp_path):
    bad = pyramid(tmp_path / "bad.tif", LARGE)
    with tifffile.TiffFile(bad) as file:
        first, *_ = file.pages[0].tags["SubIFDs"].value
    bad.write_bytes(bad.read_bytes()[: first + 20])
    problem = fails(detect, capsys, good, bad)
    assert "not all of its pages, levels and tags were found" in problem


def test_a_pyramid_whose_smallest_level_ends_early(detect, capsys, tmp_path):
    """It is told, and counts as the whole file does."""
    path = pyramid(tmp_path / "a.tif", LARGE)
    path.write_bytes(path.read_bytes()[:-1000])
    status, out = detect(path)
    assert status == 0
    said = capsys.readouterr().out
    assert f"{path}: the file is damaged or cut short: its smaller levels" in said
    assert len(rows_of(out / "objects.csv")) == 18**2


def test_zarr_with_chunks_that_are_missing_or_damaged(detect, capsys, good, tmp_path):
    """What is missing has the fill value, by the format; what cannot be decoded is an error."""
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "bad.zarr"
    array = zarr.create_array(
        path, shape=LARGE.shape, chunks=(300, 300, 3), dtype=np.uint8, zarr_format=2
    )
    array[:] = LARGE
    (path / "1.1.0").unlink()
    status, out = detect(path, "--diameter", DIAMETER, out="missing")
    assert status == 0
    assert len(rows_of(out / "objects.csv")) == 18**2 - 6**2
    capsys.readouterr()
    (path / "2.2.0").write_bytes(b"no chunk")
    problem = fails(detect, capsys, good, path, "--diameter", DIAMETER)
    assert problem.startswith(f"Cannot read the image {path}: it is damaged or cut short")


def test_a_slide_that_can_only_be_seen_as_a_whole(detect, capsys, good, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200_000)
    monkeypatch.setattr(
        mrcnn.app.methods, "load_predictor", lambda *given: made_up(*given).predictor
    )
    tifffile.imwrite(tmp_path / "bad.tif", LARGE, photometric="rgb", tile=(256, 256))
    problem = fails(detect, capsys, good, tmp_path / "bad.tif")
    assert "900 x 900 pixels are too many to be seen as a whole, as --image-size" in problem
