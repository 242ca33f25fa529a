"""`mrcnn.inference.molding` under the path and the names that earlier programs know."""

from mrcnn.inference.molding import MoldedImage as MouldedImage
from mrcnn.inference.molding import anchors_by_shape, batch_inputs, network_inputs
from mrcnn.inference.molding import mold as mould
from mrcnn.inference.molding import mold_together as mould_together

__all__ = [
    "MouldedImage",
    "anchors_by_shape",
    "batch_inputs",
    "mould",
    "mould_together",
    "network_inputs",
]
