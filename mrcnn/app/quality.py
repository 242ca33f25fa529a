"""Which results of `detect` are doubtful, why, and what to try."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.finding import Found
from mrcnn.inference.quality import FOREIGN, LIMIT, SCALE
from mrcnn.measure.left_out import left_out
from mrcnn.measure.overview import covered, shrunken
from mrcnn.measure.sharpness import edge_width
from mrcnn.report.words import NETWORK

# What the column says of a result that nothing is wrong with.
OK = "ok"
OUTSIDE, MISSED, BLUR = "unstained-outside", "cells-missed", "blur"
# In this order the reasons stand.
REASONS = (OUTSIDE, MISSED, LIMIT, BLUR, SCALE, FOREIGN)

_MODEL = "another model"

# An image is judged with objects of about this many pixels, or with a side of this many where
# nothing says how large they are.
_WORKING_DIAMETER = 24
_WORKING_SIDE = 1024
# A longer side than this is never looked at.
_MOST_SIDE = 4096
# In fewer pixels than these nothing can be told of single objects, and of their edges.
_LEAST_DIAMETER, _LEAST_SHARP = 8, 20
# So many objects have a typical size.
_FEWEST = 3
# The share of the foreground outside all outlines that is too much. Good results leave 0.02 of it,
# or up to 0.33 in a small image with a large object of another kind; failures 0.6 and more.
_MOST_OUTSIDE = 0.4
# Objects that are left out: so many, and for each that is found.
_MOST_MISSED, _MOST_MISSED_SHARE = 2, 0.05
# Edges wider than this (diameters of the objects). Good images have 0.06 to 0.15, and those that a
# Gaussian of 0.08 has blurred 0.19 and more.
_WIDEST_EDGE = 0.18


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt a result.

    Attributes:
        reason: one of `REASONS`.
        text: what was seen, part of a sentence.
        remedies: what to try, parts of a sentence.
    """

    reason: str
    text: str
    remedies: tuple[str, ...] = ()


def judge(
    application: Application, image: np.ndarray, found: Found, options: Any, **known: Any
) -> list[Doubt]:
    """Why the result of an image is doubtful; nothing where it is well.

    Args:
        application: knows what stands out in an image.
        image: uint8 [H, W, 3], or smaller than what the objects were found in.
        found: in the image.
        options: of the command line.
        **known: what the application's hooks may ask for.
    """
    doubts = _of_network(application, found, options)
    doubts += _of_picture(application, image, found, options, known)
    if not doubts and not len(found.instances):
        # Nothing was expected either, for all that is known.
        text = application.words("nothing was found, perhaps no {image} of ")
        text += application.words.subject
        doubts.append(Doubt(FOREIGN, text, _remedies(application, options)))
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
    remedies = dict.fromkeys(remedy for doubt in doubts for remedy in doubt.remedies)
    return f"Warning: {path}: {texts} ({column(doubts)}). Try {', or '.join(remedies)}."


def _of_network(application: Application, found: Found, options: Any) -> list[Doubt]:
    words, doubts = application.words, []
    if LIMIT in found.quality:
        text = f"as many detections as the model returns, so {words.objects} may be missing"
        doubts.append(Doubt(LIMIT, text, ("a higher DETECTION_MAX_INSTANCES",)))
    if SCALE in found.quality:
        text = f"shown in a size in which the model may not know its {words.objects}"
        doubts.append(Doubt(SCALE, text, (_scale_remedy(options),)))
    if FOREIGN in found.quality:
        sure = " that the model is sure of" if len(found.instances) else " was found"
        text = f"nothing{sure}, perhaps no {words.image} of {words.subject}"
        doubts.append(Doubt(FOREIGN, text, _remedies(application, options)))
    return doubts


def _of_picture(
    application: Application, image: np.ndarray, found: Found, options: Any, known: dict[str, Any]
) -> list[Doubt]:
    words, doubts = application.words, []
    shown = image.shape[0] / found.instances.image_shape[0]
    diameter = _diameter(found)
    if diameter is None:
        factor = -(-max(image.shape[:2]) // _WORKING_SIDE)
    else:
        side = max(image.shape[:2])
        factor = max(int(diameter * shown / _WORKING_DIAMETER), -(-side // _MOST_SIDE))
        diameter *= shown / factor
        if diameter < _LEAST_DIAMETER:
            diameter = None
    small = shrunken(image, factor)
    objects = covered(found.instances, small.shape[:2])
    foreground = application.foreground(small, options, **known)
    others = _remedies(application, options)
    if foreground is not None:
        outside = left_out(foreground, objects, diameter)
        if outside.share > _MOST_OUTSIDE:
            text = f"{outside.share:.0%} of what stands out lies outside all outlines"
            doubts.append(Doubt(OUTSIDE, text, others))
        most = max(_MOST_MISSED, _MOST_MISSED_SHARE * len(found.instances))
        if outside.objects > most:
            text = f"about {outside.objects} {words.objects} have no outline"
            doubts.append(Doubt(MISSED, text, others))
    if diameter is not None and diameter >= _LEAST_SHARP:
        width = edge_width(small, objects, diameter)
        if width is not None and width > _WIDEST_EDGE:
            text = f"edges are {width:.0%} of {words('{an_object}')} wide"
            doubts.append(Doubt(BLUR, text, (f"a sharper {words.image}",)))
    return doubts


def _diameter(found: Found) -> float | None:
    """Of typical objects, in pixels of the image."""
    if len(found.instances) >= _FEWEST:
        return float(np.median(np.sqrt(4 / np.pi * found.instances.areas())))
    return found.diameter


def _remedies(application: Application, options: Any) -> tuple[str, ...]:
    """What finds other objects."""
    if getattr(options, "method", NETWORK) != NETWORK:
        return (f"detect --method {NETWORK}",)
    methods = (f"detect --method {name}" for name in application.baselines)
    return (_scale_remedy(options), _MODEL, *methods)


def _scale_remedy(options: Any) -> str:
    if getattr(options, "image_size", None) is not None:
        return "--diameter PX instead of --image-size"
    if getattr(options, "diameter", None) is not None:
        return "another --diameter, or leave it out"
    return "--diameter PX, the width of one in pixels of the image"
