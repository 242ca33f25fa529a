"""What is found in a picture, as the page keeps and sends it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.detection.picture import visible_objects
from mrcnn.app.finding import Finder, Found
from mrcnn.app.large_pictures import detect_large, is_large
from mrcnn.app.quality import judge
from mrcnn.errors import DataError
from mrcnn.inference import ScaledPredictor
from mrcnn.inference.tiles import TooManyTiles
from mrcnn.instances import Instances, run_length
from mrcnn.instances.outlines import json_numbers, outline_polygon
from mrcnn.instances.overlap import labeled_pixels
from mrcnn.instances.stored_masks import MaskFile
from mrcnn.pictures import Picture
from mrcnn.report.detection_files import iterate_rows, object_titles
from mrcnn.serve.detector import Model

# What the columns of the table of objects tell besides measurements.
_NOT_MEASURED = {"image", "name", "label", "class", "score", "y1", "x1", "y2", "x2"}


@dataclass(frozen=True)
class Detection:
    """What was found in a picture.

    Attributes:
        size: (height, width) in pixels.
        cells: objects that count, by falling score, as plain values, see `cell`.
        weak: those that are less sure than the model's confidence, without measurements.
        scale: for which diameter in pixels the picture was shown, who says so, and how large a
            pixel is in micrometers.
        doubts: reasons to doubt the result, each with a text.
        notes: what of the file was not taken or was changed.
    """

    size: tuple[int, int]
    cells: list[dict[str, Any]]
    weak: list[dict[str, Any]] = field(default_factory=list)
    scale: dict[str, Any] = field(default_factory=dict)
    doubts: list[dict[str, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def detect(
    application: Application,
    options: Any,
    model: Model,
    picture: Picture,
    folder: Path,
    check: Callable[[], None] | None = None,
) -> Detection:
    """Find the objects of a picture, as the command `detect` does.

    Args:
        application, options: of `detect`.
        model: finds them.
        picture: of any size.
        folder: takes what has no room in memory, while this runs.
        check: is called after each part of a large picture; what it raises ends the work.

    Raises:
        DataError: it cannot be read, or its scale cannot be told.
    """
    predictor = model.finder.predictor
    if check is not None:
        known = model.finder
        model = replace(
            model, finder=Finder(application, predictor, known.options, known.told_names, check)
        )
    if is_large(picture, predictor):
        return _detect_large(application, options, model, picture, folder)
    image = picture.pixels()
    try:
        shown = Picture.of(image, name=picture.name, pixel_size=picture.pixel_size)
        prediction = predictor.predict(shown)
    except TooManyTiles:
        return _detect_large(application, options, model, picture, folder)
    scores = _scores(prediction.instances)
    sure = prediction.instances.take(scores >= model.confidence)
    found = model.finder.finished(image, replace(prediction, instances=sure))
    instances, labels = visible_objects(found.instances)
    cells = _measured(application, options, model, picture, image, instances, labels)
    weak: list[dict[str, Any]] = []
    if len(sure) < len(prediction.instances):
        every = model.finder.finished(image, prediction).instances
        less = every.take(_scores(every) < model.confidence)
        weak = [cell(less, row, model.class_names) for row in range(len(less))]
    found = replace(found, instances=instances)
    doubts = judge(application, image, found, options, class_names=model.class_names)
    return Detection(
        instances.image_shape,
        cells,
        weak,
        _scale(found, options, picture),
        [{"reason": doubt.reason, "text": doubt.text} for doubt in doubts],
        picture.notes,
    )


def _scores(instances: Instances) -> np.ndarray:
    return np.ones(len(instances)) if instances.scores is None else instances.scores


def _scale(found: Found, options: Any, picture: Picture) -> dict[str, Any]:
    told = None if picture.pixel_size is None else picture.pixel_size.side
    diameter = found.diameter
    return {
        "diameter_px": None if diameter is None else round(float(diameter), 2),
        "source": found.scale_source,
        "pixel_size_um": options.pixel_size or told,
    }


def cell(instances: Instances, row: int, class_names: Sequence[str]) -> dict[str, Any]:
    """One object as plain values.

    Args:
        instances: with masks.
        row: of them.
        class_names: of classes 1, 2, ...

    Returns:
        `box` (y1, x1, y2, x2); `class`; `score`; `outline`, [x, y] in pixels, where the middle of
        the first pixel is (0, 0); `area` in pixels; and `mask`, COCO's run lengths of the picture.
    """
    box, crop = instances.boxes[row], instances.crops[row]
    polygon = outline_polygon(crop, box[:2])
    columns = json_numbers(polygon[:, 1]), json_numbers(polygon[:, 0])
    return {
        "box": box.tolist(),
        "class": class_names[int(instances.class_ids[row]) - 1],
        "score": round(float(_scores(instances)[row]), 4),
        "outline": [list(point) for point in zip(*columns, strict=True)],
        "area": int(np.count_nonzero(crop)),
        "mask": run_length.compress(run_length.encode(box, crop, instances.image_shape)),
    }


def _measured(
    application: Application,
    options: Any,
    model: Model,
    picture: Picture,
    image: np.ndarray,
    instances: Instances,
    labels: np.ndarray,
) -> list[dict[str, Any]]:
    told = set(instances.columns)
    instances = application.measure(image, instances, options, class_names=model.class_names)
    measured = tuple(name for name in instances.columns if name not in told)
    visible = labeled_pixels(instances.boxes, labels)
    return cells_with_measurements(
        instances, visible, measured, model.class_names, options, picture
    )


def cells_with_measurements(
    instances: Instances,
    visible: np.ndarray,
    measured: Sequence[str],
    class_names: Sequence[str],
    options: Any,
    picture: Picture,
) -> list[dict[str, Any]]:
    """All objects as plain values, each with the columns of the table of objects.

    Args:
        instances: with masks, scores, and columns that are measured.
        visible: int64 [N], pixels of each that no better one covers.
        measured: names of the columns.
        class_names: of classes 1, 2, ...
        options: of `detect`.
        picture: may know the size of its pixels.
    """
    told_size = None if picture.pixel_size is None else picture.pixel_size.side
    has_size, limits = options.pixel_size is not None, options.size_limits
    titles = object_titles(has_size, measured, limits is not None)
    numbers = range(1, len(instances) + 1)
    rows = iterate_rows(
        "", "", instances, numbers, visible, class_names, options.pixel_size, measured, told_size,
        limits,
    )  # fmt: skip
    cells = []
    for number, row in enumerate(rows):
        values = dict(zip(titles, map(plain, row), strict=True))
        told = {name: each for name, each in values.items() if name not in _NOT_MEASURED}
        cells.append({**cell(instances, number, class_names), "measurements": told})
    return cells


def plain(value: Any) -> Any:
    """A value of a table for JSON: numbers as numbers, what is not known as None."""
    if isinstance(value, str):
        try:
            return float(value) if value else None
        except ValueError:
            return value
    return value.item() if isinstance(value, np.generic) else value


def _detect_large(
    application: Application, options: Any, model: Model, picture: Picture, folder: Path
) -> Detection:
    if not isinstance(model.finder.predictor, ScaledPredictor):
        height, width = picture.shape
        raise DataError(
            f"{picture.name}: {height} x {width} pixels are detected in by tiles, which needs a "
            "model that knows how large its objects are: `pack DIR --diameter PX` tells it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as name, MaskFile(name) as masks:
        found, _, visible, measured, small, _ = detect_large(
            model.finder, picture, Path(name), "picture", masks
        )
        instances = found.instances
        every = cells_with_measurements(
            instances, visible, measured, model.class_names, options, picture
        )
        doubts = judge(application, small, found, options, class_names=model.class_names)
    is_sure = [each["score"] >= model.confidence for each in every]
    return Detection(
        instances.image_shape,
        [each for each, sure in zip(every, is_sure, strict=True) if sure],
        [each for each, sure in zip(every, is_sure, strict=True) if not sure],
        _scale(found, options, picture),
        [{"reason": doubt.reason, "text": doubt.text} for doubt in doubts],
        picture.notes,
    )


def answer(application: Application, model: Model, detection: Detection) -> dict[str, Any]:
    """What `POST /api/detect` answers."""
    counts = Counter(each["class"] for each in detection.cells)
    is_counted = dict(
        zip(model.class_names, application.is_counted(model.class_names), strict=True)
    )
    unwanted = {"mask", "area"}
    return {
        "count": sum(number for name, number in counts.items() if is_counted[name]),
        "counts": {name: counts[name] for name in model.class_names},
        "cells": [
            {key: value for key, value in each.items() if key not in unwanted}
            for each in detection.cells
        ],
        "size": list(detection.size),
        "scale": detection.scale,
        "quality": detection.doubts,
        "notes": list(detection.notes),
        "model": "" if model.weights is None else model.weights.name,
    }
