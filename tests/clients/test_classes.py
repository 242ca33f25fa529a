"""Programs for several classes: COCO, generated images, VIA 2.

The programs are in the manner of those that people wrote for Matterport's Mask R-CNN, and run as
they are. The pictures are bright shapes, and the weights that the programs get find such shapes; so
what a program makes of its detections is compared with what is on the pictures.
"""

import json
import re

import h5py
import numpy as np
import pytest
import skimage.io

from .colour_network import THREE_CLASSES
from .conftest import assert_is_drawn, figures
from .scenes import HEIGHT, KINDS, WIDTH, render_scenes, write_coco


def test_coco_evaluation(run_program, make_weights, tmp_path):
    write_coco(tmp_path / "coco", "train2017", render_scenes(3))
    write_coco(tmp_path / "coco", "val2017", render_scenes(2, seed=1))

    start = make_weights(THREE_CLASSES)
    run_program(
        "blocks_coco.py", "train", "--dataset=coco", f"--model={start}", "--layers=4+",
        eagerly=True,
    )  # fmt: skip
    printed = run_program("blocks_coco.py", "evaluate", "--dataset=coco", "--model=last")

    assert "mask_rcnn_blocks_0001.h5" in printed
    average = r"\(AP\) @\[ IoU=0.50      \| area=   all \| maxDets=100 \] = (-?[\d.]+)"
    assert figures(average, printed) == [1.0, 1.0]
    strict = r"\(AP\) @\[ IoU=0.50:0.95 \| area=   all \| maxDets=100 \] = (-?[\d.]+)"
    assert all(0.2 < value < 1 for value in figures(strict, printed))
    assert "in categories [3, 7, 18]" in printed
    (smallest,) = figures(r"Boxes of (\d+)", printed)
    (largest,) = figures(r"Boxes of \d+ to (\d+)", printed)
    assert 300 < smallest <= largest < 3000
    first, second = figures(r"\.png has (\d+) blocks", printed)
    # One of the three in the first photograph is a crowd, which need not be found.
    assert first >= 2
    assert second >= 3


@pytest.mark.usefixtures("published_weights")
def test_generated_images_in_a_notebook(run_program, tmp_path):
    printed = run_program("toys_notebook.py", eagerly=True)

    assert "After epoch 2 " in printed
    assert re.search(r"the picture +shape: \(128, 128, 3\) .*uint8", printed)
    assert re.search(r"masks drawn +shape: \(128, 128, [123]\) .*bool", printed)
    assert "The network is fed (1, 128, 128, 3)" in printed
    (mean_ap,) = figures(r"Mean of 5 average precisions: ([\d.]+)", printed)
    assert 0 <= mean_ap <= 1
    for name in ("nursery_0.png", "nursery_1.png", "drawn.png", "seen.png"):
        assert_is_drawn(tmp_path / name)

    # What was saved by hand is what the callback saved after the last epoch.
    (last,) = tmp_path.glob("logs/toys*/mask_rcnn_toys_0002.h5")
    with h5py.File(last) as first, h5py.File(tmp_path / "logs" / "toys_to_keep.h5") as second:
        layers = [name.decode() for name in first.attrs["layer_names"]]
        assert {"conv1", "rpn_model", "mrcnn_mask"} <= set(layers)
        for layer in layers:
            for weight in first[layer].attrs["weight_names"]:
                assert np.array_equal(first[layer][weight], second[layer][weight]), weight


def test_several_classes_of_via2(run_program, make_weights, fruit_folder, tmp_path):
    _, (scene, _) = fruit_folder
    start = make_weights(THREE_CLASSES)
    printed = run_program(
        "fruit.py", "train", "--dataset=fruit", f"--weights={start}", eagerly=True
    )
    assert "Classes: ['BG', 'disc', 'square', 'triangle']" in printed
    epochs = json.loads((tmp_path / "losses.json").read_text())
    assert [epoch["epoch"] for epoch in epochs] == [0, 1]
    (last,) = tmp_path.glob("logs/*/mask_rcnn_*_0002.h5")
    assert (tmp_path / "fruit_02.h5").read_bytes() == last.read_bytes()
    for epoch in epochs:
        weights = {"mrcnn_class_loss": 2.0, "mrcnn_mask_loss": 1.5}
        for prefix in ("", "val_"):
            five = [
                weights.get(name, 1.0) * epoch[f"{prefix}{name}"]
                for name in (
                    "rpn_class_loss rpn_bbox_loss mrcnn_class_loss mrcnn_bbox_loss mrcnn_mask_loss"
                ).split()
            ]
            assert min(five) > 0
            # The rest is the L2 term, which is the same whatever the images are.
            assert 0 < epoch[f"{prefix}loss"] - sum(five) < 0.2

    printed = run_program("fruit.py", "detect", "--weights=last", "--image=fruit/val/scene_00.png")
    assert f"{len(scene.shapes)} objects in {WIDTH}x{HEIGHT} pixels" in printed
    for kind in KINDS:
        (areas,) = re.findall(rf"{kind}: 1, areas \[(\d+)\]", printed)
        (area,) = [shape.mask().sum() for shape in scene.shapes if shape.kind == kind]
        assert 0.7 * area < int(areas) < 1.4 * area
    assert_is_drawn(tmp_path / "fruit.png")
    masked = skimage.io.imread(tmp_path / "fruit_masked.png")
    assert masked.shape == scene.image.shape
    changed = np.any(masked != scene.image, axis=2)
    truth = np.any([shape.mask() for shape in scene.shapes], axis=0)
    assert changed[truth].mean() > 0.8
    assert changed[~truth].mean() < 0.3
