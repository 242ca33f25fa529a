"""The page's templates: jinja2 with every text escaped, and what they use of Python."""

import itertools
import json
from pathlib import Path
from typing import Any

import jinja2

from mrcnn.report.page import typeset
from mrcnn.report.page.shapes import Shape
from mrcnn.report.table import Column, Name, Row, Share, Table

TEMPLATES = Path(__file__).parent / "templates"


def _output(value: Any) -> Any:
    """What stands for a value: nothing for None, markup of a template as it is, else clean text."""
    if value is None:
        return ""
    return value if hasattr(value, "__html__") else typeset.clean(value)


def _head_lines(table: Table) -> list[list[tuple[Column | None, str, int, int]]]:
    """Lines of column heads: (column or None for a group, title, columns, lines) each."""
    if not any(column.group for column in table.columns):
        return [[(column, column.title, 1, 1) for column in table.columns]]
    above: list[tuple[Column | None, str, int, int]] = []
    for group, held in itertools.groupby(table.columns, lambda column: column.group):
        columns = list(held)
        if group:
            above.append((None, group, len(columns), 1))
        else:
            above += [(column, column.title, 1, 2) for column in columns]
    return [above, [(column, column.title, 1, 1) for column in table.columns if column.group]]


def _bodies(table: Table) -> list[tuple[str, list[Row]]]:
    grouped = itertools.groupby(table.rows, lambda row: row.group)
    return [(group, list(rows)) for group, rows in grouped]


def _shade(share: Share) -> int:
    """How dark a part of a row is, in steps from 0 to 5."""
    return round(5 * share.count / share.total) if share.total else 0


def _share_percent(share: Share) -> str:
    return typeset.percent(share.count / share.total if share.total else None, 0)


def embedded_json(value: Any) -> str:
    """JSON that can stand within a script element, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_output,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "bodies": _bodies,
        "capital": typeset.capital,
        "head_lines": _head_lines,
        "shade": _shade,
        "soft": typeset.soft,
        "share_percent": _share_percent,
        "typeset": typeset.typeset,
        "unbroken": typeset.unbroken,
    }
    made.tests |= {
        "name": lambda value: isinstance(value, Name),
        "shape": lambda value: isinstance(value, Shape),
        "share": lambda value: isinstance(value, Share),
    }
    return made


ENVIRONMENT = _environment()


def _macros() -> Any:
    return ENVIRONMENT.get_template("macros.html").module


def svg(shape: Shape) -> str:
    """A shape as the page writes it."""
    return str(_macros().drawn(shape))


def html_table(table: Table, class_: str = "", links: dict[str, str] | None = None) -> str:
    """A table as the page writes it, in a box that scrolls where the screen is narrow.

    Args:
        table: whose rows are gone over once.
        class_: further class of the table.
        links: addresses of names that name a row.
    """
    return str(_macros().table(table, class_, links or {}))
