"""Aggregated Jaccard index: one figure for how well all pixels of all objects are assigned."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mrcnn.evaluation.matching import match_one_to_one
from mrcnn.evaluation.quality import Border, check_border

# Any overlap at all makes a pair for AJI+.
_ANY_OVERLAP = 1e-12


class OverlapSums(NamedTuple):
    """Pixels that the two indices divide: add up images before dividing, or divide each.

    Attributes:
        shared, united: intersections and unions of AJI.
        shared_plus, united_plus: those of AJI+.
    """

    shared: int = 0
    united: int = 0
    shared_plus: int = 0
    united_plus: int = 0

    @property
    def aji(self) -> float:
        """AJI in 0..1 (Kumar et al. 2017, algorithm 1), NaN where there is no pixel at all."""
        return self.shared / self.united if self.united else math.nan

    @property
    def aji_plus(self) -> float:
        """AJI+ in 0..1 (Graham et al. 2019, HoVer-Net), NaN where there is no pixel at all."""
        return self.shared_plus / self.united_plus if self.united_plus else math.nan


def overlap_sums(
    iou: np.ndarray,
    intersections: np.ndarray,
    truth_areas: np.ndarray,
    prediction_areas: np.ndarray,
    at_border: np.ndarray,
    border: Border = "count",
) -> OverlapSums:
    """The sums of AJI and AJI+ in one image.

    AJI takes for each object the prediction with the highest IoU, the same one for several objects
    if it comes to that, and adds all that no object took to the union: one merged pair of cells
    counts twice against it. AJI+ pairs one to one by the largest sum of IoU and adds what is left
    over on both sides. Masks may overlap each other; each counts with all its pixels.

    Args:
        iou: float [G, P].
        intersections: int [G, P], shared pixels.
        truth_areas, prediction_areas: int [G] and [P], pixels.
        at_border: bool [P]; with "ignore", a prediction that is left over and touches the image
            border does not count.
        border: "count" or "ignore".

    Raises:
        DataError: an unknown `border`.
    """
    check_border(border)
    counted = ~np.asarray(at_border, bool) if border == "ignore" else np.ones(iou.shape[1], bool)

    best = iou.argmax(axis=1) if iou.shape[1] else np.zeros(len(iou), np.int64)
    overlapping = np.flatnonzero((iou > 0).any(axis=1))
    pairs = np.stack([overlapping, best[overlapping]], axis=1)
    shared, united = _sums(pairs, intersections, truth_areas, prediction_areas, counted)
    pairs = match_one_to_one(iou, _ANY_OVERLAP)
    return OverlapSums(
        shared, united, *_sums(pairs, intersections, truth_areas, prediction_areas, counted)
    )


def _sums(
    pairs: np.ndarray,
    intersections: np.ndarray,
    truth_areas: np.ndarray,
    prediction_areas: np.ndarray,
    counted: np.ndarray,
) -> tuple[int, int]:
    rows, columns = pairs.T
    shared = int(intersections[rows, columns].sum())
    # A union is both areas less what they share; an object without partner is its own area.
    united = int(truth_areas.sum() + prediction_areas[columns].sum()) - shared
    left_over = np.ones(len(prediction_areas), bool)
    left_over[columns] = False
    return shared, united + int(prediction_areas[left_over & counted].sum())


def pooled_overlap(sums: Iterable[OverlapSums]) -> OverlapSums:
    """Add up images."""
    return OverlapSums(*(sum(column) for column in zip(OverlapSums(), *sums, strict=True)))
