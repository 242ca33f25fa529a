# Outlines bacterial colonies on agar plates; the results are run lengths as Kaggle takes them.
#
#     python colonies.py train --dataset=PLATES --subset=train --weights=imagenet
#     python colonies.py detect --dataset=PLATES --subset=stage1_test --weights=last
#
# PLATES has the layout of the Data Science Bowl 2018. The subsets "train" and "val" share the
# folder stage1_train; any other subset is a folder.
import argparse
import csv
import os
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import skimage.io
from imgaug import augmenters as iaa

from mrcnn import model as modellib
from mrcnn import utils, visualize
from mrcnn.config import Config

PLATES_FOR_VALIDATION = {"scene_00"}

# What is trained, until which epoch, at which part of the learning rate.
STAGES = [("heads", 1, 1.0), ("all", 2, 0.1)]


class LearningConfig(Config):
    NAME = "colonies"
    NUM_CLASSES = 2
    BACKBONE = "resnet50"
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    LEARNING_RATE = 1e-4
    # The smallest colonies have a few pixels only: twice the size, a piece at a time.
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_SCALE = 2.0
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    MAX_GT_INSTANCES = 20
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (28, 28)
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    RPN_NMS_THRESHOLD = 0.9
    POST_NMS_ROIS_TRAINING = 100
    TRAIN_ROIS_PER_IMAGE = 16


class CountingConfig(LearningConfig):
    GPU_COUNT = 1
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7
    POST_NMS_ROIS_INFERENCE = 200
    DETECTION_MIN_CONFIDENCE = 0
    DETECTION_MAX_INSTANCES = 30


class Plates(utils.Dataset):
    def load_plates(self, root, subset):
        self.add_class("colonies", 1, "colony")
        shared = subset in ("train", "val")
        for plate in sorted((root / ("stage1_train" if shared else subset)).iterdir()):
            if shared and (plate.name in PLATES_FOR_VALIDATION) != (subset == "val"):
                continue
            photograph = plate / "images" / f"{plate.name}.png"
            self.add_image("colonies", image_id=plate.name, path=str(photograph), plate=plate)
        self.prepare()

    def load_mask(self, image_id):
        files = sorted(self.image_info[image_id]["plate"].glob("masks/*.png"))
        colonies = [skimage.io.imread(file) > 0 for file in files]
        return np.stack(colonies, axis=2), np.full(len(colonies), 1, dtype=np.int32)

    def image_reference(self, image_id):
        return self.image_info[image_id]["id"]


def learn(model, root, subset):
    known, unknown = Plates(), Plates()
    known.load_plates(root, subset)
    unknown.load_plates(root, "val")
    # Plates have no top and no bottom, and the lamp isn't always the same.
    disturb = iaa.SomeOf(
        (1, 3),
        [
            iaa.Flipud(0.5),
            iaa.Fliplr(0.5),
            iaa.OneOf([iaa.Affine(rotate=quarter * 90) for quarter in (1, 2, 3)]),
            iaa.OneOf([iaa.GaussianBlur(sigma=(0, 2)), iaa.Multiply((0.7, 1.3))]),
        ],
    )
    for layers, last_epoch, part in STAGES:
        print("Learning", layers)
        model.train(
            known,
            unknown,
            learning_rate=part * model.config.LEARNING_RATE,
            epochs=last_epoch,
            augmentation=disturb,
            layers=layers,
        )


def run_lengths(mask):
    """Where each run begins and how long it is: down the columns, the first pixel is number 1."""
    changes = np.diff(mask.ravel(order="F").astype(int), prepend=0, append=0)
    first, beyond = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    return " ".join(f"{a + 1} {b - a}" for a, b in zip(first, beyond, strict=True))


def without_overlaps(masks, scores):
    """The masks, each without the pixels that a surer one has too; those left empty are dropped."""
    owner = np.full(masks.shape[:2], -1)
    for number in np.argsort(scores):
        owner[masks[:, :, number]] = number
    return [owner == number for number in np.unique(owner[owner >= 0])]


def count(model, root, subset):
    plates = Plates()
    plates.load_plates(root, subset)
    folder = Path("results", "colonies", time.strftime("submit_%Y-%m-%d_%H.%M.%S"))
    folder.mkdir(parents=True)
    with open(folder / "submit.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ImageId", "EncodedPixels"])
        for image_id in plates.image_ids:
            name = plates.image_reference(image_id)
            photograph = plates.load_image(image_id)
            found = model.detect([photograph], verbose=0)[0]
            boxes, masks = found["rois"], found["masks"]
            class_ids, scores = found["class_ids"], found["scores"]
            colonies = [run_lengths(mask) for mask in without_overlaps(masks, scores)]
            # A plate without colonies has a line as well.
            table.writerows([name, runs] for runs in colonies or [""])
            print(f"{name}: {len(colonies)} colonies")
            visualize.display_instances(
                photograph,
                boxes,
                masks,
                class_ids,
                plates.class_names,
                scores,
                title=name,
                show_mask=False,
                show_bbox=False,
            )
            plt.savefig(folder / f"{name}.png")


parser = argparse.ArgumentParser()
parser.add_argument("task", choices=["train", "detect"])
parser.add_argument("--dataset", type=Path, required=True)
parser.add_argument("--subset", default="train")
parser.add_argument("--weights", default="imagenet", help="a file, or imagenet, or last")
parser.add_argument("--logs", default=os.path.abspath("logs"))
given = parser.parse_args()

if given.task == "train":
    task, mode, config = learn, "training", LearningConfig()
else:
    task, mode, config = count, "inference", CountingConfig()
config.display()
network = modellib.MaskRCNN(mode=mode, config=config, model_dir=given.logs)
weights = given.weights
if weights == "last":
    weights = network.find_last()
elif weights == "imagenet":
    weights = network.get_imagenet_weights()
network.load_weights(weights, by_name=True)
print("Took the weights from", weights)
task(network, given.dataset, given.subset)
