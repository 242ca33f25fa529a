"""Red blood cells found the classical way: Otsu's threshold and a watershed of the distances.

Nothing is learned. It is what a laboratory can do with scikit-image alone, and so what a network
has to beat. N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC
9(1), 1979; L. Vincent and P. Soille, "Watersheds in digital spaces", IEEE Trans. PAMI 13(6), 1991.

Lengths are counted in radii of the field's typical cell, which is measured first, so the same
constants serve every magnification. They come from the shape of cells and of the gaps between
them, not from a fit: with one of them halved or doubled F1 on real fields stays within 0.02.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from skimage.filters import gaussian
from skimage.measure import regionprops
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed
from skimage.transform import resize

from mrcnn.errors import DataError
from mrcnn.instances import Instances
from mrcnn.instances.geometry import tight_box
from rbc_cells.sizes import measured_class_ids
from rbc_cells.stain import GREEN, absorbed_light, shrunken, stain_threshold

# Radii in pixels: of a cell in the shrunken image on which all is computed, where twice as many
# pixels cost four times the time and gain nothing; and of the smallest cell that shows a shape.
_WORKING_RADIUS = 16
_SMALLEST_RADIUS = 3

# The typical radius is first measured where the longer side has at most this many pixels.
_OVERVIEW_SIDE = 800

# Smoothing of the image (radii): less than a membrane is wide, so that gaps stay open.
_BLUR = 0.03

# Threads, spikes and fringes narrower than twice this (radii) are cut off.
_OPENING = 0.1

# A pale center has at most 0.7 of the cell's diameter, half its area. It differs from a gap between
# cells in that it is convex (gaps have a solidity of 0.4 to 0.7), or, if bent, in that some stain
# is everywhere in it: this part of the threshold, where a gap lets the full light through.
_LARGEST_HOLE = 0.5
_HOLE_SOLIDITY = 0.75
_HOLE_STAIN = 0.1

# Holes of so few pixels have no shape.
_SPECK = 4

# Distances to the outline are smoothed by a spiked cell's roughness; two maxima are two cells
# when the neck between them is this much narrower (radii). Equal discs are told apart when their
# centers are 0.9 radii apart or more. Lower splits bent cells, higher joins pairs.
_DISTANCE_BLUR = 0.05
_NECK_DEPTH = 0.05

# Areas relative to the typical cell's: below a quarter (half the diameter) are platelets, debris
# and slivers of cut cells; above four times (twice the diameter) is no single red cell.
_SMALLEST_AREA = 0.25
_LARGEST_AREA = 4.0


def watershed_cells(image: np.ndarray, class_names: Sequence[str]) -> Instances:
    """Find the red blood cells of a stained bright-field image without a trained model.

    Args:
        image: uint8 [H, W, 3], RGB, cells darker than the background.
        class_names: of classes 1, 2, ...; see `rbc_cells.sizes.measured_class_ids` for how a cell
            gets its class.

    Returns:
        the cells from top to bottom, none overlapping another, every score 1.0. No cells where
        nothing stands out from the background.

    Raises:
        DataError: `image` is not uint8 [H, W, 3].
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise DataError(
            f"The watershed needs an RGB image, uint8 [H, W, 3], not {image.dtype} "
            f"{list(image.shape)}."
        )
    labels, factor = _segment(image[..., GREEN].astype(np.float32))
    # A cell that the border cuts goes on beyond it, so that its outline ends there at full width.
    labels = np.pad(labels, 1, mode="edge")
    boxes, crops = [], []
    for region in regionprops(labels):
        y1, x1 = region.bbox[:2]
        found = _enlarged(np.pad(region.image, 1), (y1 - 2, x1 - 2), factor, image.shape)
        if found is not None:
            boxes.append(found[0])
            crops.append(found[1])
    boxes = np.array(boxes, dtype=np.int64).reshape(-1, 4)
    class_ids = measured_class_ids(boxes, crops, image.shape, class_names)
    return Instances(image.shape, boxes, crops, class_ids, np.ones(len(boxes)))


def _segment(green: np.ndarray) -> tuple[np.ndarray, int]:
    """Label the cells of a shrunken image.

    Args:
        green: float32 [H, W].

    Returns:
        int [ceil(H / factor), ceil(W / factor)] with cells 1, 2, ..., and the factor.
    """
    nothing = np.zeros((1, 1), dtype=np.int32), 1
    if min(green.shape) < 2 * _SMALLEST_RADIUS:
        return nothing
    factor = -(-max(green.shape) // _OVERVIEW_SIDE)
    while True:
        absorbed = absorbed_light(shrunken(green, factor))
        threshold = stain_threshold(absorbed)
        radius = 0.0 if threshold is None else _typical_radius(absorbed, threshold)
        # A few pixels tell no radius; cells of less than one do not even stand out.
        if radius >= 2 * _SMALLEST_RADIUS or factor == 1:
            break
        factor //= 2
    suited = max(1, int(radius * factor / _WORKING_RADIUS))
    if suited != factor:
        absorbed = absorbed_light(shrunken(green, suited))
        radius, factor = radius * factor / suited, suited
    if radius < _SMALLEST_RADIUS:
        return nothing
    absorbed = gaussian(absorbed, _BLUR * radius, mode="nearest")
    threshold = stain_threshold(absorbed)
    if threshold is None:
        return nothing
    largest_hole = _LARGEST_HOLE * np.pi * radius**2
    stained = _with_holes_filled(absorbed, threshold, largest_hole, largest_hole / 2)
    stained = ndimage.binary_opening(
        np.pad(stained, 1, mode="edge"), iterations=max(1, round(_OPENING * radius))
    )[1:-1, 1:-1]
    labels = _separated(stained, radius)
    area = np.bincount(labels.ravel()) / (np.pi * radius**2)
    labels[((area < _SMALLEST_AREA) | (area > _LARGEST_AREA))[labels]] = 0
    return labels, factor


def _typical_radius(absorbed: np.ndarray, threshold: float) -> float:
    """Radius in pixels of the typical cell: of discs that fit into the stained area side by side.

    The discs are taken by falling radius, each with its center 1.5 radii from those before. Their
    median weighs each by its radius, or dirt would outnumber the cells.

    Args:
        absorbed: float [H, W].
        threshold: above it is stain.

    Returns:
        0 where no disc fits.
    """
    # How large a pale center may be is not known yet. Of the areas that the border cuts, the
    # smaller ones: the others are background between cells.
    filled = _with_holes_filled(absorbed, threshold, absorbed.size, absorbed.size / 50)
    distance = ndimage.distance_transform_edt(np.pad(filled, 1, mode="edge"))[1:-1, 1:-1]
    is_peak = (distance == ndimage.maximum_filter(distance, 5)) & (distance > 1)
    y, x = np.nonzero(is_peak)
    radii = distance[is_peak]
    if not len(radii):
        return 0.0
    height, width = absorbed.shape
    # A disc that the border cuts has an unknown radius.
    to_border = np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x))
    whole = to_border >= radii - 1
    if whole.any():
        y, x, radii = y[whole], x[whole], radii[whole]
    taken = []
    free = np.ones(len(radii), dtype=bool)
    for index in np.argsort(-radii, kind="stable"):
        if free[index]:
            taken.append(radii[index])
            far = (y - y[index]) ** 2 + (x - x[index]) ** 2 >= (1.5 * radii[index]) ** 2
            free &= far
    weights = np.cumsum(taken)
    return float(taken[np.searchsorted(weights, weights[-1] / 2)])


def _with_holes_filled(
    absorbed: np.ndarray, threshold: float, largest: float, largest_open: float
) -> np.ndarray:
    """The stained area with the pale centers of cells, but without the gaps between cells.

    Args:
        absorbed: float [H, W].
        threshold: above it is stain.
        largest: area in pixels of a hole with stain all around.
        largest_open: of one that the image border cuts.

    Returns:
        bool [H, W].
    """
    filled = absorbed > threshold
    height, width = filled.shape
    holes, _ = ndimage.label(~filled)
    for hole in regionprops(holes, intensity_image=absorbed):
        y1, x1, y2, x2 = hole.bbox
        is_open = y1 == 0 or x1 == 0 or y2 == height or x2 == width
        if hole.area <= (largest_open if is_open else largest) and (
            hole.area <= _SPECK
            or hole.intensity_min >= _HOLE_STAIN * threshold
            or hole.solidity >= _HOLE_SOLIDITY
        ):
            filled[hole.slice] |= hole.image
    return filled


def _separated(stained: np.ndarray, radius: float) -> np.ndarray:
    """Divide the stained area into cells at its necks: int [H, W], 0 elsewhere."""
    # Beyond the border a cut cell goes on, so that its middle may lie on the border.
    margin = int(radius)
    distance = ndimage.distance_transform_edt(np.pad(stained, margin, mode="edge"))
    inner = slice(margin, -margin)
    distance = gaussian(distance[inner, inner], _DISTANCE_BLUR * radius, mode="nearest")
    distance = np.where(stained, distance, 0)
    levelled = reconstruction(distance - _NECK_DEPTH * radius, distance)
    middles, _ = ndimage.label(local_maxima(levelled) & stained, np.ones((3, 3)))
    return watershed(-distance, middles, mask=stained)


def _enlarged(
    cell: np.ndarray, top_left: tuple[int, int], factor: int, image_shape: Sequence[int]
) -> tuple[tuple[int, int, int, int], np.ndarray] | None:
    """A cell in the size of the image, its outline interpolated.

    Args:
        cell: bool, the cell with one pixel more on each side.
        top_left: of `cell` in the shrunken image.
        factor: by which that is smaller.
        image_shape: (height, width, ...).

    Returns:
        tight pixel box and mask, or None where nothing of the cell is inside the image.
    """
    size = (cell.shape[0] * factor, cell.shape[1] * factor)
    mask = resize(cell.astype(np.float32), size, order=1, anti_aliasing=False) > 0.5
    top, left = (start * factor for start in top_left)
    y, x = max(0, -top), max(0, -left)
    mask = mask[y : image_shape[0] - top, x : image_shape[1] - left]
    box = tight_box(mask)
    if box is None:
        return None
    y1, x1, y2, x2 = (int(side) for side in box)
    top, left = top + y, left + x
    return (top + y1, left + x1, top + y2, left + x2), mask[y1:y2, x1:x2]
