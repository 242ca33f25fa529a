"""Masks of all kinds, and instances to write."""

import numpy as np
from hypothesis import strategies as st

from mrcnn.formats.shapes import join_outlines
from mrcnn.instances import Instances
from mrcnn.instances.polygons import rasterize_polygons

CLASSES = ("large", "normal", "small")


def disc(diameter: int) -> np.ndarray:
    middle = (diameter - 1) / 2
    y, x = np.mgrid[:diameter, :diameter]
    return (y - middle) ** 2 + (x - middle) ** 2 <= (diameter / 2) ** 2


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


@st.composite
def blobs(draw: st.DrawFn) -> np.ndarray:
    """A mask of some discs, from which others are cut; they reach over the border."""
    height, width = draw(st.integers(8, 50)), draw(st.integers(8, 50))
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), bool)
    for inside in (True, False):
        for _ in range(draw(st.integers(1, 4))):
            middle_y, middle_x = draw(st.integers(-2, height)), draw(st.integers(-2, width))
            radius = draw(st.floats(1, 18 if inside else 6))
            mask[(y - middle_y) ** 2 + (x - middle_x) ** 2 <= radius**2] = inside
    return mask


@st.composite
def noise(draw: st.DrawFn) -> np.ndarray:
    """Pixels drawn on their own, or larger squares."""
    height, width = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    grain = draw(st.integers(1, 4))
    return np.array(bits).reshape(height, width).repeat(grain, 0).repeat(grain, 1)


masks = st.one_of(blobs(), noise()).filter(np.any)


def picture(*rows: str) -> np.ndarray:
    """A mask drawn with "#"."""
    return np.array([[letter == "#" for letter in row] for row in rows])


def image_of(mask: np.ndarray, top_left: tuple[int, int] = (0, 0), **changes) -> Instances:
    """The only object of an image that ends where its mask does."""
    y, x = top_left
    height, width = mask.shape
    values = {
        "image_shape": (y + height, x + width),
        "boxes": [(y, x, y + height, x + width)],
        "crops": [mask],
        "class_ids": [1],
        "scores": [0.75],
    }
    return Instances(**(values | changes)).tight()


def field() -> Instances:
    """A disc, a disc with a large hole at the image's border, and a cell in two parts."""
    ring = disc(31)
    ring[10:20, 11:21] = False
    parts = np.zeros((20, 40), bool)
    parts[:, :15] = parts[:8, 25:] = True
    return Instances(
        image_shape=(100, 120),
        boxes=[(5, 60, 45, 100), (69, 0, 100, 31), (70, 50, 90, 90)],
        crops=[disc(40), ring, parts],
        class_ids=[1, 3, 2],
        scores=[0.93125, 0.5, 1.0],
    )


def no_instances() -> Instances:
    return Instances.empty((50, 40)).replaced(scores=[])


def full_masks(image: Instances) -> np.ndarray:
    """bool [N, H, W]."""
    return np.moveaxis(image.full_masks(), 2, 0)


def filled(outlines: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """The pixels inside an odd number of outlines, bool of that shape."""
    mask = np.zeros(shape, bool)
    boxes, crops, _ = rasterize_polygons([join_outlines(outlines)], (0, 0, *shape))
    for (y1, x1, y2, x2), crop in zip(boxes, crops, strict=True):
        mask[y1:y2, x1:x2] = crop
    return mask


def area(outline: np.ndarray) -> float:
    """Area that an outline encloses; the sign tells in which direction it turns."""
    y, x = outline.T
    return 0.5 * (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
