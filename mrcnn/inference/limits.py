"""Detections that a limit of the configuration may have cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.data.limits import LimitNotes
from mrcnn.inference.placing import count_filled, pixels_of_boxes
from mrcnn.inference.runner import Runner
from mrcnn.instances.geometry import norm_boxes
from mrcnn.ops.image_meta import ImageMeta
from mrcnn.ops.outputs import InferenceOutputs

_SETTING = "DETECTION_MAX_INSTANCES"


class DetectionLimits(LimitNotes):
    """How much more than DETECTION_MAX_INSTANCES detection needed.

    Where all rows of an image are filled, the runner selects its detections once more without a
    limit; their number is what was needed. A runner that cannot do so leaves it open.

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
        runner: Runner,
    ) -> list[tuple[str, ...]]:
        """Note what some images of a batch needed.

        Args:
            outputs: of the inference graph.
            inputs: images, image_meta [B, M] and anchors [B, A, 4] that it was given.
            slots: images of the batch that count.
            runner: that gave the outputs.

        Returns:
            for each of these images what it reached, as a text for each limit.
        """
        _, image_meta, _ = inputs
        full = [count_filled(rows) == len(rows) for rows in outputs.detections]
        if not any(full[slot] for slot in slots):
            return [()] * len(slots)
        select = getattr(runner, "all_detections", None)
        every = None if select is None else select(outputs, image_meta)
        reached: list[tuple[str, ...]] = []
        for slot in slots:
            if not full[slot]:
                reached.append(())
            elif every is None:
                reached.append(self._leave_open())
            else:
                rows = every[slot][: count_filled(every[slot])]
                meta = ImageMeta(image_meta[slot])
                window = norm_boxes(meta.window[None], meta.image_shape[:2])[0]
                pixels = pixels_of_boxes(rows[:, :4], window, meta.original_image_shape)
                have_area = np.all(pixels[:, 2:] > pixels[:, :2], axis=1)
                reached.append(self._look_at_detections(np.asarray(have_area)))
        return reached

    @property
    def is_open(self) -> bool:
        """Whether `needed` may be too few, since a runner could not tell how many there are."""
        return self._open_text() in self.messages.values()

    def _open_text(self) -> str:
        return (
            f"An image has {self.config.DETECTION_MAX_INSTANCES} detections, as many as "
            f"{_SETTING} lets it have: others, with lower scores, may be missing."
        )

    def _leave_open(self) -> tuple[str, ...]:
        """Note that more may have been needed."""
        text = self._open_text()
        self.note(_SETTING, self.config.DETECTION_MAX_INSTANCES + 1, text)
        return (text,)

    def _look_at_detections(self, have_area: np.ndarray) -> tuple[str, ...]:
        """Note what is beyond the limit; a box without a pixel is not returned in any case.

        Args:
            have_area: bool [N], of the boxes that are left by suppression, by falling score.
        """
        limit = self.config.DETECTION_MAX_INSTANCES
        found = np.flatnonzero(have_area)
        if not (found >= limit).any():
            return ()
        needed = int(found[-1]) + 1
        text = (
            f"An image has {len(found)} detections, but {_SETTING} is {limit}: those with the "
            f"lowest scores were not returned. At least {needed} would have kept all of them."
        )
        self.note(_SETTING, needed, text)
        return (text,)
