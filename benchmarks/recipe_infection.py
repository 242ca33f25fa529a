"""What tells infected red cells: its training, and how good it is on fields that it has not seen.

    python -m benchmarks.recipe_infection --data DIR [--folds 5] [--out FILE]

DIR has `rbc/train`, `rbc/val` and `rbc/extra`: outlines in VIA's form, and `objects.csv`, which
names trophozoites, rings, schizonts and gametocytes. Fields are dealt to the folds; each fold is
judged by what the others taught: the area under the ROC curve, and how many are found. The
probabilities are calibrated on the pooled folds. --out writes what all fields teach.

The exit status is 0, or 2 for a wrong command line.
"""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from mrcnn.files import atomic_write
from mrcnn.formats import read_annotations
from mrcnn.instances import Instances
from mrcnn.instances.geometry import compute_overlaps
from mrcnn.pictures import read_image
from rbc_cells.infection import apply_model, features, scale

HEALTHY, LEUKOCYTE = "red blood cell", "leukocyte"
# Box IoU of an outline and the box that names it.
_SAME = 0.3
_PENALTY = 3.0
# Infected cells are few: together they weigh a fifth of the others.
_SHARE = 5
_DIGITS = 5


def read_cells(data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [N, F], names [N] and fields [N] of all red cells."""
    values, names, numbers = [], [], []
    for subset in ("train", "val", "extra"):
        folder = data / "rbc" / subset
        with open(folder / "objects.csv", newline="", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        for entry in read_annotations(folder / "via_region_data.json"):
            told = [row for row in table if row["filename"] == entry.filename]
            image = read_image(folder / entry.filename)
            ids = np.ones(len(entry.polygons), int)
            cells = Instances.from_polygons(entry.polygons, ids, image.shape)
            cells = cells.take(np.flatnonzero(cells.areas()))
            if not told or not len(cells):
                continue
            sides = ("y1", "x1", "y2", "x2")
            boxes = np.array([[float(row[side]) for side in sides] for row in told])
            overlaps = compute_overlaps(cells.boxes.astype(float), boxes)
            of_cell = [told[column]["category"] for column in overlaps.argmax(axis=1)]
            kept = [
                row for row, name in enumerate(of_cell)
                if overlaps[row].max() >= _SAME and name != LEUKOCYTE
            ]  # fmt: skip
            if kept:
                values.append(features(image, cells.take(np.array(kept))))
                names += [of_cell[row] for row in kept]
                numbers += [len(values)] * len(kept)
    return np.concatenate(values), np.array(names), np.array(numbers)


def fit(values: np.ndarray, infected: np.ndarray) -> dict[str, Any]:
    """A penalized logistic regression, see `rbc_cells.infection.apply_model`."""
    mean, deviation = values.mean(axis=0), values.std(axis=0) + 1e-6
    scaled = scale(values, mean, deviation)
    weights = np.where(infected, (~infected).sum() / infected.sum() / _SHARE, 1.0)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        told = scaled @ parameters[:-1] + parameters[-1]
        probability = 1 / (1 + np.exp(-told))
        value = (weights * (np.logaddexp(0, told) - infected * told)).sum()
        slope = weights * (probability - infected)
        gradient = np.append(scaled.T @ slope + 2 * _PENALTY * parameters[:-1], slope.sum())
        return value + _PENALTY * (parameters[:-1] ** 2).sum(), gradient

    start = np.zeros(scaled.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return {
        "mean": mean.tolist(), "deviation": deviation.tolist(),
        "weights": found[:-1].tolist(), "bias": float(found[-1]),
    }  # fmt: skip


def calibrated(model: dict[str, Any], slope: float, offset: float) -> dict[str, Any]:
    """The model whose logits are slope * logit + offset."""
    weights = [slope * each for each in model["weights"]]
    return {**model, "weights": weights, "bias": slope * model["bias"] + offset}


def calibration(logits: np.ndarray, infected: np.ndarray) -> tuple[float, float]:
    """Slope and offset for which logits are probabilities (Platt 1999)."""

    def loss(parameters: np.ndarray) -> float:
        told = parameters[0] * logits + parameters[1]
        return float((np.logaddexp(0, told) - infected * told).sum())

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(slope), float(offset)


def area_under_curve(infected: np.ndarray, scores: np.ndarray) -> float:
    """Of the ROC curve: how often an infected cell has a higher score than another one."""
    ranks = np.argsort(np.argsort(scores)) + 1
    positive, negative = infected.sum(), (~infected).sum()
    return float((ranks[infected].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _rounded(value: float | list[float]) -> float | list[float]:
    if isinstance(value, list):
        return [float(f"{each:.{_DIGITS}g}") for each in value]
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print, and write; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recipe_infection", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--folds", type=int, default=5, metavar="N")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    values, names, fields = read_cells(options.data)
    infected = names != HEALTHY
    dealt = np.random.default_rng(0).permutation(np.unique(fields))
    logits = np.zeros(len(values))
    for fold in np.array_split(dealt, options.folds):
        judged = np.isin(fields, fold)
        probability = apply_model(fit(values[~judged], infected[~judged]), values[judged])
        logits[judged] = np.log(probability / (1 - probability))
        area = area_under_curve(infected[judged], logits[judged])
        print(f"fold of {len(fold)} fields: AUROC {area:.3f}")
    slope, offset = calibration(logits, infected)
    positive = slope * logits + offset >= 0
    print(f"pooled: AUROC {area_under_curve(infected, logits):.3f}")
    for name in np.unique(names):
        chosen = names == name
        print(f"{name}: {chosen.sum()} cells, {positive[chosen].sum()} called infected")
    print(f"called infected: {positive.sum()}, {infected[positive].mean():.1%} of them rightly")
    if options.out:
        model = calibrated(fit(values, infected), slope, offset)
        rounded = {key: _rounded(value) for key, value in model.items()}
        atomic_write(options.out, json.dumps(rounded) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
