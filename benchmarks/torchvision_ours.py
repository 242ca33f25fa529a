"""What a converted network of torchvision computes here, in torchvision's order of axes."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.anchors import normalized_anchors
from mrcnn.data.molding import mold_image
from mrcnn.nets.detector import build_inference_model
from mrcnn.ops.image_meta import compose_image_meta
from mrcnn.ops.outputs import InferenceOutputs
from mrcnn.weights.torchvision import DETECTION, convert_file

# From (x, y, width, height), and from (x1, y1, x2, y2).
_AXES = [1, 0, 3, 2]
_EDGES = np.array([0, 0, 1, 1])
_LEVELS = range(2, 7)


class Converted:
    """A network of torchvision as this project converts it, for images of one size.

    Args:
        state: a `state_dict` that PyTorch wrote.
        image: uint8 [H, W, 3], its sides divisible by 64.
        score: below it there are no detections.
    """

    def __init__(self, state: Path, image: np.ndarray, score: float) -> None:
        weights = state.with_suffix(".h5")
        settings = {**convert_file(state, weights).settings, **DETECTION, "IMAGES_PER_GPU": 1}
        sides = {"IMAGE_MIN_DIM": min(image.shape[:2]), "IMAGE_MAX_DIM": max(image.shape[:2])}
        others = {"NAME": "parity", "DETECTION_MIN_CONFIDENCE": score}
        self.config = Config.from_dict({**settings, **sides, **others})
        self.image = image
        self.model = build_inference_model(self.config)
        self.model.load_weights(weights)
        # Masks come as torchvision's head gives them, before the sigmoid.
        self.model.get_layer("mrcnn_mask").layer.activation = keras.activations.linear
        height, width = image.shape[:2]
        window = (0, 0, height, width)
        nothing = np.zeros(self.config.NUM_CLASSES)
        meta = compose_image_meta(0, image.shape, image.shape, window, 1.0, nothing)
        self.meta = np.asarray(meta, np.float32)[None]
        self.scale = np.array([height - 1, width - 1, height - 1, width - 1])

    def outputs(self) -> dict[str, np.ndarray]:
        """Everything on the way from the image to detections."""
        levels = [self._tensor(f"fpn_p{level}") for level in _LEVELS]
        logits = self._tensor("mrcnn_class_logits")
        whole = keras.Model(self.model.inputs, [*self.model.outputs, logits, *levels])
        inputs = [
            mold_image(self.image, self.config)[None].astype(np.float32),
            self.meta,
            normalized_anchors(self.config, self.image.shape)[None],
        ]
        *outputs, class_logits, p2, p3, p4, p5, p6 = _predicted(whole, inputs)
        found = InferenceOutputs(*outputs)
        count = int((found.detections[:, 4] > 0).sum())
        proposals = int(found.rpn_rois.any(axis=1).sum())
        pyramid = zip(_LEVELS, (p2, p3, p4, p5, p6), strict=True)
        return {
            **{f"p{level}": each.transpose(2, 0, 1) for level, each in pyramid},
            **self._rpn(found.rpn_class, found.rpn_bbox),
            "proposals": self._pixels(found.rpn_rois[:proposals]),
            "class_logits": class_logits[:proposals],
            "deltas": found.mrcnn_bbox[:proposals][..., _AXES],
            "boxes": self._pixels(found.detections[:count, :4]),
            "labels": found.detections[:count, 4].astype(int),
            "scores": found.detections[:count, 5],
            "mask_logits": found.mrcnn_mask[:count].transpose(0, 3, 1, 2),
        }

    def heads_on(self, theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the heads make of torchvision's own pyramid, proposals and boxes.

        Args:
            theirs: "p2" to "p6" [C, H, W], "proposals" [N, 4] and "boxes" [M, 4] in pixels.
        """
        layers = [*(f"fpn_p{level}" for level in _LEVELS), "ROI", "detection_boxes"]
        model = keras.Model(
            [*(self._tensor(name) for name in layers), self._tensor("input_image_meta")],
            [
                *(self._tensor(name) for name in ("rpn_class", "rpn_bbox")),
                *(
                    self._tensor(name)
                    for name in ("mrcnn_class_logits", "mrcnn_bbox", "mrcnn_mask")
                ),
            ],
        )
        inputs = [theirs[f"p{level}"].transpose(1, 2, 0)[None] for level in _LEVELS]
        inputs += [self._normalized(theirs[name])[None] for name in ("proposals", "boxes")]
        classes, deltas, class_logits, moves, masks = _predicted(model, [*inputs, self.meta])
        return {
            **self._rpn(classes, deltas),
            "class_logits": class_logits,
            "deltas": moves[..., _AXES],
            "mask_logits": masks[: len(theirs["boxes"])].transpose(0, 3, 1, 2),
        }

    def _tensor(self, layer: str) -> Any:
        return self.model.get_layer(layer).output

    def _rpn(self, classes: np.ndarray, deltas: np.ndarray) -> dict[str, np.ndarray]:
        ratios = len(self.config.RPN_ANCHOR_RATIOS)
        scores = classes[:, 1].reshape(-1, ratios)[:, ::-1].reshape(-1)
        boxes = (deltas * self.config.RPN_BBOX_STD_DEV).reshape(-1, ratios, 4)[:, ::-1]
        return {"rpn_scores": scores, "rpn_deltas": boxes.reshape(-1, 4)[:, _AXES]}

    def _pixels(self, boxes: np.ndarray) -> np.ndarray:
        return (boxes * self.scale + _EDGES)[:, _AXES]

    def _normalized(self, boxes: np.ndarray) -> np.ndarray:
        return ((boxes[:, _AXES] - _EDGES) / self.scale).astype(np.float32)


def _predicted(model: keras.Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Outputs for the one image of a batch."""
    return [np.asarray(each)[0] for each in model.predict_on_batch(inputs)]
