"""The fields of the report: pictures, outlines and what each cell tells about itself."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.drawing.results import outlines_of
from mrcnn.errors import DataError
from mrcnn.evaluation import touches_border
from mrcnn.measure.shape import equivalent_diameters
from mrcnn.report.page.outline_paths import outline_paths
from mrcnn.report.page.typeset import clean, count, figure
from mrcnn.report.words import Words

_PICTURE_SIDE = 1200
_JPEG_QUALITY = 80
# Outlines may lie this far from the mask's, in pixels of the picture on the page.
_TOLERANCE = 0.6

# What objects may be: title, the layers that show it, and whether it is an error.
_KINDS: dict[str, tuple[str, list[str], bool]] = {
    "found": ("Found", ["truth", "prediction"], False),
    "missed": ("Missed: no detection fits", ["missed"], True),
    "alarm": ("False alarm: fits no {object}", ["alarm"], True),
    "border": ("Cut by the image border, not judged", ["border"], False),
}
# What page.js says, by its names.
_TEXTS = {
    "class": "class",
    "score": "Score",
    "classTruth": "Class, truth",
    "classPredicted": "Class, predicted",
    "diameterTruth": "Diameter, truth",
    "diameterPredicted": "Diameter, predicted",
    "otherClass": ", with another class",
    "objectsOf": "{Objects} of",
    "figuresAt": "Figures at confidence",
}


@dataclass(frozen=True)
class PageField:
    """One field as the report shows it.

    Attributes:
        name: of the image, as in summary.json.
        image_shape: (height, width, ...) in pixels.
        picture: of the image, see `picture_data`.
        truth: anything with boxes int [G, 4] (pixel y1, x1, y2, x2), crops (G bool arrays of the
            boxes' sizes) and class_ids int [G], from 1.
        detections: the same with scores float [P] in 0..1; those of the lowest operating point.
        pairs: for each operating point int [M, 2], matched (ground truth, detection).
        iou: for each operating point float [M], mask IoU of its pairs.
    """

    name: str
    image_shape: Sequence[int]
    picture: str
    truth: Any
    detections: Any
    pairs: Sequence[np.ndarray]
    iou: Sequence[np.ndarray]

    def shown(self, min_confidence: float | None) -> np.ndarray:
        """bool [P], the detections of an operating point; None for all."""
        scores = np.asarray(self.detections.scores, float).reshape(-1)
        return np.full(len(scores), True) if min_confidence is None else scores >= min_confidence

    def matches(self, point: int) -> list[tuple[int, int, float]]:
        """(ground truth, detection, IoU) of an operating point."""
        pairs = np.asarray(self.pairs[point], int)
        pairs = pairs.reshape(len(pairs), -1)[:, :2] if len(pairs) else pairs.reshape(0, 2)
        iou = np.asarray(self.iou[point], float).reshape(-1)
        return [(int(t), int(d), float(v)) for (t, d), v in zip(pairs, iou, strict=True)]


def at_border(field: PageField, cells: Any) -> np.ndarray:
    """bool [N], cells that the image's border cuts."""
    return touches_border(np.reshape(cells.boxes, (-1, 4)), list(cells.crops), field.image_shape)


def check_field(field: PageField, confidences: Sequence[float | None]) -> None:
    """Refuse a field that would show something else than what was counted.

    Raises:
        DataError: an array of another length, or a pair that names a cell that is not there.
    """
    truth, detections = len(field.truth.boxes), len(field.detections.boxes)
    if len(field.pairs) != len(confidences) or len(field.iou) != len(confidences):
        raise DataError(
            f"{field.name}: pairs and IoU for {len(field.pairs)} and {len(field.iou)} operating "
            f"points, expected one each for the summary's {len(confidences)}."
        )
    for point, min_confidence in enumerate(confidences):
        if len(field.pairs[point]) != len(field.iou[point]):
            raise DataError(
                f"{field.name}: {len(field.pairs[point])} pairs but {len(field.iou[point])} IoU "
                f"at operating point {point}."
            )
        shown = field.shown(min_confidence)
        for cell, detection, _ in field.matches(point):
            if not (0 <= cell < truth and 0 <= detection < detections and shown[detection]):
                raise DataError(
                    f"{field.name}: pair ({cell}, {detection}) at operating point {point} names an "
                    f"object that is not there ({truth} in the ground truth, {int(shown.sum())} of "
                    f"{detections} detections at this confidence)."
                )


def picture_data(image: np.ndarray, side: int = _PICTURE_SIDE, quality: int = _JPEG_QUALITY) -> str:
    """A JPEG picture, as a data address.

    Args:
        image: uint8 [H, W, 3].
        side: most pixels of a side; a larger image is made smaller.
        quality: of JPEG, to 95.
    """
    picture = Image.fromarray(np.asarray(image, np.uint8)).convert("RGB")
    # As sharp as with Lanczos for the eye, in half of the time.
    picture.thumbnail((side, side), Image.Resampling.HAMMING, reducing_gap=2.0)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def outline_tolerance(height: int, width: int, side: int = _PICTURE_SIDE) -> float:
    """How far outlines may lie from the mask's, in pixels of an image that is shown that large."""
    return _TOLERANCE * max(1.0, max(height, width) / side)


def cells_data(
    cells: Any, tolerance: float, traced: Sequence[Sequence[np.ndarray]] | None = None
) -> list[dict[str, Any]]:
    """What the page needs of each object of an image.

    Args:
        cells: see `PageField`.
        tolerance: see `outline_tolerance`.
        traced: the objects' `outlines_of`, where they are known already.
    """
    boxes = np.reshape(np.asarray(cells.boxes, int), (-1, 4))
    sizes = equivalent_diameters(cells.crops)
    traced = outlines_of(boxes, cells.crops) if traced is None else traced
    return [
        {
            "outline": path,
            "at": [(int(box[1]) + int(box[3])) / 2, (int(box[0]) + int(box[2])) / 2],
            "class": int(class_id),
            "diameter": round(float(size), 1),
        }
        for box, path, class_id, size in zip(
            boxes, outline_paths(traced, tolerance), cells.class_ids, sizes, strict=True
        )
    ]


def field_data(field: PageField, confidences: Sequence[float | None]) -> dict[str, Any]:
    """What page.js draws over a field's picture."""
    height, width = field.image_shape[:2]
    tolerance = outline_tolerance(height, width)
    detections = cells_data(field.detections, tolerance)
    for entry, score, cut in zip(
        detections, field.detections.scores, at_border(field, field.detections), strict=True
    ):
        entry["score"] = round(float(score), 4)
        entry["border"] = bool(cut)
    points = [
        {
            "shown": np.flatnonzero(field.shown(min_confidence)).tolist(),
            "pairs": [
                [cell, detection, round(iou, 4)] for cell, detection, iou in field.matches(index)
            ],
        }
        for index, min_confidence in enumerate(confidences)
    ]
    return {
        "name": clean(field.name),
        "width": width,
        "height": height,
        "truth": cells_data(field.truth, tolerance),
        "detections": detections,
        "points": points,
    }


def gallery_data(
    fields: Sequence[PageField],
    confidences: Sequence[float | None],
    classes: Sequence[str],
    ignore_border: bool,
    chosen: int,
    words: Words,
) -> dict[str, Any]:
    """All that page.js needs.

    Args:
        fields: in the page's order.
        confidences: of the operating points.
        classes: names of classes 1, 2, ...
        ignore_border: an unmatched detection at the image's border is no false alarm.
        chosen: operating point that is shown first.
        words: what objects are called.
    """
    return {
        "classes": list(map(clean, classes)),
        "ignoreBorder": ignore_border,
        "chosen": chosen,
        "kinds": {
            kind: {"title": words(title), "layers": layers, "error": is_error}
            for kind, (title, layers, is_error) in _KINDS.items()
        },
        "texts": {
            **{name: words(text) for name, text in _TEXTS.items()},
            "decimal": words.decimal,
        },
        "fields": [field_data(field, confidences) for field in fields],
    }


def _numbers_line(
    field: PageField,
    point: int,
    min_confidence: float | None,
    ignore: bool,
    f1: float | None,
    words: Words,
) -> str:
    shown = field.shown(min_confidence)
    unmatched = shown.copy()
    matches = field.matches(point)
    unmatched[[detection for _, detection, _ in matches]] = False
    spared = int((unmatched & at_border(field, field.detections)).sum()) if ignore else 0
    objects, alarms = len(field.truth.boxes), int(unmatched.sum()) - spared
    parts = [
        words(
            "{objects_counted} in the ground truth: {found} found, {missed} missed; {alarms}",
            objects_counted=words.counted(objects),
            found=len(matches),
            missed=objects - len(matches),
            alarms=words(
                "{number} false alarm" if alarms == 1 else "{number} false alarms", number=alarms
            ),
        )
    ]
    if spared:
        parts.append(words(", {number} more at the border not judged", number=spared))
    if f1 is not None:
        parts.append(f"; F1 {figure(f1)}")
    return "".join(parts)


def card_data(
    field: PageField,
    confidences: Sequence[float | None],
    ignore_border: bool,
    f1: Sequence[Any],
    words: Words,
) -> dict[str, Any]:
    """What stands around the picture of a field; page.js draws the outlines.

    Args:
        field: the field.
        confidences: of the operating points.
        ignore_border: see `gallery_data`.
        f1: of the field at each operating point, None where it is not known.
        words: what objects and images are called.
    """
    height, width = field.image_shape[:2]
    return {
        "name": field.name,
        "numbers": [
            _numbers_line(field, point, min_confidence, ignore_border, f1[point], words)
            for point, min_confidence in enumerate(confidences)
        ],
        "picture": field.picture,
        "alt": words(
            "{Image} {name}, {width} by {height} pixels",
            name=field.name,
            width=count(width),
            height=count(height),
        ),
        "width": width,
        "height": height,
    }
