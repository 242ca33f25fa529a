"""Makes everything grey but the buoys, on photographs and films of the sea.

    python buoy.py train --dataset=FOLDER --weights=coco
    python buoy.py splash --weights=last --image=harbour.png --video=harbour.avi

FOLDER/train and FOLDER/val hold pictures and a via_region_data.json, drawn with version 1 of the
VGG Image Annotator.
"""

import argparse
import json
import os
from pathlib import Path

import cv2
import numpy as np
import skimage.io
from skimage.draw import polygon2mask

from mrcnn import model as modellib
from mrcnn import utils
from mrcnn.config import Config


class BuoyConfig(Config):
    NAME = "buoy"
    NUM_CLASSES = 2
    BACKBONE = "resnet50"
    IMAGE_MAX_DIM = IMAGE_MIN_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    DETECTION_MIN_CONFIDENCE = 0.7
    POST_NMS_ROIS_INFERENCE = 50
    # A laptop has to do.
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    POST_NMS_ROIS_TRAINING = 100
    TRAIN_ROIS_PER_IMAGE = 16
    LEARNING_RATE = 1e-4


class SeaPictures(utils.Dataset):
    def __init__(self, folder):
        super().__init__()
        self.add_class("sea", 1, "buoy")
        for entry in json.loads((folder / "via_region_data.json").read_text()).values():
            drawn = [region["shape_attributes"] for region in entry["regions"].values()]
            if drawn:
                path = str(folder / entry["filename"])
                rows, columns = skimage.io.imread(path).shape[:2]
                self.add_image(
                    "sea",
                    image_id=entry["filename"],
                    path=path,
                    size=(rows, columns),
                    outlines=[
                        np.transpose([shape["all_points_y"], shape["all_points_x"]])
                        for shape in drawn
                    ],
                )
        self.prepare()

    def load_mask(self, image_id):
        picture = self.image_info[image_id]
        buoys = [polygon2mask(picture["size"], outline) for outline in picture["outlines"]]
        return np.dstack(buoys), np.ones(len(buoys), dtype=np.int32)


def fill_in_weights(model, wanted):
    if wanted == "coco":
        path = "mask_rcnn_coco.h5"
        if not os.path.exists(path):
            utils.download_trained_weights(path)
        of_80_classes = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
        model.load_weights(path, by_name=True, exclude=of_80_classes)
    else:
        path = model.find_last() if wanted == "last" else wanted
        model.load_weights(path, by_name=True)
    print("Weights of", path)


def fade_sea(picture, masks):
    """A copy, RGB or BGR as the picture is, that has lost its colours outside the masks."""
    faded = picture.copy()
    sea = ~masks.any(axis=2)
    faded[sea] = picture[sea].mean(axis=1, keepdims=True)
    return faded


def splash_photograph(model, path):
    photograph = skimage.io.imread(path)
    (found,) = model.detect([photograph], verbose=1)
    print("Instances:", found["masks"].shape[2])
    skimage.io.imsave(f"splash_{Path(path).stem}.png", fade_sea(photograph, found["masks"]))


def splash_film(model, path):
    film = cv2.VideoCapture(path)
    size = [int(film.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
    motion_jpeg = cv2.VideoWriter.fourcc(*"MJPG")
    copy = cv2.VideoWriter(
        f"splash_{Path(path).stem}.avi", motion_jpeg, film.get(cv2.CAP_PROP_FPS), size
    )
    while film.grab():
        frame = film.retrieve()[1]
        # The network learnt RGB, and the film is BGR.
        (found,) = model.detect([frame[:, :, ::-1]])
        copy.write(fade_sea(frame, found["masks"]))
    copy.release()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--logs", default=os.path.abspath("logs"))
    jobs = parser.add_subparsers(dest="job", required=True)
    learn, splash = jobs.add_parser("train"), jobs.add_parser("splash")
    learn.add_argument("--weights", default="coco")
    learn.add_argument("--dataset", type=Path, required=True)
    splash.add_argument("--weights", default="last")
    splash.add_argument("--image")
    splash.add_argument("--video")
    options = parser.parse_args()

    config = BuoyConfig()
    config.display()
    mode = {"train": "training", "splash": "inference"}[options.job]
    model = modellib.MaskRCNN(mode=mode, config=config, model_dir=options.logs)
    fill_in_weights(model, options.weights)
    if options.job == "train":
        lesson, exam = (SeaPictures(options.dataset / part) for part in ("train", "val"))
        model.train(lesson, exam, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")
        return
    if options.image:
        splash_photograph(model, options.image)
    if options.video:
        splash_film(model, options.video)


if __name__ == "__main__":
    main()
