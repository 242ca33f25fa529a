"""What a network itself tells of where it may have failed."""

import numpy as np

from mrcnn.inference.scale import BELIEVED, COUNTED, FEWEST, Scale, answer
from mrcnn.instances import Instances

# Reasons to doubt a result.
LIMIT = "limit"
SCALE = "scale"
FOREIGN = "foreign"

# Median diameter over that of training, both in pixels of the network, between which objects are
# found as they are in training. Shown smaller they are lost, shown larger they come in pieces.
_SMALLEST, _LARGEST = 0.5, 1.4
# The mean score of so many objects does not fall below this by chance.
_MANY, _OF_MANY = 30, 0.87
# A few sure mistakes lift the mean; of objects that a network knows, half have more than this. With
# the model of blood cells, smears of several laboratories have 0.94 and more; photographs, tissue
# and print have 0.91 at most, or are not sure in the mean.
_OF_HALF = 0.92
# An estimate that is less certain, where no more than a few objects are found, is none.
_CERTAIN = 0.5


def doubts_of_scale(instances: Instances, scale: Scale, object_diameter: float) -> tuple[str, ...]:
    """Whether the objects of a picture were shown in a size that the network knows.

    What is found decides: at the right scale, a trained network is sure of what it finds, and that
    has about the size that objects had in training. If it is not sure, a scale that was told is
    wrong; but where it chose the scale itself, there is none at which it would be sure.

    Args:
        instances: found in the picture, with scores from 0.5 on.
        scale: at which they were found; its certainty is 1 if it was told.
        object_diameter: of training, in pixels of the network.

    Returns:
        SCALE, FOREIGN or nothing.
    """
    found = answer(instances, scale.factor)
    if found is None or found.objects < FEWEST:
        return () if scale.certainty >= _CERTAIN else (FOREIGN,)
    # Those that the border cuts count as well: they tell no size, but whether they are known.
    scores = np.ones(len(instances)) if instances.scores is None else instances.scores
    counted = scores[scores >= COUNTED]
    least = _OF_MANY if len(counted) >= _MANY else BELIEVED
    if counted.mean() < least or np.median(counted) < _OF_HALF:
        return (SCALE,) if scale.certainty >= 1 else (FOREIGN,)
    return () if _SMALLEST <= found.shown / object_diameter <= _LARGEST else (SCALE,)
