"""Which results of `detect` are doubtful, why, and what to try."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mrcnn.app.finding import Found
from mrcnn.inference.quality import LIMIT, SCALE
from mrcnn.report.words import Words

# What the column says of a result that nothing is wrong with.
OK = "ok"
# In this order the reasons stand.
REASONS = (LIMIT, SCALE)


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt a result.

    Attributes:
        reason: one of `REASONS`.
        text: what was seen, part of a sentence.
        remedy: what to try, part of a sentence.
    """

    reason: str
    text: str
    remedy: str


def judge(found: Found, options: Any, words: Words) -> list[Doubt]:
    """Why the result of an image is doubtful; nothing where it is well.

    Args:
        found: in the image.
        options: of the command line.
        words: what objects and images are called.
    """
    doubts = []
    if LIMIT in found.quality:
        text = f"as many detections as the model returns, so {words.objects} may be missing"
        doubts.append(Doubt(LIMIT, text, "a higher DETECTION_MAX_INSTANCES"))
    if SCALE in found.quality:
        text = f"shown in a size in which the model may not know its {words.objects}"
        doubts.append(Doubt(SCALE, text, _scale_remedy(options)))
    return sorted(doubts, key=lambda doubt: REASONS.index(doubt.reason))


def column(doubts: Sequence[Doubt]) -> str:
    """The reasons joined by ";", or "ok"."""
    return ";".join(doubt.reason for doubt in doubts) or OK


def warning(path: str, doubts: Sequence[Doubt]) -> str:
    """The line that tells of an image with doubts.

    Args:
        path: of the image.
        doubts: at least one.
    """
    texts = "; ".join(doubt.text for doubt in doubts)
    remedies = dict.fromkeys(doubt.remedy for doubt in doubts)
    return f"Warning: {path}: {texts} ({column(doubts)}). Try {', or '.join(remedies)}."


def _scale_remedy(options: Any) -> str:
    if getattr(options, "image_size", None) is not None:
        return "--diameter PX instead of --image-size"
    if getattr(options, "diameter", None) is not None:
        return "another --diameter, or leave it out"
    return "--diameter PX, the width of one in pixels of the image"
