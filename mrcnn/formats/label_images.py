"""Label images: a number for each pixel, 0 for background and one number for each object.

They are read as TIFF and PNG, as StarDist, Cellpose and others save them, and written of any size
as TIFF, 32 bit, a stripe of the picture in memory at a time. A PNG holds 65,535 objects at most,
and must be in memory as a whole.
"""

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.files import atomic_path
from mrcnn.formats.beside import image_beside
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.regions import Note, RawImage, RawRegion
from mrcnn.formats.run_outlines import label_outlines
from mrcnn.formats.shapes import join_outlines
from mrcnn.instances import Instances
from mrcnn.instances.outlines import signed_area
from mrcnn.pictures.explaining import Unreadable, check_size, explained
from mrcnn.pictures.tiff_damage import damage_heard
from mrcnn.pictures.tiff_pages import PageReader, SegmentCache

_PNG = b"\x89PNG"
# Share of the largest part below which another one is a speck of the same object.
_SPECK = 0.2
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Height and width of the tiles of the file; a stripe is as high.
_TILE = 256
# A file with more bytes of pixels, were they not packed, gets addresses of 64 bit (BigTIFF).
_MOST_BYTES = 2**32 - 2**25


def is_label_image(content: object) -> bool:
    """Whether the bytes of a file begin as those of PNG or TIFF."""
    return isinstance(content, bytes) and content.startswith((_PNG, *_TIFF))


def iterate_labels(
    content: bytes, path: Path, classes: ClassReader, note: Note
) -> Iterator[RawImage]:
    """The one image that a label image belongs to, with a region for each number.

    Args:
        content: of the file, for which `is_label_image` is true.
        path: the file; its name tells that of the image.
        classes: not used, as a label image knows no class.
        note: takes what is wrong.

    Raises:
        DataError: the file is damaged or no label image, or there is no image of its name.
    """
    labels = decode_labels(content, path)
    outlines = label_outlines(labels)
    if len(outlines) == 1:
        _check_is_no_mask(next(iter(outlines)), next(iter(outlines.values())), path)
    regions = [
        RawRegion(f"{path}, label {label}", label - 1, join_outlines(rings), {})
        for label, rings in outlines.items()
    ]
    height, width = labels.shape
    yield RawImage(image_beside(path), regions, image_shape=(height, width))


def decode_labels(content: bytes, path: Path) -> np.ndarray:
    """The numbers of a label image, integers [H, W].

    Args:
        content: of the file.
        path: the file, for messages.

    Raises:
        DataError: the file is damaged, or has no one whole number for each pixel.
    """
    with explained(path):
        values = _png_values(content, path) if content.startswith(_PNG) else _tiff(content, path)
    if values.ndim == 3 and values.shape[2] >= 3:
        # Gray that was saved as color.
        first, *others = np.moveaxis(values[..., :3], 2, 0)
        if all(np.array_equal(first, other) for other in others):
            values = first
    if values.ndim != 2:
        raise DataError(
            f"{path} has the shape {values.shape}: a label image has one number for each pixel, 0 "
            "for background and another one for each object."
        )
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.floor(values))).all():
        raise DataError(f"{path} has fractions, and labels are whole numbers.")
    if values.size and (values.min() < 0 or values.max() >= 2**40):
        raise DataError(f"{path} has numbers below 0 or above 2^40, and labels count objects.")
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    return values.astype(np.int64) if values.dtype.kind == "f" else values


def _png_values(content: bytes, path: Path) -> np.ndarray:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        check_size(path, *image.size)
        if content[24:25] == b"\x10" and not image.mode.startswith("I"):
            raise Unreadable("it is in color, of 16 bits; a label image is gray")
        # The numbers of a palette are the labels, whatever their colors.
        return np.asarray(image)


def _tiff(content: bytes, path: Path) -> np.ndarray:
    from tifffile import TiffFile

    with damage_heard(), TiffFile(io.BytesIO(content)) as file:
        page = file.pages.first
        if len(file.pages) > 1 and not page.is_reduced and not file.pages[1].is_reduced:
            raise Unreadable(
                f"it has {len(file.pages)} pages, and a label image is one: save the page that "
                "belongs to the image by itself"
            )
        check_size(path, page.imagelength, page.imagewidth)
        if page.samplesperpixel != 1 or page.imagedepth != 1:
            raise Unreadable(
                f"it has {page.samplesperpixel} numbers for each pixel, and a label image one"
            )
        height, width = page.imagelength, page.imagewidth
        return PageReader(page, SegmentCache()).read(0, 0, height, width)[..., 0]


def _check_is_no_mask(label: int, outlines: list[np.ndarray], path: Path) -> None:
    """A mask of all objects has one number, and several parts."""
    # The one that begins farthest left is no hole; holes turn the other way.
    is_outer = signed_area(outlines[0]) > 0
    areas = [abs(area) for area in map(signed_area, outlines) if (area > 0) == is_outer]
    parts = sum(area >= _SPECK * max(areas) for area in areas)
    if parts > 1:
        raise DataError(
            f"{path} has no other number than {label}, in {parts} parts: it tells objects from "
            "background, not from each other. Save it with a number of its own for each object."
        )


def write_label_image(path: str | os.PathLike, parts: Iterable[Instances]) -> np.ndarray:
    """Write the instances of one image, which come part by part, as a label image.

    The file has tiles, packed by deflate, of which programs read those that they show. Where
    instances overlap, a pixel belongs to the one of the highest score, and of equal scores to the
    first. The same instances give the same bytes.

    Args:
        path: of the file, `.tif`.
        parts: as `mrcnn.inference.TiledPredictor.predict_parts` gives them: no box of a part
            begins in a higher row than one of the part before. Instances that are there already
            are one part. The first instance becomes label 1, the second label 2, and so on.

    Returns:
        int64 [N], the pixels that each of the N labels has in the file; 0 where others cover all.

    Raises:
        DataError: there is no part, they are of images of different sizes or in another order, or
            a row has no mask.
        OutputError: the file cannot be written.
    """
    # Here, since it is large and few programs write such files.
    from tifffile import TiffWriter

    stripes = _Stripes(parts)
    height, width = stripes.shape
    is_big = 4 * height * width > _MOST_BYTES
    with atomic_path(path) as temporary, TiffWriter(temporary, bigtiff=is_big) as file:
        file.write(
            stripes.tiles(),
            shape=stripes.shape,
            dtype=np.uint32,
            tile=(_TILE, _TILE),
            compression="zlib",
            photometric="minisblack",
            metadata=None,
            software=False,
            # Others would draw ahead.
            maxworkers=1,
        )
    return stripes.visible()


class _Stripes:
    """Draws parts into stripes from the top down, and forgets what lies above."""

    def __init__(self, parts: Iterable[Instances]) -> None:
        self._parts = iter(parts)
        first = next(self._parts, None)
        if first is None:
            raise DataError("A label image needs at least one part, which may be empty.")
        self.shape = first.image_shape
        self._waiting: list[tuple[Instances, np.ndarray]] = []
        self._count = 0
        # No instance that is still to come begins above this row.
        self._known = 0
        self._is_over = False
        self._pixels: list[np.ndarray] = []
        self._take(first)

    def tiles(self) -> Iterator[np.ndarray]:
        """The tiles of the image, uint32 [256, 256], row by row; beyond the border they are 0."""
        height, width = self.shape
        for top in range(0, height, _TILE):
            stripe = self._draw(top)
            for left in range(0, width, _TILE):
                tile = np.zeros((_TILE, _TILE), np.uint32)
                part = stripe[:, left : left + _TILE]
                tile[: part.shape[0], : part.shape[1]] = part
                yield tile
        # What is wrong with a part below the image is to be said as well.
        self._read_to(height + 1)

    def visible(self) -> np.ndarray:
        """Pixels of each label, int64 [N]."""
        counts = np.zeros(self._count + 1, np.int64)
        for labels in self._pixels:
            counts[labels[0]] += labels[1]
        return counts[1:]

    def _draw(self, top: int) -> np.ndarray:
        bottom = min(top + _TILE, self.shape[0])
        self._read_to(bottom)
        stripe = np.zeros((bottom - top, self.shape[1]), np.uint32)
        drawn = [
            (part, int(row), int(labels[row]))
            for part, labels in self._waiting
            for row in np.flatnonzero((part.boxes[:, 0] < bottom) & (part.boxes[:, 2] > top))
        ]
        # The best last, so that it lies above the others.
        drawn.sort(key=lambda each: (_score(each[0], each[1]), -each[2]))
        for part, row, label in drawn:
            y1, x1, y2, x2 = part.boxes[row]
            first, end = max(y1, top), min(y2, bottom)
            inside = part.crops[row][first - y1 : end - y1]
            stripe[first - top : end - top, x1:x2][inside] = label
        self._waiting = [
            (part.take(stays), labels[stays])
            for part, labels in self._waiting
            if (stays := part.boxes[:, 2] > bottom).any()
        ]
        pixels = np.bincount(stripe.reshape(-1))
        seen = np.flatnonzero(pixels)
        self._pixels.append(np.stack([seen, pixels[seen]]))
        return stripe

    def _read_to(self, row: int) -> None:
        """Take parts until all instances that begin above a row are known."""
        while not self._is_over and self._known < row:
            part = next(self._parts, None)
            if part is None:
                self._is_over = True
            else:
                self._take(part)

    def _take(self, part: Instances) -> None:
        if part.image_shape != self.shape:
            raise DataError(
                f"Parts of images of {self.shape} and of {part.image_shape} pixels: one label "
                "image is of one image."
            )
        if not part.has_mask().all():
            raise DataError(
                "An instance is a box without a mask and cannot be drawn into a label image: take "
                "those that `has_mask()`."
            )
        if not len(part):
            return
        if part.boxes[:, 0].min() < self._known:
            raise DataError(
                f"An instance that begins in row {part.boxes[:, 0].min()} comes after one that "
                f"begins in row {self._known}: parts must come from the top down, as "
                "`predict_parts` gives them."
            )
        self._known = int(part.boxes[:, 0].max())
        labels = np.arange(self._count + 1, self._count + 1 + len(part), dtype=np.uint32)
        self._count += len(part)
        self._waiting.append((part, labels))


def _score(part: Instances, row: int) -> float:
    return 0.0 if part.scores is None else float(part.scores[row])
