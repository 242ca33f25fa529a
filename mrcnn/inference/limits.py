"""Detections that a limit of the configuration may have cost."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn.data.limits import LimitNotes
from mrcnn.inference.placing import count_filled, pixels_of_boxes
from mrcnn.inference.proposals import keep_best, refine_boxes
from mrcnn.instances.geometry import norm_boxes
from mrcnn.ops.image_meta import ImageMeta
from mrcnn.ops.outputs import InferenceOutputs


class Candidates(NamedTuple):
    """What the heads make of an image's proposals, before suppression.

    Attributes:
        boxes: float32 [R, 4], normalized.
        class_ids: int [R].
        scores: float32 [R], -1 for what is no object.
    """

    boxes: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray


class DetectionLimits(LimitNotes):
    """How much more than DETECTION_MAX_INSTANCES detection needed.

    Where all rows of an image are filled, its detections are selected once more without a limit;
    their number is what was needed.

    Args:
        config: of the inference.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    def look_at(
        self,
        outputs: InferenceOutputs,
        inputs: Sequence[np.ndarray],
        slots: Sequence[int],
    ) -> list[tuple[str, ...]]:
        """Note what some images of a batch needed.

        Args:
            outputs: of the inference graph.
            inputs: images, image_meta [B, M] and anchors [B, A, 4] that it was given.
            slots: images of the batch that count.

        Returns:
            for each of these images what it reached, as a text for each limit.
        """
        _, image_meta, _ = inputs
        reached: list[tuple[str, ...]] = []
        for slot in slots:
            detections = outputs.detections[slot]
            if count_filled(detections) < len(detections):
                reached.append(())
                continue
            meta = ImageMeta(image_meta[slot])
            window = norm_boxes(meta.window[None], meta.image_shape[:2])[0]
            candidates = candidates_of(
                outputs.rpn_rois[slot],
                outputs.mrcnn_class[slot],
                outputs.mrcnn_bbox[slot],
                window,
                self.config,
            )
            boxes = candidates.boxes[kept(candidates, self.config)]
            pixels = pixels_of_boxes(boxes, window, meta.original_image_shape)
            have_area = np.all(pixels[:, 2:] > pixels[:, :2], axis=1)
            reached.append(self._look_at_detections(np.asarray(have_area)))
        return reached

    def _look_at_detections(self, have_area: np.ndarray) -> tuple[str, ...]:
        """Note what is beyond the limit; a box without a pixel is not returned in any case.

        Args:
            have_area: bool [N], of the boxes that are left by suppression, by falling score.
        """
        setting, limit = "DETECTION_MAX_INSTANCES", self.config.DETECTION_MAX_INSTANCES
        found = np.flatnonzero(have_area)
        if not (found >= limit).any():
            return ()
        needed = int(found[-1]) + 1
        text = (
            f"An image has {len(found)} detections, but {setting} is {limit}: those with the "
            f"lowest scores were not returned. At least {needed} would have kept all of them."
        )
        self.note(setting, needed, text)
        return (text,)


def candidates_of(
    rois: np.ndarray, probabilities: np.ndarray, deltas: np.ndarray, window: np.ndarray, config: Any
) -> Candidates:
    """Read the outputs of the heads as `mrcnn.nets.detection.refine_detections` does.

    Args:
        rois: float32 [R, 4], normalized, by falling score of the RPN, padded with zeros.
        probabilities: float32 [R, classes].
        deltas: float32 [R, classes, 4], divided by BBOX_STD_DEV.
        window: float32 [4], normalized part of the image that is not padding.
        config: gives the DETECTION_... settings and BBOX_STD_DEV.
    """
    if config.DETECTION_SCORE == "object":
        class_ids = 1 + probabilities[:, 1:].argmax(axis=1)
        scores = probabilities[:, 1:].sum(axis=1)
    else:
        class_ids, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    deltas = deltas[np.arange(len(rois)), class_ids] * np.asarray(config.BBOX_STD_DEV, np.float32)
    boxes = refine_boxes(rois, deltas, window)
    is_object = rois.any(axis=1) & (class_ids > 0) & np.isfinite(boxes).all(axis=1)
    is_object &= scores >= config.DETECTION_MIN_CONFIDENCE
    return Candidates(boxes, class_ids, np.where(is_object, scores, -1))


def kept(candidates: Candidates, config: Any) -> np.ndarray:
    """The candidates that the suppression of `refine_detections` leaves, if there is no limit.

    Returns:
        int64 [N] numbers of candidates, by falling score.
    """
    order = np.argsort(-candidates.scores, kind="stable")
    order = order[: np.count_nonzero(candidates.scores >= 0)]
    boxes = candidates.boxes[order].astype(np.float64)
    if not config.DETECTION_NMS_ACROSS_CLASSES:
        # Boxes of two classes do not meet.
        boxes += 2.0 * candidates.class_ids[order][:, None]
    return order[keep_best(boxes, config.DETECTION_NMS_THRESHOLD)]
