"""Compares converted networks of torchvision with torchvision's own outputs, on random weights.

    python -m benchmarks.torchvision_parity --python PYTHON [--variants v1 v2] [--seeds 3]

PYTHON is an interpreter of an environment of its own, with `pip install torch torchvision numpy`.
It builds `maskrcnn_resnet50_fpn` (batch norm frozen without an epsilon, in a file of the form
before PyTorch 1.6, as the published one is) and `maskrcnn_resnet50_fpn_v2` with random weights and
statistics, writes their state dicts, and says what they compute of a picture. Here the files are
converted, and every output on the way is compared: its largest difference as a share of its largest
value. Proposals and detections are paired by their boxes, since rounding may order two of nearly
one score either way, and the heads are compared on the pairs. The exit status is 0 if all
differences are below 1e-4, all but a hundredth of the proposals have a pair, and every detection
has one of its class, 1 if not.
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

LIMIT = 1e-4
# (height, width), divisible by 64: there torchvision pads to 32 and this project to 64.
SIZE = (256, 320)
SCORE = 0.2
MOST_UNPAIRED = 0.01
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


def ours(folder: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of the converted network, in torchvision's order of anchors and axes."""
    from mrcnn.config import Config
    from mrcnn.data.anchors import normalized_anchors
    from mrcnn.data.molding import mold_image
    from mrcnn.nets.detector import build_inference_model
    from mrcnn.ops.image_meta import compose_image_meta
    from mrcnn.ops.outputs import InferenceOutputs
    from mrcnn.weights.torchvision import DETECTION, convert_file

    converted = convert_file(folder / "state.pth", folder / "state.h5")
    sides = {"IMAGE_MIN_DIM": 256, "IMAGE_MAX_DIM": 320, "IMAGES_PER_GPU": 1}
    settings = {**converted.settings, **DETECTION, **sides, "DETECTION_MIN_CONFIDENCE": SCORE}
    config = Config.from_dict({"NAME": "parity", **settings})
    model = build_inference_model(config)
    model.load_weights(folder / "state.h5")
    height, width = image.shape[:2]
    meta = compose_image_meta(
        0, image.shape, image.shape, (0, 0, height, width), 1.0, np.zeros(config.NUM_CLASSES)
    )
    inputs = [
        mold_image(image, config)[None].astype(np.float32),
        np.asarray(meta, np.float32)[None],
        normalized_anchors(config, image.shape)[None],
    ]
    found = InferenceOutputs(*(np.asarray(each)[0] for each in model.predict_on_batch(inputs)))

    def pixels(boxes: np.ndarray) -> np.ndarray:
        scale = np.array([height - 1, width - 1, height - 1, width - 1])
        return (boxes * scale + np.array([0, 0, 1, 1]))[:, [1, 0, 3, 2]]

    ratios = len(config.RPN_ANCHOR_RATIOS)
    scores = found.rpn_class[:, 1].reshape(-1, ratios)[:, ::-1].reshape(-1)
    deltas = (found.rpn_bbox * config.RPN_BBOX_STD_DEV).reshape(-1, ratios, 4)[:, ::-1]
    count = int((found.detections[:, 4] > 0).sum())
    proposals = int(found.rpn_rois.any(axis=1).sum())
    labels = found.detections[:count, 4].astype(int)
    return {
        "rpn_scores": scores,
        "rpn_deltas": deltas.reshape(-1, 4)[:, [1, 0, 3, 2]],
        "proposals": pixels(found.rpn_rois[:proposals]),
        "classes": found.mrcnn_class[:proposals],
        "deltas": found.mrcnn_bbox[:proposals][..., [1, 0, 3, 2]],
        "boxes": pixels(found.detections[:count, :4]),
        "labels": labels,
        "scores": found.detections[:count, 5],
        "mask_probabilities": found.mrcnn_mask[:count].transpose(0, 3, 1, 2),
    }


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


def figures_of(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Differences of all outputs, and what has no pair."""
    differences = {
        key: difference(found[key], expected[key]) for key in ("rpn_scores", "rpn_deltas")
    }
    rows, places = pairs(found["proposals"], expected["proposals"])
    for key in ("proposals", "classes", "deltas"):
        differences[key] = difference(found[key][rows], expected[key][places])
    unpaired = 1 - len(rows) / max(len(found["proposals"]), len(expected["proposals"]))

    # A region may be a detection of several classes, with boxes of their own.
    boxes = [np.c_[each["boxes"], 1e4 * each["labels"]] for each in (found, expected)]
    apart = np.abs(boxes[0][:, None] - boxes[1][None]).max(axis=-1)
    chosen = apart.argmin(axis=0)
    same = apart[chosen, np.arange(len(boxes[1]))] < LIMIT * expected["boxes"].max()
    alone = max(len(boxes[0]), len(boxes[1])) - len(np.unique(chosen[same]))
    for key in ("boxes", "scores", "mask_probabilities"):
        differences[key] = difference(found[key][chosen[same]], expected[key][same])
    return {
        "proposals": len(expected["proposals"]),
        "proposals_unpaired": unpaired,
        "detections": len(expected["labels"]),
        "detections_unpaired": alone,
        "classes": len(set(expected["labels"].tolist())),
        "differences": differences,
        "passes": max(differences.values()) < LIMIT and unpaired <= MOST_UNPAIRED and not alone,
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
        expected = dict(np.load(folder / "outputs.npz"))
        found = ours(folder, image)
    versions = json.loads(told.stdout.splitlines()[-1])
    return {"variant": variant, "seed": seed, **versions, **figures_of(found, expected)}


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
            for key, value in result["differences"].items():
                print(f"  {key:20} {value:.1e}")
            print(f"  {'passes' if result['passes'] else 'FAILS'}", flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if all(result["passes"] for result in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
