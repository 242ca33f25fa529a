"""Counts colonies on plates; learns on the two cards of our workstation.

python plates_two_gpus.py FOLDER WEIGHTS
"""

import os
import sys

import numpy as np
import skimage.io

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config


class PlateConfig(Config):
    NAME = "plates"
    BACKBONE = "resnet50"
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    # Two cards, one plate each.
    GPU_COUNT = 2
    IMAGES_PER_GPU = 1
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 1
    VALIDATION_STEPS = 1
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 16
    POST_NMS_ROIS_TRAINING = 60
    POST_NMS_ROIS_INFERENCE = 60
    MAX_GT_INSTANCES = 10
    DETECTION_MIN_CONFIDENCE = 0.7
    LEARNING_RATE = 1e-7


class PlateDataset(utils.Dataset):
    def load_plates(self, folder):
        self.add_class("plates", 1, "colony")
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name, "images", name + ".png")
            self.add_image("plates", image_id=name, path=path)
        self.prepare()

    def load_mask(self, image_id):
        plate = os.path.dirname(os.path.dirname(self.image_info[image_id]["path"]))
        folder = os.path.join(plate, "masks")
        masks = [
            skimage.io.imread(os.path.join(folder, name)) > 0 for name in sorted(os.listdir(folder))
        ]
        return np.stack(masks, axis=-1), np.ones(len(masks), dtype=np.int32)


def main():
    folder, weights = sys.argv[1:]
    plates = PlateDataset()
    plates.load_plates(folder)
    config = PlateConfig()
    config.display()
    model = modellib.MaskRCNN(mode="training", config=config, model_dir="logs")
    model.load_weights(weights, by_name=True)
    model.train(plates, plates, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")

    model = modellib.MaskRCNN(mode="inference", config=config, model_dir="logs")
    path = model.find_last()
    print("Loading weights from", path)
    model.load_weights(path, by_name=True)
    pictures = [plates.load_image(number) for number in plates.image_ids]
    for start in range(0, len(pictures), config.BATCH_SIZE):
        for found in model.detect(pictures[start : start + config.BATCH_SIZE]):
            print("Colonies:", len(found["scores"]))


if __name__ == "__main__":
    main()
