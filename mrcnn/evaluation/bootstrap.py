"""How far a figure would move with other images of the same kind."""

import math
from collections.abc import Sequence
from dataclasses import astuple

import numpy as np

from mrcnn.evaluation.quality import Border, Quality, Tally

RESAMPLES = 1000
LEVEL = 0.95
POOLED = ("precision", "recall", "f1", "pq", "mean_iou")
MEANS = ("accuracy", "count_ratio")


def bootstrap_intervals(
    tallies: Sequence[Tally], border: Border, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the headline figures by resampling images.

    The images are drawn with replacement, as many as there are, and each figure is taken again;
    the interval holds the middle 95 % of the outcomes (percentile bootstrap, Efron and Tibshirani
    1993, chapter 13). Whole images are drawn because cells of one field resemble each other. With
    few images it comes out too narrow.

    Args:
        tallies: one for each image.
        border: rule of the false alarms.
        resamples: number of draws.
        seed: of the draws.

    Returns:
        (low, high) of each figure: those in `MEANS` are means over images, those in `POOLED` are
        pooled. NaN for fewer than two images, or where a figure is not defined.
    """
    count = len(tallies)
    if count < 2:
        return dict.fromkeys((*MEANS, *POOLED), (math.nan, math.nan))
    draws = np.random.default_rng(seed).integers(count, size=(resamples, count))
    # How often each image was drawn in each resample.
    weights = np.stack([np.bincount(draw, minlength=count) for draw in draws]).astype(np.float64)

    intervals = {}
    for name in MEANS:
        values = np.array([getattr(tally, name) for tally in tallies])
        defined = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            means = weights[:, defined] @ values[defined] / weights[:, defined].sum(axis=1)
        intervals[name] = _middle(means)
    sums = weights @ np.array([astuple(tally) for tally in tallies], np.float64)
    qualities = np.array([Tally(*row).quality(border) for row in sums])
    for name in POOLED:
        intervals[name] = _middle(qualities[:, Quality._fields.index(name)])
    return intervals


def _middle(values: np.ndarray) -> tuple[float, float]:
    """Ends of the middle part of the values that are defined."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return math.nan, math.nan
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return float(low), float(high)
