"""Figures as they are set on the page: the digits of tables, with true signs and narrow spaces."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from mrcnn.report import figures
from mrcnn.report.figures import number

MISSING = "–"

# Control characters, which HTML forbids or which make a browser read on elsewhere.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


def clean(text: Any) -> str:
    """Text that can be written as UTF-8 and stand in HTML; what cannot shows as a code or as �."""
    encodable = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return _FORBIDDEN.sub("\ufffd", encodable)


# Where the long titles of narrow columns may break.
_BREAKS = ("seg|mented", "un|matched", "accu|racy", "ter|seg|men|tasi", "aku|rasi", "pa|sangan")


def soft(text: str) -> str:
    """The text with soft hyphens, which show where a line ends there."""
    for parts in _BREAKS:
        text = text.replace(parts.replace("|", ""), parts.replace("|", "\u00ad"))
    return text


def capital(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]


def unbroken(text: str) -> str:
    """Text in which no line ends between a number and its sign or unit."""
    text = re.sub(r"(?<=\d) (?=%|px)", "\u202f", text)
    return re.sub(r"(?<=[≥>]) (?=[\d.])", "\u00a0", text)


def typeset(text: str | None) -> str:
    """The text of a figure as a page shows it; None is not defined."""
    if text is None or text == "-":
        return MISSING
    text = re.sub(r"(?<![\w.])-(?=\d)", "\u2212", text)
    return unbroken(text.replace(">=", "≥ "))


def figure(value: Any, digits: int = 3) -> str:
    """0.957, with a true minus below zero, or a dash."""
    value = number(value)
    return MISSING if value is None else typeset(f"{value:.{digits}f}")


def percent(value: Any, digits: int = 1) -> str:
    """95.7 %, or a dash."""
    value = number(value)
    # A narrow space that does not break.
    return MISSING if value is None else f"{100 * value:.{digits}f}\u202f%"


def signed(value: Any) -> str:
    """+1.50 or −0.33 with a true minus, or a dash."""
    value = number(value)
    return MISSING if value is None else typeset(figures.signed(value))


def count(value: Any) -> str:
    """Whole numbers without decimals, means with one, or a dash."""
    value = number(value)
    if value is None:
        return MISSING
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def confidence(value: Any) -> str:
    """0.7 of a threshold, at most four digits."""
    value = number(value)
    return MISSING if value is None else f"{value:.4g}"


def interval(
    ends: Sequence[Any] | None,
    show: Callable[[Any], str] = figure,
    text: str = "{low} to {high}",
) -> str:
    """0.941 to 0.978, or nothing where there is no interval."""
    if ends is None or len(ends) != 2 or any(number(end) is None for end in ends):
        return ""
    return text.format(low=show(ends[0]), high=show(ends[1]))
