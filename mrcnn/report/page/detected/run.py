"""What a report tells of a run of `detect`, as the tables of the run have it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mrcnn.report.page.detected.picture import DetectedPicture

Line = dict[str, str]


@dataclass(frozen=True)
class Card:
    """A picture to look at.

    Attributes:
        name: of the image, as the tables have it.
        read: gives what is shown of it; it is read only when the page is made of it.
    """

    name: str
    read: Callable[[], DetectedPicture]


@dataclass(frozen=True)
class DetectionRun:
    """A run of `detect`.

    Attributes:
        facts: (title, text) of what made it: weights, version, date.
        classes: names of classes 1, 2, ...
        pictures: lines of the table of counts by picture, each with `quality`; of a long run the
            first ones, and those that are doubtful.
        slides, shares, histogram: lines of the tables of counts by slide.
        cards: pictures to look at, in the order of the tables.
        total: how many pictures could be used.
        doubtful: how many of them are doubtful.
        problems: (image, reason) of files that could not be used.
        others: kinds of objects that are counted against the main one.
        rates: (column, name) of shares, see `mrcnn.report.tally.Counting`.
    """

    facts: Sequence[tuple[str, str]]
    classes: Sequence[str]
    pictures: Sequence[Line]
    slides: Sequence[Line]
    shares: Sequence[Line]
    histogram: Sequence[Line]
    cards: Sequence[Card]
    total: int
    doubtful: int
    problems: Sequence[tuple[str, str]] = field(default_factory=list)
    others: Sequence[str] = ()
    rates: Sequence[tuple[str, str]] = ()
