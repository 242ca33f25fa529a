"""`detect` in pictures that are not held as a whole, with a made-up network."""

import json
import re

import numpy as np
import tifffile
from PIL import Image

import mrcnn.app.large_pictures
from tests.app.large_slides import (
    DIAMETER,
    pyramid,
    rows_of,
    slide,
    without_labels,
)


def test_a_large_picture_gives_what_it_gives_as_a_whole(detect, tmp_path, capsys, monkeypatch):
    image = slide(1200)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(256, 256), photometric="rgb")
    status, out = detect(tmp_path / "a.tif", "--diameter", DIAMETER)
    said = capsys.readouterr().out
    assert status == 0
    assert "1200 x 1200 pixels are detected in by 9 tiles" in said
    assert re.search(r"a\.tif: 3 of 9 tiles, \d+ objects so far", said)
    assert "576 objects found; classes, overlay and tables follow" in said
    assert "the overlay shows it 3 times smaller" in said
    monkeypatch.setattr(mrcnn.app.large_pictures, "MOST_PIXELS", 10**9)
    assert detect(tmp_path / "a.tif", "--diameter", DIAMETER, out="whole")[0] == 0
    found, whole = (rows_of(each / "objects.csv") for each in (out, tmp_path / "whole"))
    assert len(found) == 576
    assert {row["class"] for row in found} == {"dim", "bright"}
    assert without_labels(found) == without_labels(whole)
    summaries = [(each / "summary.csv").read_bytes() for each in (out, tmp_path / "whole")]
    assert summaries[0] == summaries[1]
    labels = tifffile.imread(out / "a_labels.tif")
    assert labels.shape == (1200, 1200) and labels.dtype == np.uint32
    pixels = np.bincount(labels.ravel())
    assert [int(row["visible_area"]) for row in found] == pixels[1:].tolist()
    for row in found[::50]:
        y, x = (int(float(row[f"centroid_{axis}"])) for axis in "yx")
        assert labels[y, x] == int(row["label"])
    with Image.open(out / "a_overlay.jpg") as overlay:
        # Its legend is below.
        assert overlay.width == 400 and 400 < overlay.height < 460
    assert sorted(path.name for path in out.iterdir()) == [
        "a_labels.tif", "a_overlay.jpg", "histogram.csv", "images.csv", "objects.csv", "parts",
        "report.html", "run.json", "shares.csv", "slides.csv", "summary.csv",
    ]  # fmt: skip


def test_a_pyramid_whose_scale_is_estimated(detect, tmp_path, capsys):
    """Discs are eight times as wide as the network knows them."""
    image = np.repeat(np.repeat(slide(300), 8, axis=0), 8, axis=1)
    pyramid(tmp_path / "a.tif", image, levels=3)
    status, out = detect(tmp_path / "a.tif")
    assert status == 0
    (row, _) = rows_of(out / "summary.csv")
    assert row["scale_source"] == "estimate"
    assert 150 < float(row["diameter_px"]) < 230
    found = rows_of(out / "objects.csv")
    assert len(found) == 36 and int(row["height"]) == 2400
    labels = tifffile.imread(out / "a_labels.tif")
    assert labels.shape == image.shape[:2]
    is_disc = image[..., 0] > 100
    # Of the made-up network the masks are squares.
    assert ((labels > 0) & is_disc).sum() > 0.98 * is_disc.sum()
    areas = np.bincount(labels.ravel())[1:]
    assert [int(row["area"]) for row in found] == areas.tolist()
    with Image.open(out / "a_overlay.jpg") as overlay:
        assert overlay.width == 300 and 300 < overlay.height < 360


def test_a_picture_of_too_many_tiles_is_taken_in_parts(detect, tmp_path, capsys, monkeypatch):
    """It is small enough to be read as a whole, but has more objects than one prediction."""
    monkeypatch.setattr(mrcnn.app.large_pictures, "MOST_PIXELS", 10**9)
    monkeypatch.setattr(mrcnn.inference.TiledPredictor.predict, "__kwdefaults__", {"most_tiles": 3})
    for name, side in (("a", 700), ("b", 1000), ("c", 600)):
        Image.fromarray(slide(side)).save(tmp_path / f"{name}.png")
    status, out = detect(*(tmp_path / f"{name}.png" for name in "abc"), "--diameter", DIAMETER)
    assert status == 0
    said = capsys.readouterr().out
    assert "b.png: 1000 x 1000 pixels are detected in by 9 tiles" in said
    *rows, _ = rows_of(out / "summary.csv")
    assert [(row["name"], row["objects"]) for row in rows] == [
        ("a", "196"), ("b", "400"), ("c", "144"),
    ]  # fmt: skip


def test_exports_of_a_large_picture(detect, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", slide(750), tile=(256, 256), photometric="rgb")
    exports = ("--via", "--coco", "--geojson", "--imagej")
    status, out = detect(tmp_path / "a.tif", "--diameter", DIAMETER, *exports)
    assert status == 0
    count = len(rows_of(out / "objects.csv"))
    assert count == 225
    assert len(json.loads((out / "a.geojson").read_text())["features"]) == count
    assert len(json.loads((out / "coco_predictions.json").read_text())["annotations"]) == count
    ((_, image),) = json.loads((out / "via_predictions.json").read_text())[
        "_via_img_metadata"
    ].items()
    assert len(image["regions"]) == count
    assert (out / "a_rois.zip").stat().st_size > 0
