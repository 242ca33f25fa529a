"""What the words of the command line may be: numbers within bounds, and a few names."""

import argparse
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mrcnn.app.model_files import COCO_TORCHVISION

Number = TypeVar("Number", int, float)

_DECIMAL_COMMA = re.compile(r"\d*,\d+")


def _number(
    convert: Callable[[str], Number], allowed: str, accept: Callable[[Number], bool]
) -> Callable[[str], Number]:
    """A type for argparse: a number within bounds, or a message that says the bounds."""

    def parse(text: str) -> Number:
        value: Number | None
        try:
            value = convert(text)
        except ValueError:
            value = None
        if value is not None and math.isfinite(value) and accept(value):
            return value
        hint = ""
        if value is None and _DECIMAL_COMMA.fullmatch(text):
            hint = f"; numbers here have a point: {text.replace(',', '.')}"
        raise argparse.ArgumentTypeError(f"{text!r} is not {allowed}{hint}")

    return parse


confidence = _number(float, "a confidence from 0 to 1", lambda value: 0 <= value <= 1)
AUTO = "auto"
ALL = "all"
FOLDER = "folder"
fraction = _number(float, "a number from 0 to 1", lambda value: 0 <= value <= 1)
positive_integer = _number(int, "a whole number of at least 1", lambda value: value >= 1)
whole_number = _number(int, "a whole number of at least 0", lambda value: value >= 0)
seed_number = _number(int, "a whole number from 0 to 2147483647", lambda value: 0 <= value < 2**31)
positive = _number(float, "a number above 0", lambda value: value > 0)

PIXEL_SIDES = "a size of pixels from 0.001 to 1000 micrometers"


def is_pixel_side(value: float) -> bool:
    """In micrometers: a microscope's is far finer, a loupe's or a camera's may be as coarse."""
    return 1e-3 <= value <= 1e3


pixel_side = _number(float, PIXEL_SIDES, is_pixel_side)
not_negative = _number(float, "a number of at least 0", lambda value: value >= 0)


def confidence_or_auto(text: str) -> float | str:
    """A type for argparse: a confidence, or the one of the last sweep."""
    return AUTO if text == AUTO else confidence(text)


def engine_name(text: str) -> str:
    """A type for argparse: `dask`, or `dask=ADDRESS` of a scheduler."""
    name, equals, address = text.partition("=")
    if name != "dask" or (equals and not address):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither dask nor dask=ADDRESS, as in dask=tcp://10.0.0.1:8786"
        )
    return text


def channel_numbers(text: str) -> tuple[int, ...]:
    """A type for argparse: one channel, or three, counted from 1."""
    try:
        channels = tuple(positive_integer(part) for part in text.split(","))
    except argparse.ArgumentTypeError:
        channels = ()
    if len(channels) not in (1, 3):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a channel nor three of them as in 3,2,1, counted from 1"
        )
    return channels


def anchor_scales(text: str) -> str | tuple[float, ...]:
    """A type for argparse: `auto`, `paper`, or five sizes in pixels of the resized image."""
    if text in (AUTO, "paper"):
        return text
    try:
        scales = tuple(positive(part) for part in text.split(","))
    except argparse.ArgumentTypeError:
        scales = ()
    if len(scales) != 5:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither auto, paper nor five sizes as in 8,16,32,64,128"
        )
    return scales


def scale_jitter(text: str) -> tuple[float, float]:
    """A type for argparse: the smallest and the largest factor of a size."""
    try:
        factors = tuple(positive(part) for part in text.split(","))
    except argparse.ArgumentTypeError:
        factors = ()
    if len(factors) != 2 or factors[0] > factors[1]:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a smallest and a largest factor as in 0.6,1.6"
        )
    return factors


def checkpoint_number(text: str) -> str | float:
    """A type for argparse: how many checkpoints are kept, or `all`."""
    return ALL if text == ALL else positive_integer(text)


def device_number(text: str) -> str | float:
    """A type for argparse: how many devices train, or `all`."""
    return ALL if text == ALL else positive_integer(text)


def slide_rule(text: str) -> str:
    """A type for argparse: `folder`, or a regular expression with one group."""
    if text == FOLDER:
        return text
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither {FOLDER} nor a regular expression: {error}"
        ) from None
    if groups != 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} has {groups} groups: expected is {FOLDER}, or a regular expression with one "
            r"group, which takes the slide, as in ([^/]+)_\d+\.jpg"
        )
    return text


class WeightsAction(argparse.Action):
    """Keeps the word of `--weights`, and the path that follows `coco-torchvision`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        # As nargs "+" has it.
        words: list[str] = list(map(str, values or ()))
        first, *others = words
        if first == COCO_TORCHVISION and len(others) != 1:
            parser.error(
                f"argument {option_string}: {COCO_TORCHVISION} is followed by one path, that of "
                "torchvision's .pth file, such as maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth from "
                "https://download.pytorch.org/models/, or what `convert-weights` made of it"
            )
        if first != COCO_TORCHVISION and others:
            parser.error(f"argument {option_string}: {first} is followed by {' '.join(others)}")
        namespace.weights = first
        namespace.weights_path = Path(others[0]) if others else None
