"""Pictures and tiles in which nothing is to be seen, such as the empty glass of a slide."""

import numpy as np

# Means of squares of this side (pixels) are looked at: the noise of a camera evens out in them.
_SQUARE = 8
# The least difference between them that may be an object, in gray levels. The palest cells of our
# fields make 30 and more; a camera's noise, or what JPEG makes of it, 5.
_LEAST = 8.0
# Where pixels that lie so near differ by more than this, something is there, or all is noise.
_CLEAR = 64
# From so many squares a side on, light that falls off to the corners is told from objects.
_MANY = 12


def is_blank(image: np.ndarray) -> bool:
    """Whether no object can be in an image, since all of it is of one color, but for the light.

    Args:
        image: uint8 [H, W, C].
    """
    single = image[::_SQUARE, ::_SQUARE].astype(np.int16)
    if any(np.abs(np.diff(single, axis=axis)).max(initial=0) > _CLEAR for axis in (0, 1)):
        return False
    means = _means(image)
    if min(means.shape[:2]) >= _MANY:
        means = means - _light(means)
    return bool(np.ptp(means, axis=(0, 1)).max() < _LEAST)


def _means(image: np.ndarray) -> np.ndarray:
    """Means of whole squares, float64 [h, w, C]; of a side that is shorter than a square the whole.

    What is left at the right and the bottom is narrower than a square, and does not count.
    """
    height, width = (
        side if side < _SQUARE else side // _SQUARE * _SQUARE for side in image.shape[:2]
    )
    high, wide = min(_SQUARE, height), min(_SQUARE, width)
    squares = image[:height, :width].reshape(height // high, high, width // wide, wide, -1)
    return squares.mean(axis=(1, 3), dtype=np.float32).astype(np.float64)


def _light(means: np.ndarray) -> np.ndarray:
    """The quadratic surface nearest to each channel, [h, w, C]: too stiff to follow an object."""
    height, width = means.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    ones = np.ones((height, width))
    terms = np.stack([ones, y * ones, x * ones, y * y * ones, x * x * ones, x * y], axis=-1)
    design = terms.reshape(-1, terms.shape[-1])
    values = means.reshape(len(design), -1)
    # Every seventh square is plenty for six coefficients, but not where there are few.
    step = 7 if len(design) > 4000 else 1
    coefficients = np.linalg.lstsq(design[::step], values[::step], rcond=None)[0]
    return (design @ coefficients).reshape(means.shape)
