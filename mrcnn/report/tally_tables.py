"""The tables of what is counted: of each picture and slide, the shares, and the sizes."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mrcnn.measure.intervals import (
    Interval,
    count_interval,
    ratio_interval,
    share_interval,
    sum_interval,
)
from mrcnn.report.table import Table
from mrcnn.report.tally import PER_MICROMETER, PER_PIXEL, Counting, Moments, Tally
from mrcnn.report.words import Words

# Of histograms, in micrometers; of pixels it follows from the mean.
_BIN_UM = 0.25
_BINS_TO_MEAN = 25
KIND = "kind"


def count_titles(words: Words, counting: Counting) -> list[str]:
    """The columns of counts, without the name of the picture or slide."""
    ratios = [f"{kind}s_per_1000" for kind in counting.others]
    ratios += [name for _, name in counting.rates]
    return [
        words.objects,
        "whole",
        "cut",
        "frame_count",
        "frame_count_low",
        "frame_count_high",
        "area_mm2",
        "per_mm2",
        "per_mm2_low",
        "per_mm2_high",
        "measured",
        "diameter_mean_px",
        "diameter_sd_px",
        "diameter_mean_um",
        "diameter_sd_um",
        "diameter_cv",
        "area_mean_px2",
        "area_sd_px2",
        "area_mean_um2",
        "area_sd_um2",
        "area_cv",
        "enough",
        *(f"{ratio}{end}".replace(" ", "_") for ratio in ratios for end in ("", "_low", "_high")),
    ]


def count_cells(tally: Tally, counting: Counting) -> list:
    """The values of `count_titles`."""
    frame = tally.frame[""]
    low, high = frame_interval(tally)
    density = [None] * 4
    if tally.is_to_scale:
        area = sum(each for each in tally.pixels_um2 if each is not None) / 1e6
        density = [f"{area:.6g}", *(f"{value / area:.6g}" for value in (frame, low, high))]
    micrometers = tally.is_to_scale
    sizes = [
        *_spread(tally.diameter_px),
        *(_spread(tally.diameter_um) if micrometers else [None, None]),
        _text(tally.diameter_px.variation),
        *_spread(tally.area_px2),
        *(_spread(tally.area_um2) if micrometers else [None, None]),
        _text(_area_variation(tally)),
    ]
    ratios: list = []
    main = tally.frame[""]
    for kind in counting.others:
        count = tally.frame[kind]
        if not main:
            ratios += [None] * 3
            continue
        interval = ratio_interval(count, main)
        ratios += [_text(1000 * value) for value in (count / main, *interval)]
    for column, _ in counting.rates:
        share = rate(tally, column)
        ratios += [None] * 3 if share is None else map(_text, share)
    return [
        tally.objects,
        tally.whole,
        tally.cut,
        frame,
        _text(low),
        _text(high),
        *density,
        tally.diameter_px.count,
        *sizes,
        enough(tally.kinds[""], counting),
        *ratios,
    ]


def enough(count: int, counting: Counting) -> str:
    """Whether so many main objects are enough: "no", or which number they reach; "" if unknown."""
    if not counting.enough:
        return ""
    reached = [number for number in counting.enough if count >= number]
    return f">={max(reached)}" if reached else "no"


def rate(tally: Tally, column: str) -> tuple[float, float, float] | None:
    """The share of whole main objects whose column says 1, and its interval; None of none."""
    told = tally.told.get(column)
    if not told:
        return None
    count, total = told["1"], told.total()
    return count / total, *share_interval(count, total)


def frame_interval(tally: Tally) -> Interval:
    """Of the count in the frames, of Poisson; by how much pictures of one size differ, if more.

    A few pictures may have the same count by chance, which does not make it certain.
    """
    least = count_interval(tally.frame[""])
    if len(tally.frames) < 2 or len(set(tally.sizes)) > 1:
        return least
    low, high = sum_interval(tally.frames)
    return Interval(min(low, least.low), max(high, least.high))


def shares_table(slides: Mapping[str, Tally], counting: Counting) -> Table:
    """The share of each kind, of those in the frame, and of each class, of the whole main ones.

    Args:
        slides: by name.
        counting: names the main kind.
    """
    titles = ["slide", "column", "value", "count", "total", "share", "share_low", "share_high"]
    return Table.of_values(titles, _share_rows(slides, counting))


def _share_rows(slides: Mapping[str, Tally], counting: Counting) -> Iterator[list]:
    for slide, tally in slides.items():
        columns = dict(tally.told)
        if counting.others:
            names = {"": counting.main}
            counts = {names.get(kind, kind): count for kind, count in tally.frame.items()}
            columns = {KIND: type(tally.frame)(counts), **columns}
        for column, counter in columns.items():
            total = counter.total()
            for value, count in sorted(counter.items(), key=lambda each: (-each[1], each[0])):
                numbers = (count / total, *share_interval(count, total))
                yield [slide, column, value, count, total, *(f"{each:.4f}" for each in numbers)]


def histogram_table(slides: Mapping[str, Tally]) -> Table:
    """How many of the measured objects have a diameter from here to there.

    Args:
        slides: by name.
    """
    titles = ["slide", "unit", "from", "to", "count", "share"]
    return Table.of_values(titles, _histogram_rows(slides))


def _histogram_rows(slides: Mapping[str, Tally]) -> Iterator[list]:
    for slide, tally in slides.items():
        if tally.is_to_scale:
            unit, bins, fine, width = "um", tally.bins_um, PER_MICROMETER, _BIN_UM
        else:
            unit, bins, fine = "px", tally.bins_px, PER_PIXEL
            width = _round_width(tally.diameter_px.mean / _BINS_TO_MEAN)
        step = max(1, round(width * fine))
        counts: dict[int, int] = {}
        for fine_bin, count in bins.items():
            counts[fine_bin // step] = counts.get(fine_bin // step, 0) + count
        if not counts:
            continue
        total = sum(counts.values())
        for number in range(min(counts), max(counts) + 1):
            count = counts.get(number, 0)
            ends = (number * step / fine, (number + 1) * step / fine)
            yield [slide, unit, *(f"{end:g}" for end in ends), count, f"{count / total:.4f}"]


def _round_width(width: float) -> float:
    """1, 2 or 5 times a power of ten, not below a tenth."""
    if width <= 0.1:
        return 0.1
    power = 10.0 ** math.floor(math.log10(width))
    return next(power * digit for digit in (1, 2, 5, 10) if width <= power * digit * 1.001)


def _area_variation(tally: Tally) -> float:
    """Of square micrometers where these are known: pictures may differ in magnification."""
    return (tally.area_um2 if tally.is_to_scale else tally.area_px2).variation


def _spread(moments: Moments) -> list:
    return [_text(moments.mean) if moments.count else None, _text(moments.deviation)]


def _text(value: float) -> str | None:
    return None if math.isnan(value) else f"{value:.6g}"


def counts_table(
    first: str,
    others: Sequence[str],
    named: Iterable[tuple[Sequence, Tally]],
    words: Words,
    counting: Counting,
    last: Sequence[str] = (),
) -> Table:
    """A row of counts for each picture or slide.

    Args:
        first: title of its name.
        others: titles of what else stands before the counts.
        named: for each the values of `first`, `others` and `last`, and its tally; gone over once.
        words, counting: see `count_titles`.
        last: titles of what stands after the counts.
    """
    before = 1 + len(others)
    titles = [first, *others, *count_titles(words, counting), *last]
    rows = (
        [*values[:before], *count_cells(tally, counting), *values[before:]]
        for values, tally in named
    )
    return Table.of_values(titles, rows)
