"""Detections that a limit of the configuration may have cost."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn.data.limits import LimitNotes
from mrcnn.inference.placing import count_filled
from mrcnn.inference.proposals import count_proposals, keep_best, refine_boxes
from mrcnn.instances.geometry import compute_overlaps, non_max_suppression, norm_boxes

# The share of the proposals, in their order, that counts as the end of the list.
_LAST_SHARE = 0.1
# Only what is this sure counts as an object that the end of the list has found.
_SURE = 0.5


class Candidates(NamedTuple):
    """What the heads make of an image's proposals, before suppression.

    Attributes:
        boxes: float32 [R, 4], normalised.
        class_ids: int [R].
        scores: float32 [R], -1 for what is no object.
        proposals: how many of the rows are proposals; the rest is padding.
    """

    boxes: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    proposals: int


class DetectionLimits(LimitNotes):
    """What detection needed more of: DETECTION_MAX_INSTANCES, and the limits of proposals.

    - DETECTION_MAX_INSTANCES: where all rows of an image are filled, its detections are selected
      once more without a limit; their number is what was needed.
    - POST_NMS_ROIS_INFERENCE and PRE_NMS_LIMIT: nearly every image has more proposals than are
      kept, and most of them find nothing. They are too low where the last tenth of the proposals
      finds, with a score of at least 0.5 and of DETECTION_MIN_CONFIDENCE, an object that none of
      the other proposals finds: then those that were left out may find more. Needed are, where
      the list of proposals is full, all that suppression leaves of an image's anchors (looked at
      in the first such image alone, since that takes a while); where it is not full, the anchors
      that the RPN takes for objects with a probability above 0.5.

    Args:
        config: of the inference.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    def look_at(
        self,
        outputs: Sequence[np.ndarray],
        inputs: Sequence[np.ndarray],
        slots: Sequence[int],
    ) -> list[tuple[str, ...]]:
        """Note what some images of a batch needed.

        Args:
            outputs: of the inference graph, see `mrcnn.nets.detector.build_inference_model`.
            inputs: images, image_meta [B, M] and anchors [B, A, 4] that it was given.
            slots: images of the batch that count.

        Returns:
            for each of these images what it reached, as a text for each limit.
        """
        _, image_meta, anchors = inputs
        reached = []
        for slot in slots:
            detections, probabilities, deltas, _, rois, rpn_class, rpn_bbox = (
                np.asarray(output[slot]) for output in outputs
            )
            height, width, _, *window = image_meta[slot][4:11]
            window = norm_boxes(np.array([window]), (height, width))[0]
            candidates = candidates_of(rois, probabilities, deltas, window, self.config)
            texts = []
            if count_filled(detections) == len(detections):
                texts += self._look_at_detections(candidates)
            found = objects_found_last(candidates, self.config)
            if found:
                texts += self._look_at_proposals(found, rois, rpn_class, rpn_bbox, anchors[slot])
            reached.append(tuple(texts))
        return reached

    def _look_at_detections(self, candidates: Candidates) -> list[str]:
        setting, limit = "DETECTION_MAX_INSTANCES", self.config.DETECTION_MAX_INSTANCES
        needed = count_kept(candidates, self.config)
        text = (
            f"An image has {needed} detections, but {setting} is {limit}: those with the lowest "
            f"scores were not returned. At least {needed} would have kept all of them."
        )
        return self._noted(setting, needed, limit, text)

    def _look_at_proposals(
        self,
        found: int,
        rois: np.ndarray,
        rpn_class: np.ndarray,
        rpn_bbox: np.ndarray,
        anchors: np.ndarray,
    ) -> list[str]:
        last = (
            f"In an image {found} of the objects were found by the last tenth of the proposals "
            "alone: more proposals may find more objects."
        )
        if rois[-1].any():
            setting, limit = "POST_NMS_ROIS_INFERENCE", len(rois)
            if setting in self.needed:
                return [f"{last} {setting} is {limit}."]
            needed = count_proposals(rpn_class, rpn_bbox, anchors, self.config)
            kept = "all proposals of that image"
        else:
            setting, limit = "PRE_NMS_LIMIT", self.config.PRE_NMS_LIMIT
            needed = int(np.count_nonzero(rpn_class[:, 1] > 0.5))
            kept = "all anchors that the RPN takes for objects in that image"
        text = f"{last} {setting} is {limit}; {needed} would have kept {kept}."
        return self._noted(setting, needed, limit, text)

    def _noted(self, setting: str, needed: int, limit: int, text: str) -> list[str]:
        if needed <= limit:
            return []
        self.note(setting, needed, text)
        return [text]


def candidates_of(
    rois: np.ndarray, probabilities: np.ndarray, deltas: np.ndarray, window: np.ndarray, config: Any
) -> Candidates:
    """Read the outputs of the heads as `mrcnn.nets.detection.refine_detections` does.

    Args:
        rois: float32 [R, 4], normalised, by falling score of the RPN, padded with zeros.
        probabilities: float32 [R, classes].
        deltas: float32 [R, classes, 4], divided by BBOX_STD_DEV.
        window: float32 [4], normalised part of the image that is not padding.
        config: gives the DETECTION_... settings and BBOX_STD_DEV.
    """
    if config.DETECTION_SCORE == "object":
        class_ids = 1 + probabilities[:, 1:].argmax(axis=1)
        scores = probabilities[:, 1:].sum(axis=1)
    else:
        class_ids, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    deltas = deltas[np.arange(len(rois)), class_ids] * np.asarray(config.BBOX_STD_DEV, np.float32)
    boxes = refine_boxes(rois, deltas, window)
    is_proposal = rois.any(axis=1)
    is_object = is_proposal & (class_ids > 0) & np.isfinite(boxes).all(axis=1)
    is_object &= scores >= config.DETECTION_MIN_CONFIDENCE
    proposals = int(np.count_nonzero(is_proposal))
    return Candidates(boxes, class_ids, np.where(is_object, scores, -1), proposals)


def count_kept(candidates: Candidates, config: Any) -> int:
    """How many candidates are left by the suppression of `refine_detections`, without a limit."""
    order = np.argsort(-candidates.scores, kind="stable")
    order = order[: np.count_nonzero(candidates.scores >= 0)]
    boxes = candidates.boxes[order].astype(np.float64)
    if not config.DETECTION_NMS_ACROSS_CLASSES:
        # Boxes of two classes do not meet.
        boxes += 2.0 * candidates.class_ids[order][:, None]
    return len(keep_best(boxes, config.DETECTION_NMS_THRESHOLD))


def objects_found_last(candidates: Candidates, config: Any) -> int:
    """Objects of an image that only the last tenth of its proposals find."""
    first_of_last = int(candidates.proposals * (1 - _LAST_SHARE))
    rows = np.flatnonzero(candidates.scores >= _SURE)
    boxes, scores, late = candidates.boxes[rows], candidates.scores[rows], rows >= first_of_last
    if not late.any():
        return 0
    threshold = config.DETECTION_NMS_THRESHOLD
    alone = late.copy()
    if not late.all():
        alone[late] = compute_overlaps(boxes[late], boxes[~late]).max(axis=1) <= threshold
    return len(non_max_suppression(boxes[alone], scores[alone], threshold))
