"""The counts of a run of `detect`, by picture and by slide, made of its tables."""

import csv
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TextIO

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.option_types import FOLDER
from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.measure.repeats import repeat_of
from mrcnn.report.measured_columns import LIMITS_COLUMN
from mrcnn.report.table_text import write_csv
from mrcnn.report.tally import Counted, Counting, Tally
from mrcnn.report.tally_tables import (
    KIND,
    counts_table,
    enough,
    frame_interval,
    histogram_table,
    rate,
    shares_table,
)
from mrcnn.report.words import Words

SUMMARY = "summary.csv"
SLIDES, SHARES, HISTOGRAM = "slides.csv", "shares.csv", "histogram.csv"
# What the columns of the table of objects may tell, of which shares are counted.
_TOLD = ("class", "shape", LIMITS_COLUMN)
# The one slide of all pictures, and that of those that the rule does not name.
ALL, NO_SLIDE = "all", "(none)"
# A picture is compared with so many before it on its slide, as one that is scanned lies beside its
# neighbors.
_COMPARED = 30
# So many slides are told on the console.
_MOST_LINES = 5


@dataclass
class _Picture:
    """A row of summary.csv, and what the table of objects has of it."""

    image: str
    name: str
    size: tuple[int, int]
    pixel_size: float | None
    slide: str
    tally: Tally = field(default_factory=Tally)
    places: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    repeats: list[str] = field(default_factory=list)


@dataclass
class _Slide:
    """What is counted of a slide, and the last pictures of it."""

    tally: Tally = field(default_factory=Tally)
    recent: list[_Picture] = field(default_factory=list)


def count_files(words: Words) -> tuple[str, ...]:
    """Names of the tables of counts."""
    return f"{words.images}.csv", SLIDES, SHARES, HISTOGRAM


def write_counts(application: Application, out: Path, group: str | None = None) -> list[str]:
    """Write the tables of counts beside those of objects and of pictures.

    Args:
        application: whose objects they are.
        out: folder of the results.
        group: what tells the slide of a picture, see `slide_of`; None counts all as one.

    Returns:
        lines that tell of it.

    Raises:
        OutputError: a table cannot be written.
        DataError: the tables of the run are not those that it wrote.
    """
    words = application.words
    counting = application.counting.among(class_names_of(out))
    slides: dict[str, _Slide] = {}
    notes: list[str] = []
    copies: dict[bytes, str] = {}

    def counted() -> Iterator[tuple[Sequence, Tally]]:
        for picture in _pictures(out, words.objects, counting, group):
            slide = slides.setdefault(picture.slide, _Slide())
            _compare(picture, slide, copies, notes)
            slide.tally.merge(picture.tally)
            values = (picture.image, picture.name, picture.slide, "; ".join(picture.repeats))
            yield values, picture.tally

    fields = counts_table("image", ("name", "slide"), counted(), words, counting, last=("repeats",))
    atomic_write(out / f"{words.images}.csv", lambda file: write_csv(file, fields))
    tallies = {name: slide.tally for name, slide in slides.items()}
    named = (((name, len(tally.frames)), tally) for name, tally in tallies.items())
    of_slides = counts_table("slide", (words.images,), named, words, counting)
    atomic_write(out / SLIDES, lambda file: write_csv(file, of_slides))
    shares, histogram = shares_table(tallies, counting), histogram_table(tallies)
    atomic_write(out / SHARES, lambda file: write_csv(file, shares))
    atomic_write(out / HISTOGRAM, lambda file: write_csv(file, histogram))
    if NO_SLIDE in tallies:
        missed = words.counted(len(tallies[NO_SLIDE].frames), "image")
        notes.insert(
            0,
            f"Warning: --group {group} does not fit the path of {missed}, counted as the slide "
            f"{NO_SLIDE} in {SLIDES}.",
        )
    return [*_lines(words, counting, tallies), *_without_size(out, words, tallies), *notes]


def slide_of(image: str, group: str | None) -> str:
    """The name of a picture's slide.

    Args:
        image: path as the tables have it.
        group: "folder", a regular expression whose one group is the name, or None.
    """
    if group is None:
        return ALL
    if group == FOLDER:
        return PurePath(image).parent.as_posix()
    found = re.search(group, image)
    return (found[1] if found else None) or NO_SLIDE


def _pictures(out: Path, objects: str, counting: Counting, group: str | None) -> Iterator[_Picture]:
    """The pictures that could be read, in the order of the tables."""
    with _rows(out / SUMMARY) as summary, _rows(out / f"{objects}.csv") as cells:
        groups = itertools.groupby(cells, key=lambda row: row["name"])
        name, rows = next(groups, (None, iter(())))
        for row in summary:
            if not row["height"]:
                continue
            size = (int(row["height"]), int(row["width"]))
            pixel_size = float(row["pixel_size_um"]) if row["pixel_size_um"] else None
            slide = slide_of(row["image"], group)
            picture = _Picture(row["image"], row["name"], size, pixel_size, slide)
            picture.tally.begin(size, pixel_size)
            if name == picture.name:
                _count(picture, rows, counting)
                name, rows = next(groups, (None, iter(())))
            yield picture
        if name is not None:
            raise DataError(
                f"{out}: the {objects} of {name} have no line in their place of summary.csv. "
                "Leave the tables of a run as they are, or detect again."
            )


@contextmanager
def _rows(path: Path) -> Iterator[csv.DictReader]:
    file: TextIO
    with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        yield csv.DictReader(file)


def _count(picture: _Picture, rows: Iterator[dict[str, str]], counting: Counting) -> None:
    places = []
    for row in rows:
        counted = _counted(row, picture.pixel_size, counting)
        picture.tally.add(counted)
        if not counted.is_cut:
            place = (float(row["centroid_y"]), float(row["centroid_x"]))
            places.append((*place, counted.diameter))
    picture.places = np.array(places, np.float32).reshape(-1, 3)


def _counted(row: Mapping[str, str], pixel_size: float | None, counting: Counting) -> Counted:
    kind = row.get(KIND) or row["class"]
    return Counted(
        kind=kind if kind in counting.others else "",
        told={
            column: row.get(column, "")
            for column in (*_TOLD, *(column for column, _ in counting.rates))
        },
        is_cut=row["touches_border"] == "1",
        # Boxes end where masks do.
        in_frame=int(row["y1"]) > 0 and int(row["x1"]) > 0,
        area=float(row["area"]),
        diameter=float(row["equivalent_diameter"]),
        pixel_size=pixel_size,
        is_sized=row["class"] not in counting.unsized,
    )


def _compare(picture: _Picture, slide: _Slide, copies: dict[bytes, str], notes: list[str]) -> None:
    """Note which of the last pictures of the slide show what this one does, and copies of all."""
    repeats = {}
    if len(picture.places):
        content = np.array(picture.size).tobytes() + picture.places.tobytes()
        key = hashlib.blake2b(content, digest_size=16).digest()
        if key in copies:
            repeats[copies[key]] = "the same as"
        copies.setdefault(key, picture.image)
    for other in slide.recent:
        repeat = repeat_of(picture.places, other.places, picture.size, other.size)
        if repeat is not None:
            said = "the same as" if repeat.is_same else f"shows {repeat.share:.0%} of"
            repeats[other.image] = said
    for image, said in repeats.items():
        picture.repeats.append(f"{said} {image}")
        notes.append(
            f"Warning: {picture.image}: {said} {image}, so the same objects are counted twice. "
            "Leave one of them out."
        )
    slide.recent = [*slide.recent[-_COMPARED + 1 :], picture]


def _without_size(out: Path, words: Words, tallies: Mapping[str, Tally]) -> list[str]:
    """Tells that sizes could not be compared with limits, where that was asked for."""
    with _rows(out / f"{words.objects}.csv") as rows:
        if LIMITS_COLUMN not in (rows.fieldnames or ()):
            return []
    unknown = sum(tally.pixels_um2.count(None) for tally in tallies.values())
    if not unknown:
        return []
    return [
        f"Warning: --size-limits has no meaning for {words.counted(unknown, 'image')}, of which "
        "the size of pixels is not known: give --pixel-size or --microscope."
    ]


def class_names_of(out: Path) -> list[str]:
    """The classes that the model of a run knows, by the titles of its summary."""
    with _rows(out / SUMMARY) as summary:
        titles = list(summary.fieldnames or ())
    # Between the number of all objects and the size of their scale, and those that are not counted.
    counted = titles[titles.index("width") + 2 : titles.index("diameter_px")]
    return counted + titles[titles.index("pixel_size_um") + 1 :]


def _lines(words: Words, counting: Counting, tallies: Mapping[str, Tally]) -> list[str]:
    lines = []
    for name, tally in itertools.islice(tallies.items(), _MOST_LINES):
        low, high = frame_interval(tally)
        where = "" if name == ALL else f"{name}: "
        lines.append(
            f"{where}{tally.whole} whole {words.objects} and {tally.cut} at the border; "
            f"{tally.frame['']} ({low:.0f} to {high:.0f}) in the counting frame, which leaves "
            "out those at the upper and left border"
        )
        for column, called in counting.rates:
            share = rate(tally, column)
            if share is not None and share[0]:
                least, most = share[1:]
                lines.append(f"{where}{called} {share[0]:.2%} ({least:.2%} to {most:.2%})")
        main = counting.main or words.object
        count = tally.kinds[""]
        if enough(count, counting) == "no":
            least = min(counting.enough)
            lines.append(f"{where}{count} whole {main}s are counted; a report needs {least}")
    if len(tallies) > _MOST_LINES:
        more = len(tallies) - _MOST_LINES
        lines.append(f"{more} more slide{'s' if more > 1 else ''}: see {SLIDES}")
    return lines
