"""Figures as text, the same digits wherever they are told."""

import math
from collections.abc import Sequence
from typing import Any


def number(value: Any) -> float | None:
    """The value as a finite float; None for what is not defined."""
    if value is None:
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def lookup(tree: Any, *keys: Any) -> Any:
    """The value behind keys of nested dictionaries; None where one of them is missing."""
    for key in keys:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree


def fixed(digits: int) -> Any:
    """Shows a float with so many decimals, all else as it is."""
    return lambda value: f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def percent(value: Any) -> str:
    """95.7 % of a ratio, or "-" where it is not defined."""
    value = number(value)
    return "-" if value is None else f"{100 * value:.1f} %"


def figure(value: Any) -> str:
    """A ratio with 3 digits, or "-" where it is not defined."""
    value = number(value)
    return "-" if value is None else f"{value:.3f}"


def signed(value: float) -> str:
    """+1.50 or -0.33."""
    return f"{value:+.2f}"


def with_interval(value: Sequence[Any]) -> str:
    """0.957 (0.941 to 0.978) of (value, low, high); the value alone without an interval."""
    found, low, high = map(number, value)
    ends = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return figure(found) + ends


def at_confidence(min_confidence: float | None) -> str:
    """An operating point in a table: ">=0.7", or "all" where there is no confidence."""
    return "all" if min_confidence is None else f">={min_confidence:g}"
