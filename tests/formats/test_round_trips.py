"""What each format writes is read again: masks with an IoU of .98, boxes to the number."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from mrcnn.formats import (
    read_annotations,
    write_box_table,
    write_coco,
    write_cvat,
    write_geojson,
    write_imagej,
    write_label_image,
    write_labelme,
    write_via,
    write_via_csv,
    write_voc,
)
from mrcnn.instances import Instances
from tests.formats.drawn import CLASSES, field, full_masks, image_of, iou, masks

REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "rbc" / "val"

# The names of files, and what writes one image into it.
WRITERS = {
    "via.json": lambda path, found: write_via(path, {"a.png": found}, CLASSES),
    "via.csv": lambda path, found: write_via_csv(path, {"a.png": found}, CLASSES),
    "coco.json": lambda path, found: write_coco(path, {"a.png": found}, CLASSES),
    "cvat.xml": lambda path, found: write_cvat(path, {"a.png": found}, CLASSES),
    "a.json": lambda path, found: write_labelme(path, found, CLASSES, "a.png"),
    "a.geojson": lambda path, found: write_geojson(path, found, CLASSES),
    "a_rois.zip": lambda path, found: write_imagej(path, found, CLASSES),
    "a_labels.tif": lambda path, found: write_label_image(path, [found]),
}
OF_BOXES = {
    "a.xml": lambda path, found: write_voc(path, found, CLASSES, "a.png"),
    "boxes.csv": lambda path, found: write_box_table(path, {"a.png": found}, CLASSES),
}
TELL_BOXES = ("a.xml", "boxes.csv", "coco.json", "cvat.xml", "a.json")


def read_back(folder: Path, name: str, found: Instances):
    path = folder / name
    (WRITERS | OF_BOXES)[name](path, found)
    Image.new("RGB", found.image_shape[::-1]).save(folder / "a.png")
    (image,) = read_annotations(path, ["cell"] if name == "a_labels.tif" else CLASSES)
    assert image.filename == "a.png"
    assert image.image_shape in (None, found.image_shape)
    return image


def assert_same(image, found: Instances, with_classes: bool) -> None:
    again = Instances.from_polygons(image.polygons, [1] * len(image.polygons), found.image_shape)
    assert len(again) == len(found)
    for mask, expected in zip(full_masks(again), full_masks(found), strict=True):
        assert iou(mask, expected) >= 0.98
    if with_classes:
        assert image.class_names == [CLASSES[number - 1] for number in found.class_ids]


@pytest.mark.parametrize("name", WRITERS)
def test_a_field(tmp_path, name):
    image = read_back(tmp_path, name, field())
    assert_same(image, field(), name != "a_labels.tif")
    assert image.is_box == [False] * 3


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "a_labels.tif"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6)
@given(mask=masks)
def test_any_mask(tmp_path, name, mask):
    found = image_of(mask, (3, 5))
    assert_same(read_back(tmp_path, name, found), found, with_classes=True)


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
@pytest.mark.parametrize("name", [*(n for n in WRITERS if n != "a_labels.tif"), *OF_BOXES])
def test_boxes(tmp_path, name):
    boxes = [(0, 0, 1, 1), (3, 4, 90, 119), (99, 119, 100, 120), (50, 2, 51, 80)]
    found = Instances.from_boxes((100, 120), boxes, [1, 2, 3, 1])
    image = read_back(tmp_path, name, found)
    corners = [(*(p.min(axis=0) + 0.5), *(p.max(axis=0) + 0.5)) for p in image.polygons]
    assert corners == boxes
    assert image.class_names == ["large", "normal", "small", "large"]
    assert image.is_box == [name in TELL_BOXES] * 4


@pytest.mark.parametrize("name", OF_BOXES)
@pytest.mark.filterwarnings("ignore:.*boxes without masks")
def test_of_masks_the_boxes_are_kept(tmp_path, name):
    image = read_back(tmp_path, name, field())
    again = [(*(p.min(axis=0) + 0.5), *(p.max(axis=0) + 0.5)) for p in image.polygons]
    assert again == [tuple(box) for box in field().boxes.tolist()]


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
@pytest.mark.parametrize("name", [*WRITERS, *OF_BOXES])
def test_the_same_input_gives_the_same_bytes(tmp_path, name):
    read_back(tmp_path, name, field().take([0]).replaced(scores=None))
    first = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    (WRITERS | OF_BOXES)[name](tmp_path / name, field().take([0]).replaced(scores=None))
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.skipif(not REAL.is_dir(), reason="the data lies beside the project")
@pytest.mark.parametrize("name", WRITERS)
def test_real_cells(tmp_path, name):
    entries = json.loads((REAL / "via_region_data.json").read_text())
    entry = next(iter(entries.get("_via_img_metadata", entries).values()))
    outlines = [
        np.stack([shape["all_points_y"], shape["all_points_x"]], axis=1).astype(float)
        for shape in (region["shape_attributes"] for region in entry["regions"][:12])
    ]
    top = np.concatenate(outlines).min(axis=0).clip(0)
    shape = np.ceil(np.concatenate(outlines).max(axis=0) - top).astype(int) + 1
    outlines = [outline - top for outline in outlines]
    found = Instances.from_polygons(outlines, [1 + n % 3 for n in range(12)], shape)
    if name == "a_labels.tif":
        # There a pixel belongs to one cell alone.
        labels = found.label_image()
        stack = np.dstack([labels == number for number in range(1, len(found) + 1)])
        found = Instances.from_masks(stack, found.class_ids).tight()
    assert_same(read_back(tmp_path, name, found), found, name != "a_labels.tif")
