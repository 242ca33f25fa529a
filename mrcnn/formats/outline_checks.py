"""What may be wrong with the outlines of one image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from mrcnn.instances.polygons import rasterize_polygons

# Share of an outline that may lie outside; of a cell at the border, a part is drawn beyond it.
_OUTSIDE = 0.5
# Below this share of the median area of the image's other outlines it may be a slip of the mouse.
_TINY = 0.02
# From this IoU on two outlines are the same object.
_SAME = 0.9
_FEWEST_TO_COMPARE = 5


@dataclass(frozen=True)
class OutlineProblem:
    """One thing that may be wrong.

    Attributes:
        index: of the outline.
        kind: "outside", "partly outside", "no pixel", "tiny", "crossing" or "duplicate".
        text: what it is, for a person.
        other: index of the outline that a duplicate repeats.
    """

    index: int
    kind: str
    text: str
    other: int | None = None


def check_outlines(
    polygons: Sequence[np.ndarray], image_shape: Sequence[int]
) -> list[OutlineProblem]:
    """Look for outlines that are probably mistakes.

    Args:
        polygons: each float64 [K, 2] of (y, x) in pixels, with an area.
        image_shape: (height, width, ...) of the image.

    Returns:
        the problems in the order of the outlines; none for good ones. Outlines that lie outside
        the image, wholly or for more than a half, that cover no pixel of it, that are far smaller
        than the others (2 % of the median area), that cross themselves, or that cover the same
        pixels as another (IoU 0.9).
    """
    height, width = (int(side) for side in image_shape[:2])
    boxes, crops, kept = rasterize_polygons(polygons, (0, 0, height, width))
    areas = np.zeros(len(polygons))
    areas[kept] = [np.count_nonzero(crop) for crop in crops]
    problems = []
    for index, polygon in enumerate(polygons):
        problems += _leaves(index, polygon, areas[index], height, width)
        problems += _crosses(index, polygon)
    outside = {problem.index for problem in problems if problem.kind == "outside"}
    for index in sorted(set(range(len(polygons))) - set(kept.tolist()) - outside):
        problems.append(OutlineProblem(index, "no pixel", "covers the center of no pixel"))
    problems += _tiny(areas[kept], kept)
    problems += _duplicates(boxes, crops, areas[kept], kept)
    return sorted(problems, key=lambda problem: problem.index)


def _leaves(
    index: int, polygon: np.ndarray, pixels: float, height: int, width: int
) -> list[OutlineProblem]:
    (top, left), (bottom, right) = polygon.min(axis=0), polygon.max(axis=0)
    size = f"the image, which has {width} x {height} pixels"
    if bottom < 0 or right < 0 or top > height - 1 or left > width - 1:
        return [OutlineProblem(index, "outside", f"lies outside {size}")]
    inside = top >= 0 and left >= 0 and bottom <= height - 1 and right <= width - 1
    if inside or pixels >= _OUTSIDE * shapely.Polygon(polygon).area:
        return []
    return [OutlineProblem(index, "partly outside", f"lies for the most part outside {size}")]


def _crosses(index: int, polygon: np.ndarray) -> list[OutlineProblem]:
    reason = shapely.is_valid_reason(shapely.Polygon(polygon[:, ::-1]))
    name, _, place = reason.partition("[")
    # "Ring Self-intersection": it touches itself, which changes no pixel.
    if name != "Self-intersection":
        return []
    x, y = (float(number) for number in place.rstrip("]").split())
    text = f"crosses itself at x {x:.0f}, y {y:.0f}"
    return [OutlineProblem(index, "crossing", text)]


def _tiny(areas: np.ndarray, kept: np.ndarray) -> list[OutlineProblem]:
    if len(kept) < _FEWEST_TO_COMPARE:
        return []
    median = float(np.median(areas))
    return [
        OutlineProblem(
            int(kept[place]),
            "tiny",
            f"covers {areas[place]:.0f} pixels, and half of the image's outlines more than "
            f"{median:.0f}",
        )
        for place in np.flatnonzero(areas < _TINY * median)
    ]


def _duplicates(
    boxes: np.ndarray, crops: list[np.ndarray], areas: np.ndarray, kept: np.ndarray
) -> list[OutlineProblem]:
    problems = []
    for second in range(1, len(kept)):
        earlier = boxes[:second]
        # Only a box that covers most of the other can hold a mask that does.
        sides = np.minimum(earlier[:, 2:], boxes[second, 2:]) - np.maximum(
            earlier[:, :2], boxes[second, :2]
        )
        shared = np.prod(np.maximum(sides, 0), axis=1)
        for first in np.flatnonzero(shared >= _SAME * np.maximum(areas[:second], areas[second])):
            both = _common(boxes[first], crops[first], boxes[second], crops[second])
            iou = both / (areas[first] + areas[second] - both)
            if iou >= _SAME:
                text = f"covers the same pixels as another (IoU {iou:.2f})"
                problems.append(
                    OutlineProblem(int(kept[second]), "duplicate", text, int(kept[first]))
                )
                break
    return problems


def _common(box: np.ndarray, crop: np.ndarray, other_box: np.ndarray, other: np.ndarray) -> int:
    """Pixels that two masks share."""
    top, left = np.maximum(box[:2], other_box[:2])
    bottom, right = np.minimum(box[2:], other_box[2:])
    mine = crop[top - box[0] : bottom - box[0], left - box[1] : right - box[1]]
    theirs = other[
        top - other_box[0] : bottom - other_box[0], left - other_box[1] : right - other_box[1]
    ]
    return int(np.count_nonzero(mine & theirs))
