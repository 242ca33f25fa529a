"""How bright a picture would be without its objects: what optical density is measured against."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrcnn.instances import Instances
from mrcnn.measure.overview import covered

# Pixels are looked at on a grid: from so many to so many along the longer side, so that there are
# so many across an object.
_FEWEST_ALONG, _MOST_ALONG, _ACROSS = 128, 400, 8
# So many of them are plenty for six numbers.
_MOST = 5000
# Fewer pixels of background, or a smaller share of all, do not tell a surface.
_FEWEST, _LEAST_SHARE = 200, 0.005
# Pixels further from the surface than this (standard deviations) are no background.
_SPREAD = 2.5
# What stands for a pixel of 0, which has no logarithm: half a step.
_HALF_STEP = 0.5
# In optical density, of 256 steps from 0 to 255.
LOGS = np.log10(np.maximum(np.arange(256), _HALF_STEP))


@dataclass(frozen=True)
class Background:
    """The light of each channel as a surface of the second degree, in logarithms to base 10.

    Attributes:
        image_shape: (height, width).
        coefficients: float64 [6, C] of 1, y, x, yy, yx, xx, with y and x from -1 to 1.
    """

    image_shape: tuple[int, int]
    coefficients: np.ndarray

    def logs_at(self, points: np.ndarray) -> np.ndarray:
        """Logarithms of the light, float64 [N, C].

        Args:
            points: float [N, 2], (y, x) in pixels.
        """
        return _terms(points, self.image_shape) @ self.coefficients

    @classmethod
    def constant(cls, image_shape: tuple[int, int], levels: np.ndarray) -> "Background":
        """The same light everywhere.

        Args:
            image_shape: (height, width).
            levels: [C], above 0 to 255.
        """
        coefficients = np.zeros((6, len(levels)))
        coefficients[0] = np.log10(levels)
        return cls(image_shape, coefficients)


def background_of(image: np.ndarray, objects: Instances) -> Background:
    """The light beside the objects, continued over them.

    What is brighter than halfway between the objects and the brightest tenth beside them counts,
    and a surface of the second degree is laid through it, three times, each time without what lies
    more than 2.5 standard deviations beside the last one: cells that were not found, and dirt.
    Where hardly any background is seen, it is the brightest hundredth of the picture.

    Args:
        image: uint8 [H, W, C].
        objects: with masks.
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    step = longer / _FEWEST_ALONG
    if len(objects):
        step = min(step, float(np.sqrt(np.median(objects.areas()))) / _ACROSS)
    step = max(1, int(max(step, longer / _MOST_ALONG)))
    samples = image[step // 2 :: step, step // 2 :: step]
    shape = samples.shape[:2]
    inside = covered(objects, shape)
    beside = ~ndimage.binary_dilation(inside, np.ones((3, 3)))
    gray = samples.mean(axis=2)
    if beside.any() and inside.any():
        bright = np.quantile(gray[beside], 0.9)
        beside &= gray > (bright + np.median(gray[inside])) / 2
    rows, columns = np.nonzero(beside)
    if len(rows) < max(_FEWEST, _LEAST_SHARE * beside.size):
        levels = np.quantile(samples.reshape(-1, samples.shape[2]), 0.99, axis=0)
        return Background.constant((height, width), np.maximum(levels, 1))
    thinned = slice(None, None, -(-len(rows) // _MOST))
    rows, columns = rows[thinned], columns[thinned]
    points = (np.stack([rows, columns], axis=1) + 0.5) * (height / shape[0], width / shape[1])
    design = _terms(points, (height, width))
    values = LOGS[samples[rows, columns]]
    kept = np.ones(len(rows), bool)
    for _ in range(3):
        # The normal equations of six terms are small and well conditioned here.
        part = design[kept]
        coefficients = np.linalg.lstsq(part.T @ part, part.T @ values[kept], rcond=None)[0]
        beyond = np.abs(values - design @ coefficients).max(axis=1)
        # Of a normal distribution's largest of three channels the median is 1.4 deviations.
        kept = beyond <= max(_SPREAD / 1.4 * float(np.median(beyond[kept])), 1e-6)
        if np.count_nonzero(kept) < _FEWEST:
            break
    return Background((height, width), coefficients)


def _terms(points: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    y, x = (2 * points[:, axis] / image_shape[axis] - 1 for axis in (0, 1))
    return np.stack([np.ones_like(y), y, x, y * y, y * x, x * x], axis=1)


def white_level_of(image: np.ndarray) -> tuple[float, float, float]:
    """The color of the brightest free background: red, green and blue, 1 to 255.

    Of the pixels that are at most a tenth darker than the brightest half percent it is the median
    of each channel.

    Args:
        image: uint8 [H, W, 3].
    """
    step = max(1, max(image.shape[:2]) // _MOST_ALONG)
    samples = image[::step, ::step].reshape(-1, 3)
    gray = samples.mean(axis=1)
    bright = samples[gray >= 0.9 * np.quantile(gray, 0.995)]
    red, green, blue = (max(1.0, float(level)) for level in np.median(bright, axis=0))
    return red, green, blue
