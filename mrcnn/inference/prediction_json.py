"""`Instances` as plain values for JSON, and back, to the last bit."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mrcnn.errors import DataError, shown
from mrcnn.instances import Instances, run_length

# What numbers that JSON lacks are written as; NaN is null.
_INFINITE = {"inf": math.inf, "-inf": -math.inf}
_TEXT = "text"
_TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
)
# Masks are a few bytes of JSON whatever their size. This many pixels of one, and of all together,
# keep a small file from filling the memory.
_MOST_PIXELS = 2**28
_MOST_PIXELS_IN_ALL = 2**33
_MOST_AXES = 8


def plain_instances(instances: Instances) -> dict[str, Any]:
    """Plain values of instances: lists, numbers and text.

    Raises:
        DataError: a column holds something else than numbers, bools or text.
    """
    shape = instances.image_shape
    return {
        "image_size": list(shape),
        "boxes": instances.boxes.tolist(),
        "class_ids": instances.class_ids.tolist(),
        "scores": None if instances.scores is None else instances.scores.tolist(),
        "ignore": instances.ignore.tolist(),
        "masks": [
            None if crop is None else run_length.compress(run_length.encode(box, crop, shape))
            for box, crop in zip(instances.boxes, instances.crops, strict=True)
        ],
        "columns": {name: _plain_column(name, each) for name, each in instances.columns.items()},
    }


def instances_of(values: Any) -> Instances:
    """The instances that `plain_instances` told.

    Raises:
        DataError: something is missing, of another kind, or does not fit together.
    """
    if not isinstance(values, Mapping):
        raise DataError(f"Prediction: 'instances' is {shown(values)}; expected is an object.")
    height, width = _list_of(values, "image_size", _side, 2)
    class_ids = _list_of(values, "class_ids", _int32)
    count = len(class_ids)
    boxes = np.array(_list_of(values, "boxes", _box, count), np.int64).reshape(-1, 4)
    codes = _list_of(values, "masks", _text_or_none, count)
    columns = values.get("columns")
    if not isinstance(columns, Mapping):
        raise DataError(f"Prediction: 'columns' is {shown(columns)}; expected is an object.")
    return Instances(
        (height, width),
        boxes,
        _crops(boxes, codes, (height, width)),
        np.array(class_ids, np.int32),
        None if values.get("scores") is None else _list_of(values, "scores", _float, count),
        ignore=np.array(_list_of(values, "ignore", _bool, count), bool),
        columns={name: _column(name, each, count) for name, each in columns.items()},
    )


# --- Masks ---------------------------------------------------------------------------------------


def _crops(
    boxes: np.ndarray, codes: list[str | None], image_shape: tuple[int, int]
) -> list[np.ndarray | None]:
    sides = boxes[:, 2:] - boxes[:, :2]
    pixels = np.where([code is not None for code in codes], sides.prod(axis=1), 0)
    if (pixels > _MOST_PIXELS).any() or pixels.sum() > _MOST_PIXELS_IN_ALL:
        raise DataError(
            f"Prediction: the masks' boxes have up to {pixels.max()} pixels, {pixels.sum()} in "
            f"all; at most {_MOST_PIXELS} and {_MOST_PIXELS_IN_ALL} are read."
        )
    return [
        None if code is None else _crop(number, box, code, image_shape)
        for number, (box, code) in enumerate(zip(boxes, codes, strict=True))
    ]


def _crop(number: int, box: np.ndarray, code: str, image_shape: tuple[int, int]) -> np.ndarray:
    """The mask in its box, which may be larger."""
    height, width = image_shape
    y1, x1, y2, x2 = map(int, box)
    if not (0 <= y1 <= y2 <= height and 0 <= x1 <= x2 <= width):
        raise DataError(
            f"Prediction: box {number}, {[y1, x1, y2, x2]}, leaves the image of {height} x {width} "
            "pixels."
        )
    try:
        (top, left, bottom, right), inside = run_length.decode(
            run_length.decompress(code), image_shape, within=(y1, x1, y2, x2)
        )
    except DataError as error:
        raise DataError(f"Prediction: mask {number}: {error}") from None
    crop = np.zeros((y2 - y1, x2 - x1), bool)
    if inside.size:
        crop[top - y1 : bottom - y1, left - x1 : right - x1] = inside
    return crop


# --- Columns -------------------------------------------------------------------------------------


def _plain_column(name: str, values: np.ndarray) -> dict[str, Any]:
    kind = _TEXT if values.dtype.kind == "U" else values.dtype.name
    if kind != _TEXT and kind not in _TYPES:
        raise DataError(
            f"The column {shown(name)} is of type {values.dtype}: only numbers, bools and text "
            "can be written as JSON."
        )
    flat = values.ravel().tolist()
    if values.dtype.kind == "f":
        flat = [_plain_float(value) for value in flat]
    return {"type": kind, "shape": list(values.shape), "values": flat}


def _plain_float(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _column(name: str, values: Any, count: int) -> np.ndarray:
    if not isinstance(values, Mapping):
        raise DataError(f"Prediction: column {shown(name)}: expected is an object.")
    kind = values.get("type")
    if kind != _TEXT and kind not in _TYPES:
        raise DataError(
            f"Prediction: column {shown(name)} is of type {shown(kind)}; known are "
            f"{', '.join((*_TYPES, _TEXT))}."
        )
    shape = _list_of(values, "shape", _side)
    if not 1 <= len(shape) <= _MOST_AXES or shape[0] != count:
        raise DataError(
            f"Prediction: column {shown(name)} has the shape {shown(shape)}; expected are {count} "
            "rows."
        )
    flat = _list_of(values, "values", _reader(kind), math.prod(shape))
    with np.errstate(over="ignore"):
        return np.array(flat, str if kind == _TEXT else kind).reshape(shape)


def _reader(kind: str) -> Callable[[Any], Any]:
    """What tells whether a value is of a type, and makes it one; it raises TypeError else."""
    if kind == _TEXT:
        return _text
    if kind == "bool":
        return _bool
    if kind.startswith("float"):
        return _any_float
    limits = np.iinfo(kind)
    return lambda value: _whole(value, int(limits.min), int(limits.max))


# --- Single values -------------------------------------------------------------------------------


def _list_of(
    values: Mapping[str, Any], name: str, read: Callable[[Any], Any], count: int | None = None
) -> list[Any]:
    found = values.get(name)
    if not isinstance(found, list) or (count is not None and len(found) != count):
        rows = "" if count is None else f" of {count} values"
        raise DataError(f"Prediction: {name!r} is {shown(found)}; expected is a list{rows}.")
    read_values = []
    for number, value in enumerate(found):
        try:
            read_values.append(read(value))
        except (TypeError, OverflowError):
            raise DataError(
                f"Prediction: value {number} of {name!r} is {shown(value)}, which cannot be."
            ) from None
    return read_values


def _whole(value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise TypeError
    return value


def _side(value: Any) -> int:
    return _whole(value, 0, 2**31 - 1)


def _int32(value: Any) -> int:
    return _whole(value, -(2**31), 2**31 - 1)


def _box(value: Any) -> list[int]:
    if not isinstance(value, list) or len(value) != 4:
        raise TypeError
    return [_int32(side) for side in value]


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _float(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    return float(value)


def _any_float(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str) and value in _INFINITE:
        return _INFINITE[value]
    return _float(value)
