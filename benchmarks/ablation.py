"""What each part of the recipe for blood cells of any laboratory is worth.

    python -m benchmarks.ablation --data DIR --out DIR [--steps 300] [--smears 40] [--images 48]
        [--fields 5] [--only NAME ...] [-- TRAIN_OPTION ...]

DIR of the data is that of `benchmarks.recipe_laboratories`. All trainings are short and alike: the
light ResNet-18 with group normalization from random weights, in as many steps of the same size with
the same seed, on fields with polygons, rendered smears, images of four laboratories (txl) with
boxes, and with outlines where a watershed has them, and cells of Chula that a watershed outlines
around named centers. Each variant lacks one thing, or has another in its place. What is done is not
done again.

Judged are validation images at the true scale of each, so that a network which is not sure yet is
not led to a wrong one, and at the confidence that is best for the variant: F1 of red cells, white
cells and platelets of txl at box IoU 0.5; F1 of `rbc/val` at mask IoU 0.5 and 0.75, border not
counted, and PQ. "another seed" tells what is chance. The table `ablation.md` in the folder --out
has a line for each variant that is done in it, by this call or an earlier one, with the loss in
validation after each 50 steps; that is of the same images only for variants which learn from the
same sets.

The exit status is 0, 2 for a wrong command line, or that of a training that failed.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import recipe_open
from benchmarks.laboratories import KINDS as KIND_NUMBERS
from benchmarks.laboratories import RED, Counts, compare, kinds_of
from benchmarks.recipe_laboratories import KINDS, SAMPLE, SETTINGS, lay, make_fields
from benchmarks.scale import fields, sample_finder, truth_of, yolo
from mrcnn.evaluation import InstanceEvaluator
from mrcnn.files import atomic_write
from mrcnn.pictures import read_image

EPOCH = 50
# Shares of the images that are drawn.
WEIGHTS = {"fields": 3, "smears": 2, "txl": 5, "chula": 2}
TRAINING = (
    "--light --precision mixed_bfloat16 --scale auto --crop 256 --anchors auto --batch-size 4 "
    "--learning-rate 0.02 --overlay 0.5 --color-jitter 2 --seed 1 --validate-every 0"
).split()
NETWORK = "--backbone resnet18 --normalization group --weights none"
LEARNED = "--normalization batch --batch-norm learned"
LITE = "--backbone efficientnet-lite0"
CONFIDENCES = np.arange(0.05, 0.96, 0.05)
LEAST = 0.05
# The diameter of a red cell over the side of its box, see `mrcnn.inference.scale`.
ROUND = 0.97


@dataclass(frozen=True)
class Variant:
    """A training.

    Attributes:
        without: the set that it lacks.
        instead: a set in place of another one.
        network: options of the network and where it starts.
        more: further options.
    """

    without: str = ""
    instead: tuple[str, str] = ("", "")
    network: str = NETWORK
    more: tuple[str, ...] = ()


VARIANTS = {
    "all": Variant(),
    "another seed": Variant(more=("--seed", "2")),
    "without txl": Variant(without="txl"),
    "without chula": Variant(without="chula"),
    "without fields": Variant(without="fields"),
    "without smears": Variant(without="smears"),
    "cells without a name are background": Variant(instead=("chula", "chula_named")),
    "no outlines in txl": Variant(instead=("txl", "txl_boxes")),
    "no change of size": Variant(more=("--scale-jitter", "1,1")),
    "batch norm": Variant(network=f"--backbone resnet18 {LEARNED} --weights none"),
    "Lite0, random start": Variant(network=f"{LITE} {LEARNED} --weights none"),
    "Lite0, ImageNet start": Variant(network=f"{LITE} {LEARNED} --weights imagenet"),
    "Lite0, ImageNet start, stored batch norm": Variant(
        network=f"{LITE} --batch-norm stored --weights imagenet"
    ),
}


def prepare(data: Path, out: Path, smears: int) -> dict[str, Path]:
    """Make what is not there yet; the folder of each set, by its name."""
    sets = out / "sets"
    if not (sets / "fields" / "val" / "via_region_data.json").is_file():
        make_fields(data / "rbc", sets / "fields")
    found = recipe_open.prepare(data, out, smears)
    named = sets / "chula_named"
    if not (named / "train" / "instances.json").is_file():
        without_ignored(found["chula"], named)
    return {"fields": sets / "fields", **found, "chula_named": named, "txl_boxes": data / "txl"}


def without_ignored(source: Path, folder: Path) -> None:
    """A data set in COCO's form without its regions to ignore, which are background then."""
    target = folder / "train"
    target.mkdir(parents=True, exist_ok=True)
    content = json.loads((source / "train" / "instances.json").read_text())
    content["annotations"] = [each for each in content["annotations"] if not each["iscrowd"]]
    for image in content["images"]:
        lay(source / "train" / image["file_name"], target)
    atomic_write(target / "instances.json", json.dumps(content))


def command(
    variant: Variant, sets: dict[str, Path], logs: Path, steps: int, more: Sequence[str]
) -> list[str]:
    """The command line of a training."""
    names = [name for name in WEIGHTS if name != variant.without]
    one, other = variant.instead
    return [
        *("train", "--dataset", *(str(sets[other if name == one else name]) for name in names)),
        *("--dataset-weights", *(str(WEIGHTS[name]) for name in names)),
        *("--classes", *KINDS, "--logs", str(logs), *TRAINING),
        *(*variant.network.split(), *variant.more),
        *("--steps", str(EPOCH), "--epochs", str(max(1, steps // EPOCH)), *more),
    ]


def trained(logs: Path, folder: Path) -> list[float]:
    """Keep the weights of a training in a folder, ready to detect; the losses in validation."""
    checkpoint = max(logs.glob("*/mask_rcnn_rbc_*.h5"), key=lambda each: each.name)
    folder.mkdir(exist_ok=True)
    settings = json.loads((checkpoint.parent / "config.json").read_text())
    shutil.copyfile(checkpoint, folder / "network.h5")
    atomic_write(folder / "config.json", json.dumps(settings | SETTINGS, indent=2) + "\n")
    with (checkpoint.parent / "losses.csv").open(encoding="utf-8-sig", newline="") as file:
        return [round(float(row["val_loss"]), 3) for row in csv.DictReader(file)]


def judged_txl(finder: Any, data: Path, most: int) -> dict[str, float]:
    """The best F1 of each kind over confidences, with recall and precision of red cells."""
    paths = sorted((data / "txl" / "images" / "val").glob("*.jpg"))
    counts = [Counts() for _ in CONFIDENCES]
    for path in paths[:: max(1, len(paths) // most)][:most]:
        image = read_image(path)
        truth = yolo(data / "txl" / "labels" / "val" / f"{path.stem}.txt", image.shape)
        sides = truth[1][truth[0] == RED].reshape(-1, 2, 2)
        if not len(sides):
            continue
        sides = sides[:, 1] - sides[:, 0]
        finder.predictor.diameter = ROUND * float(np.median(np.sqrt(sides.prod(axis=1))))
        instances = finder.find(image).instances
        kinds = kinds_of(finder, instances)
        for confidence, count in zip(CONFIDENCES, counts, strict=True):
            rows = instances.scores >= confidence
            found = kinds[rows], instances.boxes[rows].astype(float), instances.scores[rows]
            compare(count, truth, found, image.shape)
    figures = [count.figures() for count in counts]
    best = {
        kind: max((each[kind] for each in figures), key=lambda each: each["f1"])
        for kind in KIND_NUMBERS
    }
    red = best["red blood cell"]
    return {
        "txl red F1": red["f1"],
        "recall": red["recall"],
        "precision": red["precision"],
        "white F1": best["white blood cell"]["f1"],
        "platelet F1": best["platelet"]["f1"],
    }


def judged_fields(finder: Any, data: Path, most: int) -> dict[str, float]:
    """F1 and PQ of red cells at the best confidence."""
    evaluator = InstanceEvaluator(["cell"], border="ignore")
    for name, image, polygons in list(fields(data / "rbc" / "val"))[:most]:
        truth = truth_of(polygons, 1, image.shape[:2])
        finder.predictor.diameter = float(np.median(np.sqrt(4 / np.pi * truth.areas())))
        found = finder.find(image).instances
        found = found.take(np.flatnonzero(kinds_of(finder, found) == RED))
        evaluator.add_truth(name, truth)
        evaluator.process(name, found.replaced(class_ids=np.ones(len(found), int)))
    best = max(CONFIDENCES, key=lambda confidence: evaluator.quality(confidence).f1)
    usual, strict = evaluator.quality(best), evaluator.quality(best, 0.75)
    return {"val F1": usual.f1, "val F1@.75": strict.f1, "val PQ": usual.pq}


def judged(folder: Path, data: Path, images: int, most_fields: int) -> dict[str, float]:
    """The figures of a trained network."""
    warnings.simplefilter("ignore")
    finder = sample_finder(str(folder / "network.h5"), str(LEAST))
    figures = judged_txl(finder, data, images) | judged_fields(finder, data, most_fields)
    return {name: round(float(value), 3) for name, value in figures.items()}


def folder_of(out: Path, name: str) -> Path:
    """Where a variant keeps what it made."""
    return out / name.replace(" ", "_").replace(",", "")


def done_in(out: Path) -> dict[str, dict[str, Any]]:
    """The figures of the variants that are done, in their order."""
    files = {name: folder_of(out, name) / "figures.json" for name in VARIANTS}
    return {name: json.loads(file.read_text()) for name, file in files.items() if file.is_file()}


def table(done: dict[str, dict[str, Any]], steps: int) -> str:
    """The figures of all variants, in Markdown."""
    columns = [name for name in next(iter(done.values())) if name != "losses"]
    losses = f"loss in validation, every {EPOCH} of {steps} steps"
    lines = [f"| {' | '.join(['', *columns, losses])} |", "| --- " * (len(columns) + 2) + "|"]
    for name, figures in done.items():
        cells = [f"{figures[column]:.3f}" for column in columns]
        cells.append(", ".join(f"{loss:.2f}" for loss in figures["losses"]))
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--steps", type=int, default=300, help="of each training, %(default)s")
    parser.add_argument("--smears", type=int, default=40, metavar="N", help="rendered fields")
    parser.add_argument("--images", type=int, default=48, help="of txl, %(default)s")
    parser.add_argument("--fields", type=int, default=5, help="of rbc/val, %(default)s")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=VARIANTS, metavar="NAME")
    parser.add_argument("more", nargs="*", metavar="TRAIN_OPTION")
    options = parser.parse_args(arguments)
    if options.steps < EPOCH or options.steps % EPOCH:
        parser.error(f"--steps {options.steps}: give a multiple of {EPOCH}")
    data, out = options.data.resolve(), options.out.resolve()
    for folder in ("rbc/train", "rbc/val", "rbc/extra", "txl", "chula"):
        if not (data / folder).is_dir():
            parser.error(f"--data {options.data}: there is no folder {folder} in it")
    sets = prepare(data, out, options.smears)
    for name in options.only:
        folder = folder_of(out, name)
        if not (folder / "figures.json").is_file():
            logs = out / "logs" / folder.name
            shutil.rmtree(logs, ignore_errors=True)
            words = command(VARIANTS[name], sets, logs, options.steps, options.more)
            print("rbc.py", subprocess.list2cmdline(words), flush=True)
            status = subprocess.run([sys.executable, str(SAMPLE / "rbc.py"), *words], check=False)
            if status.returncode:
                return status.returncode
            losses = trained(logs, folder)
            figures = judged(folder, data, options.images, options.fields)
            atomic_write(folder / "figures.json", json.dumps(figures | {"losses": losses}))
        text = table(done_in(out), options.steps)
        atomic_write(out / "ablation.md", text)
        print(text, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
