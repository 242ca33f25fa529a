"""`Runner`: whatever runs the network. Nothing else of detection knows which library does."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.ops.outputs import InferenceOutputs

__all__ = ["InferenceOutputs", "Runner", "named_outputs"]


@runtime_checkable
class Runner(Protocol):
    """Runs the inference graph on one batch at a time.

    One that can select detections once more, without a limit, has a method for that too:
    `all_detections(outputs, image_meta)` takes `InferenceOutputs` and the image meta [B, M] that
    they are of, and gives rows as those of `detections`, [B, N, 6], or None. Where it is missing,
    nobody is told how many detections DETECTION_MAX_INSTANCES has cost.

    One that is at its best when several threads run it, each on a picture of its own, has their
    number as `at_once`.

    Attributes:
        config: the `mrcnn.config.Config` that the network was built with.
    """

    config: Any

    def run(self, inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Run the network.

        Several threads may call this at once; what can run in one thread only takes a lock.

        Args:
            inputs: three float32 arrays. B is BATCH_SIZE, M IMAGE_META_SIZE, A the number of
                anchors of a molded image of H x W pixels, both of which 64 divides:

                - images [B, H, W, C], 0 to 255 less MEAN_PIXEL;
                - image meta [B, M], see `mrcnn.ops.image_meta.compose_image_meta`;
                - anchors [B, A, 4], normalized, see `mrcnn.data.anchors.normalized_anchors`.

        Returns:
            seven arrays of floats in the order of `mrcnn.ops.outputs.InferenceOutputs`, boxes
            normalized to the molded image. D is DETECTION_MAX_INSTANCES, R
            POST_NMS_ROIS_INFERENCE, K NUM_CLASSES:

            - detections [B, D, 6] of (y1, x1, y2, x2, class id, score) by falling score, padded
              with zeros;
            - class probabilities [B, R, K] of the proposals;
            - box deltas [B, R, K, 4] of the proposals, divided by BBOX_STD_DEV;
            - masks [B, D, h, w, K] of the detections, 0 to 1, of their boxes widened by
              MASK_MARGIN;
            - proposals [B, R, 4] by falling score of the RPN, padded with zeros;
            - class probabilities [B, A, 2] of the anchors, background and object;
            - box deltas [B, A, 4] of the anchors, divided by RPN_BBOX_STD_DEV.
        """
        ...


def named_outputs(outputs: Sequence[np.ndarray], inputs: Sequence[np.ndarray]) -> InferenceOutputs:
    """What a runner gave by name, if it is what it must be as far as shapes tell.

    Raises:
        ConfigError: another number of outputs, or one of another shape.
    """
    axes = {"B": inputs[0].shape[0], "A": inputs[2].shape[1]}
    names = InferenceOutputs._fields
    if len(outputs) != len(names):
        raise ConfigError(
            f"The runner gave {len(outputs)} outputs: expected {len(names)}, in the order "
            f"{', '.join(names)}."
        )
    expected = ("BD6", "BRK", "BRK4", "BDhwK", "BR4", "BA2", "BA4")
    for name, output, letters in zip(names, outputs, expected, strict=True):
        shape = tuple(np.shape(output))
        known = [axes.setdefault(axis, side) if axis.isalpha() else int(axis)
                 for axis, side in zip(letters, shape, strict=False)]  # fmt: skip
        if len(shape) != len(letters) or list(shape) != known:
            raise ConfigError(
                f"The runner's output {name} has the shape {shape}: expected "
                f"[{', '.join(letters)}] with {_told(axes)}. See mrcnn.inference.runner.Runner."
            )
    return InferenceOutputs(*map(np.asarray, outputs))


def _told(axes: dict[str, int]) -> str:
    return ", ".join(f"{axis} = {side}" for axis, side in axes.items())
