"""Pictures of results: outlines and captions drawn onto the fields."""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mrcnn.drawing.palette import PREDICTION, TRUTH, class_color
from mrcnn.drawing.palette import Rgb as Color
from mrcnn.instances import Instances
from mrcnn.instances.contours import contours_of

Extent = tuple[float, float, float, float]

# Of a photograph the usual level 6 takes four times as long and saves a fifteenth.
PNG_LEVEL = 1

WHITE = (255, 255, 255)
BLACK = (0, 0, 0)

YELLOW = (255, 225, 60)
LIGHT_GREEN = (140, 255, 160)

# A caption such as "0.98/0.87" is readable when its cell has at least this many pixels.
_CAPTION_DIAMETER = 80
_LARGEST_SIDE = 6000
# Objects have numbers from this median diameter on, in letters from so small to so large.
_LEAST_NUMBERED = 20
_SMALLEST_LETTER, _LARGEST_LETTER, _LETTER_STEP = 9, 96, 3
# A picture with fewer columns has no room for the names of classes.
_NARROWEST_LEGEND = 160


def _median_diameter(boxes: np.ndarray) -> float:
    if not len(boxes):
        return math.inf
    sides = boxes[:, 2:] - boxes[:, :2]
    return float(np.median(np.sqrt(np.prod(np.maximum(sides, 1), axis=1))))


def _enlargement(image_shape: Sequence[int], boxes: np.ndarray) -> int:
    """Whole factor by which a picture grows so that captions fit their cells."""
    wanted = math.ceil(_CAPTION_DIAMETER / _median_diameter(boxes))
    return max(1, min(wanted, 4, _LARGEST_SIDE // max(image_shape[:2])))


def outlines(box: Sequence[int], crop: np.ndarray, scale: float = 1.0) -> list[np.ndarray]:
    """Closed outlines of a mask.

    Args:
        box: pixel (y1, x1, y2, x2).
        crop: bool, of the box's size.
        scale: enlargement of the picture.

    Returns:
        float [K, 2] of (x, y) picture pixels for each outline.
    """
    return outlines_of([box], [crop], scale)[0]


def outlines_of(
    boxes: Iterable[Sequence[int]], crops: Iterable[np.ndarray], scale: float = 1.0
) -> list[list[np.ndarray]]:
    """`outlines` of many masks, in less time than one after the other takes."""
    return [
        # +0.5: from pixel centers to the picture's continuous coordinates.
        [((contour + (box[0], box[1]) + 0.5) * scale - 0.5)[:, ::-1] for contour in contours]
        for box, contours in zip(boxes, contours_of(crops), strict=True)
    ]


def _draw_outline(
    draw: ImageDraw.ImageDraw,
    box: Sequence[int],
    crop: np.ndarray,
    color: Color,
    width: int,
    scale: float,
) -> None:
    _draw_lines(draw, outlines(box, crop, scale), color, width)


def _draw_lines(
    draw: ImageDraw.ImageDraw, contours: Sequence[np.ndarray], color: Color, width: int
) -> None:
    """Draw outlines, whose points lie so close that their corners need no rounding."""
    for contour in contours:
        draw.line(contour.ravel().tolist(), fill=color, width=width)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Where FreeType is missing, letters of one size are all that there is.
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


class _Captions:
    """Writes captions into cells: whole inside the picture, and beside those already written.

    Args:
        draw: of the picture.
        scale: enlargement of the picture.
    """

    def __init__(self, draw: ImageDraw.ImageDraw, scale: float) -> None:
        self.draw = draw
        self.scale = scale
        self.taken: list[Extent] = []

    def write(self, box: Sequence[int], text: str, size: int, color: Color = WHITE) -> None:
        """Write `text` in the middle of a pixel box, or the nearest free lines above or below.

        Args:
            box: pixel (y1, x1, y2, x2).
            text: a few letters.
            size: of the letters, pixels.
            color: of the letters.
        """
        font = _font(size)
        stroke = max(1, round(size / 9))
        y1, x1, y2, x2 = (float(side) * self.scale for side in box)
        line = 1.2 * size
        # Made one after the other: the middle is mostly free.
        places = (
            self._inside((x1 + x2) / 2, (y1 + y2) / 2 + lines * line, text, font, stroke)
            for lines in (0, 1, -1, 2, -2)
        )
        x, y, extent = first = next(places)
        if not self._is_free(extent):
            x, y, extent = next((place for place in places if self._is_free(place[2])), first)
        self.taken.append(extent)
        self.draw.text(
            (x, y),
            text,
            color,
            font,
            anchor="mm",
            stroke_width=stroke,
            stroke_fill=BLACK,
        )

    def _inside(
        self, x: float, y: float, text: str, font: ImageFont.FreeTypeFont, stroke: int
    ) -> tuple[float, float, Extent]:
        """The place moved so that the picture's edge does not cut the text, and its extent."""
        left, top, right, bottom = self.draw.textbbox(
            (x, y), text, font, anchor="mm", stroke_width=stroke
        )
        width, height = self.draw.im.size
        shift_x = max(0, -left) - max(0, right - width)
        shift_y = max(0, -top) - max(0, bottom - height)
        extent = (left + shift_x, top + shift_y, right + shift_x, bottom + shift_y)
        return x + shift_x, y + shift_y, extent

    def _is_free(self, extent: Extent) -> bool:
        left, top, right, bottom = extent
        return not any(
            left < other_right and other_left < right and top < other_bottom and other_top < bottom
            for other_left, other_top, other_right, other_bottom in self.taken
        )


def _with_footer(picture: Image.Image, parts: Sequence[tuple[str, Color]]) -> Image.Image:
    """Add a white band with text below the picture, broken into lines that fit.

    A text in another color than black has a bar of it before itself: colors that are seen on a
    picture are hard to read on white.
    """
    size = int(np.clip(picture.width / 60, 11, 28))
    font = ImageFont.load_default(size)
    line_height = round(size * 1.5)
    positions, x, y = [], size, line_height // 4
    for text, color in parts:
        length = font.getlength(text) + (0 if color == BLACK else 2 * size)
        if x > size and x + length > picture.width - size:
            x, y = size, y + line_height
        positions.append((x, y))
        x += length + 1.5 * size
    result = Image.new("RGB", (picture.width, picture.height + y + line_height), WHITE)
    result.paste(picture)
    draw = ImageDraw.Draw(result)
    for (x, y), (text, color) in zip(positions, parts, strict=True):
        if color != BLACK:
            middle = picture.height + y + 0.6 * size
            draw.line([(x, middle), (x + 1.5 * size, middle)], color, max(2, size // 4))
            x += 2 * size
        draw.text((x, picture.height + y), text, BLACK, font)
    return result


def comparison_picture(
    image: np.ndarray,
    truth: Instances,
    detections: Instances,
    pairs: np.ndarray,
    iou: np.ndarray,
    title: str,
) -> Image.Image:
    """Ground truth in green under segmentation in red, with score/IoU in each cell.

    Small images are enlarged, so that captions are readable.

    Args:
        image: uint8 [H, W, 3].
        truth: G annotated objects.
        detections: P objects with scores.
        pairs: int [M, 2], matched (ground truth, detection).
        iou: float [G, P].
        title: starts the line below the picture.
    """
    boxes = detections.boxes
    scores = np.ones(len(boxes)) if detections.scores is None else detections.scores
    every_box = np.concatenate([truth.boxes, boxes])
    scale = _enlargement(image.shape, every_box)
    picture = Image.fromarray(image)
    if scale > 1:
        picture = picture.resize(
            (image.shape[1] * scale, image.shape[0] * scale), Image.Resampling.BICUBIC
        )
    draw = ImageDraw.Draw(picture)
    diameter = _median_diameter(every_box) * scale
    width = 2 if diameter < 150 else 3
    for box, crop in zip(truth.boxes, truth.crops, strict=True):
        _draw_outline(draw, box, crop, TRUTH, 2 * width, scale)
    for box, crop in zip(boxes, detections.crops, strict=True):
        _draw_outline(draw, box, crop, PREDICTION, width, scale)
    # Nine characters, each about half as wide as high, within the cell.
    size = int(np.clip(diameter * 0.9 / (9 * 0.55), 11, 32))
    captions = _Captions(draw, scale)
    partner = {int(column): float(iou[row, column]) for row, column in pairs}
    for index, box in enumerate(boxes):
        matched = partner.get(index)
        agreement = "-" if matched is None else f"{matched:.2f}"
        color = WHITE if matched is not None else YELLOW
        captions.write(box, f"{scores[index]:.2f}/{agreement}", size, color)
    found = set(map(int, pairs[:, 0]))
    for index, box in enumerate(truth.boxes):
        if index not in found:
            captions.write(box, "missed", size, LIGHT_GREEN)
    parts = [
        (title, BLACK),
        (f"ground truth {len(truth)}", TRUTH),
        (f"segmentation {len(boxes)}", PREDICTION),
        (f"matched {len(pairs)}, missed {len(truth) - len(pairs)}, "
         f"unmatched {len(boxes) - len(pairs)}", BLACK),
        ("caption: score/IoU", BLACK),
    ]  # fmt: skip
    return _with_footer(picture, parts)


def overlay_picture(
    image: np.ndarray,
    instances: Instances,
    class_names: Sequence[str],
    scale: float | None = None,
    *,
    has_legend: bool = False,
    traced: Sequence[Sequence[np.ndarray]] | None = None,
) -> Image.Image:
    """Objects outlined in the color of their class, numbered as in the label image.

    Args:
        image: uint8 [H, W, 3].
        instances: objects 1, 2, ...; class 0 is the background.
        class_names: of classes 1, 2, ...
        scale: where the image shows a picture made smaller, its pixels for each of the picture.
            Then lines are thin, and objects have no numbers.
        has_legend: with a line below the image: the color of each class, and how many have it.
        traced: the objects' `outlines_of`, where they are known already; of no use with `scale`.

    Returns:
        a picture of the image's size; with a legend it is higher, if it is wide enough for words.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    boxes, class_ids = instances.boxes, instances.class_ids
    crops = instances.crops
    diameter = _median_diameter(boxes)
    width = 2 if diameter < 60 else 3

    if scale is None:
        traced = outlines_of(boxes, crops) if traced is None else traced
        for contours in traced:
            _draw_lines(draw, contours, BLACK, width + 2)
        for contours, class_id in zip(traced, class_ids, strict=True):
            _draw_lines(draw, contours, class_color(int(class_id)), width)
    else:
        # There may be a million: none is kept.
        for box, crop, class_id in zip(boxes, crops, class_ids, strict=True):
            _draw_outline(draw, box, crop, class_color(int(class_id)), 1, scale)
    # None where they would be unreadable.
    if scale is None and _LEAST_NUMBERED <= diameter < math.inf:
        captions = _Captions(draw, 1.0)
        for number, (box, size) in enumerate(zip(boxes, _letters(boxes), strict=True), start=1):
            captions.write(box, str(number), int(size))
    if not has_legend or picture.width < _NARROWEST_LEGEND:
        return picture
    counts = np.bincount(np.asarray(class_ids, dtype=np.int64), minlength=len(class_names) + 1)
    entries = [
        (f"{name} {counts[class_id]}", class_color(class_id))
        for class_id, name in enumerate(class_names, start=1)
    ]
    return _with_footer(picture, entries)


def _letters(boxes: np.ndarray) -> np.ndarray:
    """Sizes of the numbers of objects, int [N]: three digits leave most of an object free to see.

    Sizes have few steps, since each is a font of its own, and a fragment's number can be read.
    """
    sides = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1), axis=1))
    steps = np.round(sides / 4 / _LETTER_STEP) * _LETTER_STEP
    smallest = max(_SMALLEST_LETTER, np.median(sides) / 8)
    return np.clip(steps, smallest, _LARGEST_LETTER).astype(int)
