"""Tables as CSV files."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path


def csv_text(rows: Iterable[Sequence]) -> str:
    """Rows of values, the head first, as the text of a CSV file."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def write_csv(path: Path, rows: Iterable[Sequence]) -> None:
    """Write rows to a file while they come; the same text as of `csv_text`."""
    with open(path, "w", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
