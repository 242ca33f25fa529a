"""Decimal commas in a page whose figures were set with points, as files in English have them."""

import re

# What is no text of the page, or a name from a file; and the texts between all other tags.
_PARTS = re.compile(r"<(script|style|bdi)\b.*?</\1>|<[^>]*>|[^<]+", re.DOTALL)
# No part of a version, of a name or of an address.
_DECIMAL = re.compile(r"(?<![\w./])(\d+)\.(\d+)(?![\w/]|\.\w)")
# Texts that are read out.
_READ_OUT = re.compile(r'aria-label="[^"]*"')


def with_decimal_commas(page: str) -> str:
    """The page with 0,957 for 0.957 in all that it shows.

    Args:
        page: HTML in which no number has a separator of thousands.
    """
    return _PARTS.sub(_part, page)


def _part(found: re.Match[str]) -> str:
    if found[1] or not found[0].startswith("<"):
        return found[0] if found[1] else _with_commas(found[0])
    return _READ_OUT.sub(lambda label: _with_commas(label[0]), found[0])


def _with_commas(text: str) -> str:
    return _DECIMAL.sub(r"\1,\2", text)
