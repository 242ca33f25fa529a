"""The data and the training of the model for blood cells of any laboratory.

    python -m benchmarks.recipe_laboratories --data DIR --out DIR [--smears 40] [--weights none]
        [--prepare] [-- TRAIN_OPTION ...]

DIR of the data has `rbc/train`, `rbc/val` and `rbc/extra` (VIA polygons; `objects.csv` names white
cells), `txl` (YOLO boxes of white cells, red cells and platelets) and `chula` (images with the
centers of some red cells, lines of `x y class`). In the folder --out are made, once:

- `fields`: train and extra of rbc but for 14 fields of extra, which are in its folder `held_out`
  and named in `held_out.txt`;
- `smears`: rendered fields;
- `chula`: the centers as masks. The shipped model finds cells, at the diameter that those of the
  set have. A mask around one named center is a red cell. Masks without a center, with several or
  around one of the class "uncategorised", and centers without a mask are regions to ignore: fields
  name only some of their cells. Every tenth image is left out, for measures.

Then `rbc.py train` learns from the four sets together, each at the scale of its cells; what follows
`--` is added to its options. --prepare stops before, and prints the command. White cells have few
polygons and platelets none, so that the layer of red cells draws their outlines too in the finished
model, which is packed in the folder `packed`. Cells of which some are not annotated make it too
careful: its confidences are raised until so many detections are right in each laboratory. --finish
does these last steps alone, with the last checkpoint.

The exit status is that of the training, or 2 for a wrong command line.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from benchmarks.golden import ROOT
from mrcnn.files import atomic_write
from mrcnn.formats import write_coco
from mrcnn.instances import Instances
from mrcnn.pictures import read_image

SAMPLE = ROOT / "samples" / "rbc"
PLATELET = "platelet"
KINDS = ("red blood cell", "white blood cell", PLATELET)
# Fields of `extra` that are kept out of the training: spread over the sorted names.
HELD_OUT = 14
# Of chula: the median diameter of the cells in pixels, and the class of what nobody could name.
CHULA_DIAMETER = 45
UNCATEGORISED = 10
# Masks of a red cell are at least so sure; less sure ones may be cells, and are ignored.
SURE, LEAST = 0.7, 0.3
# Shares of the images that are drawn.
WEIGHTS = {"fields": 3, "smears": 1, "txl": 6, "chula": 1}
TRAINING = (
    "--backbone resnet18 --light --normalization group --precision mixed_bfloat16 --scale auto "
    "--crop 320 --anchors auto --batch-size 4 --learning-rate 0.02 --overlay 0.5 "
    "--color-jitter 2 --steps 200 --epochs 30 --seed 1"
).split()
# Added to the log odds: raises a confidence of 0.5 to 0.77. Chosen on rbc/val and half of the
# images of txl/val, for many red cells found and small gaps between confidences and shares of right
# detections in each laboratory.
CONFIDENCE_SHIFT = 1.2
# Added to the log odds of platelets' masks, which then fill their boxes: boxes are all that is
# annotated of platelets. Chosen on half of the images of txl/val.
PLATELET_MASK_SHIFT = 2.5
# Of the finished model: cells that overlap are told apart by their masks, and the scale of a
# picture by its red cells.
SETTINGS = {
    "DETECTION_NMS_THRESHOLD": 0.7,
    "DETECTION_MAX_MASK_OVERLAP": 0.45,
    "OBJECT_CLASSES": [KINDS[0]],
}
VIA_FILE, TABLE = "via_region_data.json", "objects.csv"


def held_out_fields(names: Sequence[str]) -> list[str]:
    """The fields of `extra` that training does not see."""
    ordered = sorted(names)
    places = np.linspace(0, len(ordered) - 1, min(HELD_OUT, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


def make_fields(rbc: Path, folder: Path) -> None:
    """Fields with polygons for training and validation, and those that are held out."""
    held_out = held_out_fields([path.name for path in (rbc / "extra").glob("*.jpg")])
    atomic_write(folder.parent / "held_out.txt", "".join(f"{name}\n" for name in held_out))
    parts = {"train": ("train", "extra"), "held_out": ("extra",), "val": ("val",)}
    for subset, sources in parts.items():
        target = folder / subset
        target.mkdir(parents=True, exist_ok=True)
        entries: dict[str, dict] = {}
        table: list[str] = []
        for source in sources:
            for key, entry in json.loads((rbc / source / VIA_FILE).read_text()).items():
                if (entry["filename"] in held_out) == (subset == "held_out"):
                    entries[key] = entry
                    lay(rbc / source / entry["filename"], target)
            if (rbc / source / TABLE).is_file():
                header, *rows = (rbc / source / TABLE).read_text().splitlines()
                table = [*(table or [header]), *rows]
        if table:
            atomic_write(target / TABLE, "\n".join(table) + "\n")
        # Last: it tells that the folder is whole.
        atomic_write(target / VIA_FILE, json.dumps(entries))


def lay(file: Path, folder: Path) -> None:
    """Put a file into a folder, without a copy where the file system allows."""
    target = folder / file.name
    if target.exists():
        return
    try:
        os.link(file.resolve(), target)
    except OSError:
        shutil.copyfile(file, target)


def read_centers(path: Path) -> np.ndarray:
    """Lines of `x y class` as int [N, 3] of y, x, class."""
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    numbers = np.array(rows, float).reshape(-1, 3)
    return numbers[:, [1, 0, 2]].round().astype(int)


def label_cells(found: Instances, centers: np.ndarray) -> Instances:
    """Red cells, and regions to ignore, from found masks and named centers.

    Args:
        found: with scores, the best first.
        centers: int [N, 3] of y, x, class.
    """
    inside = np.zeros((len(found), len(centers)), bool)
    for row, ((y1, x1, y2, x2), crop) in enumerate(zip(found.boxes, found.crops, strict=True)):
        for column, (y, x, _) in enumerate(centers):
            if y1 <= y < y2 and x1 <= x < x2:
                inside[row, column] = crop[y - y1, x - x1]
    alone = inside.sum(axis=1) == 1
    # Of several masks around one center the surest is the cell.
    first = np.zeros(len(found), bool)
    for column in range(len(centers)):
        first[np.flatnonzero(inside[:, column] & alone)[:1]] = True
    named = np.array(
        [alone[row] and centers[int(inside[row].argmax()), 2] != UNCATEGORISED
         for row in range(len(found))], bool,
    )  # fmt: skip
    scores = np.ones(len(found)) if found.scores is None else found.scores
    is_cell = named & first & (scores >= SURE)
    height, width = found.image_shape
    half = CHULA_DIAMETER // 2
    without = [
        (max(y - half, 0), max(x - half, 0), min(y + half, height), min(x + half, width))
        for y, x, _ in centers[~inside.any(axis=0)]
        if 0 <= y < height and 0 <= x < width
    ]
    cells = found.replaced(
        scores=None, columns={}, class_ids=np.ones(len(found), int), ignore=~is_cell
    )
    boxes = Instances.from_boxes(
        found.image_shape, np.array(without, int).reshape(-1, 4), [1] * len(without)
    )
    return Instances.merged([cells, boxes.replaced(ignore=[True] * len(boxes))])


def make_chula(source: Path, folder: Path, find: Callable[[np.ndarray], Instances]) -> None:
    """The images with named centers as a data set with masks, in COCO's form."""
    target = folder / "train"
    target.mkdir(parents=True, exist_ok=True)
    images = {}
    for number, path in enumerate(center_files(source)):
        if number % 10 == 9:
            continue
        image = path.with_suffix(".jpg")
        images[image.name] = label_cells(find(read_image(image)), read_centers(path))
        lay(image, target)
        if number % 50 == 0:
            cells = sum(int((~each.ignore).sum()) for each in images.values())
            print(f"chula: {len(images)} images, {cells} cells", flush=True)
    write_coco(target / "instances.json", images, KINDS)


def center_files(source: Path) -> Iterator[Path]:
    for path in sorted(source.glob("*.txt")):
        if path.with_suffix(".jpg").is_file():
            yield path


def shipped_finder() -> Callable[[np.ndarray], Instances]:
    """Finds red cells with the shipped model, at the diameter of chula's."""
    import rbc
    from mrcnn.app.finding import Finder, load_predictor
    from mrcnn.weights.places import shipped_weights

    given = ["detect", "none.png", "--weights", "rbc", "--diameter", str(CHULA_DIAMETER)]
    options = rbc.APPLICATION.parse([*given, "--min-conf", str(LEAST)])
    predictor = load_predictor(rbc.APPLICATION, options, shipped_weights("rbc"), LEAST)
    finder = Finder(rbc.APPLICATION, predictor, options)

    def find(image: np.ndarray) -> Instances:
        instances = finder.find(image).instances
        return instances.take(np.argsort(-instances.scores, kind="stable"))

    return find


def prepare(data: Path, out: Path, smears: int) -> dict[str, Path]:
    """Make what is not there yet; the folder of each set."""
    sets = {name: out / "sets" / name for name in WEIGHTS} | {"txl": data / "txl"}
    if not (sets["fields"] / "val" / VIA_FILE).is_file():
        make_fields(data / "rbc", sets["fields"])
    if not (sets["smears"] / "val" / VIA_FILE).is_file():
        render = ["smears", str(sets["smears"]), "--fields", str(smears)]
        subprocess.run([sys.executable, str(SAMPLE / "rbc.py"), *render], check=True)
    if not (sets["chula"] / "train" / "instances.json").is_file():
        make_chula(data / "chula", sets["chula"], shipped_finder())
    return sets


def command(sets: dict[str, Path], out: Path, weights: str, more: Sequence[str]) -> list[str]:
    """The command line of the training."""
    return [
        *("train", "--dataset", *map(str, sets.values())),
        *("--dataset-weights", *(str(WEIGHTS[name]) for name in sets)),
        *("--classes", *KINDS, "--weights", weights, "--logs", str(out / "logs")),
        *TRAINING,
        *more,
    ]


def share_masks(weights: Path) -> None:
    """Have each class's outlines drawn as those of the first class are, in a file of weights.

    Those of platelets are wider, see PLATELET_MASK_SHIFT.
    """
    with h5py.File(weights, "r+") as file:
        layer = file["mrcnn_mask/mrcnn_mask"]
        for name in ("kernel:0", "bias:0"):
            # Of the background and the classes.
            layer[name][..., 2:] = layer[name][..., 1:2]
        layer["bias:0"][1 + KINDS.index(PLATELET)] += PLATELET_MASK_SHIFT


def calibrate(weights: Path, shift: float = CONFIDENCE_SHIFT) -> None:
    """Add to the log odds of something against the background, in a file of weights."""
    with h5py.File(weights, "r+") as file:
        file["mrcnn_class_logits/mrcnn_class_logits/bias:0"][0] -= shift


def finish(
    out: Path, name: str = "rbc", shift: float = CONFIDENCE_SHIFT, one_mask: bool = True
) -> int:
    """Pack the last checkpoint of the last training; the exit status.

    Args:
        out: see --out.
        name: of the model, and of its files in the folder `packed`.
        shift: see `calibrate`.
        one_mask: see `share_masks`.
    """
    checkpoint = max(
        (out / "logs").glob("*/mask_rcnn_rbc_*.h5"), key=lambda each: each.stat().st_mtime
    )
    folder = out / "finished"
    folder.mkdir(exist_ok=True)
    for file in (checkpoint.name, "config.json", "run.json"):
        shutil.copyfile(checkpoint.parent / file, folder / file)
    settings = json.loads((folder / "config.json").read_text())
    atomic_write(folder / "config.json", json.dumps(settings | SETTINGS, indent=2) + "\n")
    if one_mask:
        share_masks(folder / checkpoint.name)
    calibrate(folder / checkpoint.name, shift)
    weights = str(folder / checkpoint.name)
    pack = [
        "pack",
        str(out / "packed"),
        "--weights",
        weights,
        "--precision",
        "float32",
        "--replace",
    ]
    status = subprocess.run([sys.executable, str(SAMPLE / "rbc.py"), *pack], check=False).returncode
    if not status and name != "rbc":
        for packed in (out / "packed").glob("rbc.*"):
            packed.replace(packed.with_name(name + packed.name.removeprefix("rbc")))
    return status


def recipe_parser(prog: str, description: str | None, smears: int) -> argparse.ArgumentParser:
    """The options that every recipe of a blood cell model has."""
    parser = argparse.ArgumentParser(prog=f"python -m {prog}", description=description)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--smears", type=int, default=smears, metavar="N", help="rendered fields")
    parser.add_argument("--prepare", action="store_true", help="make the data sets alone")
    parser.add_argument("--finish", action="store_true", help="pack the last checkpoint alone")
    parser.add_argument("more", nargs="*", metavar="TRAIN_OPTION")
    return parser


def carry_out(
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
    folders: Sequence[str],
    training: Callable[[Path, Path], list[str]],
    end: Callable[[Path], int],
) -> int:
    """Prepare, train and finish as the options say; the exit status.

    Args:
        parser: ends the program where a folder is missing.
        options: see `recipe_parser`.
        folders: that the data must have.
        training: makes data sets from the folders of --data and --out; the command of the training.
        end: does the last steps in the folder of --out.
    """
    data, out = options.data.resolve(), options.out.resolve()
    if options.finish:
        return end(out)
    for folder in folders:
        if not (data / folder).is_dir():
            parser.error(f"--data {options.data}: there is no folder {folder} in it")
    words = training(data, out)
    print("rbc.py", subprocess.list2cmdline(words), flush=True)
    if options.prepare:
        return 0
    status = subprocess.run([sys.executable, str(SAMPLE / "rbc.py"), *words], check=False)
    return status.returncode or end(out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = recipe_parser("benchmarks.recipe_laboratories", __doc__, smears=40)
    parser.add_argument("--weights", default="none", help="to start from; none or rbc or a file")
    options = parser.parse_args(arguments)
    folders = ("rbc/train", "rbc/val", "rbc/extra", "txl", "chula")

    def training(data: Path, out: Path) -> list[str]:
        return command(prepare(data, out, options.smears), out, options.weights, options.more)

    return carry_out(parser, options, folders, training, finish)


if __name__ == "__main__":
    sys.exit(main())
