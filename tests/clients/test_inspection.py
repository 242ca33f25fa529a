"""Programs that evaluate and inspect, and one with a backbone of its own.

The programs are in the manner of those that people wrote for Matterport's Mask R-CNN, and run as
they are. The pictures are bright shapes, and the weights that the programs get find such shapes; so
what a program makes of its detections is compared with what is on the pictures.
"""

import json
import re

import pytest

from .colour_network import THREE_CLASSES
from .conftest import assert_is_drawn, figures
from .scenes import KINDS, write_via2


def test_evaluation_of_a_model(run_program, make_weights, fruit_folder, tmp_path):
    weights = make_weights(THREE_CLASSES)
    printed = run_program("evaluate_fruit.py", "--dataset=fruit", f"--weights={weights}")

    assert printed.count("AP @0.50:") == printed.count("AP @0.50-0.95:") == 2
    assert figures(r"mean AP: ([\d.]+)", printed) == [1.0]
    for row in json.loads((tmp_path / "evaluation.json").read_text()):
        assert row["AP"] == row["recall"] == 1
        assert row["AP_two"] == 1
        assert 0.3 < row["AP_range"] < 0.9
        assert row["matched_gt"] == row["matched_pred"] == row["count"] == row["found"] == 3
        assert row["overlaps_shape"] == [3, 3]
        assert row["precisions"] == [1, 1, 1, 1, 0]
        assert row["recalls"] == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
        assert 0.7 < row["best_box"] < 1
        assert 0.7 < row["best_mask"] < 1
    for name in ("precision_recall.png", "overlaps.png", "differences.png"):
        assert_is_drawn(tmp_path / name)


def test_evaluation_of_a_second_annotator(run_program, fruit_folder, tmp_path):
    _, scenes = fruit_folder
    # In the second image one shape is of the wrong class, and one is missing.
    first, second, _ = scenes[1].shapes
    other = KINDS[(KINDS.index(second.kind) + 1) % 3]
    write_via2(tmp_path / "second" / "val", scenes)
    path = tmp_path / "second" / "val" / "via_export_json.json"
    entries = json.loads(path.read_text())
    regions = entries["scene_01.png1234"]["regions"]
    assert [region["region_attributes"]["name"] for region in regions[:2]] == [
        first.kind,
        second.kind,
    ]
    regions[1]["region_attributes"]["name"] = other
    del regions[2]
    path.write_text(json.dumps(entries))

    run_program("evaluate_fruit.py", "--dataset=fruit", "--annotator=second")
    right, wrong = json.loads((tmp_path / "evaluation.json").read_text())
    assert right["AP"] == right["AP75"] == right["AP_range"] == right["recall"] == 1
    assert right["gt_match"] == [0, 1, 2]
    for name in ("AP", "AP75", "AP_range", "AP_two"):
        assert wrong[name] == pytest.approx(1 / 3)
    assert wrong["gt_match"] == [0, -1, -1]
    assert (wrong["matched_pred"], wrong["found"], wrong["positives"]) == (1, 2, 2)
    # Recall asks for boxes, not for classes.
    assert wrong["recall"] == pytest.approx(2 / 3)
    assert wrong["precisions"] == [1, 1, 0.5, 0]
    assert wrong["recalls"] == pytest.approx([0, 1 / 3, 1 / 3, 1])


def test_inspection_of_the_stages_of_a_model(run_program, make_weights, fruit_folder, tmp_path):
    printed = run_program("inspect_model.py", fruit_folder[0], make_weights(THREE_CLASSES))

    assert "anchors moved as taught overlap an object by 1.000 or more" in printed
    assert re.search(r"^goal: \d+ fit, objects reached 100%$", printed, re.MULTILINE)
    assert "60 survivors leave the layer, changed by 0.000000" in printed
    assert re.search(r"scores +shape: \(1, 4092, 2\) .*float32", printed)
    assert re.search(r"refined_anchors_clipped +shape: \(1, \d+, 4\) +min: +0.00000 ", printed)
    assert figures(r"clipping changed (\d+) of", printed)[0] > 0
    assert re.search(r"mrcnn_mask +shape: \(1, 20, 28, 28, 4\) .*float32", printed)
    assert re.search(r"mrcnn_detection +shape: \(1, 20, 6\) ", printed)
    assert re.search(r"\d+ of 60 ROIs hold an object, 3 different ones", printed)
    (reported,) = re.findall(r"the network reports (.*)", printed)
    assert sorted(re.findall("[a-z]+", reported)) == sorted(KINDS)
    assert "3 masks made by hand are those of detect, which has 3" in printed
    assert figures(r"the picture to within (\d+) grey levels", printed)[0] <= 1
    (raw,) = re.findall(r"without the mean taken off: .*'masks': \((.*?)\)", printed)
    assert raw.startswith("128, 128, ")
    for weight in ("conv1/kernel", "rpn_conv_shared/kernel", "mrcnn_bbox_fc/bias"):
        assert weight in printed
    names = "taught likely moved survivors rois reported small_masks large_masks features"
    for name in names.split():
        assert_is_drawn(tmp_path / f"{name}.png")


def test_inspection_of_training_data(run_program, fruit_folder, tmp_path):
    printed = run_program("inspect_data.py", fruit_folder[0])

    assert "3 pictures, 4 classes:\nBG, disc, square, triangle\n" in printed
    assert "(120, 160, 3) becomes (128, 128, 3): times 0.800, filling (16, 0, 112, 128)" in printed
    assert "window [16, 0, 112, 128]" in printed
    assert "loaded as resized here: picture masks boxes meta" in printed
    assert "mini masks: (28, 28, 3), 0 pixels not as made by hand" in printed
    assert figures(r"a mask keeps an overlap of ([\d.]+)", printed)[0] > 0.9
    ((flipped, drift),) = re.findall(r"changed (\d+) of 12, boxes off by (\d+) pixels", printed)
    assert 0 < int(flipped) <= 12
    assert int(drift) <= 4
    levels = figures(r"(\d+) anchors of \d+ pixels on a grid", printed)
    assert levels == [3072, 768, 192, 48, 12]
    assert "4092 anchors, 4092 expected" in printed
    assert figures(r"expected, rounded by ([\d.]+)", printed)[0] <= 0.5
    for name, shape in {
        "images": "(4, 128, 128, 3)",
        "metas": "(4, 16)",
        "anchor_labels": "(4, 4092, 1)",
        "anchor_shifts": "(4, 256, 4)",
        "object_classes": "(4, 10)",
        "object_boxes": "(4, 10, 4)",
        "object_masks": "(4, 28, 28, 10)",
        "random_boxes": "(4, 200, 4)",
        "sampled": "(4, 16, 4)",
        "roi_classes": "(4, 16, 1)",
        "roi_shifts": "(4, 16, 4, 4)",
        "roi_masks": "(4, 16, 28, 28, 4)",
    }.items():
        assert re.search(rf"^{name} +shape: {re.escape(shape)} ", printed, re.MULTILINE), name
    assert "anchors that learn an object reach it: 1.000" in printed
    assert figures(r"ROIs that learn an object reach it: ([\d.]+)", printed)[0] > 0.99
    assert "for training 7 arrays and []" in printed
    for name in ("annotated", "resized", "mini", "learning_anchors", "learning_rois"):
        assert_is_drawn(tmp_path / f"{name}.png")


def test_own_backbone_on_grey_images_without_the_proposals_of_the_rpn(run_program, tmp_path):
    printed = run_program("grey_cells.py", "--epochs=2")

    assert "image (128, 128, 1) uint8 mask (128, 128, 3) bool meta (15,)" in printed
    assert "epoch 2 checkpoint mask_rcnn_grey_0002.h5" in printed
    losses = figures(r" loss: ([\d.]+)", printed)
    assert losses
    assert all(0 < loss < 100 for loss in losses)
    assert "molded (2, 128, 128, 1) (2, 15) [[16, 0, 112, 128], [16, 0, 112, 128]]" in printed
    assert "anchors (4092, 4) float32" in printed
    found = re.findall(r"detections \((\d+), 4\) \(120, 160, (\d+)\) (.*)", printed)
    assert len(found) == 2
    for boxes, masks, classes in found:
        assert boxes == masks
        assert int(boxes) <= 10
        assert classes == "set()" or set(re.findall(r"\d+", classes)) <= {"1", "2"}
