"""What a network itself tells of where it may have failed."""

from mrcnn.inference.scale import BELIEVED, FEWEST, Scale, answer
from mrcnn.instances import Instances

# Reasons to doubt a result.
LIMIT = "limit"
SCALE = "scale"
FOREIGN = "foreign"

# Median diameter over that of training, both in pixels of the network, between which objects are
# found as they are in training. Shown smaller they are lost, shown larger they come in pieces.
_SMALLEST, _LARGEST = 0.5, 1.4
# The certainty of an estimate that is one.
_CERTAIN = 0.6


def doubts_of_scale(instances: Instances, scale: Scale, object_diameter: float) -> tuple[str, ...]:
    """Whether the objects of a picture were shown in a size that the network knows.

    What is found decides: at the right scale, a trained network is sure of what it finds, and that
    has about the size that objects had in training.

    Args:
        instances: found in the picture, with scores from 0.5 on.
        scale: at which they were found. Where nobody told it, and the network was sure at none
            that it was shown, it may be that there are no objects.
        object_diameter: of training, in pixels of the network.

    Returns:
        SCALE, FOREIGN or nothing.
    """
    found = answer(instances, scale.factor)
    is_sure = found is not None and found.objects >= FEWEST and found.score >= BELIEVED
    if not is_sure and scale.certainty < _CERTAIN:
        return (FOREIGN,)
    if found is None or found.objects < FEWEST:
        return ()
    fits = _SMALLEST <= found.shown / object_diameter <= _LARGEST
    return () if is_sure and fits else (SCALE,)
