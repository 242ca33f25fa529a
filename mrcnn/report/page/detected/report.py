"""The report of a run of `detect` as one page that needs nothing else and fetches nothing."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from mrcnn.report.page.assembly import rendered_page
from mrcnn.report.page.detected import tables
from mrcnn.report.page.detected.cards import card_data, class_style, layers, page_data
from mrcnn.report.page.detected.charts import diameter_chart
from mrcnn.report.page.detected.run import DetectionRun, Line
from mrcnn.report.page.detected.texts import (
    FRAME,
    GALLERY,
    PICTURES,
    QUALITY,
    SHARES,
    SIZES,
    SPREAD,
)
from mrcnn.report.page.report import Section
from mrcnn.report.page.typeset import typeset
from mrcnn.report.table import Column, Name, Row, Table
from mrcnn.report.words import Words

# Of so many slides shares and histograms are shown; the tables have all.
_MOST_SLIDES = 12
# Of tables with many columns, see page.css.
_WIDE = "wide counts"


def detection_page(run: DetectionRun, words: Words | None = None) -> str:
    """A page with what a run of `detect` counted, and its pictures to look at.

    Args:
        run: what its tables have.
        words: what objects and images are called, and in which language; `Words()` by default.

    Returns:
        HTML, to be written as UTF-8.
    """
    words = words or Words()
    made = (make(run, words) for make in _SECTIONS)
    sections = [section for section in made if section is not None]
    heading = words("{title}: {images_counted}", title=words.named(words.title),
                    images_counted=words.counted(run.total, "image"))  # fmt: skip
    return rendered_page(
        heading,
        sections,
        page_data(run.classes, words),
        words,
        style=class_style(run.classes),
    )


def _in_short(run: DetectionRun, words: Words) -> Section:
    return Section(
        "in-short",
        words("In short"),
        {"tiles": _tiles(run, words), "text": _in_words(run, words), "setting": run.facts},
        "detected-in-short",
    )


def _tiles(run: DetectionRun, words: Words) -> list[dict[str, Any]]:
    whole, cut = (words.number(_sum(run.slides, column)) for column in ("whole", "cut"))
    tiles = [
        _tile(words("Whole {objects}"), whole, words("{cut} more cut by the border", cut=cut)),
        _tile(words("{Images}"), words.number(run.total), _doubtful(run, words)),
    ]
    if len(run.slides) != 1:
        return [*tiles, _tile(words("Slides"), words.number(len(run.slides)))]
    (line,) = run.slides
    shown = [
        ("frame_count", words("In the counting frame"), 0, 1.0),
        ("per_mm2", words("Per mm²"), 0, 1.0),
        *((called, words.named(called).capitalize(), 1, 100.0) for _, called in run.rates),
    ]
    for column, title, digits, factor in shown:
        value = tables.plain(words, column, digits, factor)(line)
        if value is None:
            continue
        ends = [
            tables.plain(words, f"{column}{end}", digits, factor)(line) for end in ("_low", "_high")
        ]
        percent = "\u202f%" if factor > 1 else ""
        interval = words("95 % interval {low} to {high}", low=ends[0], high=ends[1])
        tiles.append(_tile(title, f"{value}{percent}", None if None in ends else interval))
    unit = "um" if line.get("diameter_mean_um") else "px"
    mean = tables.plain(words, f"diameter_mean_{unit}", 2 if unit == "um" else 1)(line)
    if mean is not None:
        variation = tables.plain(words, "diameter_cv", 1, 100)(line)
        small = None if variation is None else words("CV {percent} %", percent=variation)
        tiles.append(
            _tile(words("Mean diameter"), f"{mean} {'µm' if unit == 'um' else unit}", small)
        )
    return tiles


def _tile(title: str, value: str, small: str | None = None) -> dict[str, Any]:
    return {"title": title, "value": typeset(value), "small": small and typeset(small)}


def _doubtful(run: DetectionRun, words: Words) -> str:
    if not run.doubtful:
        return words("none doubtful")
    return words("{number} doubtful", number=words.number(run.doubtful))


def _in_words(run: DetectionRun, words: Words) -> list[str]:
    whole, cut = (words.number(_sum(run.slides, column)) for column in ("whole", "cut"))
    texts = [
        words(
            "{whole} whole {objects} and {cut} at the border were found in {images_counted}.",
            whole=whole,
            cut=cut,
            images_counted=words.counted(run.total, "image"),
        )
    ]
    if run.doubtful:
        texts.append(
            words(
                "{images_counted} of them are doubtful: look at these before you use the figures.",
                images_counted=words.counted(run.doubtful, "image"),
            )
        )
    few = [line["slide"] for line in run.slides if line.get("enough") == "no"]
    if few:
        texts.append(
            words("Too few {objects} are counted for a report of {slides}.",
                  slides=words("this slide") if len(run.slides) == 1 else ", ".join(few[:10]))
        )  # fmt: skip
    if run.problems:
        texts.append(
            words(
                "{number} of the inputs could not be used.", number=words.number(len(run.problems))
            )
        )
    return texts


def _sum(lines: Sequence[Line], column: str) -> int:
    return sum(int(line[column]) for line in lines)


def _doubts(run: DetectionRun, words: Words) -> Section | None:
    rows = [
        Row([Name(line["image"]), line["warning"]]) for line in run.pictures if line.get("warning")
    ]
    rows += [Row([Name(image), reason]) for image, reason in run.problems]
    if not rows:
        return None
    columns = [Column(words("{image}")), Column(words("why"))]
    table = Table(columns, rows, words("To be looked at"))
    data = {"table": table, "links": _links(run), "texts": [words(QUALITY)]}
    return Section("doubts", words("To be looked at"), data, "detected-doubts")


def _links(run: DetectionRun) -> dict[str, str]:
    return {card.name: f"#field-{place}" for place, card in enumerate(run.cards, start=1)}


def _slides(run: DetectionRun, words: Words) -> Section | None:
    if not run.slides:
        return None
    data = {
        "table": tables.slides_table(run, words),
        "class": "narrow" if len(run.slides) == 1 else _WIDE,
        "texts": [words(FRAME), words(SPREAD)],
    }
    return Section("slides", words("Counts"), data, "detected-table")


def _by_slide(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    grouped = itertools.groupby(lines, key=lambda line: line["slide"])
    return [(slide, list(of_slide)) for slide, of_slide in itertools.islice(grouped, _MOST_SLIDES)]


def _shares(run: DetectionRun, words: Words) -> Section | None:
    shown = [
        {"slide": _slide(slide, run), "table": tables.shares_table(run, lines, words)}
        for slide, lines in _by_slide(run.shares)
    ]
    if not shown:
        return None
    data = {"parts": shown, "texts": [words(SHARES)]}
    return Section("shares", words("Classes and shapes"), data, "detected-shares")


def _slide(name: str, run: DetectionRun) -> Name | None:
    """A slide is named where there are several."""
    return Name(name) if len(run.slides) > 1 else None


def _sizes(run: DetectionRun, words: Words) -> Section | None:
    shown = [
        {"slide": _slide(slide, run), "chart": diameter_chart(f"sizes-{place}", lines, words)}
        for place, (slide, lines) in enumerate(_by_slide(run.histogram))
    ]
    if not shown:
        return None
    data = {"parts": shown, "texts": [words(SIZES)]}
    return Section("sizes", words("Sizes of the {objects}"), data, "detected-sizes")


def _pictures(run: DetectionRun, words: Words) -> Section | None:
    if not run.pictures:
        return None
    texts = [words(PICTURES)]
    if len(run.pictures) < run.total:
        texts.append(
            words(
                "Of {total} {images} {shown} are here, the doubtful ones and the first; the tables "
                "of the run have all.",
                total=words.number(run.total),
                shown=words.number(len(run.pictures)),
            )
        )
    table = tables.pictures_table(run, words)
    data = {"table": table, "class": _WIDE, "links": _links(run), "texts": texts}
    return Section("fields", words("{Image} by {image}"), data, "detected-table")


def _gallery(run: DetectionRun, words: Words) -> Section | None:
    if not run.cards:
        return None
    lines = {line["image"]: line for line in run.pictures}
    texts = [words(GALLERY)]
    if len(run.cards) < run.total:
        texts.append(
            words(
                "Of {total} {images} {shown} are here, the doubtful ones and the first; all have "
                "an overlay in the folder of the run.",
                total=words.number(run.total),
                shown=words.number(len(run.cards)),
            )
        )
    data = {
        "texts": texts,
        "layers": layers(run.classes, words),
        # One at a time: pictures are many, and none is needed twice.
        "cards": (card_data(card.name, card.read(), lines[card.name], words) for card in run.cards),
    }
    return Section("gallery", words("The {images}"), data, "detected-gallery")


_SECTIONS: tuple[Callable[[DetectionRun, Words], Section | None], ...] = (
    _in_short,
    _doubts,
    _slides,
    _shares,
    _sizes,
    _pictures,
    _gallery,
)
