"""Finds kangaroos on pictures with outlines of VIA 1, in the manner of programs for TensorFlow 2.

    python kangaroos.py FOLDER

It trains by itself with the generator, as forks do, and detects in threads under a graph, as
servers do.
"""

import glob
import json
import os
import sys
import threading
import xml.etree

import numpy as np
import skimage.draw
import skimage.io
import tensorflow as tf

import mrcnn.config
import mrcnn.model
import mrcnn.utils
import mrcnn.visualize


class KangarooConfig(mrcnn.config.Config):
    NAME = "kangaroo"
    NUM_CLASSES = 2
    BACKBONE = "resnet18"
    TOP_DOWN_PYRAMID_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 16
    POST_NMS_ROIS_TRAINING = POST_NMS_ROIS_INFERENCE = 60
    DETECTION_MIN_CONFIDENCE = 0


class KangarooDetectionConfig(KangarooConfig):
    IMAGES_PER_GPU = 1


class Kangaroos(mrcnn.utils.Dataset):
    def load_kangaroos(self, folder):
        self.add_class("kangaroo", 1, "kangaroo")
        with open(os.path.join(folder, "via_region_data.json")) as file:
            entries = [entry for entry in json.load(file).values() if entry["regions"]]
        for entry in entries:
            path = os.path.join(folder, entry["filename"])
            height, width = skimage.io.imread(path).shape[:2]
            self.add_image(
                "kangaroo", entry["filename"], path, width=width, height=height,
                polygons=[region["shape_attributes"] for region in entry["regions"].values()],
            )  # fmt: skip
        self.prepare()

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        mask = np.zeros([info["height"], info["width"], len(info["polygons"])], dtype=np.uint8)
        for i, p in enumerate(info["polygons"]):
            rr, cc = skimage.draw.polygon(p["all_points_y"], p["all_points_x"])
            mask[rr, cc, i] = 1
        return mask.astype(bool), np.ones([mask.shape[-1]], dtype=np.int32)


class ForkedMaskRCNN(mrcnn.model.MaskRCNN):
    def train(self, train_dataset, val_dataset, learning_rate, epochs, layers):
        self.set_trainable(layers, verbose=0)
        self.compile(learning_rate, self.config.LEARNING_MOMENTUM)
        history = self.keras_model.fit(
            mrcnn.model.data_generator(
                train_dataset, self.config, shuffle=True, batch_size=self.config.BATCH_SIZE
            ),
            initial_epoch=self.epoch,
            epochs=epochs,
            steps_per_epoch=self.config.STEPS_PER_EPOCH,
            validation_data=mrcnn.model.DataGenerator(val_dataset, self.config, shuffle=False),
            validation_steps=self.config.VALIDATION_STEPS,
            max_queue_size=100,
            workers=1,
            use_multiprocessing=False,
        )
        self.epoch = max(self.epoch, epochs)
        return history


def main(folder):
    print("parser:", xml.etree.ElementTree.fromstring("<size><width>3</width></size>")[0].tag)
    lesson, exam = Kangaroos(), Kangaroos()
    lesson.load_kangaroos(os.path.join(folder, "train"))
    exam.load_kangaroos(os.path.join(folder, "val"))

    config = KangarooConfig()
    model = ForkedMaskRCNN(mode="training", config=config, model_dir="logs")
    first = model.train(lesson, exam, config.LEARNING_RATE, epochs=1, layers="all")
    print("own training:", sorted(first.history))
    model.keras_model.save_weights("kangaroo.h5")
    # The package's own training does the same.
    usual = mrcnn.model.MaskRCNN(mode="training", config=config, model_dir="logs")
    usual.load_weights("kangaroo.h5", by_name=True)
    usual.train(lesson, exam, config.LEARNING_RATE, epochs=1, layers="heads")
    print("checkpoints:", [os.path.basename(path) for path in glob.glob("logs/*/*.h5")])

    graph = tf.compat.v1.get_default_graph()
    model = mrcnn.model.MaskRCNN("inference", KangarooDetectionConfig(), model_dir="logs")
    model.load_weights("kangaroo.h5", by_name=True)
    model.keras_model._make_predict_function()
    picture = exam.load_image(0)
    answers = []

    def answer():
        with graph.as_default():
            answers.append(model.detect([picture])[0])

    threads = [threading.Thread(target=answer) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("answers:", [len(answer["rois"]) for answer in answers])
    found = answers[0]
    mrcnn.visualize.display_instances(
        image=picture, boxes=found["rois"], masks=found["masks"], class_ids=found["class_ids"],
        class_names=["BG", "kangaroo"], scores=found["scores"], min_score=0.1,
        show_mask_polygon=False, save_fig_path="kangaroos.png",
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
