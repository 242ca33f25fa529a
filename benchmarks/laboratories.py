"""How well a model knows the cells of laboratories that it has, or has not, learned from.

    python -m benchmarks.laboratories --data DIR [--weights rbc] [--images 288] [--centers 47]
        [--only NAME ...] [--json FILE]

DIR has `txl`, images of four laboratories with boxes in YOLO's form (0 white cell, 1 red cell, 2
platelet), and `chula`, images with centers. Everything is detected in as `rbc.py detect` does.

- `txl`: by laboratory, which the size of the file tells, and in all: recall and precision of red
  cells, F1 of white cells and of platelets, at box IoU 0.5; red detections that lie on a white cell
  or a platelet; the gap between confidences and shares of right detections (ECE). What is found
  within two pixels of the border and has no box is no false alarm. Boxes whose shorter side is less
  than a third of the picture's median are left out, and so is what lies on them. With 95 %
  intervals of red cells' recall and precision by resampling images.
- `chula`: every tenth image, which no training saw: centers that have a mask of their own.

The polygons of rbc are for `rbc.py evaluate`. The exit status is 0, or 2 for a wrong command line.
"""

import argparse
import json
import sys
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recipe_laboratories import CHULA_DIAMETER, center_files, read_centers
from benchmarks.scale import at_border, sample_finder, yolo
from mrcnn.evaluation import Tally, match_one_to_one
from mrcnn.evaluation.bootstrap import bootstrap_intervals
from mrcnn.files import atomic_write
from mrcnn.instances.geometry import compute_overlaps
from mrcnn.pictures import read_image

NAMES = ("txl", "chula")
# Numbers of the boxes' classes.
WHITE, RED, PLATELET = 0, 1, 2
KINDS = {"white blood cell": WHITE, "red blood cell": RED, "platelet": PLATELET}
# The laboratory by the height and width of its files.
LABORATORIES = {
    (363, 360): "360 x 363",
    (369, 366): "360 x 363",
    (575, 575): "575 x 575",
    (416, 416): "416 x 416",
    (480, 640): "640 x 480",
}
_BINS = 10


class Counts:
    """Hits, misses and false alarms by kind, and what confidences were worth."""

    def __init__(self) -> None:
        self.images = self.red_on_others = 0
        self.hits: defaultdict[int, int] = defaultdict(int)
        self.missed: defaultdict[int, int] = defaultdict(int)
        self.false: defaultdict[int, int] = defaultdict(int)
        # Of detections that are right or wrong: score and which.
        self.scores: list[tuple[float, bool]] = []
        # Of red cells by image.
        self.tallies: list[Tally] = []

    def figures(self) -> dict[str, Any]:
        """Recall, precision and F1, rounded."""
        result: dict[str, Any] = {"images": self.images}
        for name, kind in KINDS.items():
            hits, missed, false = self.hits[kind], self.missed[kind], self.false[kind]
            result[name] = {
                "cells": hits + missed,
                "recall": round(hits / max(hits + missed, 1), 4),
                "precision": round(hits / max(hits + false, 1), 4),
                "f1": round(2 * hits / max(2 * hits + missed + false, 1), 4),
            }
        intervals = bootstrap_intervals(self.tallies, "count")
        for figure in ("recall", "precision"):
            ends = [round(end, 4) for end in intervals[figure]]
            result["red blood cell"][f"{figure}, 95 %"] = ends
        result["red on others in 100 images"] = round(
            100 * self.red_on_others / max(self.images, 1), 1
        )
        result["ece"] = round(calibration_gap(self.scores), 4)
        return result


def calibration_gap(scores: Sequence[tuple[float, bool]]) -> float:
    """The mean gap between confidence and share of right detections, in ten bins (ECE)."""
    if not scores:
        return 0.0
    values = np.array(scores, float)
    bins = np.minimum((values[:, 0] * _BINS).astype(int), _BINS - 1)
    gaps = 0.0
    for number in np.unique(bins):
        chosen = values[bins == number]
        gaps += len(chosen) * abs(chosen[:, 0].mean() - chosen[:, 1].mean())
    return gaps / len(values)


def compare(
    counts: Counts,
    truth: tuple[np.ndarray, np.ndarray],
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
    shape: Sequence[int],
) -> None:
    """Count what was found in an image.

    Args:
        counts: grow.
        truth: kinds [N] and pixel boxes [N, 4].
        found: kinds [M], pixel boxes [M, 4] and scores [M], the best first.
        shape: of the image.
    """
    kinds, boxes = truth
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    sliver = sides < np.median(sides) / 3 if len(sides) else np.zeros(0, bool)
    found_kinds, detected, scores = found
    counts.images += 1
    border = at_border(detected, shape)
    overlaps = compute_overlaps(boxes, detected)
    for kind in KINDS.values():
        rows = np.flatnonzero((kinds == kind) & ~sliver)
        columns = np.flatnonzero(found_kinds == kind)
        pairs = match_one_to_one(overlaps[np.ix_(rows, columns)], 0.5)
        false = counts.false[kind]
        counts.hits[kind] += len(pairs)
        counts.missed[kind] += len(rows) - len(pairs)
        matched = set(columns[pairs[:, 1]].tolist())
        for column in columns:
            is_right = column in matched
            on_sliver = (overlaps[sliver, column] > 0.1).any()
            if not is_right and (border[column] or on_sliver):
                continue
            counts.false[kind] += not is_right
            counts.scores.append((float(scores[column]), is_right))
        if kind == RED:
            detections = len(pairs) + counts.false[kind] - false
            counts.tallies.append(Tally(len(rows), detections, len(pairs)))
    red, others = np.flatnonzero(found_kinds == RED), np.flatnonzero((kinds != RED) & ~sliver)
    on_others = overlaps[np.ix_(others, red)] >= 0.5
    counts.red_on_others += int(on_others.any(axis=0).sum())


def kinds_of(finder: Any, instances: Any) -> np.ndarray:
    """Class numbers of the boxes' kinds; what is of no kind by its name is a red cell."""
    names = [KINDS.get(name, RED) for name in finder.told_names]
    return np.array([RED, *names])[instances.class_ids]


def measure_txl(finder: Any, data: Path, most: int) -> dict[str, Any]:
    paths = sorted((data / "txl" / "images" / "val").glob("*.jpg"))
    paths = paths[:: max(1, len(paths) // most)][:most]
    by_laboratory: defaultdict[str, Counts] = defaultdict(Counts)
    for path in paths:
        image = read_image(path)
        truth = yolo(data / "txl" / "labels" / "val" / f"{path.stem}.txt", image.shape)
        instances = finder.find(image).instances
        found = kinds_of(finder, instances), instances.boxes.astype(float), instances.scores
        laboratory = LABORATORIES.get(image.shape[:2], "other")
        for name in (laboratory, "all"):
            compare(by_laboratory[name], truth, found, image.shape)
    return {name: by_laboratory[name].figures() for name in sorted(by_laboratory)}


def measure_chula(finder: Any, data: Path, most: int) -> dict[str, Any]:
    paths = [path for number, path in enumerate(center_files(data / "chula")) if number % 10 == 9]
    centers = own = 0
    diameters = []
    for path in paths[:most]:
        found = finder.find(read_image(path.with_suffix(".jpg")))
        taken: set[int] = set()
        if found.diameter is not None:
            diameters.append(found.diameter)
        instances = found.instances
        for y, x, _ in read_centers(path):
            centers += 1
            for row, ((y1, x1, y2, x2), crop) in enumerate(
                zip(instances.boxes, instances.crops, strict=True)
            ):
                if row not in taken and y1 <= y < y2 and x1 <= x < x2 and crop[y - y1, x - x1]:
                    taken.add(row)
                    own += 1
                    break
    ratios = np.array(diameters) / CHULA_DIAMETER
    return {
        "images": len(paths[:most]),
        "centers": centers,
        "with a mask of their own": round(own / max(centers, 1), 4),
        "diameter over 45 px": [round(float(ratios.min()), 2), round(float(ratios.max()), 2)],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and store; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.laboratories", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--weights", default="rbc", help="rbc or a file (default %(default)s)")
    parser.add_argument("--min-conf", default=None, metavar="C")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--images", type=int, default=288, help="of txl (default %(default)s)")
    parser.add_argument("--centers", type=int, default=47, help="images of chula, %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    finder = sample_finder(options.weights, options.min_conf)
    results: dict[str, Any] = {}
    if "txl" in options.only:
        results["txl"] = measure_txl(finder, options.data, options.images)
    if "chula" in options.only:
        results["chula"] = measure_chula(finder, options.data, options.centers)
    text = json.dumps(results, indent=2)
    print(text)
    if options.json:
        atomic_write(options.json, text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
