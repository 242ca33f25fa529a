"""`compare`: how far the counts of a run agree with counts that were made by hand."""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.commands import DETECT
from mrcnn.app.counts import class_names_of, count_files
from mrcnn.app.detection.record import is_run
from mrcnn.app.manual_counts import ManualCounts, read_manual_counts
from mrcnn.drawing.bland_altman import Panel, bland_altman_figure
from mrcnn.errors import DataError, listed
from mrcnn.files import atomic_write, make_writable_folder
from mrcnn.measure.agreement import Agreement, agreement_of
from mrcnn.report.measured_columns import LIMITS_COLUMN
from mrcnn.report.table import Table
from mrcnn.report.table_text import write_csv
from mrcnn.report.tally_tables import KIND

AGREEMENT, DIFFERENCES, PICTURE = "agreement.csv", "differences.csv", "bland_altman.png"
# Columns of the table of objects whose values are counted.
_TOLD = ("class", KIND, "shape", LIMITS_COLUMN)
_OF_PICTURES = ("whole", "cut", "frame_count")
_HAND, _PROGRAM = "by hand", "detect"
# With fewer pictures the limits of agreement say next to nothing.
_FEW = 10
_AGREEMENT_TITLES = (
    "counted",
    "pictures",
    "mean_by_hand",
    "mean_detect",
    "bias",
    "bias_low",
    "bias_high",
    "bias_percent",
    "sd",
    "limit_low",
    "limit_high",
    "limits_plus_minus",
)


def run(application: Application, options: Any) -> int:
    """Compare; returns the exit status."""
    results = _results(application, options.results)
    pictures, ours, known = _automatic(application, results)
    manual = read_manual_counts(options.counts, pictures, known)
    out = make_writable_folder(options.out or results / "compare")
    agreements = {column: _agreement(column, manual, ours) for column in manual.columns}
    agreements = {column: each for column, each in agreements.items() if each is not None}
    if not agreements:
        raise DataError(f"{options.counts}: there is no count in any of its columns.")
    table = Table.of_values(_AGREEMENT_TITLES, map(_agreement_row, agreements.items()))
    atomic_write(out / AGREEMENT, lambda file: write_csv(file, table))
    titles = ("image", "counted", "by_hand", "detect", "difference")
    differences = Table.of_values(titles, _difference_rows(manual, ours, pictures))
    atomic_write(out / DIFFERENCES, lambda file: write_csv(file, differences))
    panels = [_panel(column, each, manual, ours) for column, each in agreements.items()]
    figure = bland_altman_figure(panels, (_HAND, _PROGRAM))
    atomic_write(out / PICTURE, lambda file: figure.savefig(file, dpi=120))
    _tell(application, manual, pictures, known, agreements)
    print(f"results: {out}")
    return 0


def _results(application: Application, given: Path | None) -> Path:
    """The folder of a run: the one that is named, or the last."""
    base = application.results(DETECT)
    if given is None:
        runs = [path for path in base.iterdir() if is_run(path)] if base.is_dir() else []
        if not runs:
            raise DataError(
                f"There is no run of detect in {base}. Detect first, or name the folder of a run "
                "with --results."
            )
        return max(runs, key=lambda path: path.name)
    fields = count_files(application.words)[0]
    for name in (f"{application.words.objects}.csv", fields):
        if not (given / name).is_file():
            raise DataError(
                f"--results {given}: there is no {name}, so this is not the folder of a run of "
                "detect that came to its end."
            )
    return given


def _automatic(
    application: Application, results: Path
) -> tuple[dict[str, str], dict[str, Counter[str]], list[str]]:
    """Of a run: its pictures by the names of their results, their counts, and what is counted."""
    words = application.words
    counting = application.counting.among(class_names_of(results))
    fields = results / count_files(words)[0]
    pictures: dict[str, str] = {}
    counts: dict[str, Counter[str]] = {}
    for row in _rows(fields):
        name = row["name"]
        pictures[name] = row["image"]
        counts[name] = Counter({key: int(row[key]) for key in (words.objects, *_OF_PICTURES)})
    values: dict[str, None] = {}
    for row in _rows(results / f"{words.objects}.csv"):
        for column in _TOLD:
            if value := row.get(column):
                # A size by limits has the name of a size class.
                value = f"{value} by limits" if column == LIMITS_COLUMN else value
                values[value] = None
                if row["name"] in counts:
                    counts[row["name"]][value] += 1
    # What was found nowhere can have been counted by hand.
    values |= dict.fromkeys((*class_names_of(results), counting.main, *counting.others))
    for counted in counts.values():
        counted[counting.main] = counted[words.objects]
    known = [words.objects, *_OF_PICTURES, *(value for value in values if value)]
    return pictures, counts, list(dict.fromkeys(known))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from csv.DictReader(file)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}). Detect again with --resume."
        ) from None


def _pairs(
    column: str, manual: ManualCounts, ours: Mapping[str, Counter[str]]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    names = [name for name, counts in manual.by_picture.items() if column in counts]
    by_hand = np.array([manual.by_picture[name][column] for name in names], float)
    return names, by_hand, np.array([ours[name][column] for name in names], float)


def _agreement(
    column: str, manual: ManualCounts, ours: Mapping[str, Counter[str]]
) -> Agreement | None:
    names, by_hand, found = _pairs(column, manual, ours)
    return agreement_of(by_hand, found) if names else None


def _agreement_row(named: tuple[str, Agreement]) -> list:
    column, each = named
    by_hand = each.means[0]
    percent = 100 * each.bias / by_hand if by_hand else math.nan
    numbers = (
        *each.means,
        each.bias,
        *each.bias_interval,
        percent,
        each.deviation,
        *each.limits,
        each.limits_reach,
    )
    texts = (None if math.isnan(number) else f"{number:.4g}" for number in numbers)
    return [column, each.pairs, *texts]


def _difference_rows(
    manual: ManualCounts, ours: Mapping[str, Counter[str]], pictures: Mapping[str, str]
) -> Iterator[list]:
    for column in manual.columns:
        for name, by_hand, found in zip(*_pairs(column, manual, ours), strict=True):
            numbers = (by_hand, found, found - by_hand)
            yield [pictures[name], column, *(f"{number:g}" for number in numbers)]


def _panel(
    column: str, each: Agreement, manual: ManualCounts, ours: Mapping[str, Counter[str]]
) -> Panel:
    _, by_hand, found = _pairs(column, manual, ours)
    return Panel(column, by_hand, found, each.bias, each.limits)


def _tell(
    application: Application,
    manual: ManualCounts,
    pictures: Mapping[str, str],
    known: Sequence[str],
    agreements: Mapping[str, Agreement],
) -> None:
    words = application.words
    for column, each in agreements.items():
        line = f"{column}: by hand {each.means[0]:.1f}, detect {each.means[1]:.1f} in the mean of "
        line += f"{words.counted(each.pairs, 'image')}; bias {each.bias:+.2f}"
        if each.pairs > 1:
            low, high = each.bias_interval
            line += f" ({low:+.2f} to {high:+.2f}), limits of agreement {each.limits.low:+.2f} to "
            line += f"{each.limits.high:+.2f}"
        print(line)
    fewest = min(each.pairs for each in agreements.values())
    if fewest < _FEW:
        few = "are few: the limits are hardly" if fewest > 1 else "alone: the limits are not"
        print(f"Warning: {words.counted(fewest, 'image')} {few} known.")
    if manual.passed_over:
        print(f"Warning: not compared, for the results have none: {', '.join(manual.passed_over)}")
        print(f"They have {listed(known, 30)}.")
    missing: Sequence[str] = [pictures[name] for name in pictures if name not in manual.by_picture]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        print(f"{words.counted(len(missing), 'image')} of the run {verb} not in the table")
