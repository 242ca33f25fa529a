"""The names of `mrcnn.visualize` as programs import them."""

import inspect
import os
import subprocess
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn import visualize

SIGNATURES = {
    "display_images": "images, titles=None, cols=4, cmap=None, norm=None, interpolation=None",
    "random_colors": "N, bright=True",
    "apply_mask": "image, mask, color, alpha=0.5",
    "display_instances": (
        "image, boxes, masks, class_ids, class_names, scores=None, title='', figsize=(16, 16), "
        "ax=None, show_mask=True, show_bbox=True, colors=None, captions=None, "
        # Of the forks for TensorFlow 2, by name.
        "show_mask_polygon=True, show_caption=True, filter_classes=None, min_score=None, "
        "save_fig_path=None"
    ),
    "display_differences": (
        "image, gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask, "
        "class_names, title='', ax=None, show_mask=True, show_box=True, iou_threshold=0.5, "
        "score_threshold=0.5"
    ),
    "draw_rois": "image, rois, refined_rois, mask, class_ids, class_names, limit=10",
    "draw_box": "image, box, color",
    "display_top_masks": "image, mask, class_ids, class_names, limit=4",
    "plot_precision_recall": "AP, precisions, recalls",
    "plot_overlaps": (
        "gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5"
    ),
    "draw_boxes": (
        "image, boxes=None, refined_boxes=None, masks=None, captions=None, visibilities=None, "
        "title='', ax=None"
    ),
    "display_table": "table",
    "display_weight_stats": "model",
}


@pytest.fixture(autouse=True)
def headless():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    parameters = inspect.signature(getattr(visualize, name)).parameters.values()
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    assert ", ".join(map(str, plain)) == SIGNATURES[name]


def test_all_names_are_exported():
    assert set(visualize.__all__) == {*SIGNATURES, "class_colors", "save_picture"}


def test_import_loads_no_network_and_chooses_no_backend():
    code = (
        "import sys, mrcnn.visualize, matplotlib;"
        "heavy = {'tensorflow', 'keras', 'torch', 'jax', 'IPython', 'cv2'} & set(sys.modules);"
        "print(sorted(heavy), matplotlib.get_backend())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MPLBACKEND": "svg"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["[]", "svg"]


def test_a_program_from_detection_to_saved_figures(tmp_path):
    """The calls of a usual program, one after the other, without a display or a warning."""
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (64, 96, 3)).astype(np.uint8)
    boxes = np.array([[4, 4, 30, 40], [20, 50, 60, 90]], np.int32)
    masks = np.zeros((64, 96, 2), bool)
    for number, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, number] = True
    class_ids, scores = np.array([1, 2], np.int32), np.array([0.9, 0.8], np.float32)
    names = ["BG", "cat", "dog"]
    calls = [
        lambda: visualize.display_instances(
            image, boxes, masks, class_ids, names, scores, colors=visualize.class_colors(class_ids)
        ),
        lambda: visualize.display_differences(
            image, boxes, class_ids, masks, boxes, class_ids, scores, masks, names
        ),
        lambda: visualize.display_top_masks(image, masks, class_ids, names),
        lambda: visualize.display_images(np.transpose(masks, [2, 0, 1]), cmap="Blues"),
        lambda: visualize.draw_rois(
            image, boxes, boxes + 2, generator.random((2, 28, 28)), class_ids, names
        ),
        lambda: visualize.draw_boxes(image, boxes, boxes + 2, masks, ["a", "b"], [1, 2], "t"),
        lambda: visualize.plot_precision_recall(1.0, [1, 1, 1, 0], [0, 0.5, 1, 1]),
        lambda: visualize.plot_overlaps(class_ids, class_ids, scores, np.eye(2), names),
    ]
    sizes = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, call in enumerate(calls):
            call()
            plt.savefig(tmp_path / f"{number}.png", dpi=20)
            plt.close()
            sizes.append(plt.imread(tmp_path / f"{number}.png")[:, :, :3].std())
    assert plt.get_fignums() == []
    assert min(sizes) > 0.02
