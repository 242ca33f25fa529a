"""Errors that are meant to be read by the person who runs the program.

Every message names what was wrong (file, region, attribute), what was expected and what to do.
Command lines print the message and leave with status 2; nothing else in the package raises these.
"""

import itertools
import reprlib
from collections.abc import Collection
from typing import Any

_REPR = reprlib.Repr()
_REPR.maxstring, _REPR.maxother, _REPR.maxlong = 120, 60, 60


def shown(value: Any) -> str:
    """A value of any size and depth as a message shows it, in about one line."""
    try:
        text = _REPR.repr(value)
    except (ValueError, RecursionError):
        # An integer of too many digits, or something that cannot be told.
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 160 else f"{text[:157]}..."


def listed(values: Collection[Any], limit: int = 10) -> str:
    """Some of many names, separated by commas."""
    text = ", ".join(map(shown, itertools.islice(values, limit)))
    return f"{text} and {len(values) - limit} more" if len(values) > limit else text


class MrcnnError(ValueError):
    """Base of all errors that this package raises on purpose."""


class ConfigError(MrcnnError):
    """A configuration value, or a combination of values, that cannot work."""


class DataError(MrcnnError):
    """An image or annotation file that cannot be used as it is."""


class WeightsError(MrcnnError):
    """A weights file that is missing, unreadable or made for another model."""


class TrainingError(MrcnnError):
    """A training that cannot go on, such as one whose loss is not finite any more."""


class OutputError(MrcnnError, OSError):
    """A file or folder that cannot be written. What was there before is as it was."""


class LimitWarning(UserWarning):
    """A limit of the configuration that leaves out some of what there is."""
