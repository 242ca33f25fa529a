"""Tables as text: Markdown, which reads well on a terminal too, and CSV."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

from mrcnn.report.table import Table

_UNDEFINED = "-"


def markdown_table(table: Table) -> str:
    """The table in Markdown: the first column to the left, others to the right.

    A "|" in a text is escaped. What is not defined is "-".
    """
    rows = [[column.plain_title for column in table.columns]]
    for row in table.rows:
        cells = [
            _UNDEFINED if (text := column.text(value)) is None else text
            for column, value in zip(table.columns, row.cells, strict=True)
        ]
        rows.append([f"{row.group}, {cells[0]}" if row.group else cells[0], *cells[1:]])
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(rows[0]))]

    def line(row: list[str]) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])


def csv_rows(table: Table) -> Iterator[list[str | None]]:
    """The titles of a table and its rows as texts; None is what is not defined."""
    yield [column.plain_title for column in table.columns]
    for row in table.rows:
        pairs = zip(table.columns, row.cells, strict=True)
        yield [column.text(value) for column, value in pairs]


def csv_text(table: Table) -> str:
    """The table as the text of a CSV file; what is not defined is empty."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(csv_rows(table))
    return buffer.getvalue()


def marked(text: str) -> bytes:
    """The text of a CSV file as bytes, marked as UTF-8; see `write_csv`."""
    return BOM_UTF8 + text.encode("utf-8", "backslashreplace")


def write_csv(path: Path, table: Table) -> None:
    """Write a table to a file while its rows come; the text of `csv_text`, marked as UTF-8.

    Excel shows letters beyond ASCII only where a file begins with that mark.
    """
    with open(path, "w", encoding="utf-8-sig", errors="backslashreplace") as file:
        csv.writer(file, lineterminator="\n").writerows(csv_rows(table))
