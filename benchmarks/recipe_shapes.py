"""The network that names shapes of red cells: its data, its figures and its file.

    python -m benchmarks.recipe_shapes --data DIR --out DIR [--folds 5] [--epochs 6]

DIR of the data has `chula`: images, and beside each a file of lines `x y class`, the centers of
some cells with their shapes. In the folder --out are made, each once:

- `crops.npz`: the named cells, cut out around the masks in which the shipped model finds their
  centers; where there is none, or one mask has several centers, around the center with a disc of
  the size of the field's median cell;
- `fold_K.npz`: what a network says of the cells of every K-th part of the fields, which was taught
  those of all others. No field is in two parts;
- `figures.md`: accuracy and F1 over all parts, with intervals by resampling fields;
- `shapes.h5`: a network that was taught all cells, for `weights/rbc`, its probabilities calibrated
  by what the others said of cells that they had not seen.

It starts from ImageNet weights of EfficientNet-Lite0, see `weights/README.md`.

The exit status is 2 for a wrong command line, and where the ImageNet weights are not installed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.recipe_laboratories import (
    CHULA_DIAMETER,
    SURE,
    UNCATEGORISED,
    center_files,
    read_centers,
    shipped_finder,
)
from benchmarks.shapes_figures import figures_text
from mrcnn.app.backend import choose_backend
from mrcnn.errors import WeightsError
from mrcnn.files import atomic_write
from mrcnn.instances import Instances
from mrcnn.pictures import read_image
from mrcnn.weights.imagenet import converted_weights
from mrcnn.weights.places import downloads_folder
from rbc_cells.shape_crops import color_curves, median_diameter, shape_crops, shape_numbers
from rbc_cells.shapes import SHAPES, possible

# The sides of crops from which training cuts its turned and moved ones.
MARGIN_SIDE = 117
START = "efficientnet-lite0"


def named_masks(
    found: Instances, centers: np.ndarray, diameter: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A box and a mask for each named center.

    Args:
        found: with scores, the best first.
        centers: int [N, 3] of y, x, class.
        diameter: of the discs that stand where no mask has one center alone.
    """
    owners = np.full(len(centers), -1)
    for column, (y, x, _) in enumerate(centers):
        for row, ((y1, x1, y2, x2), crop) in enumerate(zip(found.boxes, found.crops, strict=True)):
            if y1 <= y < y2 and x1 <= x < x2 and crop[y - y1, x - x1]:
                owners[column] = row
                break
    alone = np.bincount(owners[owners >= 0], minlength=len(found)) == 1
    half = round(diameter / 2)
    away = np.arange(-half, half + 1)
    disc = away[:, None] ** 2 + away**2 <= (diameter / 2) ** 2
    boxes, masks = [], []
    for (y, x, _), owner in zip(centers, owners, strict=True):
        if owner >= 0 and alone[owner]:
            boxes.append(found.boxes[owner])
            masks.append(found.crops[owner])
        else:
            boxes.append((y - half, x - half, y + half + 1, x + half + 1))
            masks.append(disc)
    return np.array(boxes).reshape(-1, 4), masks


def cut_cells(source: Path, find: Callable[[np.ndarray], Instances]) -> dict[str, np.ndarray]:
    """The named cells of all fields.

    Returns:
        "crops" uint8 [N, MARGIN_SIDE, MARGIN_SIDE, 4], "labels" int [N], which are places in
        `SHAPES`, and "fields" [N], the names of the images.
    """
    crops, labels, fields = [], [], []
    for number, path in enumerate(center_files(source)):
        centers = read_centers(path)
        image = read_image(path.with_suffix(".jpg"))
        found = find(image)
        sure = found.take(np.flatnonzero(found.scores >= SURE))
        diameter = median_diameter(sure, np.ones(len(sure), bool)) or CHULA_DIAMETER
        boxes, masks = named_masks(found, centers, diameter)
        cut = shape_crops(image, boxes, masks, diameter, color_curves(image, sure), MARGIN_SIDE)
        named = centers[:, 2] != UNCATEGORISED
        crops.append(cut[named])
        # Their classes are in the order of `SHAPES`, but for the one that is left out.
        labels += [name - (name > UNCATEGORISED) for name in centers[named, 2]]
        fields += [path.stem] * int(named.sum())
        if number % 50 == 0:
            print(f"{path.name}: {len(labels)} cells so far", flush=True)
    return {"crops": np.concatenate(crops), "labels": np.array(labels), "fields": np.array(fields)}


def parts_of(fields: np.ndarray, count: int) -> np.ndarray:
    """The part, 0 to count - 1, of each cell; cells of a field are in the same."""
    names, places = np.unique(fields, return_inverse=True)
    return (np.random.default_rng(0).permutation(len(names)) % count)[places]


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write an .npz file in one step."""
    atomic_write(path, lambda file: np.savez(file, **arrays))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipe_shapes", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="parts; 0 for no figures")
    parser.add_argument("--epochs", type=float, default=6, metavar="N", help="of each training")
    options = parser.parse_args(arguments)
    if not (options.data / "chula").is_dir():
        parser.error(f"--data {options.data}: there is no folder chula in it")
    if options.folds == 1 or options.folds < 0:
        parser.error("--folds: at least 2 parts, or 0 for none")
    try:
        start = converted_weights(START, downloads_folder())
    except WeightsError as error:
        parser.error(str(error))
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "crops.npz").is_file():
        write_arrays(out / "crops.npz", **cut_cells(options.data / "chula", shipped_finder()))
    with np.load(out / "crops.npz") as file:
        crops, labels, fields = (file[name] for name in ("crops", "labels", "fields"))
    choose_backend()
    from benchmarks.shapes_training import (
        calibrate,
        calibrated,
        central,
        cross_calibrated,
        logits_of,
        train,
    )
    from mrcnn.weights.saving import save_weights
    from rbc_cells.shape_network import folded

    parts = parts_of(fields, options.folds or 1)
    logits = np.zeros((len(labels), len(SHAPES)))
    for part in range(options.folds):
        path, taught = out / f"fold_{part}.npz", parts != part
        if not path.is_file():
            print(f"part {part + 1} of {options.folds}", flush=True)
            network = train(
                crops[taught], labels[taught], len(SHAPES), options.epochs, start, part + 1
            )
            write_arrays(path, logits=logits_of(network, crops[~taught]))
        with np.load(path) as file:
            logits[~taught] = file["logits"]
    factor, bias = 1.0, np.zeros(len(SHAPES))
    if options.folds:
        told = possible(cross_calibrated(logits, labels, parts), shape_numbers(central(crops)))
        text = figures_text(told, labels, fields, SHAPES)
        atomic_write(out / "figures.md", text)
        print(text)
        factor, bias = calibrate(logits, labels)
    network = folded(train(crops, labels, len(SHAPES), options.epochs, start, options.folds))
    save_weights(calibrated(network, factor, bias), out / "shapes.h5", dtype="float16")
    return 0


if __name__ == "__main__":
    sys.exit(main())
