"""The plane of a chart: ticks, lines and the drawing around them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mrcnn.report.figures import number
from mrcnn.report.page.shapes import Shape, shape


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values within low..high, `about` as many as asked for."""
    span = high - low
    if not span > 0:
        return [low]
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Axes:
    """A plane with ticks that maps values to places in the drawing.

    Attributes:
        x, y: (lowest, highest) value.
        left, top, right, bottom: sides in the drawing's units.
        write: the text of a tick.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 58
    top: float = 14
    right: float = 428
    bottom: float = 262
    write: Callable[[float], str] = "{:g}".format

    def at_x(self, value: float) -> float:
        """Place of an x value, to a tenth of a unit."""
        low, high = self.x
        return round(self.left + (value - low) / (high - low) * (self.right - self.left), 1)

    def at_y(self, value: float) -> float:
        """Place of a y value; larger values lie higher."""
        low, high = self.y
        return round(self.bottom - (value - low) / (high - low) * (self.bottom - self.top), 1)

    def frame(
        self,
        x_label: str,
        y_label: str,
        x_ticks: Sequence[float] | None = None,
        y_ticks: Sequence[float] | None = None,
    ) -> list[Shape]:
        """Grid, ticks and labels."""
        parts = []
        for value in ticks(*self.y) if y_ticks is None else y_ticks:
            y = self.at_y(value)
            parts += [
                shape("line", x1=self.left, x2=self.right, y1=y, y2=y, class_="grid"),
                shape("text", self.write(value), x=self.left - 7, y=y + 4, text_anchor="end"),
            ]
        for value in ticks(*self.x) if x_ticks is None else x_ticks:
            x = self.at_x(value)
            parts += [
                shape("line", x1=x, x2=x, y1=self.bottom, y2=self.bottom + 5, class_="tick"),
                shape("text", self.write(value), x=x, y=self.bottom + 19, text_anchor="middle"),
            ]
        middle = (self.top + self.bottom) / 2
        parts += [
            shape("line", x1=self.left, x2=self.right, y1=self.bottom, y2=self.bottom,
                    class_="tick"),
            shape("text", x_label, x=(self.left + self.right) / 2, y=self.bottom + 38,
                    text_anchor="middle", class_="label"),
            shape("text", y_label, x=0, y=0, text_anchor="middle", class_="label",
                    transform=f"translate(15 {middle:g}) rotate(-90)"),
        ]  # fmt: skip
        return parts

    def line(self, xs: Sequence[Any], ys: Sequence[Any], class_: str) -> list[Shape]:
        """A line through the values, broken where one is not defined; none without a value."""
        path, pen_down = [], False
        for x, y in zip(xs, ys, strict=True):
            x, y = number(x), number(y)
            if x is None or y is None:
                pen_down = False
                continue
            path.append(f"{'L' if pen_down else 'M'}{self.at_x(x):g} {self.at_y(y):g}")
            pen_down = True
        return [shape("path", d="".join(path), class_=f"line {class_}")] if path else []


def drawing(ident: str, title: str, description: str, parts: Sequence[Shape], height: int) -> Shape:
    """The SVG element around the parts of a chart.

    Args:
        ident: unique on the page.
        title: read out and shown by some browsers.
        description: what is to be seen, in words.
        parts: content.
        height: units; the width is 440.
    """
    return shape(
        "svg",
        shape("title", title, id=f"{ident}-title"),
        shape("desc", description, id=f"{ident}-description"),
        *parts,
        class_="chart",
        viewBox=f"0 0 440 {height}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-description",
    )
