"""What goes into an exported network and what comes out: names, shapes and meanings."""

from typing import Any, NamedTuple

import numpy as np

from mrcnn.ops.outputs import InferenceOutputs

_MEANINGS = {
    "input_image": "pictures brought to size, RGB from 0 to 255, less `MEAN_PIXEL`",
    "input_image_meta": "what is known of each picture, see below",
    "input_anchors": "anchors of a picture of this size as y1, x1, y2, x2, normalized, see below",
    "detections": "y1, x1, y2, x2, class id, score by falling score, padded with zeros",
    "mrcnn_class": "class probabilities of the proposals, background first",
    "mrcnn_bbox": "box deltas of the proposals for each class, divided by `BBOX_STD_DEV`",
    "mrcnn_mask": "masks of the detections for each class, 0 to 1, in their boxes widened by "
    "`MASK_MARGIN`",
    "rpn_rois": "proposals as y1, x1, y2, x2, padded with zeros",
    "rpn_class": "probabilities of the anchors, background and object",
    "rpn_bbox": "box deltas of the anchors, divided by `RPN_BBOX_STD_DEV`",
}
# Axes whose size is free, by their place.
_FREE_OF_IMAGES = ("batch", "height", "width")
_FREE_OF_OTHERS = ("batch", "anchors")


class Port(NamedTuple):
    """An input or an output.

    Attributes:
        name: that it is called by.
        shape: sizes of the axes, or names of those whose size is free.
        meaning: for a person.
        dtype: of its numbers.
    """

    name: str
    shape: tuple[int | str, ...]
    meaning: str
    dtype: type = np.float32

    @property
    def shape_text(self) -> str:
        """Such as "[batch, 100, 6]"."""
        return f"[{', '.join(map(str, self.shape))}]"


def _port(name: str, shape: tuple[int | None, ...]) -> Port:
    free = _FREE_OF_IMAGES if name == "input_image" else _FREE_OF_OTHERS
    sizes = [free[axis] if size is None else size for axis, size in enumerate(shape)]
    return Port(name, tuple(sizes), _MEANINGS[name])


def input_ports(model: Any) -> list[Port]:
    """The inputs of an inference graph of Keras, in its order."""
    return [_port(tensor.name, tensor.shape) for tensor in model.inputs]


def output_ports(model: Any) -> list[Port]:
    """The outputs of an inference graph of Keras, in the order of `InferenceOutputs`."""
    names = InferenceOutputs._fields
    return [_port(name, each.shape) for name, each in zip(names, model.outputs, strict=True)]
