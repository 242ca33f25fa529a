"""A small evaluation of which every figure is known, for the report page."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from skimage.draw import disk

from mrcnn.report.page import PageField, picture_data, report_page
from rbc import WORDS

HOSTILE_NAME = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=2>"
    "\"'&\u2028\u202e.png"
)
HOSTILE_CLASS = "<b onclick=window.hacked=3>small</b>{{script}}"
CLASSES = ["large", "normal", HOSTILE_CLASS]
BACKGROUND = (235, 225, 230)


def round_cell(radius: int) -> np.ndarray:
    mask = np.zeros((2 * radius + 1, 2 * radius + 1), bool)
    mask[disk((radius, radius), radius + 0.5)] = True
    return mask


def cells(*placed, scores=None, size=(240, 320)):
    """Discs at (y, x, radius, class id), cut at the border of the image."""
    boxes, crops = [], []
    for y, x, radius, _ in placed:
        y1, x1 = max(0, y - radius), max(0, x - radius)
        y2, x2 = min(size[0], y + radius + 1), min(size[1], x + radius + 1)
        crop = round_cell(radius)[y1 - y + radius : y2 - y + radius, x1 - x + radius :]
        boxes.append((y1, x1, y2, x2))
        crops.append(crop[:, : x2 - x1])
    return SimpleNamespace(
        boxes=np.array(boxes, int).reshape(-1, 4),
        crops=crops,
        class_ids=np.array([class_id for *_, class_id in placed], int),
        scores=None if scores is None else np.array(scores, float),
    )


def picture(size=(240, 320)) -> np.ndarray:
    return np.full((*size, 3), BACKGROUND, np.uint8)


def first_field(name: str = "a.png") -> PageField:
    """At 0.7 two cells found, one missed, one false alarm, one at the border; at 0.8 one found."""
    return PageField(
        name=name,
        image_shape=picture().shape,
        picture=picture_data(picture()),
        truth=cells((60, 60, 30, 1), (60, 180, 25, 2), (170, 90, 28, 3)),
        detections=cells(
            (61, 61, 29, 1), (60, 182, 24, 3), (180, 240, 26, 2), (150, 312, 20, 2),
            scores=[0.95, 0.75, 0.85, 0.72],
        ),
        pairs=(np.array([[0, 0], [1, 1]]), np.array([[0, 0]])),
        iou=(np.array([0.91, 0.85]), np.array([0.91])),
    )  # fmt: skip


def second_field(name: str = HOSTILE_NAME) -> PageField:
    return PageField(
        name=name,
        image_shape=picture().shape,
        picture=picture_data(picture()),
        truth=cells((100, 100, 40, 2)),
        detections=cells((100, 100, 40, 2), scores=[0.9]),
        pairs=(np.array([[0, 0]]), np.array([[0, 0]])),
        iou=(np.array([1.0]), np.array([1.0])),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _quality(tp: int, fp: int, fn: int, mean_iou: float) -> dict:
    f1 = 2 * tp / (2 * tp + fp + fn)
    return {
        "tp": tp, "fp": fp, "fn": fn, "precision": _ratio(tp, tp + fp),
        "recall": tp / (tp + fn), "f1": f1, "ap": tp / (tp + fp + fn),
        "mean_iou": mean_iou, "pq": f1 * mean_iou,
    }  # fmt: skip


def _image(name, truth, found, unmatched, at_border, f1) -> dict:
    return {
        "name": name, "ground_truth": truth, "detections": found + unmatched, "segmented": found,
        "missed": truth - found, "unmatched": unmatched, "unmatched_at_border": at_border,
        "accuracy": found / truth, "count_ratio": (found + unmatched) / truth, "mean_iou": 0.9,
        "precision": 0.5, "recall": found / truth, "f1": f1, "pq": 0.5,
    }  # fmt: skip


def _point(min_confidence, tp, fp, fn, images, counted) -> dict:
    quality = {"pooled": _quality(tp, fp, fn, 0.92), "mean_over_images": _quality(tp, fp, fn, 0.93)}
    strict = {"pooled": _quality(1, fp, 3, 0.97), "mean_over_images": _quality(1, fp, 3, 0.98)}
    by_iou = {"0.50": quality, "0.75": strict}
    overlap = {"aji": 0.611, "aji_plus": 0.622}
    both = {"pooled": overlap, "mean_over_images": overlap}
    counts = {
        "ground_truth": 4, "detections": counted, "count_ratio_mean": counted / 4, "bias": 0.5,
        "mae": 0.5, "mape": 0.125, "r2": None,
    }  # fmt: skip
    class_figures = {"precision": 0.511, "recall": 0.522, "f1": 0.533, "support": 1}
    return {
        "min_confidence": min_confidence,
        "quality": {"ignore": by_iou, "count": copy.deepcopy(by_iou)},
        "overlap": {"ignore": both, "count": both},
        "counting": {
            "all": counts,
            "classes": {name: {**counts, "bias": -1.5} for name in CLASSES},
        },
        "accuracy_mean": sum(image["accuracy"] for image in images) / len(images),
        "classification": {
            "labels": CLASSES,
            "matrix": [[1, 0, 0], [0, 1, 1], [0, 0, 0]],
            "classes": dict.fromkeys(CLASSES, class_figures),
            "macro": {"precision": 0.544, "recall": 0.555, "f1": 0.566},
            "accuracy": 2 / 3,
        },
        "size_classes": {
            # What an earlier version wrote has the means alone.
            "learned": {"precision": 0.344, "recall": 0.355, "f1": 0.366},
            "measured": {
                "precision": 0.544,
                "recall": 0.555,
                "f1": 0.566,
                "accuracy": 2 / 3,
                "support": 3,
            },
        },
        "intervals": {"f1": [0.411, 0.988], "accuracy": [0.2, 1.0], "count_ratio": [None, None]},
        "images": images,
    }


def make_summary(first: str = "a.png", second: str = HOSTILE_NAME) -> dict:
    """What summary.json holds for the two fields."""
    at_low = [_image(first, 3, 2, 2, 1, 2 / 3), _image(second, 1, 1, 0, 0, 1.0)]
    at_high = [_image(first, 3, 1, 1, 0, 0.4), _image(second, 1, 1, 0, 0, 1.0)]
    figures = {"AP": 0.711, "AP50": 0.722, "AP75": 0.733, "AR": 0.744}
    by_class = {**figures, "classes": dict.fromkeys(CLASSES, figures)}
    precise = {"any_class": figures, "by_class": by_class, "max_detections": 200}
    thresholds = [0.5, 0.6, 0.7, 0.8, 0.9]
    f1 = [0.6, 0.7, 0.75, 0.66, None]
    return {
        "schema": "rbc.evaluation", "schema_version": 2, "method": "network",
        "dataset": "data/rbc", "subset": "val", "weights": "logs/a/mask_rcnn_rbc_0012.h5",
        "max_overlap": 0.5, "outline": "stain", "classes": CLASSES, "border": "ignore",
        "score_floor": 0.05,
        "average_precision": {"mask": precise, "box": copy.deepcopy(precise)},
        "operating_points": [
            _point(0.7, 3, 1, 1, at_low, 5), _point(0.8, 2, 1, 2, at_high, 3),
        ],
        "calibration": {
            "border": "ignore", "min_iou": 0.5, "ece": 0.123,
            "bins": [
                {"from": k / 10, "to": (k + 1) / 10, "count": 5 * (k == 9),
                 "confidence": 0.92 if k == 9 else None, "precision": 0.8 if k == 9 else None}
                for k in range(10)
            ],
        },
        "sweep": {
            "border": "ignore", "min_iou": 0.5, "thresholds": thresholds,
            "precision": [0.5, 0.6, 0.75, 0.8, None], "recall": [0.75, 0.75, 0.75, 0.5, 0.0],
            "f1": f1, "pq": [value and value * 0.9 for value in f1],
            "accuracy_mean": [0.8, 0.8, 0.8, 0.6, 0.1],
            "count_ratio_mean": [1.5, 1.4, 1.25, 0.75, 0.1],
            "best": {
                "f1": {"min_confidence": 0.7, "value": 0.75},
                "pq": {"min_confidence": 0.6, "value": 0.63},
            },
        },
    }  # fmt: skip


@pytest.fixture
def summary() -> dict:
    """A parsed summary.json with two operating points, 0.7 and 0.8."""
    return make_summary()


@pytest.fixture
def fields() -> list[PageField]:
    """The fields of `summary`; the second has a name that tries to break out."""
    return [first_field(), second_field()]


@pytest.fixture(scope="session")
def example_page() -> str:
    """The page of `summary` and `fields`."""
    return report_page(make_summary(), [first_field(), second_field()], WORDS)


@pytest.fixture(scope="session")
def hostile_name() -> str:
    """Name of the second field."""
    return HOSTILE_NAME


@pytest.fixture(scope="session")
def place_cells():
    """The function that makes discs: ((y, x, radius, class id), ..., scores=) -> cells."""
    return cells
