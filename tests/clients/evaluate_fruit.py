"""How good is a model, or a second person, at the fruit of a data set? Writes evaluation.json.

    python evaluate_fruit.py --dataset=FOLDER --weights=FILE
    python evaluate_fruit.py --dataset=FOLDER --annotator=FOLDER

The second form compares two people's annotations of the same pictures: what a model could reach.
"""

import argparse
import json

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from fruit import FruitConfig, FruitDataset

import mrcnn.model
from mrcnn import utils, visualize


class Judging(FruitConfig):
    IMAGES_PER_GPU = 1


def open_dataset(folder, subset):
    fruit = FruitDataset()
    fruit.load_fruit(folder, subset)
    fruit.prepare()
    return fruit


def known(fruit, number, config):
    """The picture as the network sees it, and the boxes, classes and masks on it."""
    picture, _, classes, boxes, masks = mrcnn.model.load_image_gt(
        fruit, config, number, use_mini_mask=False
    )
    return picture, (boxes, classes, masks)


class Model:
    def __init__(self, weights, config):
        self.network = mrcnn.model.MaskRCNN(mode="inference", model_dir="logs", config=config)
        self.network.load_weights(weights, by_name=True)

    def look(self, number, picture):
        return self.network.detect([picture], verbose=0)[0]


class Person:
    """Somebody's annotations in the form of detections, surest first."""

    def __init__(self, fruit, config):
        self.fruit, self.config = fruit, config

    def look(self, number, picture):
        _, (boxes, classes, masks) = known(self.fruit, number, self.config)
        sure = np.linspace(1, 0.5, len(classes), dtype=np.float32)
        return {"rois": boxes, "class_ids": classes, "scores": sure, "masks": masks}


def compare(truth, answer):
    """Figures for one picture, and the curve and the table to draw."""
    boxes, classes, masks = truth
    both = (*truth, *(answer[key] for key in ("rois", "class_ids", "scores", "masks")))
    curve = utils.compute_ap(*both)
    ap, precisions, recalls, overlaps = curve
    strict_ap, *_ = utils.compute_ap(*both, iou_threshold=0.75)
    owners, claims, _ = utils.compute_matches(*both, iou_threshold=0.5, score_threshold=0.0)
    reached, useful = utils.compute_recall(answer["rois"], boxes, iou=0.5)
    figures = {
        "AP": ap,
        "AP75": strict_ap,
        "AP_range": utils.compute_ap_range(*both, verbose=1),
        "AP_two": utils.compute_ap_range(*both, iou_thresholds=[0.5, 0.6], verbose=0),
        "precisions": list(precisions),
        "recalls": list(recalls),
        "gt_match": owners.tolist(),
        "matched_gt": int((owners >= 0).sum()),
        "matched_pred": int((claims >= 0).sum()),
        "count": len(classes),
        "found": len(answer["class_ids"]),
        "recall": reached,
        "positives": len(useful),
        "best_box": utils.compute_overlaps(answer["rois"], boxes).max(initial=0),
        "best_mask": utils.compute_overlaps_masks(answer["masks"], masks).max(initial=0),
        "overlaps_shape": overlaps.shape,
    }
    return figures, curve


def illustrate(picture, truth, answer, curve, names):
    boxes, classes, masks = truth
    mrcnn.model.log("known masks", masks)
    mrcnn.model.log("found masks", answer["masks"])
    visualize.plot_precision_recall(*curve[:3])
    plt.savefig("precision_recall.png")
    visualize.plot_overlaps(classes, answer["class_ids"], answer["scores"], curve[3], names)
    plt.savefig("overlaps.png")
    visualize.display_differences(
        picture,
        boxes,
        classes,
        masks,
        answer["rois"],
        answer["class_ids"],
        answer["scores"],
        answer["masks"],
        names,
        title="Known and found",
        iou_threshold=0.5,
        score_threshold=0.0,
    )
    plt.savefig("differences.png")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--subset", default="val")
    judged = parser.add_mutually_exclusive_group(required=True)
    judged.add_argument("--weights")
    judged.add_argument("--annotator")
    options = parser.parse_args()

    config = Judging()
    fruit = open_dataset(options.dataset, options.subset)
    print(fruit.num_images, "pictures of", fruit.class_names)
    if options.weights:
        candidate = Model(options.weights, config)
    else:
        candidate = Person(open_dataset(options.annotator, options.subset), config)

    results = []
    for number in fruit.image_ids:
        picture, truth = known(fruit, number, config)
        answer = candidate.look(number, picture)
        figures, curve = compare(truth, answer)
        results.append({"image": fruit.image_reference(number), **figures})
        if number == 0:
            illustrate(picture, truth, answer, curve, fruit.class_names)

    for key in ("AP", "AP_range", "recall"):
        print(f"mean {key}: {np.mean([row[key] for row in results]):.3f}")
    with open("evaluation.json", "w") as file:
        json.dump(results, file, default=lambda number: number.item())


main()
