"""Are cells found whatever the magnification and size of a picture, without any option?

    python -m benchmarks.scale --data DIR [--only NAME ...] [--images 36] [--json FILE]

DIR has `rbc/val`, fields with polygons; `txl`, images of other laboratories with boxes in YOLO's
form (0 white cell, 1 red cell, 2 platelet); and `chula`, images with centers of cells. Everything
is detected in as `rbc.py detect` does by default.

- `resized`: each field at 1/4, 1/2, 1, 2 and 4 times its size: F1 at IoU 0.5, border not counted.
- `mosaics`: 4 x 4 and 10 x 10 fields side by side, the latter small: each field as if alone, and
  the same fields alone.
- `crops`: parts of 400 x 300 pixels: of the cells that are whole in the part, how many are found.
  Platelets, which fields do not annotate and `detect` counts apart, do not count in these three.
- `others`: images of txl: red cells at box IoU 0.5, what touches the border not counted.
- `estimates`: the diameter that was used over the true median, in how many within 15 %: of
  `rbc/val` at several sizes, of images of `chula` where stained regions with one center are cells,
  and of rendered smears; `others` has it of txl, by the sides of the boxes.

What is measured is told as it comes, on standard error, with seconds of processor time; all of it
stands on standard output in the end. `--only mosaics` needs about as long as 80 fields.

The exit status is 0, or 2 for a wrong command line.
"""

import argparse
import importlib.util
import json
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.golden import ROOT
from mrcnn.evaluation import InstanceEvaluator, match_one_to_one
from mrcnn.files import atomic_write
from mrcnn.formats import read_annotations
from mrcnn.instances import Instances
from mrcnn.instances.geometry import compute_overlaps
from mrcnn.pictures import read_image

NAMES = ("resized", "mosaics", "crops", "others", "estimates")
FACTORS = (0.25, 0.5, 1, 2, 4)
CROP = (300, 400)
RED = 1
PLATELET = "platelet"


def sample_finder(weights: str = "rbc", min_conf: str | None = None) -> Any:
    """What `rbc.py detect` detects with by default, or with other weights or confidence."""
    sys.modules.setdefault("rbc", _sample())
    from mrcnn.app.finding import Finder, load_predictor
    from mrcnn.app.model_files import resolve_weights
    from mrcnn.app.threshold import chosen_confidences

    application = sys.modules["rbc"].APPLICATION
    more = [] if min_conf is None else ["--min-conf", min_conf]
    options = application.parse(["detect", "none.png", "--weights", weights, *more])
    path = resolve_weights(application, weights, options.logs)
    usual = options.min_conf
    if usual is None:
        usual = application.config.DETECTION_MIN_CONFIDENCE
    (min_confidence,) = chosen_confidences([usual], path, application.words)
    predictor = load_predictor(application, options, path, min_confidence)
    return Finder(application, predictor, options)


def _sample() -> Any:
    path = ROOT / "samples" / "rbc" / "rbc.py"
    spec = importlib.util.spec_from_file_location("rbc", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fields(folder: Path) -> Iterator[tuple[str, np.ndarray, list[np.ndarray]]]:
    """Name, pixels and polygons of each annotated field."""
    for entry in read_annotations(folder / "via_region_data.json"):
        yield entry.filename, read_image(folder / entry.filename), entry.polygons


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def truth_of(polygons: Sequence[np.ndarray], factor: float, shape: Sequence[int]) -> Instances:
    # A pixel's center lies at whole numbers: the edges are what is scaled.
    moved = [(polygon + 0.5) * factor - 0.5 for polygon in polygons]
    return Instances.from_polygons(moved, np.ones(len(moved)), shape)


def quality(pairs: Sequence[tuple[Instances, Instances]]) -> dict[str, float]:
    """F1 at IoU 0.5 and counts, border not counted, over (truth, found)."""
    evaluator = InstanceEvaluator(["cell"])
    for number, (truth, found) in enumerate(pairs):
        evaluator.add_truth(str(number), truth)
        evaluator.process(str(number), found.replaced(class_ids=np.ones(len(found), int)))
    figures = evaluator.quality(0.0)
    return {
        "cells": sum(len(truth) for truth, _ in pairs),
        "found": sum(len(found) for _, found in pairs),
        "precision": round(float(figures.precision), 4),
        "recall": round(float(figures.recall), 4),
        "f1": round(float(figures.f1), 4),
    }


def told(name: str, figures: dict[str, float]) -> dict[str, float]:
    """The figures, which are said at once: what follows may take long, or be stopped."""
    print(f"{name}: {figures} ({time.process_time():.0f} s)", file=sys.stderr, flush=True)
    return figures


def cells_of(find: Any, instances: Instances) -> Instances:
    """What is found but for platelets: `detect` counts them apart, and no field annotates them."""
    kinds = [number for number, name in enumerate(find.told_names, 1) if name != PLATELET]
    return instances.take(np.isin(instances.class_ids, kinds))


def measure_resized(find: Any, data: Path) -> dict[str, Any]:
    results = {}
    for factor in FACTORS:
        pairs = []
        for _, image, polygons in fields(data / "rbc" / "val"):
            shown = resized(image, factor) if factor != 1 else image
            found = cells_of(find, find.find(shown).instances)
            pairs.append((truth_of(polygons, factor, shown.shape), found))
        results[f"x {factor:g}"] = told(f"resized x {factor:g}", quality(pairs))
    return results


def measure_mosaics(find: Any, data: Path) -> dict[str, Any]:
    """Each field of a mosaic as if it had been alone: what its edge cuts does not count.

    Beside the figures of the mosaic stand those of the same fields, each detected in by itself.
    """
    results = {}
    whole = list(fields(data / "rbc" / "val"))
    for side, factor in ((4, 1.0), (4, 0.5), (10, 20 / 105)):
        shown = [resized(image, factor) for _, image, _ in whole]
        truths = [
            truth_of(polygons, factor, image.shape)
            for (_, _, polygons), image in zip(whole, shown, strict=True)
        ]
        shape = shown[0].shape[:2]
        chosen = np.arange(side * side).reshape(side, side) % len(whole)
        picture = np.vstack([np.hstack([shown[number] for number in row]) for row in chosen])
        found = find.find(picture)
        cells = cells_of(find, found.instances)
        pairs = []
        for (row, column), number in np.ndenumerate(chosen):
            part = cells.moved(-row * shape[0], -column * shape[1], shape)
            pairs.append((truths[number], part.take(part.areas() > 0)))
        name = f"{side} x {side} at {factor:.2f}, {picture.shape[1]} x {picture.shape[0]}"
        of_mosaic = told(
            name,
            {
                **quality(pairs),
                "whole": _whole(each for _, each in pairs),
                "diameter": round(found.diameter or 0, 1),
                "objects": len(cells),
            },
        )
        alone = [cells_of(find, find.find(image).instances) for image in shown]
        of_fields = {
            **quality([(truths[number], alone[number]) for number in chosen.flat]),
            "whole": _whole(alone[number] for number in chosen.flat),
        }
        results[name] = {"mosaic": of_mosaic, "fields alone": told("fields alone", of_fields)}
    return results


def _whole(parts: Iterable[Instances]) -> int:
    """Objects that do not touch the border of their field."""
    return sum(int((~part.touches_border()).sum()) for part in parts)


def measure_crops(find: Any, data: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    hits = whole_cells = extra = 0
    for _, image, polygons in fields(data / "rbc" / "val"):
        truth = truth_of(polygons, 1.0, image.shape)
        for _ in range(5):
            y, x = (int(rng.integers(0, image.shape[axis] - CROP[axis])) for axis in (0, 1))
            part = truth.moved(-y, -x, CROP)
            whole = ~part.touches_border()
            crop = image[y : y + CROP[0], x : x + CROP[1]].copy()
            found = cells_of(find, find.find(crop).instances)
            pairs = match_one_to_one(part.overlap(found), 0.5)
            hits += int(whole[pairs[:, 0]].sum())
            whole_cells += int(whole.sum())
            unmatched = np.setdiff1d(np.arange(len(found)), pairs[:, 1])
            extra += int((~found.touches_border()[unmatched]).sum())
    figures = {"whole cells": whole_cells, "found": hits, "false alarms inside": extra}
    return told("crops", figures)


def yolo(path: Path, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers and pixel boxes (y1, x1, y2, x2)."""
    rows = np.loadtxt(path, ndmin=2)
    height, width = shape[:2]
    x, y, w, h = (rows[:, 1:] * (width, height, width, height)).T
    return rows[:, 0].astype(int), np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], axis=1)


def at_border(boxes: np.ndarray, shape: Sequence[int], margin: float = 2.0) -> np.ndarray:
    low, high = boxes[:, :2] < margin, boxes[:, 2:] > np.array(shape[:2]) - margin
    return (low | high).any(axis=1)


def measure_others(find: Any, data: Path, most: int) -> tuple[dict[str, Any], dict[str, Any]]:
    paths = sorted((data / "txl" / "images" / "val").glob("*.jpg"))
    paths = paths[:: max(1, len(paths) // most)][:most]
    true = hits = inside = false = 0
    ratios = []
    for path in paths:
        image = read_image(path)
        kinds, boxes = yolo(data / "txl" / "labels" / "val" / f"{path.stem}.txt", image.shape)
        found = find.find(image)
        detected = found.instances.boxes.astype(float)
        pairs = match_one_to_one(compute_overlaps(boxes, detected), 0.5)
        cut = at_border(boxes, image.shape)
        red = (kinds == RED) & ~cut
        partner = dict(pairs.tolist())
        true += int(red.sum())
        hits += sum(row in partner for row in np.flatnonzero(red))
        matched = set(pairs[:, 1].tolist())
        border = at_border(detected, image.shape)
        inside += int(sum(column in matched for column in range(len(detected))))
        false += int(sum(c not in matched and not border[c] for c in range(len(detected))))
        if red.sum() >= 3 and found.diameter:
            sides = boxes[red][:, 2:] - boxes[red][:, :2]
            ratios.append(found.diameter / float(np.median(np.sqrt(sides.prod(axis=1)))))
    recall, precision = hits / max(true, 1), inside / max(inside + false, 1)
    figures = {
        "images": len(paths),
        "whole red cells": true,
        "recall": round(recall, 4),
        "precision": round(precision, 4),
    }
    return figures, spread(ratios)


def spread(ratios: Sequence[float]) -> dict[str, Any]:
    """Of diameters used over true ones."""
    values = np.array(ratios)
    return {
        "pictures": len(values),
        "median ratio": round(float(np.median(values)), 3),
        "within 15 %": round(float(((values > 0.85) & (values < 1.15)).mean()), 3),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and store; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument(
        "--images", type=int, default=36, help="of txl and of chula (default %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    find = sample_finder()
    results: dict[str, Any] = {}
    if "resized" in options.only:
        results["resized"] = measure_resized(find, options.data)
    if "mosaics" in options.only:
        results["mosaics"] = measure_mosaics(find, options.data)
    if "crops" in options.only:
        results["crops"] = measure_crops(find, options.data)
    if "others" in options.only:
        results["others"], results["estimates of others"] = measure_others(
            find, options.data, options.images
        )
    if "estimates" in options.only:
        from benchmarks.scale_estimates import measure_estimates

        results["estimates"] = measure_estimates(find, options.data, options.images)
    text = json.dumps(results, indent=2)
    print(text)
    if options.json:
        atomic_write(options.json, text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
