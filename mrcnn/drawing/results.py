"""Pictures of results: outlines and captions drawn onto the fields."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.measure import find_contours

from mrcnn.drawing.palette import PREDICTION, TRUTH, class_color
from mrcnn.drawing.palette import Rgb as Color
from mrcnn.instances import Instances

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
    # The frame of zeros closes outlines that touch the box.
    contours = find_contours(np.pad(crop, 1).astype(np.float32), 0.5)
    offset = np.array([box[0], box[1]]) - 1
    # +0.5: from pixel centres to the picture's continuous coordinates.
    return [((contour + offset + 0.5) * scale - 0.5)[:, ::-1] for contour in contours]


def _draw_outline(
    draw: ImageDraw.ImageDraw,
    box: Sequence[int],
    crop: np.ndarray,
    colour: Color,
    width: int,
    scale: float,
) -> None:
    _draw_lines(draw, outlines(box, crop, scale), colour, width)


def _draw_lines(
    draw: ImageDraw.ImageDraw, contours: Sequence[np.ndarray], colour: Color, width: int
) -> None:
    """Draw outlines, whose points lie so close that their corners need no rounding."""
    for contour in contours:
        draw.line(contour.ravel().tolist(), fill=colour, width=width)


class _Captions:
    """Writes captions into cells: whole inside the picture, and beside those already written.

    Args:
        draw: of the picture.
        font: of all captions.
        scale: enlargement of the picture.
    """

    def __init__(
        self, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, scale: float
    ) -> None:
        self.draw = draw
        self.font = font
        self.scale = scale
        self.stroke = max(1, round(font.size / 9))
        self.taken: list[Extent] = []

    def write(self, box: Sequence[int], text: str, colour: Color = WHITE) -> None:
        """Write `text` in the middle of a pixel box, or the nearest free lines above or below."""
        y1, x1, y2, x2 = (float(side) * self.scale for side in box)
        line = 1.2 * self.font.size
        places = [
            self._inside((x1 + x2) / 2, (y1 + y2) / 2 + lines * line, text)
            for lines in (0, 1, -1, 2, -2)
        ]
        x, y, extent = next((place for place in places if self._is_free(place[2])), places[0])
        self.taken.append(extent)
        self.draw.text(
            (x, y),
            text,
            colour,
            self.font,
            anchor="mm",
            stroke_width=self.stroke,
            stroke_fill=BLACK,
        )

    def _inside(self, x: float, y: float, text: str) -> tuple[float, float, Extent]:
        """The place moved so that the picture's edge does not cut the text, and its extent."""
        left, top, right, bottom = self.draw.textbbox(
            (x, y), text, self.font, anchor="mm", stroke_width=self.stroke
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
    for text, colour in parts:
        length = font.getlength(text) + (0 if colour == BLACK else 2 * size)
        if x > size and x + length > picture.width - size:
            x, y = size, y + line_height
        positions.append((x, y))
        x += length + 1.5 * size
    result = Image.new("RGB", (picture.width, picture.height + y + line_height), WHITE)
    result.paste(picture)
    draw = ImageDraw.Draw(result)
    for (x, y), (text, colour) in zip(positions, parts, strict=True):
        if colour != BLACK:
            middle = picture.height + y + 0.6 * size
            draw.line([(x, middle), (x + 1.5 * size, middle)], colour, max(2, size // 4))
            x += 2 * size
        draw.text((x, picture.height + y), text, BLACK, font)
    return result


def _with_legend(picture: Image.Image, entries: Sequence[tuple[str, Color]]) -> Image.Image:
    """Lay a small see-through legend over the lower left corner, where there is room for it."""
    size = int(np.clip(picture.width / 70, 11, 24))
    font = ImageFont.load_default(size)
    gap = size // 2
    width = round(sum(font.getlength(text) + 2 * gap for text, _ in entries))
    height = size + 2 * gap
    if width > picture.width or height > picture.height / 8:
        return picture
    corner = (0, picture.height - height, width, picture.height)
    legend = Image.blend(picture.crop(corner), Image.new("RGB", (width, height), BLACK), 0.7)
    draw = ImageDraw.Draw(legend)
    x = float(gap)
    for text, colour in entries:
        draw.text((x, height / 2), text, colour, font, anchor="lm")
        x += font.getlength(text) + 2 * gap
    picture.paste(legend, corner)
    return picture


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
    font = ImageFont.load_default(int(np.clip(diameter * 0.9 / (9 * 0.55), 11, 32)))
    captions = _Captions(draw, font, scale)
    partner = {int(column): float(iou[row, column]) for row, column in pairs}
    for index, box in enumerate(boxes):
        matched = partner.get(index)
        agreement = "-" if matched is None else f"{matched:.2f}"
        colour = WHITE if matched is not None else YELLOW
        captions.write(box, f"{scores[index]:.2f}/{agreement}", colour)
    found = set(map(int, pairs[:, 0]))
    for index, box in enumerate(truth.boxes):
        if index not in found:
            captions.write(box, "missed", LIGHT_GREEN)
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
    image: np.ndarray, instances: Instances, class_names: Sequence[str], scale: float | None = None
) -> Image.Image:
    """Objects outlined in the color of their class, numbered as in the label image.

    Args:
        image: uint8 [H, W, 3].
        instances: objects 1, 2, ...; class 0 is the background.
        class_names: of classes 1, 2, ...
        scale: where the image shows a picture made smaller, its pixels for each of the picture.
            Then lines are thin, and objects have no numbers.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    boxes, class_ids = instances.boxes, instances.class_ids
    crops = instances.crops
    diameter = _median_diameter(boxes)
    width = 2 if diameter < 60 else 3

    if scale is None:
        traced = [outlines(box, crop) for box, crop in zip(boxes, crops, strict=True)]
        for contours in traced:
            _draw_lines(draw, contours, BLACK, width + 2)
        for contours, class_id in zip(traced, class_ids, strict=True):
            _draw_lines(draw, contours, class_color(int(class_id)), width)
    else:
        # There may be a million: none is kept.
        for box, crop, class_id in zip(boxes, crops, class_ids, strict=True):
            _draw_outline(draw, box, crop, class_color(int(class_id)), 1, scale)
    # Three digits that leave most of the cell free to see; none where they would be unreadable.
    if scale is None and 20 <= diameter < math.inf:
        font = ImageFont.load_default(int(np.clip(diameter / 4, 9, 28)))
        captions = _Captions(draw, font, 1.0)
        for number, box in enumerate(boxes, start=1):
            captions.write(box, str(number))
    counts = np.bincount(np.asarray(class_ids, dtype=np.int64), minlength=len(class_names) + 1)
    entries = [
        (f"{name} {counts[class_id]}", class_color(class_id))
        for class_id, name in enumerate(class_names, start=1)
    ]
    return _with_legend(picture, entries)
