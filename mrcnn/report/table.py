"""One table, whatever it is written as: its values, how each column shows them, and its words.

`table_text` writes a table as Markdown and CSV, `page.html_table` as a part of a page. All show the
same rows and the same digits.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any


class Name(str):
    """A text that comes from a file, such as the name of an image or a class."""

    __slots__ = ()


@dataclass(frozen=True)
class Share:
    """A count as a part of its row.

    Attributes:
        count: how many.
        total: of how many.
        is_right: whether this is the part that is wanted.
    """

    count: int
    total: int
    is_right: bool

    def __str__(self) -> str:
        return str(self.count)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: stands above it.
        show: the text of a value that is defined.
        group: stands above several columns side by side, where a table has a line for that.
        plain: the title where there is no such line; `title` by default.
    """

    title: str
    show: Callable[[Any], str] = str
    group: str = ""
    plain: str | None = None

    @property
    def plain_title(self) -> str:
        """The title where nothing stands above it."""
        return self.title if self.plain is None else self.plain

    def text(self, value: Any) -> str | None:
        """The text of a value; None for None and NaN, which are not defined."""
        undefined = value is None or (isinstance(value, float) and math.isnan(value))
        return None if undefined else self.show(value)


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: a value for each column; the first names the row.
        group: what this row and those beside it have in common.
        is_strong: a total, or what should be seen first.
    """

    cells: Sequence[Any]
    group: str = ""
    is_strong: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows.

    Attributes:
        columns: from left to right.
        rows: from top to bottom; a writer goes over them once.
        caption: what the table holds.
        row_heads: the first columns that name a row.
    """

    columns: Sequence[Column]
    rows: Iterable[Row]
    caption: str = ""
    row_heads: int = 1

    @classmethod
    def of_values(cls, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> "Table":
        """A table of values that are shown as they are."""
        return cls([Column(title) for title in titles], map(Row, rows))

    def transposed(self, title: str, names: Sequence[str]) -> "Table":
        """A table with a row for each column but the first.

        Args:
            title: of its first column.
            names: of its other columns, one for each row of this table.
        """
        rows = list(self.rows)

        def texts(index: int, column: Column) -> list[str | None]:
            return [column.text(row.cells[index]) for row in rows]

        named = list(enumerate(self.columns))[1:]
        made = [Row([column.title, *texts(index, column)]) for index, column in named]
        return Table([Column(title), *map(Column, names)], made, self.caption)


def stacked(tables: Sequence[Table], names: Sequence[str], title: str = "") -> Table:
    """Tables with the same columns below each other.

    Args:
        tables: one or more.
        names: of the tables; an empty one is not written.
        title: of a first column with the names. Without it they follow the names of the rows.
    """

    def named(cells: Sequence[Any], name: str) -> Sequence[Any]:
        if title:
            return [name, *cells]
        return [type(cells[0])(f"{cells[0]} {name}".rstrip()), *cells[1:]]

    rows = [
        replace(row, cells=named(row.cells, name))
        for table, name in zip(tables, names, strict=True)
        for row in table.rows
    ]
    first = [Column(title)] if title else []
    heads = tables[0].row_heads + len(first)
    return replace(tables[0], columns=[*first, *tables[0].columns], rows=rows, row_heads=heads)
