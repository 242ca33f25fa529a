"""Finds trees on aerial pictures of four channels: red, green, blue and near infrared.

python orchard.py train --dataset=orchard
python orchard.py detect --dataset=orchard
"""

import argparse
import glob
import json
import os

import numpy as np
import skimage.draw
import tifffile

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config

ROOT = os.getcwd()
COCO_WEIGHTS = os.path.join(ROOT, "mask_rcnn_coco.h5")
LOGS = os.path.join(ROOT, "logs")


class OrchardConfig(Config):
    NAME = "orchard"
    BACKBONE = "resnet50"
    NUM_CLASSES = 1 + 1
    IMAGE_CHANNEL_COUNT = 4
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9, 90.0])
    IMAGES_PER_GPU = 1
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    TOP_DOWN_PYRAMID_SIZE = 6
    FPN_CLASSIF_FC_LAYERS_SIZE = 12
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    TRAIN_ROIS_PER_IMAGE = 16


class Orchard(utils.Dataset):
    def load_orchard(self, folder):
        self.add_class("orchard", 1, "tree")
        for path in sorted(glob.glob(os.path.join(folder, "*.tif"))):
            with open(path.replace(".tif", ".json")) as file:
                trees = json.load(file)
            self.add_image("orchard", os.path.basename(path), path, trees=trees)

    def load_image(self, image_id):
        return tifffile.imread(self.image_info[image_id]["path"])

    def load_mask(self, image_id):
        trees = self.image_info[image_id]["trees"]
        shape = self.load_image(image_id).shape[:2]
        masks = np.zeros([*shape, len(trees)], dtype=bool)
        for number, (row, column, radius) in enumerate(trees):
            masks[(*skimage.draw.disk((row, column), radius, shape=shape), number)] = True
        return masks, np.ones(len(trees), dtype=np.int32)


def train(folder):
    datasets = []
    for part in ("train", "val"):
        dataset = Orchard()
        dataset.load_orchard(os.path.join(folder, part))
        dataset.prepare()
        datasets.append(dataset)
    model = modellib.MaskRCNN(mode="training", config=OrchardConfig(), model_dir=LOGS)
    model.load_weights(
        COCO_WEIGHTS,
        by_name=True,
        exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"],
    )
    model.train(*datasets, learning_rate=0.001, epochs=1, layers="heads")


def detect(folder):
    class InferenceConfig(OrchardConfig):
        DETECTION_MIN_CONFIDENCE = 0

    model = modellib.MaskRCNN(mode="inference", config=InferenceConfig(), model_dir=LOGS)
    model.load_weights(model.find_last(), by_name=True)
    for path in sorted(glob.glob(os.path.join(folder, "val", "*.tif"))):
        image = tifffile.imread(path)
        found = model.detect([image])[0]
        print(f"{os.path.basename(path)}: {image.shape} {len(found['rois'])} trees")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("train", "detect"))
    parser.add_argument("--dataset", required=True)
    options = parser.parse_args()
    {"train": train, "detect": detect}[options.command](options.dataset)
