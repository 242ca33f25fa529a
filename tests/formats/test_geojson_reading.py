"""GeoJSON as QuPath writes it."""

import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations
from mrcnn.instances import Instances

RING = [[10, 10], [30, 10], [30, 25], [10, 25], [10, 10]]
HOLE = [[15, 15], [15, 20], [20, 20], [20, 15], [15, 15]]


def feature(coordinates=(RING,), name="normal", kind="Polygon", **properties):
    if name is not None:
        properties["classification"] = {"name": name, "color": [250, 62, 62]}
    return {
        "type": "Feature",
        "id": "0c5d6d7d-3d1a-4b2f-8a55-0d1d6ef0a5ad",
        "geometry": {"type": kind, "coordinates": list(coordinates)},
        "properties": {"objectType": "annotation", "isLocked": False, **properties},
    }


@pytest.fixture
def read(tmp_path):
    """Write a GeoJSON file of the image a.png, and read it."""
    Image.new("RGB", (50, 40)).save(tmp_path / "a.png")

    def write_and_read(content, names=None, problems=None, filename="a.geojson"):
        (tmp_path / filename).write_text(json.dumps(content))
        (image,) = read_annotations(tmp_path / filename, names, problems=problems)
        return image

    return write_and_read


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


@pytest.mark.parametrize("form", [collection, lambda *features: list(features)])
def test_a_pixel_is_a_square(read, form):
    parts = feature([[RING, HOLE], [[[0, 0], [4, 0], [4, 4], [0, 0]]]], "large", "MultiPolygon")
    image = read(form(feature([RING, HOLE]), parts))
    assert image.filename == "a.png" and image.class_names == ["normal", "large"]
    found = Instances.from_polygons(image.polygons, [1, 1], (40, 50)).full_masks()
    expected = np.zeros((40, 50), bool)
    expected[10:25, 10:30] = True
    expected[15:20, 15:20] = False
    np.testing.assert_array_equal(found[:, :, 0], expected)
    assert found[0, 1:4, 1].all() and found[5:, :, 1].sum() == expected.sum()


def test_forms_of_the_file_and_of_the_class(read):
    assert read(feature(name="ring")).class_names == ["ring"]
    features = [
        feature(name=None, classification="arm"),
        feature(name=None, classification={"names": ["ring", "blue"], "color": [1, 2, 3]}),
        feature(name=None, label="leg"),
    ]
    assert read(collection(*features)).class_names == ["arm", "ring: blue", "leg"]
    assert read(collection(feature(name=None))).class_names == ["object"]
    assert read(collection(feature(name=None)), ["cell"]).class_names == ["cell"]
    # The content tells the format, and the one image is meant whatever the name.
    assert read(collection(feature()), filename="via_region_data.json").filename == "a.png"
    assert read(collection()).polygons == []


def test_what_has_no_area_is_told(read):
    with pytest.warns(UserWarning, match="2 point regions"):
        read(collection(feature([1, 2], kind="Point"), feature(RING, kind="LineString")))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (5, "an object of the type 'Feature'"),
        ({"type": "Feature", "geometry": None}, "the geometry is None; Polygon"),
        (feature(kind="GeometryCollection"), "the geometry is 'GeometryCollection'"),
        (feature([5]), "must be rings"),
        (feature([[[1, 2], [3]]]), "must be rings"),
        (feature([[[1, 2], [3, "x"], [4, 4]]]), r"'coordinates'\[1\] is 'x'"),
        (feature(5 * [None]), "must be rings"),
        (feature(name=None), "which holds the class, is missing"),
    ],
)
def test_broken_features(read, entry, said):
    problems = []
    image = read(collection(feature(), entry), problems=problems)
    assert image.class_names == ["normal"]
    assert len(problems) == 1 and "a.geojson, feature 2" in problems[0]
    with pytest.raises(DataError, match=said):
        read(collection(feature(), entry))
