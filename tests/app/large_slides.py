"""Slides of bright discs, and `detect` with a made-up network that finds them."""

import csv

import numpy as np
import pytest
import tifffile

import mrcnn.app.large_pictures
import mrcnn.app.methods
from mrcnn.app.application import Application
from mrcnn.config import Config
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.inference import Predictor, ScaledPredictor, TiledPredictor
from tests.inference.bright_spots import BrightSpots, SpotsConfig

PITCH, DIAMETER = 50, 24
# A picture of more pixels is large; sides of the tiles, in pixels of the network.
MOST_PIXELS, TILE = 500_000, 512


class Spots(SpotsConfig):
    CLASS_NAMES = ("dim", "bright")
    IMAGE_FIT = True
    IMAGE_MAX_DIM = 256
    IMAGE_PADDING = "reflect"
    SUBPIXEL_MASKS = True
    DETECTION_MAX_INSTANCES = 200
    POST_NMS_ROIS_INFERENCE = 200
    OBJECT_DIAMETER = float(DIAMETER)
    OBJECT_PIXEL_SIZE = 0.25


def classify(instances):
    """Class 2 are those that are larger than the median of the picture."""
    areas = instances.areas()
    return instances.replaced(class_ids=1 + (areas > np.median(areas)) if len(areas) else [])


def measure(image, instances):
    means = [image[y1:y2, x1:x2].mean() for y1, x1, y2, x2 in instances.boxes]
    # Text of any length is a column as well.
    widths = np.array(
        ["wide" if x2 - x1 >= DIAMETER else "narrow" for _, x1, _, x2 in instances.boxes], object
    )
    return instances.with_columns(brightness=np.array(means, float), width=widths)


APPLICATION = Application("spots", Config, AnnotatedDataset, classify=classify, measure=measure)


def made_up(application, options, path, min_confidence, at_once=1):
    config = Spots()
    runner = BrightSpots(config)
    runner.at_once = at_once

    def make_tiled():
        more = Spots.from_dict({"DETECTION_MAX_INSTANCES": 999, "POST_NMS_ROIS_INFERENCE": 999})
        predictor = Predictor(more, BrightSpots(more), watch_limits=False)
        return TiledPredictor(predictor, DIAMETER, tile_side=TILE)

    return ScaledPredictor(
        Predictor(config, runner, "spots"),
        make_tiled=make_tiled,
        diameter=options.diameter,
        pixel_size=options.pixel_size,
        min_confidence=min_confidence,
    )


@pytest.fixture
def detect(monkeypatch, tmp_path):
    """Runs the command; of more than MOST_PIXELS a picture is large."""
    monkeypatch.setattr(mrcnn.app.methods, "load_predictor", made_up)
    monkeypatch.setattr(mrcnn.app.methods, "trained_weights", lambda *_: tmp_path / "spots.h5")
    monkeypatch.setattr(mrcnn.app.large_pictures, "MOST_PIXELS", MOST_PIXELS)
    monkeypatch.setattr(mrcnn.app.large_pictures, "OVERLAY_SIDE", 512)
    monkeypatch.setattr(mrcnn.app.large_pictures, "_BETWEEN_LINES", 0.0)

    def run(*arguments, out="out"):
        words = ["detect", *arguments, "--min-conf", 0.5, "--out", tmp_path / out]
        return APPLICATION.main([str(word) for word in words]), tmp_path / out

    return run


def slide(side, seed=0):
    """Discs of 16 to 30 pixels, one in each square, a few of them cut by the border."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side, 3), 20, np.uint8)
    y, x = np.mgrid[:side, :side]
    whole = -(-side // PITCH)
    radii = rng.integers(8, 16, (whole, whole))
    tops = rng.integers(2, PITCH - 2 - 2 * radii)
    lefts = rng.integers(2, PITCH - 2 - 2 * radii)
    rows, columns = y // PITCH, x // PITCH
    r = radii[rows, columns]
    dy = y % PITCH - tops[rows, columns] - r + 0.5
    dx = x % PITCH - lefts[rows, columns] - r + 0.5
    inside = dy**2 + dx**2 < r**2
    image[inside] = (226 + 3 * (r % 10))[inside][:, None]
    return image


def rows_of(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def without_labels(rows):
    return sorted(tuple(row[name] for name in row if name != "label") for row in rows)


def pyramid(path, image, levels=2, tile=(256, 256), **options):
    with tifffile.TiffWriter(path) as file:
        settings = {"tile": tile, "photometric": "rgb", "compression": "zlib", **options}
        file.write(image, subifds=levels, **settings)
        for level in range(1, levels + 1):
            file.write(image[:: 2**level, :: 2**level], subfiletype=1, **settings)
    return path
