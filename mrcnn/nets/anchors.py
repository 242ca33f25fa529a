"""Anchors as a constant of the training graph."""

import base64
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.nets.layers import register
from mrcnn.ops.tensor import Shape, Tensor


@register
class AnchorLayer(keras.layers.Layer):
    """The same anchors for each image of a batch: [B, ...] to float32 [B, A, 4].

    Args:
        anchors: float [A, 4], normalized.
    """

    def __init__(self, anchors: np.ndarray, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.anchors = np.asarray(anchors, np.float32)

    def call(self, images: Tensor) -> Tensor:
        batch = ops.shape(images)[0]
        anchors = ops.convert_to_tensor(self.anchors)
        return ops.broadcast_to(ops.expand_dims(anchors, 0), (batch, *self.anchors.shape))

    def compute_output_shape(self, images_shape: Shape) -> Shape:
        return (images_shape[0], *self.anchors.shape)

    def get_config(self) -> dict[str, Any]:
        # As text of the bytes: written out, the numbers of a large image take 20 MB.
        text = base64.b64encode(self.anchors.astype("<f4").tobytes()).decode("ascii")
        return {**super().get_config(), "anchors": text}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AnchorLayer":
        anchors = np.frombuffer(base64.b64decode(config["anchors"]), "<f4").reshape(-1, 4)
        return cls(**{**config, "anchors": anchors})
