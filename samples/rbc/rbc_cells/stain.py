"""How strongly a stained bright-field image absorbs light, and from where on that is a cell.

N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9(1), 1979.
"""

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

# Hemoglobin and the eosin of the stain both absorb green most.
GREEN = 1

# Cells absorb at least this part of the light (JPEG alone makes 2 %), and stand out from the
# background by this many of its standard deviations: noise that Otsu cuts in two reaches 3, cells
# in a field badly out of focus 5, in a usual one 10 and more.
_LEAST_ABSORBED = 0.03
_LEAST_CONTRAST = 4.0

# Light and threshold of a whole field are found where the longer side has at most so many pixels.
_OVERVIEW_SIDE = 400

# So many rows of a picture stay in the processor's memory while they are worked on.
_ROWS = 32

# Smoothing (pixels): the noise of a camera, not the edge of a cell.
_BLUR = 1.0


def relative_stain(image: np.ndarray) -> np.ndarray | None:
    """The stain of each pixel, in units of the threshold between background and cells.

    Args:
        image: uint8 [H, W, 3], RGB.

    Returns:
        float32 [H, W], about 0 in the background and above 1 where there is certainly a cell; None
        where nothing stands out from the background.
    """
    green = image[..., GREEN].astype(np.float32)
    factor = -(-max(green.shape) // _OVERVIEW_SIDE)
    overview = shrunken(green, factor)
    if min(overview.shape) < 2:
        return None
    surface = _fitted_light(overview)
    threshold = stain_threshold(1 - overview / _light(surface, overview.shape))
    if threshold is None:
        return None
    stain = ndimage.gaussian_filter(green, _BLUR, mode="nearest", truncate=2.5)
    for begin in range(0, len(stain), _ROWS):
        rows = slice(begin, begin + _ROWS)
        light = _light(surface, green.shape, rows).astype(np.float32)
        stain[rows] = (1 - stain[rows] / light) / np.float32(threshold)
    return stain


def stained(image: np.ndarray) -> np.ndarray | None:
    """Where there certainly is a cell, bool [H, W]; None where nothing stands out.

    Args:
        image: uint8 [H, W, 3], RGB.
    """
    stain = relative_stain(image)
    return None if stain is None else stain > 1


def shrunken(values: np.ndarray, factor: int) -> np.ndarray:
    """Means of squares of factor x factor pixels; the last row and column repeat to fill them."""
    height, width = values.shape
    if height % factor or width % factor:
        values = np.pad(values, ((0, -height % factor), (0, -width % factor)), mode="edge")
    # Row by row, then column by column: brightness is whole, so that sums are exact.
    rows = sum(values[offset::factor] for offset in range(factor))
    return np.asarray(sum(rows[:, offset::factor] for offset in range(factor)) / factor**2)


def absorbed_light(brightness: np.ndarray) -> np.ndarray:
    """The part of the light that is absorbed: 0 for the background, 1 for black.

    Args:
        brightness: float [H, W], 0 to 255.
    """
    return 1 - brightness / _light(_fitted_light(brightness), brightness.shape)


def stain_threshold(absorbed: np.ndarray) -> float | None:
    """Otsu's threshold between background and cells, or None where nothing stands out.

    Otsu's lies midway between the means of both classes, so dark cells and parasites lift it above
    the pale cells. Hence a second one, in which no pixel counts as darker than the palest quarter
    of the stained ones.
    """
    first = threshold_otsu(absorbed)
    stained = absorbed[absorbed > first]
    if not stained.size:
        return None
    threshold = threshold_otsu(np.minimum(absorbed, np.quantile(stained, 0.25)))
    background = absorbed[absorbed <= threshold]
    level = np.median(background)
    # 1.48 turns a median absolute deviation into a standard deviation.
    noise = 1.48 * np.median(np.abs(background - level))
    contrast = np.median(absorbed[absorbed > threshold]) - level
    return threshold if contrast > max(_LEAST_ABSORBED, _LEAST_CONTRAST * noise) else None


def _fitted_light(brightness: np.ndarray) -> tuple[np.ndarray, float]:
    """The light that no cell takes away, as a quadratic surface over the image.

    It goes through the pixels above Otsu's threshold: illumination falls off smoothly, and a
    surface this stiff does not follow the cells.

    Returns:
        six coefficients, see `_light`, and the median of the light.
    """
    y, x = _places(brightness.shape)
    stained = brightness < threshold_otsu(brightness)
    # Later rounds see the cells that a dark corner had hidden.
    for rounds_left in range(3, -1, -1):
        light = brightness[~stained]
        # Every seventh pixel is plenty for six coefficients.
        rows, columns = np.divmod(np.flatnonzero(~stained)[::7], brightness.shape[1])
        design = np.stack(_terms(y[rows, 0], x[0, columns]), -1)
        coefficients = np.linalg.lstsq(design, light[::7], rcond=None)[0]
        surface = coefficients, float(np.median(light))
        if rounds_left:
            absorbed = 1 - brightness / _light(surface, brightness.shape)
            stained = absorbed > threshold_otsu(absorbed)
    return surface


def _places(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """y [H, 1] and x [1, W] of all pixels, from -1 to 1."""
    return np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None]


def _terms(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, ...]:
    return np.ones_like(y), x, y, x * x, x * y, y * y


def _light(
    surface: tuple[np.ndarray, float], shape: tuple[int, int], rows: slice = slice(None)
) -> np.ndarray:
    """A surface from `_fitted_light` for some rows of an image, float64 [rows, W], at least 1.

    Args:
        surface: see there.
        shape: (height, width) of the image, which may have any size.
        rows: all by default.
    """
    (of_1, of_x, of_y, of_xx, of_xy, of_yy), level = surface
    y, x = _places(shape)
    y = y[rows]
    # What has one row or column is made of it before it meets all pixels; the order of the sum is
    # that of the terms.
    light = (of_1 + of_x * x) + of_y * y
    light += of_xx * (x * x)
    light += of_xy * (x * y)
    light += of_yy * (y * y)
    # A surface drawn out over cells that hide the background must not run away.
    return np.clip(light, max(level / 2, 1), max(level * 2, 1), out=light)
