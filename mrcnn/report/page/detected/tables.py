"""The tables of a run on its report, made of the lines of its CSV files."""

from collections.abc import Callable, Sequence

from mrcnn.report.figures import number
from mrcnn.report.page.detected.run import DetectionRun, Line
from mrcnn.report.page.typeset import MISSING
from mrcnn.report.table import Column, Name, Row, Table
from mrcnn.report.words import Words

Cell = Callable[[Line], str | None]


def plain(words: Words, column: str, digits: int = 0, factor: float = 1.0) -> Cell:
    """A number of a column with so many decimals."""

    def cell(line: Line) -> str | None:
        value = number(line.get(column) or None)
        return None if value is None else words.number(factor * value, digits)

    return cell


def between(column: str, digits: int, factor: float, words: Words) -> Cell:
    """A number of a column with its interval, which stands in `column_low` and `column_high`."""

    def cell(line: Line) -> str | None:
        ends = [line.get(f"{column}{end}") or None for end in ("", "_low", "_high")]
        value, low, high = (number(end) for end in ends)
        if value is None:
            return None
        text = words.number(factor * value, digits)
        if low is None or high is None:
            return text
        ends = [words.number(factor * end, digits) for end in (low, high)]
        return words("{value} ({low} to {high})", value=text, low=ends[0], high=ends[1])

    return cell


def spread(words: Words, mean: str, deviation: str, digits: int) -> Cell:
    """Mean and standard deviation of two columns."""

    def cell(line: Line) -> str | None:
        values = [number(line.get(column) or None) for column in (mean, deviation)]
        if values[0] is None:
            return None
        texts = [MISSING if value is None else words.number(value, digits) for value in values]
        return " ± ".join(texts)

    return cell


def _enough(words: Words) -> Cell:
    texts = {"no": words("no"), ">=500": "≥ 500", ">=1000": f"≥ {words.number(1000)}"}
    return lambda line: texts.get(line.get("enough") or "", line.get("enough") or None)


def has(lines: Sequence[Line], column: str) -> bool:
    """Whether a line has something in a column."""
    return any(line.get(column) for line in lines)


def _count_columns(
    run: DetectionRun, lines: Sequence[Line], words: Words, with_intervals: bool
) -> list[tuple[str, Cell]]:
    """(title, cell) of what is counted; columns in which nothing stands are left out."""

    def range_of(column: str, digits: int = 0, factor: float = 1.0) -> Cell:
        if with_intervals:
            return between(column, digits, factor, words)
        return plain(words, column, digits, factor)

    unit = "um" if has(lines, "diameter_mean_um") else "px"
    shown = {"um": "µm", "px": "px"}[unit]
    columns = [
        (words("whole {objects}"), "whole", plain(words, "whole")),
        (words("cut by the border"), "cut", plain(words, "cut")),
        (words("in the counting frame"), "frame_count", range_of("frame_count")),
        (words("per mm²"), "per_mm2", range_of("per_mm2")),
        (
            words("diameter, {unit}: mean ± SD", unit=shown),
            f"diameter_mean_{unit}",
            spread(
                words,
                f"diameter_mean_{unit}",
                f"diameter_sd_{unit}",
                2 if unit == "um" else 1,
            ),
        ),
        (words("CV of the diameter, %"), "diameter_cv", plain(words, "diameter_cv", 1, 100)),
        (words("CV of the area, %"), "area_cv", plain(words, "area_cv", 1, 100)),
    ]
    for kind in run.others:
        column = f"{kind}s_per_1000".replace(" ", "_")
        title = words("{kinds} per 1,000", kinds=words.named(f"{kind}s"))
        columns.append((title, column, range_of(column, 1)))
    for _, called in run.rates:
        columns.append(
            (words("{rate}, %", rate=words.named(called)), called, range_of(called, 1, 100))
        )
    columns.append((words("enough for a report"), "enough", _enough(words)))
    return [(title, cell) for title, column, cell in columns if has(lines, column)]


def slides_table(run: DetectionRun, words: Words) -> Table:
    """What is counted of each slide; of one alone a row for each figure."""
    lines = run.slides
    columns = _count_columns(run, lines, words, with_intervals=True)
    caption = words("By slide, with 95 % intervals")
    if len(lines) == 1:
        rows = [Row([title, cell(lines[0])]) for title, cell in columns]
        caption = words("What is counted, with 95 % intervals")
        return Table([Column(words("figure")), Column(words("value"))], rows, caption)
    heads = [Column(words("slide")), Column(words("{images}"))]
    rows = [
        Row(
            [
                Name(line["slide"]),
                plain(words, words_of_images(line))(line),
                *(cell(line) for _, cell in columns),
            ]
        )
        for line in lines
    ]
    return Table([*heads, *(Column(title) for title, _ in columns)], rows, caption)


def words_of_images(line: Line) -> str:
    """The column with the number of pictures, which is called as these are: the second."""
    return list(line)[1]


def pictures_table(run: DetectionRun, words: Words) -> Table:
    """What is counted of each picture, and whether it is doubtful."""
    lines = run.pictures
    columns = _count_columns(run, lines, words, with_intervals=False)
    several = len(run.slides) > 1
    rows = []
    for line in lines:
        slide = [Name(line["slide"])] if several else []
        reasons = [] if line["quality"] == "ok" else line["quality"].split(";")
        quality = ", ".join(map(words.named, reasons))
        rows.append(
            Row([Name(line["image"]), *slide, *(cell(line) for _, cell in columns), quality])
        )
    heads = [Column(words("{image}")), *([Column(words("slide"))] if several else [])]
    last = Column(words("to be looked at"))
    titles = [Column(title) for title, _ in columns]
    return Table([*heads, *titles, last], rows, words("{Image} by {image}"))


def _value(line: Line, run: DetectionRun, words: Words) -> str:
    value = line["value"]
    if line["column"] in dict(run.rates):
        value = {"1": "yes", "0": "no"}.get(value, value)
    return words.named(value) or words("not told")


def shares_table(run: DetectionRun, lines: Sequence[Line], words: Words) -> Table:
    """The share of each kind, class and shape, each with its interval.

    Args:
        run: knows which columns say yes or no.
        lines: of one slide.
        words: what objects are called.
    """
    rows = [
        Row(
            [
                _value(line, run, words),
                plain(words, "count")(line),
                plain(words, "total")(line),
                *(plain(words, key, 1, 100)(line) for key in ("share", "share_low", "share_high")),
            ],
            group=words.named(line["column"].replace("_", " ")),
        )
        for line in lines
    ]
    titles = [words("value"), words("count"), words("of"), "%", words("from %"), words("to %")]
    caption = words("Shares with 95 % intervals")
    return Table([Column(title) for title in titles], rows, caption)
