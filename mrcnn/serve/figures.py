"""What is counted in all pictures of a project, as the report of `detect` tells it of a slide."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mrcnn.app.application import Application
from mrcnn.report.languages import LANGUAGES, in_language
from mrcnn.report.page.detected.run import DetectionRun
from mrcnn.report.page.detected.tables import slides_table
from mrcnn.report.table import Table
from mrcnn.report.table_text import csv_rows
from mrcnn.report.tally import Counted, Counting, Tally
from mrcnn.report.tally_tables import counts_table, histogram_table
from mrcnn.report.words import Words
from mrcnn.serve.project import Project

_ALL = "all"
# Columns whose shares the report tells of, besides the rates of an application.
_SHAPE = "shape"


def figures(application: Application, project: Project, language: str) -> dict[str, Any]:
    """Counts and sizes of all pictures that were detected in, with what people corrected.

    Args:
        application: knows what is counted as what.
        project: has the pictures.
        language: of titles, one of `LANGUAGES`; any other is English.

    Returns:
        `pictures`; `counts` by class of all objects; `rows`, (title, value) of each figure of the
        report; and `histogram` of the diameters of whole main objects: `unit`, and `bins`, each
        from, to, how many.
    """
    tally, counts, pictures = Tally(), Counter[str](), 0
    class_names: dict[str, None] = {}
    found = []
    for name in project.names():
        with project.editing():
            opened = project.opened(name)
            if opened is None:
                continue
            result, corrections = opened
            kept = corrections.kept()
        pictures += 1
        class_names |= dict.fromkeys(result.class_names)
        counts.update(cell["class"] for cell in kept)
        found.append((result.size, result.scale.get("pixel_size_um"), kept))
    counting = application.counting.among(tuple(class_names))
    for size, pixel_size, kept in found:
        tally.begin(size, pixel_size)
        for cell in kept:
            tally.add(counted(cell, size, pixel_size, counting))
    words = in_language(application.words, language if language in LANGUAGES else None)
    return {
        "pictures": pictures,
        "counts": dict(counts),
        "rows": _rows(tally, pictures, counting, words) if pictures else [],
        "histogram": _histogram(tally),
    }


def counted(
    cell: dict[str, Any], size: Sequence[int], pixel_size: float | None, counting: Counting
) -> Counted:
    """An object of a picture, as it is counted.

    Args:
        cell: plain values, see `mrcnn.serve.detection.cell`.
        size: (height, width) of the picture.
        pixel_size: micrometers, or None.
        counting: which objects count as what.
    """
    y1, x1, y2, x2 = cell["box"]
    measured, name = cell.get("measurements", {}), cell["class"]
    told = {"class": name, _SHAPE: measured.get(_SHAPE) or ""}
    for column, _ in counting.rates:
        value = measured.get(column)
        told[column] = "" if value is None else f"{value:g}"
    return Counted(
        kind=name if name in counting.others else "",
        told=told,
        is_cut=y1 <= 0 or x1 <= 0 or y2 >= size[0] or x2 >= size[1],
        in_frame=y1 > 0 and x1 > 0,
        area=cell["area"],
        diameter=math.sqrt(4 * cell["area"] / math.pi),
        pixel_size=pixel_size,
        is_sized=name not in counting.unsized,
    )


def _lines(table: Table) -> list[dict[str, str]]:
    titles, *rows = [[text or "" for text in row] for row in csv_rows(table)]
    return [dict(zip(titles, row, strict=True)) for row in rows]


def _rows(tally: Tally, pictures: int, counting: Counting, words: Words) -> list[list[str]]:
    table = counts_table("slide", (words.images,), [((_ALL, pictures), tally)], words, counting)
    run = DetectionRun(
        facts=(), classes=(), pictures=(), slides=_lines(table), shares=(), histogram=(), cards=(),
        total=pictures, doubtful=0, others=counting.others, rates=counting.rates,
    )  # fmt: skip
    shown = slides_table(run, words)
    return [[str(title), value or "–"] for title, value in (row.cells for row in shown.rows)]


def _histogram(tally: Tally) -> dict[str, Any] | None:
    lines = _lines(histogram_table({_ALL: tally}))
    if not lines:
        return None
    bins = [[float(line["from"]), float(line["to"]), int(line["count"])] for line in lines]
    return {"unit": lines[0]["unit"], "bins": bins}
