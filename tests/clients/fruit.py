"""Tells discs, squares and triangles apart; their pictures are annotated with VIA 2.

    python fruit.py train --dataset=FOLDER --weights=FILE
    python fruit.py detect --weights=last --image=PICTURE

A region's class is its attribute "name"; it is a polygon, rectangle, circle or ellipse.
"""

import argparse
import json
import os
import sys

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
import skimage.draw
import skimage.io

from mrcnn import model as modellib
from mrcnn import utils, visualize
from mrcnn.config import Config

KINDS = ("disc", "square", "triangle")


class FruitConfig(Config):
    NAME = "fruit"
    NUM_CLASSES = len(KINDS) + 1
    BACKBONE = "resnet50"
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 3
    VALIDATION_STEPS = 1
    LEARNING_RATE = 1e-4
    MAX_GT_INSTANCES = 10
    TRAIN_ROIS_PER_IMAGE = 16
    POST_NMS_ROIS_TRAINING = 60
    POST_NMS_ROIS_INFERENCE = 60
    DETECTION_MIN_CONFIDENCE = 0.5
    DETECTION_MAX_INSTANCES = 20
    LOSS_WEIGHTS = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 2.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.5,
    }


def pixels(region, size):
    """Rows and columns of what lies inside one of VIA's shapes."""
    form = region["name"]
    if form == "polygon":
        return skimage.draw.polygon(region["all_points_y"], region["all_points_x"], size)
    if form == "rect":
        corner, extent = (region["y"], region["x"]), (region["height"], region["width"])
        return skimage.draw.rectangle(corner, extent=extent, shape=size)
    centre = region["cy"], region["cx"]
    if form == "circle":
        return skimage.draw.disk(centre, region["r"], shape=size)
    if form == "ellipse":
        return skimage.draw.ellipse(*centre, region["ry"], region["rx"], shape=size)
    raise ValueError(f"VIA has no {form!r} that we know")


class FruitDataset(utils.Dataset):
    def load_fruit(self, root, part):
        for number, kind in enumerate(KINDS):
            self.add_class("fruit", number + 1, kind)
        folder = os.path.join(root, part)
        with open(os.path.join(folder, "via_export_json.json")) as file:
            entries = json.load(file)
        for entry in entries.values():
            if entry["regions"]:
                path = os.path.join(folder, entry["filename"])
                self.add_image(
                    "fruit",
                    image_id=entry["filename"],
                    path=path,
                    size=skimage.io.imread(path).shape[:2],
                    regions=entry["regions"],
                )

    def load_mask(self, image_id):
        size, regions = (self.image_info[image_id][key] for key in ("size", "regions"))
        masks = np.zeros((len(regions), *size), dtype=bool)
        for mask, region in zip(masks, regions, strict=True):
            mask[pixels(region["shape_attributes"], size)] = True
        kinds = [region["region_attributes"]["name"] for region in regions]
        numbers = [self.class_names.index(kind) for kind in kinds]
        return np.moveaxis(masks, 0, -1), np.array(numbers, dtype=np.int32)

    def image_reference(self, image_id):
        return self.image_info[image_id]["path"]


class LossDiary(keras.callbacks.Callback):
    """Writes the losses of all epochs so far into a JSON file."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.entries = []

    def on_epoch_end(self, epoch, logs=None):
        losses = {name: float(loss) for name, loss in logs.items()}
        self.entries.append({"epoch": epoch, **losses})
        with open(self.path, "w") as file:
            json.dump(self.entries, file)


def learn(model, root):
    fruit = {}
    for part in ("train", "val"):
        fruit[part] = FruitDataset()
        fruit[part].load_fruit(root, part)
        fruit[part].prepare()
    print("Classes:", fruit["train"].class_names)
    helpers = [LossDiary("losses.json"), keras.callbacks.EarlyStopping(patience=5)]
    helpers += [keras.callbacks.ModelCheckpoint("fruit_{epoch:02d}.h5", save_weights_only=True)]
    rate = model.config.LEARNING_RATE
    model.train(fruit["train"], fruit["val"], rate, 2, "heads", custom_callbacks=helpers)


def report(model, path):
    picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    found = model.detect([picture], verbose=1)[0]
    boxes, masks = found["rois"], found["masks"]
    class_ids, scores = found["class_ids"], found["scores"]
    height, width, _ = picture.shape
    print(f"{len(boxes)} objects in {width}x{height} pixels")
    areas = masks.sum(axis=(0, 1))
    for number, kind in enumerate(KINDS, start=1):
        own = areas[class_ids == number].tolist()
        print(f"{kind}: {len(own)}, areas {own}")

    figure, axes = plt.subplots()
    names = ["BG", *KINDS]
    colours = visualize.random_colors(len(boxes))
    labels = [f"{names[c]} {100 * s:.0f} %" for c, s in zip(class_ids, scores, strict=True)]
    visualize.display_instances(
        picture,
        boxes,
        masks,
        class_ids,
        names,
        scores,
        title="Fruit",
        ax=axes,
        colors=colours,
        captions=labels,
    )
    figure.savefig("fruit.png")

    tinted = picture.copy()
    for number, colour in enumerate(colours):
        tinted = visualize.apply_mask(tinted, masks[:, :, number], colour)
        tinted = visualize.draw_box(tinted, boxes[number], [255, 255, 255])
    skimage.io.imsave("fruit_masked.png", tinted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=["train", "detect"])
    parser.add_argument("--weights", required=True)
    parser.add_argument("--dataset")
    parser.add_argument("--image")
    parser.add_argument("--logs", default="logs")
    options = parser.parse_args()

    config = FruitConfig()
    if options.job == "train":
        model = modellib.MaskRCNN("training", config, options.logs)
    else:
        config.IMAGES_PER_GPU = config.BATCH_SIZE = 1
        model = modellib.MaskRCNN("inference", config, options.logs)
    weights = model.find_last() if options.weights == "last" else options.weights
    if not os.path.exists(weights):
        sys.exit(f"{weights} isn't there")
    model.load_weights(weights, by_name=True)
    if options.job == "train":
        learn(model, options.dataset)
    else:
        report(model, options.image)


if __name__ == "__main__":
    main()
