"""Errors that are meant to be read by the person who runs the program.

Every message names what was wrong (file, region, attribute), what was expected and what to do.
Command lines print the message and leave with status 2; nothing else in the package raises these.
"""


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
