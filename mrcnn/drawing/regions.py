"""Boxes on their way through the network: anchors, proposals, ROIs and what they are refined to."""

from collections.abc import Sequence, Sized

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mrcnn.data.resizing import resize
from mrcnn.drawing.colors import neighbor_colors
from mrcnn.drawing.figures import (
    add_box,
    add_caption,
    add_outlines,
    add_shift,
    has_area,
    new_axes,
    show_image,
)
from mrcnn.drawing.instances import ClassNames, class_name
from mrcnn.drawing.pixels import Crop, apply_mask, as_rgb, crops_of
from mrcnn.errors import DataError

# How a box of each visibility looks.
_STYLES = {
    0: {"linestyle": "dotted", "alpha": 0.5},
    1: {"linestyle": "dotted", "alpha": 1.0},
    2: {"linestyle": "solid", "alpha": 1.0},
}
_DIM_COLOR = "gray"


def draw_rois(
    image: ArrayLike,
    rois: ArrayLike,
    refined_rois: ArrayLike,
    mask: ArrayLike,
    class_ids: ArrayLike,
    class_names: ClassNames,
    limit: int = 10,
) -> Axes:
    """Show ROIs in a new figure, and print how many are positive.

    A negative ROI is gray; a positive one has a color, its mask, and a line to the refined box
    with the name of the class.

    Args:
        image: [H, W, 3], see `mrcnn.drawing.pixels.as_rgb`; it is not changed.
        rois: [R, 4] in pixels; rows of zeros are not drawn.
        refined_rois: [R, 4] in pixels.
        mask: float [R, h, w] in 0..1, the masks inside the ROIs.
        class_ids: int [R], 0 for negative ROIs.
        class_names: name of each class, the background's first.
        limit: of more ROIs than this, so many are drawn by chance (`np.random.seed` fixes which).

    Returns:
        The axes drawn on. The figure is left for `plt.show()` or `plt.savefig`.

    Raises:
        DataError: the arrays do not fit together.
    """
    canvas = as_rgb(image)
    rois, refined_rois = _boxes("rois", rois), _boxes("refined_rois", refined_rois)
    mask, class_ids = np.asarray(mask), np.asarray(class_ids)
    count = len(rois)
    if not count == len(refined_rois) == len(mask) == len(class_ids):
        raise DataError(
            f"{count} rois, {len(refined_rois)} refined_rois, {len(mask)} masks and "
            f"{len(class_ids)} class_ids: there must be one of each for every ROI."
        )
    is_sample = count > limit
    chosen = np.random.choice(count, limit, replace=False) if is_sample else np.arange(count)
    chosen = [number for number in chosen if has_area(rois[number])]
    names = [class_name(class_names, class_ids[number]) for number in chosen]

    ax = new_axes(12, 12)
    colors = neighbor_colors(rois[chosen])
    for number, name, color in zip(chosen, names, colors, strict=True):
        is_positive = class_ids[number] > 0
        add_box(ax, rois[number], color if is_positive else _DIM_COLOR, alpha=0.5)
        if not is_positive:
            continue
        add_box(ax, refined_rois[number], color)
        add_shift(ax, rois[number], refined_rois[number], color)
        add_caption(ax, refined_rois[number][1], refined_rois[number][0] + 8, name)
        crop = _placed(mask[number], rois[number], canvas.shape)
        apply_mask(crop.of(canvas), crop.mask, color)
    title = f"{limit} of {count} ROIs, drawn at random" if is_sample else f"{count} ROIs"
    show_image(ax, canvas, (20, 20, 20, 50), title)

    positive = int(np.count_nonzero(class_ids > 0))
    negative = int(np.count_nonzero(class_ids == 0))
    share = positive / max(count, 1)
    print(f"{count} ROIs: {positive} with an object, {negative} background, share {share:.2f}")
    return ax


def draw_boxes(
    image: ArrayLike,
    boxes: ArrayLike | None = None,
    refined_boxes: ArrayLike | None = None,
    masks: ArrayLike | None = None,
    captions: Sequence[str] | None = None,
    visibilities: ArrayLike | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Show boxes before and after refinement, with captions and masks.

    Args:
        image: [H, W, 3], see `mrcnn.drawing.pixels.as_rgb`; it is not changed.
        boxes: [N, 4] in pixels; a row of zeros leaves out all of its number.
        refined_boxes: [N, 4] in pixels, drawn with solid lines; a line joins each to its box.
        masks: [H, W, N], inside where above 0.5.
        captions: N texts, beside the refined box if there is one.
        visibilities: for each box 0: dim gray, without its refined box; 1: in a color of its own,
            dotted; 2: in its color, solid. 1 by default.
        title: above the image.
        ax: where to draw; by default a new figure.

    Returns:
        The axes drawn on. The figure is left for `plt.show()` or `plt.savefig`.

    Raises:
        DataError: there are neither boxes nor refined boxes, or the arrays do not fit together.
    """
    given = refined_boxes if boxes is None else boxes
    if given is None:
        raise DataError("draw_boxes needs boxes, refined_boxes or both.")
    canvas = as_rgb(image)
    boxes = None if boxes is None else _boxes("boxes", boxes)
    refined_boxes = None if refined_boxes is None else _boxes("refined_boxes", refined_boxes)
    starts = _boxes("boxes", given)
    count = len(starts)
    crops = None if masks is None else _crops(masks, canvas.shape)
    visibilities = np.ones(count, int) if visibilities is None else np.asarray(visibilities)
    _check_counts(
        count,
        refined_boxes=refined_boxes,
        masks=crops,
        captions=captions,
        visibilities=visibilities,
    )
    unknown = set(visibilities.tolist()) - set(_STYLES)
    if unknown:
        raise DataError(f"visibilities are 0, 1 or 2, not {sorted(unknown)[0]!r}.")

    if ax is None:
        ax = new_axes(12, 12)
    for number, own_color in enumerate(neighbor_colors(starts)):
        visibility = int(visibilities[number])
        color = own_color if visibility else _DIM_COLOR
        box = starts[number]
        if not has_area(box):
            continue
        if boxes is not None:
            add_box(ax, box, color, **_STYLES[visibility])
        if refined_boxes is not None:
            refined_box = refined_boxes[number].astype(np.int32)
            if visibility:
                add_box(ax, refined_box, color)
                if boxes is not None:
                    add_shift(ax, box, refined_box, color)
            box = refined_box
        if captions is not None and captions[number]:
            ground = {"facecolor": color, "alpha": 0.5, "pad": 2, "edgecolor": "none"}
            add_caption(
                ax, box[1], box[0], str(captions[number]), verticalalignment="top", bbox=ground
            )
        if crops is not None:
            rgb = own_color if visibility else (0.5, 0.5, 0.5)
            apply_mask(crops[number].of(canvas), crops[number].mask, rgb)
            add_outlines(ax, crops[number], color)
    margin = canvas.shape[0] // 10
    show_image(ax, canvas, [margin] * 4, title)
    return ax


def _boxes(name: str, boxes: ArrayLike) -> np.ndarray:
    boxes = np.asarray(boxes)
    if boxes.size == 0:
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"{name} have the shape {boxes.shape}: [N, 4] is expected.")
    return boxes


def _crops(masks: ArrayLike, image_shape: Sequence[int]) -> list[Crop]:
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.shape[:2] != tuple(image_shape[:2]):
        raise DataError(
            f"masks have the shape {masks.shape}: [{image_shape[0]}, {image_shape[1]}, N] is "
            "expected for this image."
        )
    return crops_of(masks)


def _check_counts(count: int, **values: Sized | None) -> None:
    for name, value in values.items():
        if value is not None and len(value) != count:
            raise DataError(f"{len(value)} {name} for {count} boxes: give one for each box.")


def _placed(mask: np.ndarray, roi: np.ndarray, image_shape: Sequence[int]) -> Crop:
    """The mask [h, w] of a ROI in the pixels of the image, cut off at the image's border."""
    y1, x1, y2, x2 = (int(side) for side in roi)
    if y2 <= y1 or x2 <= x1:
        return Crop(0, 0, np.zeros((0, 0), bool))
    inside = resize(np.asarray(mask, np.float64), (y2 - y1, x2 - x1)) >= 0.5
    top, left = max(0, -y1), max(0, -x1)
    bottom, right = max(0, image_shape[0] - y1), max(0, image_shape[1] - x1)
    return Crop(y1 + top, x1 + left, inside[top:bottom, left:right])
