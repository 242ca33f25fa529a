"""Compares converted networks of torchvision with torchvision's own outputs, on random weights.

    python -m benchmarks.torchvision_parity --python PYTHON [--variants v1 v2] [--seeds 3]

PYTHON is an interpreter of an environment of its own, with `pip install torch torchvision numpy`.
It builds `maskrcnn_resnet50_fpn` (batch norm frozen without an epsilon, in a file of the form
before PyTorch 1.6, as the published one is) and `maskrcnn_resnet50_fpn_v2` with random weights and
statistics, writes their state dicts, and says what they compute of a picture, with numbers of 32
and of 64 bits. Here the files are converted, and every output is compared: its largest difference
as a share of its largest value.

- "same inputs": each head on torchvision's own pyramid, proposals and boxes.
- "whole network": from the picture on. Proposals and detections are paired by their boxes, since
  rounding may order two of nearly one score either way, and the heads are compared on the pairs.
- "from 64 bits": how far this network and torchvision's own are from torchvision's with 64 bits,
  which is what rounding does to either.

Heads give logits; what softmax and sigmoid make of them is compared too. From the picture on, these
probabilities are shown and not judged: they are the steepest of functions, behind all other
rounding, and torchvision's own with 32 bits can be farther than 1e-4 from those with 64.

The exit status is 0 if all other differences of the first two kinds are below 1e-4, all but a
hundredth of the proposals have a pair, and every detection has one of its class, 1 if not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.torchvision_ours import Converted

LIMIT = 1e-4
# (height, width), divisible by 64: there torchvision pads to 32 and this project to 64.
SIZE = (256, 320)
SCORE = 0.2
MOST_UNPAIRED = 0.01
WHOLE = (*(f"p{level}" for level in range(2, 7)), "rpn_scores", "rpn_deltas")
PROBABILITIES = ("class_probabilities", "mask_probabilities")
PEER = "benchmarks.torchvision_outputs"
VARIANTS = {"v1": ["--frozen", "--old-file"], "v2": []}


def picture() -> np.ndarray:
    """uint8 [H, W, 3] with edges and smooth parts, always the same."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    image = np.stack([x / SIZE[1], y / SIZE[0], np.hypot(y - 90, x - 150) / 250], axis=-1)
    for _ in range(25):
        center, radius = rng.uniform((0, 0), SIZE), rng.uniform(6, 60)
        inside = np.hypot(y - center[0], x - center[1]) < radius
        image[inside] = 0.4 * image[inside] + 0.6 * rng.uniform(0, 1, 3)
    noisy = 255 * np.clip(image, 0, 1) + rng.normal(0, 6, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference as a share of the largest value; infinite for other shapes."""
    if found.shape != expected.shape:
        return float("inf")
    most = np.abs(expected).max(initial=0) or 1.0
    return float(np.abs(found.astype(np.float64) - expected).max(initial=0) / most)


def pairs(found: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of boxes [N, 4] and [M, 4] that are the same but for the limit, each once at most."""
    apart = np.abs(found[:, None] - expected[None]).max(axis=-1)
    nearest = apart.argmin(axis=0)
    same = apart[nearest, np.arange(len(expected))] < LIMIT * np.abs(expected).max()
    rows, first = np.unique(nearest[same], return_index=True)
    return rows, np.flatnonzero(same)[first]


def with_probabilities(found: dict[str, Any]) -> dict[str, Any]:
    """The same, and what softmax and sigmoid make of logits, without rounding that would matter."""
    classes, masks = (found[key].astype(np.float64) for key in ("class_logits", "mask_logits"))
    powers = np.exp(classes - classes.max(axis=1, keepdims=True))
    both = (powers / powers.sum(axis=1, keepdims=True), 1 / (1 + np.exp(-masks)))
    return {**found, **dict(zip(PROBABILITIES, both, strict=True))}


def end_to_end(
    found: dict[str, Any], expected: dict[str, Any]
) -> tuple[dict[str, float], float, int]:
    """Differences of all that two networks compute of one image.

    Returns:
        differences, the share of proposals without a pair, and the number of such detections.
    """
    differences = {key: difference(found[key], expected[key]) for key in WHOLE}
    rows, places = pairs(found["proposals"], expected["proposals"])
    for key in ("proposals", "deltas", "class_logits", "class_probabilities"):
        differences[key] = difference(found[key][rows], expected[key][places])
    unpaired = 1 - len(rows) / max(len(found["proposals"]), len(expected["proposals"]))

    # A region may be a detection of several classes, with boxes of their own.
    boxes = [np.c_[each["boxes"], 1e4 * each["labels"]] for each in (found, expected)]
    apart = np.abs(boxes[0][:, None] - boxes[1][None]).max(axis=-1)
    chosen = apart.argmin(axis=0)
    same = apart[chosen, np.arange(len(boxes[1]))] < LIMIT * expected["boxes"].max()
    alone = max(len(boxes[0]), len(boxes[1])) - len(np.unique(chosen[same]))
    for key in ("boxes", "scores", "mask_logits", "mask_probabilities"):
        differences[key] = difference(found[key][chosen[same]], expected[key][same])
    return differences, unpaired, alone


def figures_of(
    found: dict[str, Any], fed: dict[str, Any], theirs: dict[str, Any], exact: dict[str, Any]
) -> dict[str, Any]:
    """Differences of all outputs, and what has no pair.

    Args:
        found: what the converted network computes of the image.
        fed: what its heads compute of torchvision's pyramid, proposals and boxes.
        theirs, exact: what torchvision computes of the image with 32 and with 64 bits.
    """
    found, fed, theirs, exact = map(with_probabilities, (found, fed, theirs, exact))
    heads = {key: difference(fed[key], theirs[key]) for key in fed}
    whole, unpaired, alone = end_to_end(found, theirs)
    rounding = {"here": end_to_end(found, exact)[0], "there": end_to_end(theirs, exact)[0]}
    judged = [*heads.values(), *(whole[key] for key in whole if key not in PROBABILITIES)]
    return {
        "proposals": len(theirs["proposals"]),
        "proposals_unpaired": unpaired,
        "detections": len(theirs["labels"]),
        "detections_unpaired": alone,
        "classes": len(set(theirs["labels"].tolist())),
        "differences_of_heads": heads,
        "differences": whole,
        "differences_from_64_bits": rounding,
        "passes": max(judged) < LIMIT and unpaired <= MOST_UNPAIRED and not alone,
    }


def compare(variant: str, seed: int, python: str) -> dict[str, Any]:
    """The figures of one network.

    Args:
        variant: a key of `VARIANTS`.
        seed: of its weights.
        python: the interpreter that has torchvision.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = picture()
        np.save(folder / "image.npy", image)
        arguments = [
            *("--variant", variant, *VARIANTS[variant], "--seed", str(seed)),
            *("--score", str(SCORE), "--image", str(folder / "image.npy"), "--out", str(folder)),
        ]
        environment = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        told = subprocess.run(
            [python, "-m", PEER, *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[1],
        )
        theirs, exact = (dict(np.load(folder / f"{name}.npz")) for name in ("outputs", "exact"))
        converted = Converted(folder / "state.pth", image, SCORE)
        found, fed = converted.outputs(), converted.heads_on(theirs)
    versions = json.loads(told.stdout.splitlines()[-1])
    return {"variant": variant, "seed": seed, **versions, **figures_of(found, fed, theirs, exact)}


def lines(result: dict[str, Any]) -> list[str]:
    """The table of a network's differences."""
    rounding = result["differences_from_64_bits"]
    columns = [
        result["differences_of_heads"],
        result["differences"],
        rounding["here"],
        rounding["there"],
    ]
    titles = ("", "same inputs", "whole network", "64 bits: here", "64 bits: there")
    rows = [titles] + [
        (key, *(f"{column[key]:.1e}" if key in column else "" for column in columns))
        for key in result["differences"]
    ]
    return ["".join(f"{cell:20}" for cell in row).rstrip() for row in rows]


def main() -> int:
    """Compare, print every figure, and give the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.torchvision_parity",
        description="Compare converted networks with torchvision's own outputs.",
    )
    parser.add_argument("--python", required=True, help="interpreter that has torchvision")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[3])
    parser.add_argument("--json", metavar="FILE", help="write all figures to this file as well")
    options = parser.parse_args()
    figures = []
    for variant in options.variants:
        for seed in options.seeds:
            result = compare(variant, seed, options.python)
            figures.append(result)
            print(
                f"{variant}, seed {seed}, torchvision {result['torchvision']}: "
                f"{result['proposals']} proposals, {result['proposals_unpaired']:.1%} without a "
                f"pair; {result['detections']} detections of {result['classes']} classes, "
                f"{result['detections_unpaired']} without a pair"
            )
            for line in lines(result):
                print(f"  {line}")
            print(f"  {'passes' if result['passes'] else 'FAILS'}", flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if all(result["passes"] for result in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
