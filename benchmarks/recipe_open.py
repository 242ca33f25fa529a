"""The data and the training of the second blood cell model, which rests on no image of BBBC041.

    python -m benchmarks.recipe_open --data DIR --out DIR [--smears 60] [--prepare | --finish]
        [-- TRAIN_OPTION ...]

DIR of the data has `txl` and `chula`, see `benchmarks.recipe_laboratories`. No model of this
project takes part: a watershed (`rbc_cells.watershed`, which learns nothing) outlines what it can.
In the folder --out are made, once:

- `smears`: rendered fields with red cells, white cells and platelets, and their exact outlines;
- `txl`: boxes; a red cell that the watershed outlines with nearly the same box has a mask as well;
- `chula`: the centers of some cells as masks of the watershed, see
  `benchmarks.recipe_laboratories`.

The training starts from EfficientNet-Lite0's ImageNet weights. White cells and platelets have
outlines of their own to learn from, the rendered ones. The other steps are those of
`benchmarks.recipe_laboratories`. --prepare stops before the training, and prints its command;
--finish packs the last checkpoint alone.

The exit status is that of the training, or 2 for a wrong command line.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.recipe_laboratories import (
    KINDS,
    SAMPLE,
    carry_out,
    finish,
    lay,
    make_chula,
    recipe_parser,
)
from benchmarks.scale import yolo
from mrcnn.formats import write_coco
from mrcnn.instances import Instances
from mrcnn.instances.geometry import compute_overlaps
from mrcnn.pictures import read_image
from rbc_cells.watershed import watershed_cells

# Shares of the images that are drawn.
WEIGHTS = {"smears": 4, "txl": 5, "chula": 2}
TRAINING = (
    "--backbone efficientnet-lite0 --light --batch-norm stored --precision mixed_bfloat16 "
    "--scale auto --crop 320 --anchors auto --batch-size 4 --learning-rate 0.02 --overlay 0.5 "
    "--color-jitter 2 --steps 200 --epochs 9 --seed 1"
).split()
SEED = 41
# See `benchmarks.recipe_laboratories`; chosen on half of the images of txl/val.
CONFIDENCE_SHIFT = 0.8
# Classes of the files of txl, as those of the model, which begin with 1.
CLASSES = {0: 2, 1: 1, 2: 3}
RED = 1
# IoU of an annotated box and that of an outline which is taken for the cell's.
LEAST_IOU = 0.8


def watershed(image: np.ndarray) -> Instances:
    """Red cells of an image, by their stain alone."""
    return watershed_cells(image, [KINDS[0]])


def with_outlines(boxes: Instances, found: Instances) -> Instances:
    """Annotated boxes, with a mask where an outline fits the box of a red cell.

    Args:
        boxes: without masks.
        found: red cells with masks.
    """
    if not len(boxes) or not len(found):
        return boxes
    overlaps = compute_overlaps(boxes.boxes.astype(float), found.boxes.astype(float))
    fits = (overlaps.max(axis=1) >= LEAST_IOU) & (boxes.class_ids == RED)
    if not fits.any():
        return boxes
    outlines = found.take(overlaps.argmax(axis=1)[fits])
    cells = outlines.replaced(scores=None, columns={}, class_ids=np.full(len(outlines), RED))
    return Instances.merged([cells, boxes.take(np.flatnonzero(~fits))])


def annotated(label: Path, shape: Sequence[int]) -> Instances:
    """The boxes of a file of txl, in whole pixels; those without an area are left out."""
    height, width = shape[:2]
    classes, boxes = yolo(label, tuple(shape))
    whole = np.clip(np.round(boxes).astype(int), 0, [height, width] * 2)
    keep = (whole[:, 2] > whole[:, 0]) & (whole[:, 3] > whole[:, 1])
    return Instances.from_boxes(
        (height, width), whole[keep], [CLASSES[int(each)] for each in classes[keep]]
    )


def make_txl(source: Path, folder: Path) -> None:
    """The images of txl with boxes, and in training with masks where a watershed has them."""
    for subset in ("train", "val"):
        target = folder / subset
        target.mkdir(parents=True, exist_ok=True)
        images: dict[str, Instances] = {}
        for path in sorted((source / "images" / subset).glob("*.jpg")):
            image = read_image(path)
            boxes = annotated(source / "labels" / subset / f"{path.stem}.txt", image.shape)
            is_training = subset == "train"
            images[path.name] = with_outlines(boxes, watershed(image)) if is_training else boxes
            lay(path, target)
        # Last: it tells that the folder is whole.
        write_coco(target / "instances.json", images, KINDS)


def prepare(data: Path, out: Path, smears: int) -> dict[str, Path]:
    """Make what is not there yet; the folder of each set."""
    sets = {name: out / "sets" / name for name in WEIGHTS}
    if not (sets["smears"] / "val" / "via_region_data.json").is_file():
        render = ["smears", str(sets["smears"]), "--fields", str(smears), "--seed", str(SEED)]
        subprocess.run([sys.executable, str(SAMPLE / "rbc.py"), *render, "--kinds"], check=True)
    if not (sets["txl"] / "val" / "instances.json").is_file():
        make_txl(data / "txl", sets["txl"])
    if not (sets["chula"] / "train" / "instances.json").is_file():
        make_chula(data / "chula", sets["chula"], watershed)
    return sets


def command(sets: dict[str, Path], out: Path, more: Sequence[str]) -> list[str]:
    """The command line of the training."""
    return [
        *("train", "--dataset", *map(str, sets.values())),
        *("--dataset-weights", *(str(WEIGHTS[name]) for name in sets)),
        *("--classes", *KINDS, "--weights", "imagenet", "--logs", str(out / "logs")),
        *TRAINING,
        *more,
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = recipe_parser("benchmarks.recipe_open", __doc__, smears=60)
    options = parser.parse_args(arguments)

    def training(data: Path, out: Path) -> list[str]:
        return command(prepare(data, out, options.smears), out, options.more)

    def end(out: Path) -> int:
        return finish(out, "rbc-open", CONFIDENCE_SHIFT, one_mask=False)

    return carry_out(parser, options, ("txl", "chula"), training, end)


if __name__ == "__main__":
    sys.exit(main())
