"""Instances on their image: masks, boxes and captions."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mrcnn.drawing.colors import PREDICTION_COLOR, TRUTH_COLOR, instance_colors
from mrcnn.drawing.figures import (
    add_box,
    add_caption,
    add_outlines,
    has_area,
    new_axes,
    show,
    show_image,
)
from mrcnn.drawing.pixels import apply_mask, as_rgb, crops_of
from mrcnn.errors import DataError
from mrcnn.evaluation.matterport import compute_matches

_MARGIN = 10

ClassNames = Sequence[str] | Mapping[int, str]


def display_instances(
    image: ArrayLike,
    boxes: ArrayLike,
    masks: ArrayLike,
    class_ids: ArrayLike,
    class_names: ClassNames,
    scores: ArrayLike | None = None,
    title: str = "",
    figsize: tuple[float, float] = (16, 16),
    ax: Axes | None = None,
    show_mask: bool = True,
    show_bbox: bool = True,
    colors: Sequence[Any] | None = None,
    captions: Sequence[str] | None = None,
    *,
    show_mask_polygon: bool = True,
    show_caption: bool = True,
    filter_classes: Sequence[int | str] | None = None,
    min_score: float | None = None,
    save_fig_path: str | os.PathLike | None = None,
) -> Axes:
    """Show an image with its instances: masks, outlines, boxes and captions.

    Args:
        image: [H, W, 3], see `mrcnn.drawing.pixels.as_rgb`; it is not changed.
        boxes: [N, 4] in pixels; an instance whose box is all zeros is left out.
        masks: [H, W, N], inside where above 0.5.
        class_ids: int [N].
        class_names: name of each class, the background's first.
        scores: [N] for the captions, or None.
        title: above the image.
        figsize: width and height in inches of a new figure.
        ax: where to draw; without it a new figure is made and shown.
        show_mask: fill the masks; their outlines are drawn anyway.
        show_bbox: draw the boxes.
        colors: one for each instance, (red, green, blue) in 0..1; by default seven that the
            color-blind tell apart, neighbors in different ones. `class_colors(class_ids)` gives
            each class a fixed one, `random_colors(N)` each instance one of its own.
        captions: texts in place of class name and score.
        show_mask_polygon: draw the outlines.
        show_caption: write the captions.
        filter_classes: names or numbers of the classes to show; None shows all.
        min_score: instances of lower scores are not shown; it needs `scores`.
        save_fig_path: file to save the figure in as well.

    Returns:
        The axes drawn on; `.figure.savefig(path)` saves the figure, `save_picture(ax, path)` the
        image with what is drawn on it, in the image's own pixels.

    Raises:
        DataError: the arrays do not fit together.
    """
    canvas = as_rgb(image)
    boxes, masks, class_ids = check_instances(canvas, boxes, masks, class_ids)
    count = len(boxes)
    if count == 0:
        print("There are no instances to show.")
    colors = instance_colors(colors, boxes)
    shown = [
        number
        for number in _chosen(class_ids, class_names, scores, filter_classes, min_score)
        if has_area(boxes[number])
    ]
    texts = _captions(shown, class_ids, class_names, scores, captions, count)
    crops = crops_of(masks)

    is_own_figure = ax is None
    if ax is None:
        ax = new_axes(*figsize)
    for number, text in zip(shown, texts, strict=True):
        box, crop, color = boxes[number], crops[number], colors[number]
        if show_bbox:
            add_box(ax, box, color, alpha=0.7, linestyle="dashed")
        if text and show_caption:
            add_caption(ax, box[1], box[0] + 8, text)
        if show_mask:
            apply_mask(crop.of(canvas), crop.mask, color)
        if show_mask_polygon:
            add_outlines(ax, crop, color)
    show_image(ax, canvas, [_MARGIN] * 4, title)
    if save_fig_path is not None:
        figure: Any = ax.get_figure(root=True)
        figure.savefig(save_fig_path, bbox_inches="tight")
    if is_own_figure:
        show()
    return ax


def display_differences(
    image: ArrayLike,
    gt_box: ArrayLike,
    gt_class_id: ArrayLike,
    gt_mask: ArrayLike,
    pred_box: ArrayLike,
    pred_class_id: ArrayLike,
    pred_score: ArrayLike,
    pred_mask: ArrayLike,
    class_names: ClassNames,
    title: str = "",
    ax: Axes | None = None,
    show_mask: bool = True,
    show_box: bool = True,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.5,
) -> Axes:
    """Show ground truth in green and predictions in red, these with "score / IoU".

    The green is a bluish one and the red an orange one, which the color-blind tell apart.

    The IoU is that with the object that the prediction was matched to, or, for a false alarm, the
    largest with any object. Rows of zeros among the boxes are left out.

    Args:
        image: see `display_instances`.
        gt_box, gt_class_id, gt_mask: ground truth: [G, 4] in pixels, int [G], [H, W, G].
        pred_box, pred_class_id, pred_score, pred_mask: predictions: [P, 4] in pixels, int [P],
            [P] in 0..1, [H, W, P].
        class_names: of no use here, since captions show figures alone.
        title: above the image; by default it explains colors and captions.
        ax, show_mask: see `display_instances`.
        show_box: draw the boxes.
        iou_threshold, score_threshold: see `mrcnn.utils.compute_matches`.

    Returns:
        The axes drawn on.

    Raises:
        DataError: the arrays do not fit together.
    """
    canvas = as_rgb(image)
    gt_box, gt_mask, gt_class_id = _without_padding(canvas, gt_box, gt_mask, gt_class_id)
    score = np.asarray(pred_score, dtype=np.float64).reshape(-1)
    pred_box = np.asarray(pred_box).reshape(-1, 4)
    if len(score) != len(pred_box):
        raise DataError(f"{len(score)} pred_score for {len(pred_box)} pred_box: must be as many.")
    score = score[pred_box.any(axis=1)]
    pred_box, pred_mask, pred_class_id = _without_padding(
        canvas, pred_box, pred_mask, pred_class_id
    )
    # The order in which predictions are matched, and in which the matches are numbered.
    order = np.argsort(score)[::-1]
    score, pred_box, pred_class_id = score[order], pred_box[order], pred_class_id[order]
    pred_mask = pred_mask[:, :, order]
    # Falling numbers in place of scores: equal scores stay in the order that they have now.
    ranks = np.arange(len(order), 0, -1)
    _, pred_match, overlaps = compute_matches(
        gt_box,
        gt_class_id,
        gt_mask,
        pred_box,
        pred_class_id,
        ranks,
        pred_mask,
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
    )
    captions = [""] * len(gt_box)
    for number, match in enumerate(pred_match):
        iou = overlaps[number, int(match)] if match >= 0 else overlaps[number].max(initial=0.0)
        captions.append(f"{score[number]:.2f} / {iou:.2f}")
    return display_instances(
        canvas,
        np.concatenate([gt_box, pred_box]),
        np.concatenate([gt_mask, pred_mask], axis=2),
        np.concatenate([gt_class_id, pred_class_id]),
        class_names,
        title=title or "green: annotated; red: detected, with score / IoU",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[(*TRUTH_COLOR, 0.8)] * len(gt_box) + [PREDICTION_COLOR] * len(pred_box),
        captions=captions,
    )


def check_instances(
    image: np.ndarray, boxes: ArrayLike, masks: ArrayLike, class_ids: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arrays of N instances of an image, checked to fit together.

    Returns:
        boxes [N, 4], masks [H, W, N], class ids [N].

    Raises:
        DataError: they differ in number, or the masks are not of the image's size.
    """
    boxes, masks, class_ids = np.asarray(boxes), np.asarray(masks), np.asarray(class_ids)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if masks.size == 0:
        masks = np.zeros((*image.shape[:2], masks.shape[-1] if masks.ndim == 3 else 0), bool)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or masks.ndim != 3 or class_ids.ndim != 1:
        raise DataError(
            f"boxes have the shape {boxes.shape}, masks {masks.shape} and class_ids "
            f"{class_ids.shape}: [N, 4], [height, width, N] and [N] are expected."
        )
    if not len(boxes) == masks.shape[2] == len(class_ids):
        raise DataError(
            f"{len(boxes)} boxes, {masks.shape[2]} masks and {len(class_ids)} class_ids: there "
            "must be one of each for every instance."
        )
    if masks.shape[:2] != image.shape[:2]:
        raise DataError(
            f"The masks are {masks.shape[:2]} pixels and the image {image.shape[:2]}: they must be "
            "of one size. Small masks of boxes are brought to it by utils.expand_mask."
        )
    return boxes, masks, class_ids


def class_name(class_names: ClassNames, class_id: int) -> str:
    """The name of a class.

    Raises:
        DataError: there is no name for it.
    """
    try:
        return str(class_names[int(class_id)])
    except (IndexError, KeyError):
        raise DataError(
            f"There is an instance of class {int(class_id)}, but class_names has "
            f"{len(class_names)} names only. The first name must be the background's."
        ) from None


def _chosen(
    class_ids: np.ndarray,
    class_names: ClassNames,
    scores: ArrayLike | None,
    classes: Sequence[int | str] | None,
    min_score: float | None,
) -> list[int]:
    """The instances of these classes, by name or number, with at least this score."""
    if min_score is not None and scores is None:
        raise DataError(f"min_score is {min_score}, but there are no scores: give scores as well.")
    chosen = range(len(class_ids))
    if classes is not None:
        known = {int(number): class_name(class_names, number) for number in set(class_ids)}
        chosen = [n for n in chosen if {class_ids[n], known[int(class_ids[n])]} & set(classes)]
    if min_score is not None:
        kept = np.asarray(scores) >= min_score
        chosen = [number for number in chosen if kept[number]]
    return list(chosen)


def _captions(
    shown: Sequence[int],
    class_ids: np.ndarray,
    class_names: ClassNames,
    scores: ArrayLike | None,
    captions: Sequence[str] | None,
    count: int,
) -> list[str]:
    """A text for each shown instance, of `count` in all; it may be empty."""
    scores = None if scores is None else np.asarray(scores)
    for name, values in (("captions", captions), ("scores", scores)):
        if values is not None and len(values) < count:
            raise DataError(f"{len(values)} {name} for {count} instances: give one for each.")
    if captions is not None:
        return [str(captions[number] or "") for number in shown]
    names = [class_name(class_names, class_ids[number]) for number in shown]
    if scores is None:
        return names
    return [f"{name} {scores[number]:.3f}" for name, number in zip(names, shown, strict=True)]


def _without_padding(
    image: np.ndarray, boxes: ArrayLike, masks: ArrayLike, class_ids: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `check_instances`, without the instances whose boxes are all zeros."""
    boxes, masks, class_ids = check_instances(image, boxes, masks, class_ids)
    kept = boxes.any(axis=1)
    if kept.all():
        return boxes, masks, class_ids
    return boxes[kept], masks[:, :, kept], class_ids[kept]
