"""The report of a run of `detect`: what is kept of its pictures for it, and the page at the end."""

import csv
import json
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.counts import HISTOGRAM, SHARES, SLIDES, SUMMARY, class_names_of
from mrcnn.app.detection.parts import PARTS
from mrcnn.app.detection.record import read_record
from mrcnn.app.quality import OK
from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.report.languages import in_language
from mrcnn.report.page.detected import (
    Card,
    DetectedPicture,
    DetectionRun,
    detection_page,
)
from mrcnn.report.page.detected.texts import REASONS
from mrcnn.report.table import Name
from mrcnn.report.words import Words

REPORT = "report.html"
# So many pictures can be looked at on the page, and so many have a line there.
MOST_CARDS, MOST_LINES = 200, 500
_ENDING = ".page.json"


def page_file(out: Path, name: str) -> Path:
    """Where is kept what the report shows of the picture `name`."""
    return out / PARTS / f"{name}{_ENDING}"


def page_files(out: Path) -> list[Path]:
    """All that are in the folder of a run."""
    folder = out / PARTS
    return sorted(folder.glob(f"*{_ENDING}")) if folder.is_dir() else []


def is_shown(number: int, is_doubtful: bool) -> bool:
    """Whether the report may show a picture.

    Args:
        number: of the picture in its run.
        is_doubtful: whether its result is.
    """
    return number <= MOST_CARDS or is_doubtful


def keep_picture(out: Path, name: str, shown: DetectedPicture) -> None:
    """Keep what the report shows of a picture until the run ends.

    Raises:
        OutputError: it cannot be written.
    """
    atomic_write(page_file(out, name), json.dumps(shown.plain(), separators=(",", ":")))


def write_report(application: Application, out: Path, language: str | None = None) -> None:
    """Write the report of a run beside its tables, of which it is made.

    Args:
        application: whose objects they are.
        out: folder of the results, with tables of counts.
        language: of the texts, see `mrcnn.report.languages`; English by default.

    Raises:
        OutputError: it cannot be written.
    """
    words = in_language(application.words, language)
    run = _run(application, out, words)
    atomic_write(out / REPORT, detection_page(run, words))


def _run(application: Application, out: Path, words: Words) -> DetectionRun:
    counting = application.counting.among(class_names_of(out))
    lines: list[dict[str, str]] = []
    total = doubtful = 0
    problems = []
    for line in _pictures(out, f"{application.words.images}.csv"):
        if line["problem"]:
            problems.append((line["image"], line["problem"]))
            continue
        total += 1
        is_doubtful = line["quality"] != OK
        doubtful += is_doubtful
        line["warning"] = _warning(line, words)
        if total <= MOST_LINES or (
            (is_doubtful or line["warning"]) and len(lines) < 2 * MOST_LINES
        ):
            lines.append(line)
    _shorten(lines)
    return DetectionRun(
        facts=_facts(out, words),
        classes=class_names_of(out),
        pictures=lines,
        slides=_lines(out / SLIDES),
        shares=_lines(out / SHARES),
        histogram=_lines(out / HISTOGRAM),
        cards=_cards(out, lines),
        total=total,
        doubtful=doubtful,
        problems=problems,
        others=counting.others,
        rates=counting.rates,
    )


def _pictures(out: Path, counts: str) -> Iterator[dict[str, str]]:
    """The lines of the counts by picture with what summary.csv has besides, problems as well."""
    with _opened(out / SUMMARY) as summary, _opened(out / counts) as counted:
        lines = csv.DictReader(counted)
        for row in csv.DictReader(summary):
            told = {"image": row["image"], "quality": row["quality"], "problem": row["problem"]}
            if row["height"]:
                yield {**next(lines), **told}
            elif row["problem"]:
                yield told


def _shorten(lines: list[dict[str, str]]) -> None:
    """Name pictures from the folder that holds all of them: that one is told once."""
    parents = {str(PurePath(line["image"]).parent) for line in lines}
    if not parents or len({PurePath(parent).is_absolute() for parent in parents}) > 1:
        return
    try:
        common = PurePath(os.path.commonpath(parents))
    except ValueError:
        # On several drives.
        return
    for line in lines:
        line["image"] = PurePath(line["image"]).relative_to(common).as_posix()


def _warning(line: Mapping[str, str], words: Words) -> str:
    """Why a picture is to be looked at, in words; nothing where it is well."""
    reasons = [] if line["quality"] == OK else line["quality"].split(";")
    texts = [words(REASONS[reason]) if reason in REASONS else reason for reason in reasons]
    if line["repeats"]:
        texts.append(words("counted twice, since it is {repeats}", repeats=line["repeats"]))
    return "; ".join(texts)


def _cards(out: Path, lines: list[dict[str, str]]) -> list[Card]:
    """The pictures to look at: the doubtful ones and the first, in the order of the tables."""
    kept = [line for line in lines if page_file(out, line["name"]).exists()]
    chosen = sorted(enumerate(kept), key=lambda each: (not each[1]["warning"], each[0]))
    places = sorted(place for place, _ in chosen[:MOST_CARDS])
    return [
        Card(kept[place]["image"], partial(_read, page_file(out, kept[place]["name"])))
        for place in places
    ]


def _read(path: Path) -> DetectedPicture:
    try:
        return DetectedPicture.of_plain(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, LookupError):
        raise DataError(
            f"{path} is not what `detect` keeps for its report. Detect again."
        ) from None


def _facts(out: Path, words: Words) -> list[tuple[str, str]]:
    record = read_record(out)
    weights = record.get("weights") or {}
    sessions = [each for each in record.get("sessions", []) if isinstance(each, dict)]
    versions = record.get("versions") or {}
    options = record.get("options") or {}
    scale = record.get("scale") or {}
    confidence, diameter = record.get("confidence"), scale.get("median_diameter_px")
    side = options.get("pixel_size")
    method = str(record.get("method"))
    facts: list[tuple[str, Any]] = [
        ("Method", words.named(words.methods.get(method, method))),
        ("Weights", weights.get("file") and Name(weights["file"])),
        ("Checksum of the weights", (weights.get("sha256") or "")[:16]),
        ("Lowest confidence", None if confidence is None else words.plain(confidence)),
        ("Size of a pixel", side and f"{words.plain(side)} µm"),
        ("Microscope", options.get("microscope") and Name(options["microscope"])),
        ("Diameter that the scale is for", diameter and f"{diameter:.0f} px"),
        ("Begun", sessions and _readable(sessions[0].get("began"))),
        ("Ended", sessions and _readable(sessions[-1].get("ended"))),
        ("Version", versions.get("mrcnn")),
    ]
    return [(words(title), text) for title, text in facts if text]


def _readable(time: Any) -> str:
    return str(time or "").replace("T", " ").replace("+", " +")


def _lines(path: Path) -> list[dict[str, str]]:
    with _opened(path) as file:
        return list(csv.DictReader(file))


def _opened(path: Path) -> Any:
    return open(path, newline="", encoding="utf-8-sig", errors="backslashreplace")
