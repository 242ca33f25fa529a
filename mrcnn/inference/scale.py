"""At which scale a picture is shown to the network, and how that is known.

A network knows its objects in the size that they had in training, `OBJECT_DIAMETER` pixels. Where
nobody says how large they are in a picture, the network is asked: shown far too small, it finds
nothing; shown near the right size, it is sure of what it finds, and the sizes that it finds point
to the right one. So small parts of the picture are shown, from small to large.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mrcnn.inference.levels import level_for
from mrcnn.instances import Instances
from mrcnn.pictures import Picture

# The whole picture is shown with its shorter side this long (network pixels), larger only where
# that finds something. Then come square parts, each half as wide as the one before.
_WHOLE_SIDES = (128, 192)
_PART_SIDE = 192
# A part is enlarged this many times at most.
_LARGEST_SCALE = 8.0
# A part of more pixels of the picture is not read.
_MOST_PIXELS = 1 << 24
# Diameters over that of training which an answer may have: where objects are shown too large, the
# network finds pieces of them that are no larger than about 1.5.
_SMALLEST, _LARGEST = 0.36, 1.4
# An answer of fewer objects is none; from so many on it counts in full.
FEWEST, _ENOUGH = 3, 6
# Mean score below which an answer is none: near the right scale a trained network is surer than
# this, and an untrained one is of nothing.
BELIEVED = 0.85
# Above this score, what is found at no scale for certain (out of focus, strange stain) still says
# more of the size of objects than the size of the picture does.
_DOUBTED = 0.75
# Mean score from which an answer is believed without looking further.
_SURE = 0.9
# The diameter of a circle of an object's area over the side of its box: of blood cells, not wholly
# round, 0.97 in the median.
_ROUND = 0.97
# Few objects count where their mean score reaches this, with a size near that of training, and no
# scale with more objects has nearly as high a score.
_CERTAIN, _NEARLY = 0.97, 0.03
_SMALLEST_CERTAIN, _LARGEST_CERTAIN = 0.6, 1.3
# Below this score nothing is counted.
COUNTED = 0.5
# So many times the objects, this many times smaller, overrule an answer that is not sure.
_MANY_MORE, _ANOTHER_SIZE = 3, 1.5
# Places of the parts that are looked at, as shares of what is left beside the part.
_PLACES = ((0.5, 0.5), (0.25, 0.25), (0.75, 0.75), (0.25, 0.75), (0.75, 0.25))
# Of a picture of more pixels, such as a slide that is mostly glass, so many squares a side are
# probed for where something is; one has this side (pixels).
_MANY_PIXELS = 1 << 26
_PROBES, _PROBE = 8, 256

# The instances in an image uint8 [H, W, 3] that is shown at a scale.
Look = Callable[[np.ndarray, float], Instances]
# (y, x) of places as shares of the picture's height and width.
Centers = tuple[tuple[float, float], ...] | None


class Answer(NamedTuple):
    """What the network says of objects at one scale.

    Attributes:
        diameter: median of the objects, in pixels of the picture.
        shown: the same in pixels of the network.
        objects: how many; those that `answer` counts.
        score: their mean score.
    """

    diameter: float
    shown: float
    objects: int
    score: float

    @property
    def weight(self) -> float:
        """How much it is to be believed, 0 to 1."""
        return self.score * min(1.0, self.objects / _ENOUGH)

    @property
    def certainty(self) -> float:
        """The same where a few objects that are certain are as good as many."""
        return self.score if self.score >= _CERTAIN else self.weight

    def is_certain(self, object_diameter: float) -> bool:
        """Whether the network is so sure of objects of its training's size that one is enough."""
        return (
            self.score >= _CERTAIN
            and _SMALLEST_CERTAIN <= self.shown / object_diameter <= _LARGEST_CERTAIN
        )

    def overrules(self, other: "Answer") -> bool:
        """Whether there are many more objects, of another size, than the few of another answer.

        Those few are then clumps or stains, as a network sees them that is shown too little.
        """
        return (
            self.objects > _MANY_MORE * other.objects
            and self.diameter * _ANOTHER_SIZE < other.diameter
        )

    def may_be_right(self, object_diameter: float) -> bool:
        """Whether the network can find objects of its training's diameter so, in its pixels."""
        return (
            self.objects >= FEWEST
            and self.score >= _DOUBTED
            and _SMALLEST <= self.shown / object_diameter <= _LARGEST
        )


@dataclass(frozen=True)
class Scale:
    """The scale of a picture.

    Attributes:
        factor: pixels of the network for each pixel of the picture.
        diameter: of the objects in pixels of the picture, which it was chosen for; None where it
            is not known.
        source: how it is known: "diameter" and "pixel-size" were told, "estimate" is from the
            picture, "settings" is what the configuration says of sizes.
        certainty: 0 to 1, for an estimate the network's own; 1 for what was told.
    """

    factor: float
    diameter: float | None
    source: str
    certainty: float = 1.0


def answer(
    instances: Instances, scale: float, least: float = COUNTED, enough: int = _ENOUGH
) -> Answer | None:
    """What objects with a score of 0.5 and more say of their size; None without any.

    Whole objects count; where they are few, also those of which the border of the image cuts less
    than a half: along the border these are as wide as if they were whole.

    Args:
        instances: found in an image that was shown at a scale.
        scale: pixels of the network for each pixel of the image.
        least: score from which an object counts.
        enough: of fewer whole objects those that are cut count as well.
    """
    # What ends within a pixel of the network from the border may go on beyond it.
    edge = max(1.0, 1 / scale)
    boxes = instances.boxes
    is_cut = np.hstack([boxes[:, :2] < edge, boxes[:, 2:] > np.array(instances.image_shape) - edge])
    is_whole = ~is_cut.any(axis=1)
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(float)
    # Cut by the top or bottom border, or by the left or right one.
    across = np.where(is_cut[:, [0, 2]].any(axis=1), 0, 1)
    depth, width = (
        np.take_along_axis(sides, axis[:, None], 1)[:, 0] for axis in (across, 1 - across)
    )
    is_known = instances.areas() > 0
    if instances.scores is not None:
        is_known &= instances.scores >= least
    rows = is_known & is_whole
    if np.count_nonzero(rows) < enough:
        rows |= is_known & (is_cut.sum(axis=1) == 1) & (depth >= width / 2)
    if not rows.any():
        return None
    of_areas = np.sqrt(4 / np.pi * instances.areas())
    diameters = np.where(is_whole, of_areas, _ROUND * width)[rows]
    scores = np.ones(1) if instances.scores is None else instances.scores[rows]
    median = float(np.median(diameters))
    return Answer(median, median * scale, int(rows.sum()), float(scores.mean()))


def estimate(
    picture: Picture, object_diameter: float, look: Look, usual: float | None = None
) -> Answer | None:
    """Ask the network for the size of the objects in a picture; None where it finds none.

    The cost does not grow with the picture: it is that of a few images of some 200 x 200 network
    pixels.

    Args:
        picture: of any size.
        object_diameter: of the network's training, in its pixels.
        look: runs the network.
        usual: scale of the whole picture that is asked next where the first look, which is cheap,
            finds something that it is not sure of.
    """
    best: Answer | None = None
    few: list[Answer] = []
    among_others: list[Answer] = []
    doubted: list[Answer] = []
    found: Answer | None = None
    centers = busy_places(picture)
    steps = deque(_steps(picture.shape))
    while steps:
        step = steps.popleft()
        if step.is_between and found is None:
            continue
        found, certain = _ask(picture, step, look, centers)
        if certain is not None and certain.is_certain(object_diameter):
            among_others.append(certain)
        if found is not None and found.is_certain(object_diameter):
            few.append(found)
        counts = found is not None and found.may_be_right(object_diameter)
        if found is not None and counts and found.score < BELIEVED:
            doubted.append(found)
            counts = False
        if found is not None and counts and (best is None or found.weight > best.weight):
            best = found
        elif best is not None and found is not None and found.overrules(best):
            doubted.append(best)
            best = None
        elif best is not None:
            # Larger still, and not better.
            break
        if best is not None and best.weight >= _SURE:
            break
        if usual is not None and step.share is None:
            if found is not None and found.score < BELIEVED:
                steps.appendleft(_Step(None, usual))
            usual = None
    few = [each for each in few if best is None or best.score < each.score - _NEARLY]
    if best is not None and not few:
        return best
    # Objects that are certain, beside others that may be none.
    return max(few or among_others or doubted, key=lambda each: each.weight, default=None)


class _Step(NamedTuple):
    """How much of a picture is shown, and how large.

    Attributes:
        share: side of a square part in pixels of the picture; None for all of it.
        scale: pixels of the network for each pixel of the picture.
        is_between: of use where the step before found something that may not be the best yet.
    """

    share: int | None
    scale: float
    is_between: bool = False


def _steps(shape: tuple[int, int]) -> Iterator[_Step]:
    """The steps from small to large for a picture of (height, width)."""
    shorter = min(shape)
    steps = [_Step(None, side / shorter, side != _WHOLE_SIDES[0]) for side in _WHOLE_SIDES]
    if shape[0] * shape[1] > _MOST_PIXELS:
        steps = []
    shares = [
        shorter * 2 // 3,
        *(shorter >> halvings for halvings in range(1, shorter.bit_length())),
    ]
    steps += [
        _Step(share, _PART_SIDE / share, number == 0)
        for number, share in enumerate(shares)
        if 0 < share * share <= _MOST_PIXELS
    ]
    return (step for step in steps if step.scale <= _LARGEST_SCALE)


def _ask(
    picture: Picture, step: _Step, look: Look, centers: Centers
) -> tuple[Answer | None, Answer | None]:
    """The answer of the busiest part of a size; of two where one has few objects.

    And that of those objects alone which the network is certain of.
    """
    shown, scale = level_for(picture, step.scale)
    times = scale / step.scale
    share = None if step.share is None else max(1, int(step.share / times))
    found: list[Answer] = []
    certain: list[Answer] = []
    for part in _parts(shown, share, centers):
        instances = look(part, scale)
        if (one := answer(instances, scale)) is not None:
            found.append(one)
        if (one := answer(instances, scale, _CERTAIN)) is not None:
            certain.append(one)
        if not found or sum(each.objects for each in found) >= _ENOUGH or len(found) == 2:
            break
    return _pooled(found, scale, times), _pooled(certain, scale, times)


def _pooled(found: list[Answer], scale: float, times: float) -> Answer | None:
    """One answer of several parts, in pixels `times` as many as theirs; None of none."""
    if not found:
        return None
    counts = np.array([each.objects for each in found])
    mean = np.average([each.diameter for each in found], weights=counts)
    score = np.average([each.score for each in found], weights=counts)
    return Answer(float(mean * times), float(mean) * scale, int(counts.sum()), float(score))


def busy_places(picture: Picture) -> Centers:
    """Centers of places of a large picture where something is; None for the usual places.

    What is seen there varies at least half as much as anywhere that was probed. Of these places
    some are taken, not only the busiest: that may be the mark of a pen.
    """
    height, width = picture.shape
    if height * width <= _MANY_PIXELS:
        return None
    found = []
    for y in np.linspace(0, height - _PROBE, _PROBES).astype(int):
        for x in np.linspace(0, width - _PROBE, _PROBES).astype(int):
            probe = picture.region(int(y), int(x), min(_PROBE, height), min(_PROBE, width))
            center = ((y + _PROBE / 2) / height, (x + _PROBE / 2) / width)
            found.append((float(probe.std(axis=(0, 1)).sum()), center))
    found.sort(reverse=True)
    busy = [center for spread, center in found if spread >= found[0][0] / 2]
    taken = np.linspace(0, len(busy) - 1, min(len(_PLACES), len(busy))).astype(int)
    return tuple(busy[number] for number in taken)


def busiest_part(picture: Picture, side: int, centers: Centers) -> np.ndarray:
    """The square part of a picture in which most is to be seen, uint8 [side, side, 3].

    Args:
        picture: of any size.
        side: in its pixels.
        centers: see `busy_places`.
    """
    return _parts(picture, side, centers)[0]


def is_borne_out(picture: Picture, factor: float, side: int, look: Look) -> bool:
    """Whether the network is sure of many objects in one of a few larger parts of a picture.

    Args:
        picture: of any size.
        factor: the scale that an estimate led to.
        side: of a part in pixels of the picture.
        look: runs the network.
    """
    shown, scale = level_for(picture, factor)
    share = min(*shown.shape, max(1, round(side * factor / scale)))
    for part in _parts(shown, share, busy_places(picture)):
        found = answer(look(part, scale), scale)
        if found is not None and found.objects >= FEWEST and found.score >= BELIEVED:
            return True
    return False


def _parts(picture: Picture, share: int | None, centers: Centers) -> list[np.ndarray]:
    """The whole picture, or square parts of it, those first in which most is to be seen."""
    height, width = picture.shape
    if share is None:
        return [picture.region(0, 0, height, width)]
    if centers is None:
        corners = {(round(y * (height - share)), round(x * (width - share))) for y, x in _PLACES}
    else:
        corners = {
            (_corner(y * height, share, height), _corner(x * width, share, width))
            for y, x in centers
        }
    parts: list[Any] = [picture.region(y, x, share, share) for y, x in sorted(corners)]
    step = max(1, share // 100)
    return sorted(parts, key=lambda part: -float(part[::step, ::step].std(axis=(0, 1)).sum()))


def _corner(center: float, share: int, side: int) -> int:
    """Where a part begins that has a place as near to its center as the picture allows."""
    return min(max(round(center - share / 2), 0), side - share)
