"""A run of `detect` of which every figure is known."""

from dataclasses import replace

import numpy as np

from mrcnn.instances import Instances
from mrcnn.report.page.detected import Card, DetectedPicture, DetectionRun, detected_picture

HOSTILE = "</script><img src=x onerror=1>{object}.png"


def found(scores=(0.99, 0.5, 0.95)) -> Instances:
    """A whole object of class 1, one of class 2, and one of class 1 that the border cuts."""
    boxes = np.array([[20, 20, 60, 60], [70, 30, 90, 50], [0, 70, 30, 100]])
    crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    made = Instances((120, 160), boxes, crops, np.array([1, 2, 1]), np.array(scores))
    return made.with_columns(
        shape=np.array(["burr", "", "target"], object), infected=np.array([1.0, np.nan, 0.0])
    )


def shown(**changes) -> DetectedPicture:
    image = np.full((120, 160, 3), 200, np.uint8)
    made = detected_picture(image, found(), ["large", "small"], ("shape", "infected", "none"), 0.1)
    return replace(made, **changes)


def line(image: str, quality: str = "ok", warning: str = "", slide: str = "all") -> dict[str, str]:
    return {
        "image": image, "name": "a", "slide": slide, "cells": "3", "whole": "2", "cut": "1",
        "frame_count": "2", "frame_count_low": "0.24", "frame_count_high": "7.2", "per_mm2": "",
        "diameter_mean_px": "33.1", "diameter_sd_px": "", "diameter_mean_um": "",
        "diameter_cv": "0.123", "enough": "no", "repeats": "", "quality": quality,
        "warning": warning,
    }  # fmt: skip


def slide(name: str = "all") -> dict[str, str]:
    others = ("image", "name", "slide")
    counts = {key: value for key, value in line("").items() if key not in others}
    return {"slide": name, "fields": "2", **counts, "parasitemia": "0.5", "parasitemia_low": "0.1",
            "parasitemia_high": "0.9"}  # fmt: skip


def share(name: str = "all") -> dict[str, str]:
    return {"slide": name, "column": "class", "value": "large", "count": "2", "total": "3",
            "share": "0.6667", "share_low": "0.2", "share_high": "0.9"}  # fmt: skip


def size(low: int, count: int, name: str = "all") -> dict[str, str]:
    return {"slide": name, "unit": "px", "from": str(low), "to": str(low + 1), "count": str(count)}


def make_run() -> DetectionRun:
    return DetectionRun(
        facts=[("Method", "Mask R-CNN")],
        classes=["large", "small"],
        pictures=[line("b.png"), line(HOSTILE, "blur", "the field is not sharp")],
        slides=[slide()],
        shares=[share()],
        histogram=[size(20, 3), size(21, 0), size(22, 1)],
        cards=[Card("b.png", shown), Card(HOSTILE, shown)],
        total=2,
        doubtful=1,
        problems=[("bad.png", "bad.png: not an image")],
        rates=[("infected", "parasitemia")],
    )
