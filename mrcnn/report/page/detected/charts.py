"""The histogram of a slide's diameters."""

from collections.abc import Sequence

from mrcnn.report.page.axes import Axes, drawing
from mrcnn.report.page.detected.run import Line
from mrcnn.report.page.shapes import Shape, shape
from mrcnn.report.words import Words


def diameter_chart(ident: str, lines: Sequence[Line], words: Words) -> Shape:
    """How many objects have which diameter, as bars.

    Args:
        ident: unique on the page.
        lines: of the table of the histogram, all of one slide, by rising diameter.
        words: what objects are called.
    """
    unit = {"um": "µm", "px": "px"}[lines[0]["unit"]]
    bins = [(float(line["from"]), float(line["to"]), int(line["count"])) for line in lines]
    highest = max(count for _, _, count in bins)
    axes = Axes((bins[0][0], bins[-1][1]), (0.0, highest * 1.05), write=words.plain)
    parts = axes.frame(words("diameter, {unit}", unit=unit), words("{objects}"))
    for low, high, held in bins:
        if held:
            between = f"{words.plain(low)}-{words.plain(high)} {unit}"
            left, right, top = axes.at_x(low), axes.at_x(high), axes.at_y(held)
            parts.append(
                shape(
                    "rect",
                    shape("title", f"{between}: {words.number(held)}"),
                    x=left,
                    y=top,
                    width=round(right - left, 1),
                    height=round(axes.bottom - top, 1),
                    class_="bar sizes",
                )
            )
    mode = max(bins, key=lambda each: each[2])
    description = words(
        "{number} {objects}; the highest bar is that from {low} to {high} {unit}.",
        number=words.number(sum(held for _, _, held in bins)),
        low=words.plain(mode[0]),
        high=words.plain(mode[1]),
        unit=unit,
    )
    return drawing(ident, words("Diameters of the {objects}"), description, parts, 308)
