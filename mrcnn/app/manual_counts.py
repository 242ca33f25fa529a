"""Counts that were made by hand: a table with a line for each picture."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from mrcnn.errors import DataError, listed
from mrcnn.formats.tables import rows as rows_of

# What the column with the names of pictures may be called.
PICTURE_COLUMNS = ("image", "picture", "field", "file", "filename", "name")
# May be a thousand or a part of one.
_AMBIGUOUS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
# So many things that are wrong with a table are told at once.
_MOST_PROBLEMS = 5


@dataclass(frozen=True)
class ManualCounts:
    """A table of counts.

    Attributes:
        columns: what was counted, by the names of the automatic counts.
        by_picture: name of each picture's results -> column -> count; what was not counted is not
            there.
        passed_over: titles of columns that no automatic count has.
    """

    columns: Sequence[str]
    by_picture: Mapping[str, Mapping[str, float]]
    passed_over: Sequence[str]


def read_manual_counts(
    path: Path, pictures: Mapping[str, str], known: Sequence[str]
) -> ManualCounts:
    """Read a table of counts.

    Args:
        path: of a CSV file, separated by commas, semicolons or tabs.
        pictures: names of the results -> paths of the pictures, as the tables of a run have them.
        known: what is counted automatically.

    Raises:
        DataError: the table cannot be read, names no picture or no count, or is wrong in some
            lines; the first few are told.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None
    table = list(rows_of(content, path))
    if not table:
        raise DataError(f"{path} is empty: expected is a line of titles and one for each picture.")
    titles = [title.strip() for title in table[0][1]]
    picture_at, columns, passed_over = _columns(path, titles, known)
    places = _places(pictures)
    counts: dict[str, dict[str, float]] = {}
    problems: list[str] = []
    for line, row in table[1:]:
        given = row[picture_at].strip() if picture_at < len(row) else ""
        if any(text.strip() for text in row[len(titles) :]):
            problems.append(
                f"line {line}: {len(row)} values, but {len(titles)} titles. A number with a "
                'decimal comma needs quotes, as in "12,5", or semicolons between the columns'
            )
            continue
        names = _meant(given, places, pictures)
        if len(names) != 1:
            said = "is not among the results" if not names else "may be one of several"
            problems.append(f"line {line}: the picture {given!r} {said}")
            continue
        (name,) = names
        if name in counts:
            problems.append(f"line {line}: the picture {given!r} is there twice")
            continue
        counts[name] = {}
        for at, column in columns.items():
            text = row[at].strip() if at < len(row) else ""
            if not text:
                continue
            value = _count(text)
            if _AMBIGUOUS.fullmatch(text):
                problems.append(
                    f"line {line}, {titles[at]!r}: {text!r} may be {text.replace(',', '')} or "
                    f"{text.replace(',', '.', 1)}: write it without the comma"
                )
            elif value is None:
                problems.append(
                    f"line {line}, {titles[at]!r}: {text!r} is no count, a number of at least 0"
                )
            else:
                counts[name][column] = value
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        rest = f"\n  and {more} more" if more > 0 else ""
        shown = "".join(f"\n  {problem}" for problem in problems[:_MOST_PROBLEMS])
        raise DataError(f"{path} cannot be compared:{shown}{rest}")
    if not counts:
        raise DataError(f"{path} has no line with counts, only titles.")
    return ManualCounts(list(dict.fromkeys(columns.values())), counts, passed_over)


def _columns(
    path: Path, titles: Sequence[str], known: Sequence[str]
) -> tuple[int, dict[int, str], list[str]]:
    """Where the pictures are named, and which columns are which counts."""
    folded = [_singular(title) for title in titles]
    at = next((folded.index(title) for title in PICTURE_COLUMNS if title in folded), None)
    if at is None:
        raise DataError(
            f"{path}: no column names the pictures. It has the columns {listed(titles)}; call one "
            f"of them {listed(PICTURE_COLUMNS[:1])}."
        )
    by_name = {_singular(name): name for name in reversed(known)}
    columns: dict[int, str] = {}
    passed_over = []
    for number, title in enumerate(folded):
        if number == at or not titles[number]:
            continue
        if title not in by_name:
            passed_over.append(titles[number])
        elif by_name[title] in columns.values():
            raise DataError(f"{path}: two columns count {by_name[title]!r}. Leave one out.")
        else:
            columns[number] = by_name[title]
    if not columns:
        raise DataError(
            f"{path}: none of its columns, {listed(titles)}, is counted in the results. These have "
            f"{listed(known, 30)}."
        )
    return at, columns, passed_over


def _places(pictures: Mapping[str, str]) -> dict[str, set[str]]:
    """The results that each way to write a picture's name may mean."""
    places: dict[str, set[str]] = {}
    for name, image in pictures.items():
        for tail in _tails(image):
            for text in (tail, str(PurePath(tail).with_suffix(""))):
                places.setdefault(_folded(text), set()).add(name)
        places.setdefault(_folded(name), set()).add(name)
    # Whole paths and names of results are those of one picture, whatever else is called so.
    for name, image in pictures.items():
        places[_folded(image)] = {name}
    return places


def _meant(given: str, places: Mapping[str, set[str]], pictures: Mapping[str, str]) -> set[str]:
    """The results that a picture's name may mean, a longer path than that of the run included."""
    if names := places.get(_folded(given)):
        return names
    whole = {_folded(image): name for name, image in pictures.items()}
    return next(({whole[tail]} for tail in _tails(_folded(given)) if tail in whole), set())


def _tails(path: str) -> Iterator[str]:
    """A path, and what is left of it without its first folders, the name alone last."""
    parts = path.replace("\\", "/").split("/")
    for start in range(len(parts)):
        if parts[start]:
            yield "/".join(parts[start:])


def _folded(text: str) -> str:
    return text.replace("\\", "/").casefold()


def _singular(title: str) -> str:
    """Titles that differ in case, in underscores or in one s are the same."""
    return " ".join(title.casefold().replace("_", " ").split()).removesuffix("s")


def _count(text: str) -> float | None:
    try:
        # Some countries write 12,5 for the mean of two readers.
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
