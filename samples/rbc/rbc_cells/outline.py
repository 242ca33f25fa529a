"""Outlines that end where the stain ends.

A mask head draws a cell on 28 x 28 points, from features that lie four pixels of a reduced image
apart; its outline can run some pixels beside the rim. The image itself knows better, but for where
two cells touch. So the network says which cell it is and where it is divided from its neighbors,
and within a narrow band along the outline the stain says where it ends.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from mrcnn.instances import Instances
from mrcnn.instances.framing import continued
from mrcnn.instances.geometry import tight_box
from rbc_cells.kinds import PLATELET, WHITE
from rbc_cells.morphology import filled, near_and_core, opened
from rbc_cells.stain import relative_stain
from rbc_cells.ways import STAIN, SURE

# Half the width of the band, in radii of the cell: what the network is mostly wrong by.
_REACH = 0.1

# From this part of the threshold between background and cells on, a pixel is stained: people draw
# outlines around the blurred edge, not along its middle.
_STAINED = 0.7

# Threads narrower than twice this (radii) are cut off.
_OPENING = 0.03


def refine(
    image: np.ndarray,
    instances: Instances,
    outline: str = STAIN,
    class_names: Sequence[str] = (),
) -> Instances:
    """Detected cells with their outlines where they were asked for.

    Args:
        image: uint8 [H, W, 3], RGB.
        instances: cells with masks and scores.
        outline: "stain" for the edge of the stain, "network" for where the network draws them.
        class_names: of classes 1, 2, ...; what is no red cell stays as the network draws it, since
            a white cell has parts as pale as the background.
    """
    if outline != STAIN or instances.scores is None:
        return instances
    others = [number for number, name in enumerate(class_names, 1) if name in (WHITE, PLATELET)]
    boxes, crops = fit_outlines(
        image,
        instances.boxes,
        list(instances.crops),
        instances.scores >= SURE,
        ~np.isin(instances.class_ids, others),
    )
    return instances.replaced(boxes=boxes, crops=crops)


def fit_outlines(
    image: np.ndarray,
    boxes: np.ndarray,
    crops: Sequence[np.ndarray],
    sure: np.ndarray,
    moves: np.ndarray | None = None,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Move the outlines of cells to the edge of the stain.

    No pixel farther from an outline than a tenth of the cell's radius changes, and none that
    belongs to another cell, so overlapping cells stay divided as they are. Where nothing stands
    out from the background all stays as it is.

    Args:
        image: uint8 [H, W, 3], RGB.
        boxes: int [N, 4], pixel (y1, x1, y2, x2).
        crops: N bool arrays, the masks inside their boxes, each with at least one pixel.
        sure: bool [N], which cells there certainly are; the others claim no pixels.
        moves: bool [N], which outlines may move; all by default.

    Returns:
        new boxes, int64 [N, 4], tight around the new masks, and the masks inside them.
    """
    boxes, fitted = np.array(boxes, np.int64).reshape(-1, 4), list(crops)
    stain = relative_stain(image) if len(boxes) else None
    if stain is None:
        return boxes, fitted
    stained = stain > _STAINED
    claims = np.zeros(stained.shape, np.int16)
    for (y1, x1, y2, x2), crop, is_sure in zip(boxes, crops, sure, strict=True):
        if is_sure:
            claims[y1:y2, x1:x2] += crop
    for number, (crop, is_sure) in enumerate(zip(crops, sure, strict=True)):
        if moves is not None and not moves[number]:
            continue
        y1, x1, y2, x2 = boxes[number]
        radius = np.sqrt(np.count_nonzero(crop) / np.pi)
        reach = max(1, round(_REACH * radius))
        # One pixel more, so that the mask ends inside wherever the image does not.
        top, left = max(0, y1 - reach - 1), max(0, x1 - reach - 1)
        window = np.s_[top : y2 + reach + 1, left : x2 + reach + 1]
        inside = np.zeros_like(stained[window])
        inside[y1 - top : y2 - top, x1 - left : x2 - left] = crop
        others = claims[window] > (inside if is_sure else 0)
        mask = _fitted(inside, stained[window], others, reach, round(_OPENING * radius))
        box = tight_box(mask)
        if box is None:
            continue
        a, b, c, d = (int(side) for side in box)
        boxes[number] = top + a, left + b, top + c, left + d
        fitted[number] = mask[a:c, b:d]
    return boxes, fitted


def _fitted(
    inside: np.ndarray, stained: np.ndarray, others: np.ndarray, reach: int, opening: int
) -> np.ndarray:
    """One mask with its outline moved, bool [h, w]; all arguments are of the same window."""
    # Beyond the border of the image a cell goes on.
    near, core = near_and_core(inside, reach)
    mask = core | (inside & (stained | others)) | (near & stained & ~others)
    if opening:
        mask = opened(continued(mask, opening + 1), opening)
        mask = mask[opening + 1 : -opening - 1, opening + 1 : -opening - 1]
    # Stain nearby that is not part of the cell.
    parts, count = ndimage.label(mask)
    if count > 1:
        sizes = np.bincount(parts[inside], minlength=count + 1)
        sizes[0] = 0
        mask = parts == sizes.argmax()
    # A cell has no holes, pale as its center may be.
    return filled(mask)
