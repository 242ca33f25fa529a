"""Figures of parity: how they are computed from arrays, judged, and printed as a table."""

import math
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

PASS, FAIL, MISSING, INFORMATION = "pass", "FAIL", "missing", "info"


@dataclass(frozen=True)
class Figure:
    """One measured difference.

    Attributes:
        stage: what it belongs to; a heading of the table.
        name: what was compared; a row of the table.
        value: the difference; infinite where shapes or types differ, None where there is nothing
            to measure because the function is missing.
        limit: the largest value that passes; None for a figure that is only told.
        binding: False if a value over the limit is shown but is no failure.
        note: words for the notes under the table.
        details: names for the JSON file, such as all the weights that a number stands for.
    """

    stage: str
    name: str
    value: float | None
    limit: float | None
    binding: bool = True
    note: str = ""
    details: tuple[str, ...] = ()

    @property
    def is_within(self) -> bool:
        """Whether the value is a number that keeps the limit."""
        if self.value is None or math.isnan(self.value):
            return False
        return self.limit is None or self.value <= self.limit

    @property
    def status(self) -> str:
        """PASS, FAIL, MISSING or INFORMATION."""
        if self.value is None:
            return MISSING
        if self.limit is None or not self.binding:
            return INFORMATION
        return PASS if self.is_within else FAIL

    def to_json(self) -> dict[str, Any]:
        """For a JSON file; values that are not finite become words, which JSON has none for."""
        content = asdict(self) | {"status": self.status}
        if self.value is not None and not math.isfinite(self.value):
            content["value"] = str(self.value)
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Figure":
        fields = {key: value for key, value in content.items() if key != "status"}
        fields["details"] = tuple(fields.get("details", ()))
        if isinstance(fields["value"], str):
            fields["value"] = float(fields["value"])
        return cls(**fields)


class Figures(list):
    """The figures of one backend, in the order in which they are printed."""

    def add(self, stage, name, value, limit, binding=True, note="", details=()) -> None:
        """Append a `Figure`; `value` may be any scalar."""
        value = None if value is None else float(value)
        self.append(Figure(stage, name, value, limit, binding, note, tuple(details)))

    @contextmanager
    def guard(self, stage: str, name: str) -> Iterator[None]:
        """Turn an exception into a figure that fails, so that the other stages are measured."""
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self.add(stage, name, math.nan, 0.0, note=f"{type(error).__name__}: {error}"[:300])


# --- Comparisons ----------------------------------------------------------------------------------


def difference(actual: Any, expected: np.ndarray, same_dtype: bool = False) -> float:
    """Largest absolute difference of two arrays.

    Args:
        actual: what was computed; an array or what becomes one.
        expected: the golden array.
        same_dtype: True if the types must be equal as well.

    Returns:
        0 for equal arrays; True and False differ by 1; infinite where shapes, kinds (numbers,
        integers, booleans) or, on demand, types differ. Values that are not finite differ
        infinitely unless they are equal.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return math.inf
    if same_dtype and actual.dtype != expected.dtype:
        return math.inf
    kinds = {array.dtype.kind.replace("u", "i") for array in (actual, expected)}
    if len(kinds) > 1 and "b" in kinds:
        return math.inf
    if not expected.size:
        return 0.0
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):
        distance = np.where(actual == expected, 0.0, np.abs(actual - expected))
    return float(np.where(np.isnan(distance), np.inf, distance).max())


def relative_difference(actual: Any, expected: np.ndarray) -> float:
    """Largest absolute difference, divided by the largest absolute golden value."""
    largest = float(np.abs(np.asarray(expected, np.float64)).max(initial=0.0))
    return difference(actual, expected) / (largest or 1.0)


def match_boxes(
    boxes: np.ndarray,
    golden_boxes: np.ndarray,
    classes: np.ndarray | None = None,
    golden_classes: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Pair boxes with golden ones, one to one, so that the sum of their distances is smallest.

    Args:
        boxes: float [N, 4].
        golden_boxes: float [M, 4].
        classes, golden_classes: int [N] and [M]; boxes of different classes are paired last.

    Returns:
        indices of boxes and of golden boxes, int [min(N, M)] each, golden ones rising.
    """
    from scipy.optimize import linear_sum_assignment

    boxes, golden_boxes = (np.asarray(array, np.float64) for array in (boxes, golden_boxes))
    distances = np.abs(golden_boxes[:, None] - boxes[None]).max(axis=-1)
    if classes is not None:
        # More than any sum of distances of one class.
        apart = 1.0 + distances.max(initial=0.0) * (1 + max(distances.shape))
        distances += apart * (np.asarray(golden_classes)[:, None] != np.asarray(classes)[None])
    golden_rows, rows = linear_sum_assignment(distances)
    return rows, golden_rows


# --- Table ----------------------------------------------------------------------------------------


def format_value(value: float | None) -> str:
    """A figure in a few characters."""
    if value is None:
        return "missing"
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e5:
        return str(int(value))
    return f"{value:.1e}"


def format_table(results: dict[str, Sequence[Figure]]) -> str:
    """The figures of all backends side by side, with notes under the table.

    Args:
        results: backend -> its figures. A row that a backend has not measured is a dash.
    """
    rows: dict[tuple[str, str], dict[str, Figure]] = {}
    for backend, figures in results.items():
        for figure in figures:
            rows.setdefault((figure.stage, figure.name), {})[backend] = figure
    name_width = max([len(name) for _, name in rows] + [len("stage")]) + 2
    header = f"{'stage':{name_width}} {'limit':>8}"
    header += "".join(f" {backend:>16}" for backend in results)
    lines, notes, stage = [header, "-" * len(header)], [], None
    # Rows of one stage stand together, whichever backend measured them first.
    order = {key: number for number, key in enumerate(dict.fromkeys(key[0] for key in rows))}
    for (row_stage, name), figures in sorted(rows.items(), key=lambda row: order[row[0][0]]):
        if row_stage != stage:
            stage = row_stage
            lines.append(stage)
        limits = {figure.limit for figure in figures.values()} - {None}
        limit = f"{max(limits):.0e}".replace("e-0", "e-") if any(limits) else ""
        limit = limit or ("exact" if limits else "")
        line = f"  {name:{name_width - 2}} {limit:>8}"
        for backend in results:
            line += f" {_format_cell(figures.get(backend)):>16}"
        lines.append(line.rstrip())
        for backend, figure in figures.items():
            if figure.note:
                notes.append((f"{stage}: {name}", backend, figure.note))
    return "\n".join([*lines, *_format_notes(notes, tuple(results))])


def _format_cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    value, status = format_value(figure.value), figure.status
    if status == MISSING:
        return MISSING
    if status == INFORMATION:
        return value if figure.is_within else f"{value} over"
    return f"{value} {'ok' if status == PASS else FAIL}"


def _format_notes(notes: list[tuple[str, str, str]], backends: tuple[str, ...]) -> list[str]:
    """Notes with the backends that they are true for; all of them are not named."""
    merged: dict[tuple[str, str], list[str]] = {}
    for row, backend, note in notes:
        merged.setdefault((row, note), []).append(backend)
    lines = ["", "Notes"] if merged else []
    for (row, note), named in merged.items():
        who = "" if tuple(named) == backends else f" ({', '.join(named)})"
        lines.append(f"  {row}{who}: {note}")
    return lines


def failures(results: dict[str, Sequence[Figure]]) -> list[str]:
    """A line for each figure that is over its limit or has nothing to measure."""
    return [
        f"{backend}: {figure.stage}: {figure.name}: {format_value(figure.value)}"
        + ("" if figure.limit is None else f", limit {figure.limit:g}")
        for backend, figures in results.items()
        for figure in figures
        if figure.status in (FAIL, MISSING)
    ]


def resolve(path: str) -> Callable | None:
    """The object of a dotted path such as "mrcnn.utils.compute_ap"; None if there is none."""
    import importlib

    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if not module.startswith(error.name or " "):
            raise
        return None
