"""The picture of Bland and Altman: differences of two counts over their mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_COLUMNS, _WIDTH, _HEIGHT = 2, 5.2, 3.6


@dataclass(frozen=True)
class Panel:
    """One kind of count.

    Attributes:
        title: what was counted.
        first, second: float [N], counts of the same pictures.
        bias: mean difference.
        limits: of agreement, low and high; NaN where they are not known.
    """

    title: str
    first: np.ndarray
    second: np.ndarray
    bias: float
    limits: tuple[float, float]


def bland_altman_figure(panels: Sequence[Panel], names: tuple[str, str]) -> Figure:
    """A figure with a panel for each kind of count; `savefig` writes it.

    Args:
        panels: at least one.
        names: of the first and of the second way to count.
    """
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels, start=1):
        _draw(figure.add_subplot(rows, columns, number), panel, names)
    return figure


def _draw(axes: Axes, panel: Panel, names: tuple[str, str]) -> None:
    first, second = np.asarray(panel.first, float), np.asarray(panel.second, float)
    axes.scatter((first + second) / 2, second - first, s=18, color="tab:blue", alpha=0.7)
    axes.axhline(0, color="0.7", linewidth=0.8)
    lines = [("bias", panel.bias, "-"), ("", panel.limits[0], "--"), ("", panel.limits[1], "--")]
    for name, value, style in lines:
        if np.isfinite(value):
            axes.axhline(value, color="tab:red", linestyle=style, linewidth=1)
            label = f"{name} {value:+.2f}".strip()
            place = (1.0, value)
            axes.annotate(
                label,
                place,
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                xytext=(-2, 2),
                ha="right",
                fontsize=8,
                color="tab:red",
            )
    # Above the upper line there is its number.
    axes.margins(y=0.1)
    axes.set_title(f"{panel.title} ({len(first)})", fontsize=10)
    axes.set_xlabel(f"({names[0]} + {names[1]}) / 2", fontsize=8)
    axes.set_ylabel(f"{names[1]} - {names[0]}", fontsize=8)
    axes.tick_params(labelsize=8)
