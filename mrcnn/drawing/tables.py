"""Tables: HTML in a notebook, text elsewhere."""

import html
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_CELL_WIDTH = 40

# Weights beyond this are on their way out of the range of numbers.
_LARGEST_WEIGHT = 1000


def display_table(table: Iterable[Iterable[Any]]) -> None:
    """Show a table, in a notebook as HTML and elsewhere as printed text.

    Args:
        table: rows of cells of any type. HTML in cells has its effect in a notebook, and is left
            out of the text.
    """
    rows = [[str(cell) for cell in row] for row in table]
    ipython = _notebook()
    if ipython is None:
        print(_as_text(rows))
    else:
        ipython.display.display(ipython.display.HTML(_as_html(rows)))


def display_weight_stats(model: Any) -> None:
    """Show least, largest and standard deviation of each weight of the layers that can train.

    Marked are weights that hold NaN or infinite values, that hold one value alone (a dead layer;
    a bias may), or that have values beyond 1000.

    Args:
        model: an `mrcnn.model.MaskRCNN`.
    """
    table = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for layer in model.get_trainable_layers():
        for weight, values in zip(layer.weights, layer.get_weights(), strict=True):
            name = _weight_name(layer, weight)
            alerts = "".join(
                f" <span style='color:red'>*** {alert}</span>" for alert in _alerts(name, values)
            )
            # The deviation of infinite values is NaN, which is told above.
            with np.errstate(invalid="ignore", over="ignore"):
                spread = np.std(values)
            table.append(
                [
                    name + alerts,
                    str(values.shape),
                    f"{np.min(values):+9.4f}",
                    f"{np.max(values):+10.4f}",
                    f"{spread:+9.4f}",
                ]
            )
    display_table(table)


def _weight_name(layer: Any, weight: Any) -> str:
    """Such as "conv1/kernel"; in a nested model that of the inner layer, "rpn_class_raw/bias"."""
    parts = getattr(weight, "path", weight.name).split("/")
    return "/".join(parts[-2:]) if len(parts) > 1 else f"{layer.name}/{parts[0]}"


def _alerts(name: str, values: np.ndarray) -> list[str]:
    if not np.isfinite(values).all():
        return ["NaN" if np.isnan(values).any() else "infinite"]
    alerts = []
    is_bias = name.rsplit("/", 1)[-1].startswith("bias")
    if values.size > 1 and values.min() == values.max() and not is_bias:
        alerts.append("constant")
    if np.abs(values).max() > _LARGEST_WEIGHT:
        alerts.append("large")
    return alerts


def _notebook() -> Any:
    """The IPython module, if this runs in a notebook; it is then there already."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # A shell in a terminal has no kernel, and shows no HTML.
    return ipython if getattr(shell, "kernel", None) is not None else None


def _as_html(rows: Sequence[Sequence[str]]) -> str:
    lines = (
        "<tr>" + "".join(f"<td>{cell:{_CELL_WIDTH}}</td>" for cell in row) + "</tr>" for row in rows
    )
    return "<table>" + "".join(lines) + "</table>"


def _as_text(rows: Sequence[Sequence[str]]) -> str:
    cells = [[html.unescape(_TAG.sub("", cell)) for cell in row] for row in rows]
    columns = max(map(len, cells), default=0)
    widths = [
        max((len(row[column]) for row in cells if column < len(row)), default=0)
        for column in range(columns)
    ]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in cells
    )
