"""Do tiles find what the whole picture at once would give, at what cost, and in how much memory?

    python -m benchmarks.tiles [--dataset DIR] [--weights DIR] [--only NAME ...] [--fields 2]
        [--slide 40000] [--json FILE]

- `agreement`: fields of --dataset (`val`), put together to a picture of --fields x --fields,
  are predicted at once and by tiles, with several overlaps, with the outlines of the network and
  with those at the edge of the stain. For comparison the same picture is predicted at once with
  another part of it in the frame: what a network does with an object depends on all that it sees.
- `crowd`: 10 x 10 fields, each made small, 7,000 cells of 20 pixels: are as many found?
- `speed`: tiles of one picture, against the same tiles as single pictures.
- `slide`: a made-up slide with a side of --slide pixels that is drawn where it is read. What finds
  its discs is no network, and is a little beside them each time. Counted are discs that are lost or
  there twice; memory is noted along the way.
- `command`: the same slide as a TIFF file, through `detect` of the blood cells, of which only the
  network is made up.

The first three need a data set, and nothing else running when `speed` is among them.

The exit status is 0, 1 if the slide lost or doubled more than a thousandth of its discs, or memory
grew or was more than 2 GiB, 2 for a wrong command line.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.golden import ROOT
from benchmarks.tiles_slide import follow_slide
from mrcnn.files import atomic_write
from mrcnn.formats import read_annotations
from mrcnn.inference import Predictor, TiledPredictor
from mrcnn.inference.tile_limits import limits_for_tile
from mrcnn.instances import Instances
from mrcnn.pictures import read_image

# Of the blood cells: median diameters in pixels of the fields and of the network.
FIELD_DIAMETER, DIAMETER = 105.0, 50.0
# A scale at which steps of the network are whole pixels, so that no picture needs padding.
STEP, STEP_PIXELS = 64, 133
SCALE = STEP / STEP_PIXELS
OVERLAPS = ((1024, 240), (768, 240), (768, 192), (768, 128), (768, 64))
NAMES = ("agreement", "crowd", "speed", "slide", "command")
WITHOUT_FIELDS = {"slide", "command"}
Refine = Callable[[np.ndarray, Instances], Instances]


def mosaic(fields: Sequence[np.ndarray], side: int) -> np.ndarray:
    """side x side fields side by side; those at hand again, and mirrored, where there are fewer."""
    rows = []
    for row in range(side):
        numbers = range(row * side, (row + 1) * side)
        rows.append(np.hstack([turned(fields[n % len(fields)], n // len(fields)) for n in numbers]))
    return np.vstack(rows)


def turned(array: np.ndarray, times: int) -> np.ndarray:
    """A field mirrored from left to right, upside down, both, or not at all."""
    array = array[:, ::-1] if times % 2 else array
    return array[::-1] if times // 2 % 2 else array


def agreement(one: Instances, other: Instances) -> dict[str, Any]:
    """How many of each have a partner among the other."""
    iou = one.overlap(other)
    figures: dict[str, Any] = {"objects": len(one), "others": len(other)}
    for name, best in (("there", iou.max(axis=1)), ("back", iou.max(axis=0))):
        figures[name] = float((best >= 0.9).mean())
        figures[f"{name}_half"] = float((best >= 0.5).mean())
        figures[f"{name}_median"] = float(np.median(best))
    return figures


def agreements(
    predictor: Predictor, picture: np.ndarray, refine: Refine | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is found at once against what tiles find."""
    at_once = TiledPredictor(predictor, DIAMETER, tile_side=64 * 80, refine=refine)
    whole = at_once.predict(picture, SCALE).instances
    # The same cells with others around them, and the first step gone.
    moved = at_once.predict(picture[STEP_PIXELS:, STEP_PIXELS:], SCALE).instances
    shift = (STEP_PIXELS, STEP_PIXELS)
    yield (
        "at once, without the first 64 rows and columns",
        agreement(away_from(whole, shift), away_from(moved.moved(*shift, picture.shape), shift)),
    )
    for side, overlap in OVERLAPS:
        tiled = TiledPredictor(predictor, DIAMETER, tile_side=side, refine=refine)
        tiled.overlap = overlap
        count = tiled.grid(picture.shape, SCALE).count
        found = tiled.predict(picture, SCALE).instances
        yield f"{count} tiles of {side}, overlap {overlap}", agreement(whole, found)


def away_from(instances: Instances, corner: tuple[int, int]) -> Instances:
    """Those that are three diameters away from the rows and columns before a corner."""
    far = np.array(corner) + 3 * FIELD_DIAMETER
    return instances.take((instances.boxes[:, :2] >= far).all(axis=1))


def crowd(tiled: TiledPredictor, fields: Sequence[np.ndarray], counts: Sequence[int]) -> dict:
    """A picture of many small cells: how many there are, and how many are found."""
    from skimage.transform import resize

    small = [
        np.rint(resize(field, (226, 302), anti_aliasing=True, preserve_range=True)).astype(np.uint8)
        for field in fields
    ]
    picture = mosaic(small, 10)
    scale = DIAMETER / (FIELD_DIAMETER * 302 / 1600)
    prediction = tiled.predict(picture, scale)
    true = sum(counts[number % len(counts)] for number in range(100))
    found = int((prediction.instances.scores >= 0.9).sum())
    tiles = tiled.grid(picture.shape, scale).count
    return {"annotated": true, "found": len(prediction.instances), "sure": found, "tiles": tiles,
            "notes": list(prediction.notes)}  # fmt: skip


def speed(tiled: TiledPredictor, picture: np.ndarray, rounds: int = 3) -> dict[str, Any]:
    """Seconds a tile, of a picture and of single pictures; the quickest round of each."""
    grid = tiled.grid(picture.shape, SCALE)
    areas = [tile.area for row in grid.rows for tile in row]
    singles = [picture[y1:y2, x1:x2].copy() for y1, x1, y2, x2 in areas]
    seconds: dict[str, float] = {}
    for _ in range(rounds):
        for name, work in (
            ("tiles", lambda: list(tiled.predict_parts(picture, SCALE))),
            ("single", lambda: list(tiled.predictor.predict_many(singles, scale=grid.scale))),
        ):
            began = perf_counter()
            work()
            took = (perf_counter() - began) / len(areas)
            seconds[name] = min(took, seconds.get(name, took))
    return {"tiles": len(areas), **{f"seconds_{name}": each for name, each in seconds.items()}}


def agreement_table(rows: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Markdown."""
    lines = [
        "| | objects | partner, IoU 0.9 | the reverse | IoU 0.5 | the reverse | median IoU |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in rows:
        keys = ("there", "back", "there_half", "back_half")
        shares = " | ".join(f"{100 * each[key]:.2f} %" for key in keys)
        counts = f"{each['objects']} / {each['others']}"
        lines.append(f"| {name} | {counts} | {shares} | {each['there_median']:.4f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiles", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dataset", type=Path, metavar="DIR")
    parser.add_argument("--weights", type=Path, default=ROOT / "weights" / "rbc", metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", default=NAMES)
    parser.add_argument("--fields", type=int, default=2)
    parser.add_argument("--slide", type=int, default=40_000, metavar="PIXELS")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if {"agreement", "command"} & set(options.only) and importlib.util.find_spec(
        "rbc_cells"
    ) is None:
        # The sample is not installed: once more, with its folder among those that are looked in.
        command = [sys.executable, "-m", "benchmarks.tiles", *(arguments or sys.argv[1:])]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "samples" / "rbc")}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    results: dict[str, Any] = {}
    status = 0
    if set(options.only) - WITHOUT_FIELDS:
        if options.dataset is None or not (options.dataset / "val").is_dir():
            parser.error("--dataset DIR with a folder val in it is needed, or --only slide command")
        results |= with_network(options)
    if "slide" in options.only:
        results["slide"] = found = follow_slide(options.slide)
        print(json.dumps(found, indent=2), flush=True)
        wrong = found["lost"] + found["twice"]
        status = int(wrong > 0.001 * found["discs"] or found["grown_mib"] > 64)
    if "command" in options.only:
        from benchmarks.tiles_command import follow_command

        results["command"] = found = follow_command(options.slide)
        print(json.dumps(found, indent=2), flush=True)
        wrong = found["lost"] + found["twice"]
        is_large = found["memory_mib"] > 2048
        status |= int(found["status"] or wrong > 0.001 * found["discs"] or is_large)
    if options.json:
        atomic_write(options.json, json.dumps(results, indent=2) + "\n")
    return status


def with_network(options: argparse.Namespace) -> dict[str, Any]:
    """The parts that need a model and fields."""
    images = read_annotations(options.dataset / "val" / "via_region_data.json")
    fields = [read_image(options.dataset / "val" / image.filename) for image in images]
    picture = mosaic(fields, options.fields)
    steps = [side // STEP_PIXELS * STEP_PIXELS for side in picture.shape[:2]]
    picture = picture[: steps[0], : steps[1]]
    results: dict[str, Any] = {}
    if "agreement" in options.only:
        limits = limits_for_tile(int(max(picture.shape) * SCALE), DIAMETER)
        # Of the blood cell sample, which `main` has seen to.
        from rbc_cells.outline import refine as to_the_stain

        for name, even, refine in (
            ("network, ROIAlign as in the original", False, None),
            ("network", True, None),
            ("stain", True, to_the_stain),
        ):
            predictor = Predictor.from_folder(options.weights, EVEN_ROI_ALIGN=even, **limits)
            # Nobody asks what limits cost, which takes long in so large a picture.
            predictor.limits = None
            rows = list(agreements(predictor, picture, refine))
            print(f"\nOutlines of the {name}\n\n{agreement_table(rows)}", flush=True)
            results[f"agreement, {name}"] = dict(rows)
    if set(options.only) & {"crowd", "speed"}:
        tiled = TiledPredictor.from_folder(options.weights, object_diameter=DIAMETER)
        if "crowd" in options.only:
            counts = [len(image.polygons) for image in images]
            results["crowd"] = crowd(tiled, fields, counts)
            print(json.dumps(results["crowd"], indent=2), flush=True)
        if "speed" in options.only:
            results["speed"] = speed(tiled, picture)
            print(json.dumps(results["speed"], indent=2), flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
