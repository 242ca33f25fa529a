"""GeoJSON as QuPath reads it: valid geometry whose pixels are those of the masks."""

import json

import numpy as np
import pytest
import shapely
from hypothesis import given
from shapely.geometry import shape

from mrcnn.formats import feature_collection, write_geojson
from tests.formats.drawn import CLASSES, disc, field, full_masks, image_of, iou, masks, no_instances

COLORS = [(1.0, 0.5, 0.0), (0.0, 0.0, 1.0), (0.2, 0.2, 0.2)]


def rasterized(geometry: dict, size: tuple[int, int]) -> np.ndarray:
    """Pixels, as squares between their indices and the next ones, whose center is inside."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    inside = shapely.contains_xy(shape(geometry), columns.ravel() + 0.5, rows.ravel() + 0.5)
    return inside.reshape(size)


@given(masks)
def test_masks_come_back(mask):
    image = image_of(mask, (3, 5))
    (feature,) = feature_collection(image, CLASSES)["features"]
    geometry = feature["geometry"]
    assert shapely.is_valid(shape(geometry))
    assert iou(rasterized(geometry, image.image_shape), full_masks(image)[0]) >= 0.98
    polygons = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        polygons = [polygons]
    for rings in polygons:
        for number, ring in enumerate(rings):
            assert ring[0] == ring[-1] and len(ring) >= 4
            # Anticlockwise outside and clockwise inside, where y points up.
            assert shapely.LinearRing(ring).is_ccw == (number == 0)


def test_a_field():
    collection = feature_collection(field(), CLASSES, COLORS)
    assert collection["type"] == "FeatureCollection"
    features = collection["features"]
    assert [feature["geometry"]["type"] for feature in features] == [
        "Polygon",
        "Polygon",
        "MultiPolygon",
    ]
    assert len(features[1]["geometry"]["coordinates"]) == 2
    for feature, mask in zip(features, full_masks(field()), strict=True):
        assert feature["type"] == "Feature"
        assert iou(rasterized(feature["geometry"], mask.shape), mask) >= 0.98
    assert features[0]["properties"] == {
        "objectType": "annotation",
        "classification": {"name": "large", "color": [255, 128, 0]},
        "measurements": {"Confidence": 0.9313},
    }
    assert features[1]["properties"]["classification"] == {"name": "small", "color": [51, 51, 51]}


def test_outlines_lie_in_the_image_and_have_few_corners():
    (feature,) = feature_collection(image_of(disc(105)), CLASSES)["features"]
    (ring,) = feature["geometry"]["coordinates"]
    assert len(ring) <= 24
    xs, ys = np.array(ring).T
    assert xs.min() == ys.min() == 0 and xs.max() == ys.max() == 105


def test_without_colors_and_scores():
    (feature,) = feature_collection(image_of(disc(9), scores=None), CLASSES)["features"]
    assert feature["properties"] == {"objectType": "annotation", "classification": "large"}


@pytest.mark.parametrize("name", ["first.geojson", "ещё # один.geojson"])
def test_the_same_input_gives_the_same_bytes(tmp_path, name):
    for place in ("a", "b"):
        write_geojson(tmp_path / place / name, field(), ["großes", "普通", 'a"b:c'], COLORS)
    first = (tmp_path / "a" / name).read_bytes()
    assert first == (tmp_path / "b" / name).read_bytes()
    names = [
        feature["properties"]["classification"]["name"] for feature in json.loads(first)["features"]
    ]
    assert names == ["großes", 'a"b:c', "普通"]


def test_no_cells(tmp_path):
    write_geojson(tmp_path / "empty.geojson", no_instances(), CLASSES)
    content = json.loads((tmp_path / "empty.geojson").read_text())
    assert content == {"type": "FeatureCollection", "features": []}
