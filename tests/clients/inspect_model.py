"""Follows one picture through a trained network and draws what each part makes of it.

python inspect_model.py FOLDER WEIGHTS
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from fruit import FruitConfig, FruitDataset

from mrcnn import utils, visualize
from mrcnn.model import MaskRCNN, build_rpn_targets, load_image_gt, log, unmold_image

# Newest TensorFlow first.
SUPPRESSION = ["/NonMaxSuppressionV3:0", "/NonMaxSuppressionV2:0", ":0"]


class SinglePicture(FruitConfig):
    IMAGES_PER_GPU = 1


class Picture:
    """A picture of the data set with what is known to be on it."""

    def __init__(self, dataset, number, config):
        self.pixels, self.meta, self.ids, self.boxes, self.masks = load_image_gt(
            dataset, config, number, use_mini_mask=False
        )
        self.names = dataset.class_names
        entry = dataset.image_info[number]
        print(entry["source"], entry["id"], "from", dataset.image_reference(number))
        for part in ("pixels", "ids", "boxes", "masks"):
            log(part, getattr(self, part))

    def in_pixels(self, normalized):
        return utils.denorm_boxes(normalized, self.pixels.shape[:2])


def page(name):
    plt.savefig(f"{name}.png", dpi=60)
    plt.close("all")


def values(model, picture, layers):
    tensors = [(layer, model.keras_model.get_layer(layer).output) for layer in layers.split()]
    return model.run_graph([picture.pixels], tensors)


def lesson_of_the_rpn(model, picture):
    """What training would ask of the RPN here; nothing of it depends on the weights."""
    verdict, shifts = build_rpn_targets(
        picture.pixels.shape, model.anchors, picture.ids, picture.boxes, model.config
    )
    log("verdict", verdict)
    log("shifts", shifts)
    for value, meaning in ((1, "object"), (-1, "background"), (0, "no matter")):
        log(meaning, model.anchors[np.flatnonzero(verdict == value)])

    start = model.anchors[verdict == 1]
    goal = utils.apply_box_deltas(start, shifts[: len(start)] * model.config.RPN_BBOX_STD_DEV)
    worst = utils.compute_overlaps(goal, picture.boxes).max(axis=1).min()
    print(f"anchors moved as taught overlap an object by {worst:.3f} or more")
    for kind, boxes in {"every anchor": model.anchors, "start": start, "goal": goal}.items():
        share, which = utils.compute_recall(boxes, picture.boxes, 0.7)
        print(f"{kind}: {len(which)} fit, objects reached {share:.0%}")

    _, ax = plt.subplots(figsize=(7, 7))
    visualize.draw_boxes(picture.pixels, boxes=start, refined_boxes=goal, ax=ax, title="Taught")
    page("taught")


def proposals(model, picture):
    """From the scores of the anchors to the boxes that the heads look at."""
    network = model.keras_model
    end = network.get_layer("ROI").output
    wanted = [("scores", network.get_layer("rpn_class").output), ("end", end)]
    for stage in ("pre_nms_anchors", "refined_anchors", "refined_anchors_clipped"):
        wanted.append((stage, model.ancestor(end, f"ROI/{stage}:0")))
    candidates = (model.ancestor(end, "ROI/rpn_non_max_suppression" + s) for s in SUPPRESSION)
    wanted.append(("survivors", next(node for node in candidates if node is not None)))
    got = model.run_graph([picture.pixels], wanted)

    likely = np.argsort(-got["scores"][0, :, 1])[:80]
    visualize.draw_boxes(picture.pixels, boxes=model.anchors[likely])
    page("likely")

    before = picture.in_pixels(got["pre_nms_anchors"][0])
    moved = picture.in_pixels(got["refined_anchors"][0])
    inside = picture.in_pixels(got["refined_anchors_clipped"][0])
    print(f"clipping changed {np.any(moved != inside, axis=1).sum()} of {len(moved)} boxes")
    _, (left, right) = plt.subplots(ncols=2, figsize=(14, 7))
    visualize.draw_boxes(picture.pixels, boxes=before[:40], refined_boxes=moved[:40], ax=left)
    visualize.draw_boxes(picture.pixels, refined_boxes=inside[:40], ax=right)
    page("moved")

    survivors = got["survivors"]
    _, (left, right) = plt.subplots(ncols=2, figsize=(14, 7))
    visualize.draw_boxes(picture.pixels, refined_boxes=inside[survivors[:40]], ax=left)
    visualize.draw_boxes(picture.pixels, refined_boxes=picture.in_pixels(got["end"][0]), ax=right)
    page("survivors")
    gap = got["refined_anchors_clipped"][0][survivors] - got["end"][0][: len(survivors)]
    print(f"{len(survivors)} survivors leave the layer, changed by {np.abs(gap).max():.6f}")


def heads(model, picture):
    """Repeats by hand how the heads' outputs become detections; returns the masks."""
    got = values(model, picture, "ROI mrcnn_class mrcnn_bbox mrcnn_mask mrcnn_detection")
    config = model.config

    rois = picture.in_pixels(got["ROI"][0])
    chances = got["mrcnn_class"][0]
    labels = chances.argmax(axis=1)
    chances = chances.max(axis=1)
    shifts = got["mrcnn_bbox"][0][np.arange(len(rois)), labels]
    refined = utils.apply_box_deltas(rois, shifts * config.BBOX_STD_DEV).astype(np.int32)
    log("refined", refined)

    kept = []
    for label in set(labels) - {0}:
        rows = np.flatnonzero((labels == label) & (chances >= config.DETECTION_MIN_CONFIDENCE))
        best = utils.non_max_suppression(
            refined[rows].astype(np.float32), chances[rows], config.DETECTION_NMS_THRESHOLD
        )
        kept.extend(rows[best])
    objects = labels > 0
    print(f"{objects.sum()} of {len(rois)} ROIs hold an object, {len(kept)} different ones")
    visualize.draw_rois(
        picture.pixels,
        rois[objects],
        refined[objects],
        np.zeros((objects.sum(), *config.MASK_SHAPE)),
        labels[objects],
        picture.names,
        limit=5,
    )
    page("rois")

    found = got["mrcnn_detection"][0]
    found = found[found[:, 4] > 0]
    boxes, labels = picture.in_pixels(found[:, :4]), found[:, 4].astype(int)
    captions = [f"{picture.names[k]} {found[i, 5]:.0%}" for i, k in enumerate(labels)]
    print("the network reports", ", ".join(captions))
    visualize.draw_boxes(
        picture.pixels, refined_boxes=boxes, visibilities=[2] * len(boxes), captions=captions
    )
    page("reported")

    small = np.stack([got["mrcnn_mask"][0, i, :, :, k] for i, k in enumerate(labels)])
    visualize.display_images(small * 255, cmap="Greens", interpolation="none")
    page("small_masks")
    large = [
        utils.unmold_mask(mask, box, picture.pixels.shape)
        for mask, box in zip(small, boxes, strict=True)
    ]
    visualize.display_images(np.array(large) * 255, titles=captions, cols=2, cmap="Greens")
    page("large_masks")
    return large


def features(model, picture):
    got = values(model, picture, "input_image res2c_out res3c_out rpn_bbox ROI")
    again = unmold_image(got["input_image"][0], model.config)
    error = np.abs(again.astype(int) - picture.pixels).max()
    print(f"the network's input is the picture to within {error} grey levels")
    visualize.display_images(np.moveaxis(got["res2c_out"][0, ..., :4], -1, 0))
    page("features")


folder, weights = sys.argv[1:]
settings = SinglePicture()
settings.display()
dataset = FruitDataset()
dataset.load_fruit(folder, "val")
dataset.prepare()
model = MaskRCNN(mode="inference", model_dir="logs", config=settings)
model.load_weights(weights, by_name=True)

picture = Picture(dataset, 0, settings)
lesson_of_the_rpn(model, picture)
proposals(model, picture)
by_hand = heads(model, picture)
features(model, picture)

reported = model.detect([picture.pixels], verbose=1)[0]["masks"]
agree = [np.array_equal(mask, reported[..., i]) for i, mask in enumerate(by_hand)]
print(f"{sum(agree)} masks made by hand are those of detect, which has {reported.shape[2]}")
(raw,) = model.detect_molded(
    np.expand_dims(picture.pixels, 0), np.expand_dims(picture.meta, 0), verbose=1
)
print("without the mean taken off:", {key: array.shape for key, array in raw.items()})
visualize.display_weight_stats(model)
