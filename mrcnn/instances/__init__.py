"""The instances of an image: boxes, masks, classes and scores, and what is done with them.

Nothing here knows a network, a file format or a configuration.
"""

from mrcnn.instances.instances import Instances
from mrcnn.instances.packed_masks import PackedMasks

__all__ = ["Instances", "PackedMasks"]
