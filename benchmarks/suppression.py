"""Which rule should tell two detections of one cell from two cells that overlap?

    python -m benchmarks.suppression --dataset DIR [--subset val] [--weights FILE]

Detects in annotated fields with all suppression switched off, applies each rule to the same
detections, and prints the figures of each at the confidence with its best F1, and at 0.9.

Rules: non-maximum suppression by the IoU of boxes, of masks, or by the share of the smaller mask
that the better one covers; for each class by itself or across classes; and Soft-NMS (Bodla et al.
2017), which lowers scores instead of dropping detections.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.golden import ROOT
from mrcnn.errors import MrcnnError
from mrcnn.evaluation import InstanceEvaluator, Instances, mask_iou
from mrcnn.utils import compute_overlaps

SAMPLE = ROOT / "samples" / "rbc"
FLOOR = 0.05
MOST = 1000


@dataclass(frozen=True)
class Candidates:
    """Unsuppressed detections of one field, by falling score.

    Attributes:
        shape: (height, width) of the field.
        boxes: int [N, 4], pixel (y1, x1, y2, x2).
        crops: N bool masks of their boxes' sizes.
        class_ids: int [N].
        scores: float [N].
        box_iou, mask_iou: float [N, N].
    """

    shape: tuple[int, int]
    boxes: np.ndarray
    crops: list[np.ndarray]
    class_ids: np.ndarray
    scores: np.ndarray
    box_iou: np.ndarray
    mask_iou: np.ndarray


# The scores after a rule; below `FLOOR` is suppressed.
Rule = Callable[[Candidates], np.ndarray]


def suppress(scores: np.ndarray, overlap: np.ndarray, threshold: float) -> np.ndarray:
    """Greedy suppression.

    Args:
        scores: float [N], falling.
        overlap: float [N, N], of each pair.
        threshold: above it the lower one of a pair is dropped.

    Returns:
        float [N], the scores, 0 for those dropped.
    """
    kept = np.ones(len(scores), dtype=bool)
    for index in range(len(scores)):
        if kept[index]:
            kept[index + 1 :] &= overlap[index, index + 1 :] <= threshold
    return np.where(kept, scores, 0.0)


def soften(scores: np.ndarray, overlap: np.ndarray, weight: Callable) -> np.ndarray:
    """Soft-NMS: each detection that is taken lowers the scores of those that it overlaps.

    Args:
        scores: float [N].
        overlap: float [N, N], of each pair.
        weight: the factor of a score, of the overlap with a better detection.
    """
    scores = scores.astype(np.float64).copy()
    waiting = np.ones(len(scores), dtype=bool)
    while waiting.any():
        best = int(np.argmax(np.where(waiting, scores, -1.0)))
        waiting[best] = False
        scores[waiting] *= weight(overlap[best, waiting])
    return scores


def _same_class(found: Candidates) -> np.ndarray:
    return found.class_ids[:, None] == found.class_ids[None, :]


def rules() -> dict[str, Rule]:
    """Title and rule, in the order of the table."""
    found: dict[str, Rule] = {
        "boxes, 0.3, each class by itself": lambda found: suppress(
            found.scores, found.box_iou * _same_class(found), 0.3
        )
    }
    for threshold in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        found[f"boxes, {threshold}"] = lambda found, threshold=threshold: suppress(
            found.scores, found.box_iou, threshold
        )
    for threshold in (0.2, 0.3, 0.4, 0.5, 0.6):
        found[f"masks, {threshold}"] = lambda found, threshold=threshold: suppress(
            found.scores, found.mask_iou, threshold
        )
    found["boxes 0.5, then masks 0.5"] = lambda found: suppress(
        found.scores, np.maximum(found.box_iou, found.mask_iou), 0.5
    )
    for above in (0.3, 0.5):
        found[f"Soft-NMS of boxes, linear above {above}"] = lambda found, above=above: soften(
            found.scores, found.box_iou, lambda iou: np.where(iou > above, 1 - iou, 1.0)
        )
    for sigma in (0.1, 0.3, 0.5):
        found[f"Soft-NMS of boxes, Gaussian {sigma}"] = lambda found, sigma=sigma: soften(
            found.scores, found.box_iou, lambda iou: np.exp(-(iou**2) / sigma)
        )
        found[f"Soft-NMS of masks, Gaussian {sigma}"] = lambda found, sigma=sigma: soften(
            found.scores, found.mask_iou, lambda iou: np.exp(-(iou**2) / sigma)
        )
    return found


def find_candidates(model: Any, image: np.ndarray) -> Candidates:
    """All detections of a field, whatever they overlap."""
    result = model.detect([image], verbose=0, masks="crops")[0]
    order = np.argsort(-result["scores"], kind="stable")
    order = [index for index in order if result["masks"][index].any()]
    boxes = np.asarray(result["rois"]).reshape(-1, 4)[order]
    crops = [result["masks"][index] for index in order]
    return Candidates(
        shape=image.shape[:2],
        boxes=boxes,
        crops=crops,
        class_ids=np.asarray(result["class_ids"])[order],
        scores=np.asarray(result["scores"], np.float64)[order],
        box_iou=compute_overlaps(boxes.astype(np.float64), boxes.astype(np.float64)),
        mask_iou=mask_iou(boxes, crops, boxes, crops),
    )


def figures(fields: Sequence[tuple[str, Any, Candidates]], class_names, rule: Rule) -> str:
    """One line of the table."""
    evaluator = InstanceEvaluator(class_names, border="ignore")
    for name, truth, found in fields:
        scores = rule(found)
        kept = np.flatnonzero(scores >= FLOOR)
        evaluator.add_truth(name, Instances(found.shape, truth.boxes, truth.crops, truth.class_ids))
        evaluator.process(
            name,
            Instances(
                found.shape,
                found.boxes[kept],
                [found.crops[index] for index in kept],
                found.class_ids[kept],
                scores[kept],
            ),
        )
    best = evaluator.sweep().best("f1").min_confidence
    normal, strict = evaluator.quality(best), evaluator.quality(best, 0.75)
    sure = evaluator.quality(0.9)
    cells = [f"{value.f1:.4f}" for value in (normal, strict)]
    cells += [f"{normal.pq:.4f}", f"{normal.recall:.4f}", f"{sure.f1:.4f}"]
    return f"| {best:.3f} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suppression", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR")
    parser.add_argument("--subset", default="val")
    parser.add_argument("--weights", default="rbc", help="as of `rbc.py evaluate`")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("rbc") is None:
        # The sample is no package: once more where Python finds it.
        command = [sys.executable, "-m", "benchmarks.suppression", *(arguments or sys.argv[1:])]
        environment = {**os.environ, "PYTHONPATH": str(SAMPLE)}
        return subprocess.run(command, env=environment, check=False).returncode
    from mrcnn.app.evaluate import load_images
    from mrcnn.app.model_files import resolve_weights
    from mrcnn.app.settings import read_settings
    from rbc import APPLICATION

    logs = APPLICATION.default_logs

    try:
        weights = resolve_weights(APPLICATION, options.weights, logs)
        settings = {
            **(read_settings(weights) or {}),
            "IMAGES_PER_GPU": 1,
            "DETECTION_NMS_THRESHOLD": 1.0,
            "DETECTION_MIN_CONFIDENCE": FLOOR,
            "DETECTION_MAX_INSTANCES": MOST,
        }
        config = APPLICATION.make_config(settings)
        dataset = load_images(
            APPLICATION,
            SimpleNamespace(dataset=options.dataset, subset=options.subset, attribute=None),
            config.CLASS_NAMES,
        )
    except MrcnnError as error:
        print(error, file=sys.stderr)
        return 2
    from mrcnn.model import MaskRCNN

    model = MaskRCNN("inference", config, str(logs))
    model.load_weights(str(weights))
    fields = []
    for image_id in dataset.image_ids:
        name = dataset.image_info[image_id]["id"]
        found = find_candidates(model, dataset.load_image(image_id))
        fields.append((name, dataset.load_instances(image_id), found))
        print(f"{name}: {len(found.scores)} detections", flush=True)
    print("| suppression | confidence | F1 | F1 at IoU 0.75 | PQ | recall | F1 at 0.9 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for title, rule in rules().items():
        print(f"| {title} {figures(fields, config.CLASS_NAMES, rule)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
