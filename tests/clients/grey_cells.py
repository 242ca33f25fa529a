"""Learns round and long cells on grey pictures, from scratch and with a small backbone.

The pictures are drawn on the fly and have one channel. The heads learn from random regions, which
the data generator makes around the cells, so that the RPN may take its time.

    python grey_cells.py --epochs=2
"""

import argparse
import os

import keras.layers as KL
import numpy as np
import skimage.draw

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config

LOGS = os.path.abspath("logs")
SIZE = (120, 160)


def small_backbone(input_image, stage5=True, train_bn=None):
    """Blocks of ResNet after a stem; strides 4, 4, 8, 16 and 32."""
    stem = KL.Conv2D(16, 5, strides=4, padding="same", name="stem")(input_image)
    stem = KL.Activation("relu")(modellib.BatchNorm(name="bn_stem")(stem, training=train_bn))
    level = modellib.conv_block(
        stem, 3, [8, 8, 32], stage=2, block="a", strides=(1, 1), train_bn=train_bn
    )
    level = modellib.identity_block(level, 3, [8, 8, 32], stage=2, block="b", train_bn=train_bn)
    levels = [stem, level]
    for stage, width in ((3, 16), (4, 24), (5, 32)):
        if stage == 5 and not stage5:
            return [*levels, None]
        filters = [width, width, 4 * width]
        level = modellib.conv_block(level, 3, filters, stage=stage, block="a", train_bn=train_bn)
        levels.append(level)
    return levels


def small_backbone_shapes(image_shape):
    """Heights and widths of the pyramid's five levels; the last is every other pixel of P5."""
    strides = 2 ** np.arange(2, 7)[:, np.newaxis]
    return -(-np.array(image_shape[:2]) // strides)


class GreyConfig(Config):
    NAME = "grey"
    NUM_CLASSES = 3
    BACKBONE = staticmethod(small_backbone)
    COMPUTE_BACKBONE_SHAPE = staticmethod(small_backbone_shapes)
    TOP_DOWN_PYRAMID_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    TRAIN_BN = None
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([40.0])
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    USE_RPN_ROIS = False
    USE_MINI_MASK = False
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 4
    VALIDATION_STEPS = 1
    MAX_GT_INSTANCES = 8
    TRAIN_ROIS_PER_IMAGE = 16
    POST_NMS_ROIS_TRAINING = 60
    POST_NMS_ROIS_INFERENCE = 60
    DETECTION_MIN_CONFIDENCE = 0
    DETECTION_MAX_INSTANCES = 10


class GreyDetectionConfig(GreyConfig):
    USE_RPN_ROIS = True


class Cells(utils.Dataset):
    def __init__(self, count, seed):
        super().__init__()
        self.add_class("grey", 1, "round")
        self.add_class("grey", 2, "long")
        dice = np.random.RandomState(seed)
        for number in range(count):
            kinds = dice.randint(1, 3, size=3)
            rows = dice.randint(30, 90, size=3)
            name = f"cells_{number}"
            self.add_image("grey", name, None, kinds=kinds, rows=rows, noise=seed + number)
        self.prepare()

    def ellipses(self, image_id):
        """The pixels of each cell, from left to right."""
        info = self.image_info[image_id]
        for place, (kind, row) in enumerate(zip(info["kinds"], info["rows"], strict=True)):
            radii = (15, 15) if kind == 1 else (9, 20)
            yield skimage.draw.ellipse(row, 30 + 50 * place, *radii, shape=SIZE)

    def load_image(self, image_id):
        noise = np.random.RandomState(self.image_info[image_id]["noise"])
        picture = noise.randint(0, 60, (*SIZE, 1)).astype(np.uint8)
        for ellipse in self.ellipses(image_id):
            picture[ellipse] = 200
        return picture

    def load_mask(self, image_id):
        kinds = self.image_info[image_id]["kinds"]
        masks = np.zeros((*SIZE, len(kinds)), dtype=bool)
        for place, (rows, columns) in enumerate(self.ellipses(image_id)):
            masks[rows, columns, place] = True
        return masks, kinds.astype(np.int32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    epochs = parser.parse_args().epochs

    config = GreyConfig()
    config.display()
    seen, unseen = Cells(8, seed=0), Cells(2, seed=100)

    # Boxes have to follow the masks whether the picture is flipped or not.
    for _ in range(8):
        picture, meta, kinds, boxes, masks = modellib.load_image_gt(
            seen, config, 0, augment=True, use_mini_mask=config.USE_MINI_MASK
        )
        assert np.array_equal(utils.extract_bboxes(masks), boxes)
    print("image", picture.shape, picture.dtype, end=" ")
    print("mask", masks.shape, masks.dtype, "meta", meta.shape)

    learner = modellib.MaskRCNN(mode="training", config=config, model_dir=LOGS)
    learner.train(seen, unseen, learning_rate=config.LEARNING_RATE, epochs=epochs, layers="all")
    checkpoint = learner.find_last()
    print("epoch", learner.epoch, "checkpoint", os.path.basename(checkpoint))

    finder = modellib.MaskRCNN(mode="inference", config=GreyDetectionConfig(), model_dir=LOGS)
    finder.load_weights(checkpoint, by_name=True)
    pictures = [unseen.load_image(number) for number in unseen.image_ids]
    molded, metas, windows = finder.mold_inputs(pictures)
    print("molded", molded.shape, metas.shape, windows.tolist())
    anchors = finder.get_anchors(molded[0].shape)
    print("anchors", anchors.shape, anchors.dtype)
    for found in finder.detect(pictures, verbose=1):
        classes = set(found["class_ids"].tolist())
        print("detections", found["rois"].shape, found["masks"].shape, classes)
