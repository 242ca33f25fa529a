"""How much light objects take away: optical density, color, and the pale middle of cells.

For pictures of a bright background. Optical density is the logarithm to base 10 of the light beside
an object over that which comes through it.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.instances import Instances
from mrcnn.measure.background import LOGS, Background, background_of
from mrcnn.measure.pallor import SMALLEST, pallors

# Hemoglobin and eosin both take away green most.
GREEN = 1
CHANNELS = ("red", "green", "blue")
# From this share of pixels at an end of the range on an object is marked, and from this light on,
# of 255, which is then cut off itself.
_MOST_SATURATED, _BRIGHTEST = 0.01, 254.5

STAIN_COLUMNS = (
    *(f"{channel}_mean_8bit" for channel in CHANNELS),
    *(f"od_{channel}_mean" for channel in CHANNELS),
    "od_integrated_px2",
    "saturated_share",
    "saturated",
    "pallor_area_share",
    "pallor_depth",
)


def stain_columns(
    image: np.ndarray, objects: Instances, white_level: Sequence[float] | None = None
) -> dict[str, np.ndarray]:
    """The columns of `STAIN_COLUMNS`, one value for each object.

    Args:
        image: uint8 [H, W, 3], RGB.
        objects: in the image, each with a mask.
        white_level: of red, green and blue, above 0 to 255: the light where nothing lies. By
            default it is estimated, see `background_of`.
    """
    count, crops = len(objects), list(objects.crops)
    histograms = np.empty((count, 3, 256))
    centers = np.empty((count, 2))
    for row, ((y1, x1, y2, x2), crop) in enumerate(zip(objects.boxes, crops, strict=True)):
        for channel in range(3):
            # A channel at a time: pixels of three values are slow to pick.
            values = image[y1:y2, x1:x2, channel][crop]
            histograms[row, channel] = np.bincount(values, minlength=256)
        in_rows, in_columns = np.count_nonzero(crop, axis=1), np.count_nonzero(crop, axis=0)
        middle = (in_rows @ np.arange(y1, y2), in_columns @ np.arange(x1, x2))
        centers[row] = np.divide(middle, len(values)) + 0.5
    shape = objects.image_shape
    if white_level is None:
        background = background_of(image, objects)
    else:
        background = Background.constant(shape, np.asarray(white_level, float))
    light = background.logs_at(centers)
    areas = histograms[:, 0].sum(axis=1)
    share_of_level = histograms / areas[:, None, None]
    means = share_of_level @ np.arange(256)
    densities = light - share_of_level @ LOGS
    at_ends = (share_of_level[:, :, 0] + share_of_level[:, :, 255]).max(axis=1, initial=0)
    is_bright = (light >= np.log10(_BRIGHTEST)).any(axis=1)
    shares, depths = _pallors(image, objects, crops, light[:, GREEN], centers, areas)
    measured = (
        *means.T,
        *densities.T,
        densities[:, GREEN] * areas,
        at_ends,
        ((at_ends >= _MOST_SATURATED) | is_bright).astype(int),
        shares,
        depths,
    )
    return dict(zip(STAIN_COLUMNS, measured, strict=True))


def _pallors(
    image: np.ndarray,
    objects: Instances,
    crops: Sequence[np.ndarray],
    light: np.ndarray,
    centers: np.ndarray,
    areas: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Of whole objects that are large enough; NaN of others."""
    seen = ~objects.touches_border() & (areas >= np.pi / 4 * SMALLEST**2)
    rows = np.flatnonzero(seen)
    shares, depths = np.full(len(crops), np.nan), np.full(len(crops), np.nan)
    shares[rows], depths[rows] = pallors(
        image[..., GREEN],
        light[rows],
        objects.boxes[rows],
        [crops[int(row)] for row in rows],
        centers[rows],
    )
    return shares, depths
