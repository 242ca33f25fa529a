"""Tables (CSV) of any program: how their text is read."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from mrcnn.errors import DataError

_START = 4000
_NAMED_SEPARATOR = re.compile(r"sep=([,;\t|])", re.IGNORECASE)
_LONGEST_CELL = 2**31 - 1  # What a C long holds on every system.


def first_row(content: object) -> list[str]:
    """The first row of a table, [] of what is no text; separated by ",", ";" or tabs."""
    if not isinstance(content, bytes) or b"\0" in content[:_START]:
        return []
    start = content[:_START].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    line = start.splitlines()[0] if start.strip() else ""
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=_separator(line)), [])]
    except csv.Error:
        return []


def rows(content: bytes, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with any cell that is not empty, also the first, and their numbers.

    Columns are separated by ",", ";" or tabs, or by what a first line such as "sep=;" names. Rows
    are numbered from 1 as a spreadsheet does it: empty ones count.

    Raises:
        DataError: it is no UTF-8 text, or damaged.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}): save it as CSV in UTF-8."
        ) from None
    line, _, rest = text.partition("\n")
    # Excel's own way to say what separates; it is no row.
    named = _NAMED_SEPARATOR.fullmatch(line.strip("\r"))
    separator, text = (named[1], rest) if named else (_separator(line), text)
    # Outlines are long. The limit is the whole process's, and other threads read tables too: it is
    # raised and stays so, for a limit of this text alone would hold for theirs.
    csv.field_size_limit(_LONGEST_CELL)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        for number, row in enumerate(reader, start=1):
            if any(row):
                yield number, row
    except csv.Error as error:
        raise DataError(f"{path} is no valid CSV ({error}): export it again.") from None


def _separator(line: str) -> str:
    """Spreadsheets of some countries save with semicolons, and what is pasted has tabs."""
    return max(",;\t", key=line.count)
