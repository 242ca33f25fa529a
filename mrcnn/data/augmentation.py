"""Random variations of training images: place, size, orientation, color, sharpness, noise."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import scipy.ndimage

from mrcnn.data.frames import Frame
from mrcnn.errors import ConfigError, DataError

_Kind = TypeVar("_Kind", bound=type)


def _also_as_colour(kind: _Kind) -> _Kind:
    """`color` by the name that earlier versions had for it, to be given and to be read."""
    made: Any = vars(kind)["__init__"]

    @functools.wraps(made)
    def made_of(self: Any, *values: Any, **named: Any) -> None:
        if "colour" in named:
            named["color"] = named.pop("colour")
        made(self, *values, **named)

    setattr(kind, "__init__", made_of)  # noqa: B010
    setattr(kind, "colour", property(lambda self: self.color))  # noqa: B010
    return kind


@_also_as_colour
@dataclass(frozen=True)
class Augmentation:
    """What may vary, and how much. All draws come from the generator that is handed in.

    Attributes:
        flip_horizontal, flip_vertical: probabilities of a mirrored image.
        quarter_turns: turn by 0, 90, 180 or 270 degrees (where the input is not square, by 0 or
            180).
        scale: (smallest, largest) factor of the size, drawn on a logarithmic scale. A picture
            smaller than the input gets a random place in it; of a larger one a random part is
            shown.
        brightness: largest relative change of all pixels.
        contrast: largest relative change of the distance to the mean gray.
        color: largest relative change of each color channel by itself.
        gamma: the exponent is drawn from 1 / (1 + gamma) to 1 + gamma.
        blur: largest standard deviation in pixels.
        blur_probability: share of images that are blurred.
        noise: largest standard deviation in gray levels of 255.
        noise_probability: share of images with noise.
        overlay: share of images that objects of another image are laid over, beside and partly
            over those that are there; see `mrcnn.data.overlay`. For images in transmitted light.
        overlay_most: objects that are laid over one image at most.
    """

    flip_horizontal: float = 0.5
    flip_vertical: float = 0.5
    quarter_turns: bool = True
    scale: tuple[float, float] = (0.8, 1.25)
    brightness: float = 0.15
    contrast: float = 0.2
    color: float = 0.08
    gamma: float = 0.2
    blur: float = 1.0
    blur_probability: float = 0.2
    noise: float = 6.0
    noise_probability: float = 0.2
    overlay: float = 0.0
    overlay_most: int = 6

    def __post_init__(self) -> None:
        probabilities = "flip_horizontal flip_vertical blur_probability noise_probability overlay"
        for name in probabilities.split():
            self._require(name, 0 <= getattr(self, name) <= 1, "a probability from 0 to 1")
        for name in ("brightness", "contrast", "color"):
            self._require(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        self._require("overlay_most", self.overlay_most >= 1, "at least 1")
        for name in ("gamma", "blur", "noise"):
            self._require(name, getattr(self, name) >= 0, "at least 0")
        self._require(
            "scale",
            len(self.scale) == 2 and 0 < self.scale[0] <= self.scale[1],
            "two numbers above 0, the smaller first",
        )

    def _require(self, name: str, condition: bool, allowed: str) -> None:
        if not condition:
            raise ConfigError(f"Augmentation.{name} is {getattr(self, name)!r}: must be {allowed}.")

    def draw_frame(
        self, frame: Frame, picture_shape: Sequence[int], rng: np.random.Generator
    ) -> Frame:
        """A random place, size and orientation of a picture.

        Args:
            frame: where the picture lies without augmentation.
            picture_shape: (height, width, ...) of the picture in pixels.
            rng: source of all draws.

        Returns:
            a frame of the same shape.
        """
        if self.scale != (1, 1):
            low, high = np.log(self.scale)
            factor = float(np.exp(rng.uniform(low, high)))
            frame = random_place(frame.shape, picture_shape, rng, factor)
        if rng.random() < self.flip_horizontal:
            frame = frame.flipped(1)
        if rng.random() < self.flip_vertical:
            frame = frame.flipped(0)
        if self.quarter_turns:
            is_square = frame.shape[0] == frame.shape[1]
            frame = frame.turned(int(rng.integers(4)) if is_square else 2 * int(rng.integers(2)))
        return frame

    def vary_pixels(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Random changes of color, sharpness and noise.

        Args:
            image: uint8 [H, W, C], the picture without padding.
            rng: source of all draws.

        Returns:
            uint8 [H, W, C], a new array.

        Raises:
            DataError: the image is of another type.
        """
        if image.dtype != np.uint8:
            raise DataError(
                f"Augmentation varies images of type uint8, not {image.dtype}: convert them in "
                "load_image, or train without augmentation."
            )
        image = self._vary_colors(image, rng)
        if self.blur > 0 and rng.random() < self.blur_probability:
            sigma = rng.uniform(0, self.blur)
            image = scipy.ndimage.gaussian_filter(image, (sigma, sigma, 0), truncate=2.5)
        if self.noise > 0 and rng.random() < self.noise_probability:
            sigma = np.float32(rng.uniform(0, self.noise))
            noise = rng.standard_normal(image.shape, np.float32)
            noise *= sigma
            noise += image
            image = np.clip(np.rint(noise, out=noise), 0, 255, out=noise).astype(np.uint8)
        return image

    def _vary_colors(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """All changes that treat pixels alike, as one table for each channel."""
        gamma = (1 + self.gamma) ** rng.uniform(-1, 1)
        contrast = 1 + self.contrast * rng.uniform(-1, 1)
        gains = (1 + self.brightness * rng.uniform(-1, 1)) * (
            1 + self.color * rng.uniform(-1, 1, image.shape[2])
        )
        levels = 255 * (np.arange(256) / 255) ** gamma
        # A coarse sample is enough for the mean.
        sample = image[::8, ::8]
        mean = levels[sample].mean() if sample.size else 0.0
        levels = (levels - mean) * contrast + mean
        table = np.clip(np.rint(levels[:, None] * gains), 0, 255).astype(np.uint8)
        return np.stack([table[:, c][image[..., c]] for c in range(image.shape[2])], axis=-1)


def random_place(
    shape: Sequence[int],
    picture_shape: Sequence[int],
    rng: np.random.Generator,
    scale: float = 1.0,
) -> Frame:
    """A frame of `shape` with the picture, or with a part of one that is larger, placed at random.

    Without scaling the place is a whole number of pixels, so that pixels stay as they are.
    """
    offset = []
    for side, picture_side in zip(shape[:2], picture_shape[:2], strict=True):
        room = side - picture_side * scale
        low, high = min(room, 0), max(room, 0)
        if scale == 1:
            offset.append(float(rng.integers(int(low), int(high), endpoint=True)))
        else:
            offset.append(rng.uniform(low, high))
    return Frame.at(shape, offset, scale)
