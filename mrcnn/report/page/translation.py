"""Tables of a page in its language: they are made once, for files in English as well."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mrcnn.report.table import Name, Row, Table
from mrcnn.report.words import Words

# What tables say with a number in it, and the string for that.
_NUMBERED = (
    (re.compile(r"at confidence ≥ (?P<value>\S+)"), "at confidence ≥ {value}"),
    (re.compile(r"best (?P<value>\S+)"), "best {value}"),
    (re.compile(r"(?P<low>[\d.]+) to (?P<high>[\d.]+)"), "{low} to {high}"),
    (
        re.compile(r"(?P<value>[\d.]+) \((?P<low>[\d.]+) to (?P<high>[\d.]+)\)"),
        "{value} ({low} to {high})",
    ),
)


def translated(data: Any, words: Words) -> Any:
    """The data of a section with its tables in the language of the words.

    Args:
        data: dictionaries and lists with tables somewhere in them.
        words: of which language the texts are.
    """
    if words.language == "en":
        return data
    if isinstance(data, Table):
        return _table(data, words)
    if isinstance(data, dict):
        return {key: translated(value, words) for key, value in data.items()}
    if isinstance(data, list):
        return [translated(value, words) for value in data]
    return data


def _table(table: Table, words: Words) -> Table:
    def cell(value: Any) -> Any:
        return _text(value, words) if type(value) is str else value

    columns = [
        replace(
            column,
            title=column.title if isinstance(column.title, Name) else _text(column.title, words),
            group=_text(column.group, words),
            show=_shown(column.show, words),
        )
        for column in table.columns
    ]
    rows = [
        Row([cell(value) for value in row.cells], _text(row.group, words), row.is_strong)
        for row in table.rows
    ]
    return replace(table, columns=columns, rows=rows, caption=_text(table.caption, words))


def _shown(show: Callable[[Any], str], words: Words) -> Callable[[Any], str]:
    return lambda value: _text(show(value), words)


def _text(text: str, words: Words) -> str:
    """The string for a text, or for its parts between commas; numbers and names stay."""
    if text in words.strings:
        return words(text)
    parts = text.split(", ")
    if len(parts) > 1:
        return ", ".join(_text(part, words) for part in parts)
    for pattern, string in _NUMBERED:
        found = pattern.fullmatch(text)
        if found is not None:
            return words(string, **found.groupdict())
    return text
