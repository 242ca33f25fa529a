"""What a network itself tells of where it may have failed."""

from mrcnn.inference.scale import FEWEST, answer
from mrcnn.instances import Instances

# Reasons why a result is doubtful.
LIMIT = "limit"
SCALE = "scale"

# Median diameter over that of training, both in pixels of the network, between which objects are
# found as they are in training. Shown smaller they are lost, shown larger they come in pieces.
_SMALLEST, _LARGEST = 0.5, 1.35


def scale_is_doubtful(
    instances: Instances, scale: float, object_diameter: float, certainty: float = 1.0
) -> bool:
    """Whether the objects of a picture were shown in a size that the network may not know.

    What is found decides, where it is enough to tell: its median diameter is to be 0.5 to 1.35
    times that of training. Where it is not, the scale is doubtful unless somebody knew it.

    Args:
        instances: found in the picture, with scores.
        scale: pixels of the network for each pixel of the picture.
        object_diameter: of training, in pixels of the network.
        certainty: of the scale, see `mrcnn.inference.scale.Scale`.
    """
    found = answer(instances, scale)
    if found is None or found.objects < FEWEST:
        return certainty == 0
    return not _SMALLEST <= found.shown / object_diameter <= _LARGEST
