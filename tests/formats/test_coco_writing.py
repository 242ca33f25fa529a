"""COCO JSON is exact, by pycocotools as well as by our own decoder."""

import json

import numpy as np
import pytest
from hypothesis import given
from pycocotools.coco import COCO

from mrcnn.formats import coco_dataset, write_coco
from mrcnn.instances import run_length
from tests.formats.drawn import CLASSES, disc, field, full_masks, image_of, masks, no_instances


@given(masks)
def test_masks_come_back_exactly(mask):
    image = image_of(mask, (3, 5))
    (annotation,) = coco_dataset({"cell.png": image}, CLASSES)["annotations"]
    code = annotation["segmentation"]
    assert code["size"] == list(image.image_shape)
    box, crop = run_length.decode(run_length.decompress(code["counts"]), code["size"])
    np.testing.assert_array_equal(box, image.boxes[0])
    np.testing.assert_array_equal(crop, image.crops[0])


def test_pycocotools_reads_it(tmp_path, capsys):
    path = tmp_path / "coco.json"
    images = {"field 1.jpg": field(), "empty.png": no_instances(), "ещё.png": field()}
    write_coco(path, images, CLASSES)
    coco = COCO(path)
    capsys.readouterr()
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == list(CLASSES)
    assert coco.getImgIds() == [1, 2, 3]
    for image_id, (filename, image) in enumerate(images.items(), start=1):
        (entry,) = coco.loadImgs(image_id)
        assert entry["file_name"] == filename
        assert (entry["height"], entry["width"]) == image.image_shape
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=image_id))
        for number, (annotation, mask) in enumerate(
            zip(annotations, full_masks(image), strict=True)
        ):
            np.testing.assert_array_equal(coco.annToMask(annotation), mask)
            y1, x1, y2, x2 = image.boxes[number]
            assert annotation["bbox"] == [x1, y1, x2 - x1, y2 - y1]
            assert annotation["area"] == mask.sum()
            assert annotation["category_id"] == image.class_ids[number]
            assert annotation["score"] == image.scores[number]
            assert annotation["iscrowd"] == 0
    assert [annotation["id"] for annotation in coco.dataset["annotations"]] == [1, 2, 3, 4, 5, 6]


def test_pycocotools_takes_it_as_ground_truth_and_as_results(tmp_path, capsys):
    from pycocotools.cocoeval import COCOeval

    path = tmp_path / "coco.json"
    write_coco(path, {"field 1.jpg": field()}, CLASSES)
    truth = COCO(path)
    results = truth.loadRes(coco_dataset({"field 1.jpg": field()}, CLASSES)["annotations"])
    evaluation = COCOeval(truth, results, "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    assert evaluation.stats[0] == pytest.approx(1)


def test_without_scores():
    (annotation,) = coco_dataset({"cell.png": image_of(disc(9), scores=None)}, CLASSES)[
        "annotations"
    ]
    assert "score" not in annotation


def test_the_same_input_gives_the_same_bytes(tmp_path):
    images = {"field 1.jpg": field(), "empty.png": no_instances()}
    for name in ("first", "second"):
        write_coco(tmp_path / name, images, CLASSES)
    first = (tmp_path / "first").read_bytes()
    assert first == (tmp_path / "second").read_bytes()
    assert json.loads(first) == coco_dataset(images, CLASSES)


def test_no_images_and_no_cells():
    assert coco_dataset({"empty.png": no_instances()}, CLASSES)["annotations"] == []
    assert coco_dataset({}, CLASSES)["images"] == []
