"""Finds building blocks in photographs that are annotated as COCO's are.

    python blocks_coco.py train --dataset=FOLDER --model=WEIGHTS.h5 [--layers=all]
    python blocks_coco.py evaluate --dataset=FOLDER --model=last [--first=50]

FOLDER has annotations/instances_train2017.json, train2017/, and the same for val2017.
"""

import argparse
import os

import imgaug
import numpy as np
import pycocotools.mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn import model as rcnn
from mrcnn import utils
from mrcnn.config import Config


class Training(Config):
    NAME = "blocks"
    NUM_CLASSES = 4
    BACKBONE = "resnet50"
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    TOP_DOWN_PYRAMID_SIZE = 64
    IMAGE_MAX_DIM = IMAGE_MIN_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    POST_NMS_ROIS_TRAINING = POST_NMS_ROIS_INFERENCE = 60
    TRAIN_ROIS_PER_IMAGE = 12
    MAX_GT_INSTANCES = 20
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    LEARNING_RATE = 1e-4


class Judging(Training):
    IMAGES_PER_GPU = 1
    # The measure sorts by score, and wants the doubtful ones too.
    DETECTION_MIN_CONFIDENCE = 0


class Blocks(utils.Dataset):
    def __init__(self, folder, subset):
        super().__init__()
        self.truth = COCO(os.path.join(folder, "annotations", f"instances_{subset}.json"))
        for number, category in sorted(self.truth.cats.items()):
            self.add_class("coco", number, category["name"])
        for number, photograph in self.truth.imgs.items():
            self.add_image(
                "coco",
                image_id=number,
                path=os.path.join(folder, subset, photograph["file_name"]),
                blocks=self.truth.imgToAnns[number],
            )
        self.prepare()

    def load_mask(self, image_id):
        layers, labels = [], []
        for block in self.image_info[image_id]["blocks"]:
            layer = self.truth.annToMask(block)
            label = self.map_source_class_id(f"coco.{block['category_id']}")
            if layer.any():
                layers.append(layer)
                # A heap of blocks that nobody told apart counts for none of them.
                labels.append(-label if block["iscrowd"] else label)
        if not layers:
            return super().load_mask(image_id)
        return np.dstack(layers).astype(bool), np.array(labels, dtype=np.int32)

    def image_reference(self, image_id):
        return os.path.basename(self.image_info[image_id]["path"])


def train(model, arguments):
    model.train(
        Blocks(arguments.dataset, "train2017"),
        Blocks(arguments.dataset, "val2017"),
        learning_rate=model.config.LEARNING_RATE,
        epochs=1,
        layers=arguments.layers,
        augmentation=imgaug.augmenters.Fliplr(0.5),
    )


def evaluate(model, arguments):
    photographs = Blocks(arguments.dataset, "val2017")
    numbers, answers = [], []
    for image_id in photographs.image_ids[: arguments.first]:
        numbers.append(photographs.image_info[image_id]["id"])
        found = model.detect([photographs.load_image(image_id)], verbose=0)[0]
        print(photographs.image_reference(image_id), "has", len(found["rois"]), "blocks")
        packed = pycocotools.mask.encode(np.asfortranarray(found["masks"].astype(np.uint8)))
        for (top, left, bottom, right), label, score, runs in zip(
            found["rois"], found["class_ids"], found["scores"], packed, strict=True
        ):
            answers.append(
                {
                    "image_id": numbers[-1],
                    "category_id": photographs.get_source_class_id(label, "coco"),
                    "score": score,
                    "bbox": [left, top, right - left, bottom - top],
                    "segmentation": runs,
                }
            )

    answers = photographs.truth.loadRes(answers)
    sizes = sorted(answer["area"] for answer in answers.anns.values())
    print(f"Boxes of {sizes[0]} to {sizes[-1]} pixels in categories {sorted(answers.getCatIds())}")
    for what in ("bbox", "segm"):
        judge = COCOeval(photographs.truth, answers, what)
        judge.params.imgIds = numbers
        judge.evaluate()
        judge.accumulate()
        judge.summarize()


parser = argparse.ArgumentParser()
parser.add_argument("action", choices=["train", "evaluate"])
parser.add_argument("--dataset", required=True)
parser.add_argument("--model", required=True, help="a file of weights, or: last")
parser.add_argument("--layers", default="heads")
parser.add_argument("--first", type=int, default=50, help="evaluate on so many photographs")
arguments = parser.parse_args()

training = arguments.action == "train"
config = Training() if training else Judging()
config.display()
model = rcnn.MaskRCNN(
    mode="training" if training else "inference", config=config, model_dir=os.path.abspath("logs")
)
weights = model.find_last() if arguments.model == "last" else arguments.model
print("Starting from", weights)
model.load_weights(weights, by_name=True)
(train if training else evaluate)(model, arguments)
