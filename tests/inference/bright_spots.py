"""A `Runner` without a network: whatever is bright in an image is an object."""

import threading

import numpy as np
from scipy import ndimage

from mrcnn.config import Config


class SpotsConfig(Config):
    NAME = "spots"
    NUM_CLASSES = 1 + 2
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    IMAGE_MIN_DIM = 0
    IMAGE_MAX_DIM = 128
    MEAN_PIXEL = np.zeros(3)
    DETECTION_MAX_INSTANCES = 10
    POST_NMS_ROIS_INFERENCE = 20


class BrightSpots:
    """Each connected part of an image that is brighter than 100 is an object.

    It is of class 1, or of class 2 where it is brighter than 200; its score is its brightness.

    Attributes:
        batches: shapes of the images that were given so far.
    """

    def __init__(self, config):
        self.config = config
        self.batches = []
        self.threads = set()

    def run(self, inputs):
        images, meta, anchors = inputs
        assert all(values.dtype == np.float32 for values in inputs)
        assert meta.shape[1] == self.config.IMAGE_META_SIZE
        self.batches.append(images.shape)
        self.threads.add(threading.current_thread().name)
        return [np.stack(rows) for rows in zip(*map(self._look, images, anchors), strict=True)]

    def all_detections(self, outputs, image_meta):
        scores = np.where(outputs.rpn_rois.any(axis=2), 1 - outputs.mrcnn_class[..., 0], 0)
        class_ids = np.where(scores > 0, outputs.mrcnn_class[..., 1:].argmax(axis=2) + 1, 0)
        return np.concatenate([outputs.rpn_rois, class_ids[..., None], scores[..., None]], axis=2)

    def _look(self, image, anchors):
        config = self.config
        count, classes = config.DETECTION_MAX_INSTANCES, config.NUM_CLASSES
        rois = config.POST_NMS_ROIS_INFERENCE
        detections = np.zeros((count, 6), np.float32)
        masks = np.zeros((count, 28, 28, classes), np.float32)
        proposals = np.zeros((rois, 4), np.float32)
        probabilities = np.zeros((rois, classes), np.float32)
        probabilities[:, 0] = 1
        bright = image.mean(axis=2)
        labels, found = ndimage.label(bright > 100)
        sides = np.tile(image.shape[:2], 2) - 1
        spots = []
        for rows, columns in ndimage.find_objects(labels, found):
            value = bright[rows, columns].max()
            box = np.array([rows.start, columns.start, rows.stop - 1, columns.stop - 1]) / sides
            spots.append((value / 255, 2 if value > 200 else 1, box))
        spots.sort(key=lambda spot: -spot[0])
        for row, (score, class_id, box) in enumerate(spots[:rois]):
            proposals[row] = box
            probabilities[row] = np.eye(classes)[class_id] * score
            probabilities[row, 0] = 1 - score
        for row, (score, class_id, box) in enumerate(spots[:count]):
            detections[row] = (*box, class_id, score)
            masks[row, :, :, class_id] = 1
        return (
            detections,
            probabilities,
            np.zeros((rois, classes, 4), np.float32),
            masks,
            proposals,
            np.tile(np.float32([0.9, 0.1]), (len(anchors), 1)),
            np.zeros((len(anchors), 4), np.float32),
        )


def field(*spots, shape=(64, 64)):
    """A dark image uint8 [H, W, 3] with bright rectangles ((y1, x1, y2, x2), brightness)."""
    image = np.full((*shape, 3), 20, np.uint8)
    for (y1, x1, y2, x2), value in spots:
        image[y1:y2, x1:x2] = value
    return image
