"""`detect` in pictures that are too large to be held as a whole: by tiles, written in stripes."""

from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image

from mrcnn.app.detection.overlay import JPEG, write_overlay
from mrcnn.app.finding import Finder, Found
from mrcnn.app.result_files import MANY_LABELS
from mrcnn.drawing.results import overlay_picture
from mrcnn.errors import DataError
from mrcnn.formats.label_images import write_label_image
from mrcnn.inference import Prediction, ScaledPredictor
from mrcnn.inference.scale import Scale
from mrcnn.inference.tile_grid import TileGrid
from mrcnn.instances import Instances
from mrcnn.instances.stored_masks import MaskFile
from mrcnn.pictures import Picture, overview

# A picture of more pixels is not read as a whole: 8192 a side.
MOST_PIXELS = 2**26
# The longer side of the picture of results.
OVERLAY_SIDE = 4096
# Seconds from one line about a picture to the next at least.
_BETWEEN_LINES = 10.0


def is_large(picture: Picture, predictor: Any) -> bool:
    """Whether a picture is detected in by tiles that are read one after the other.

    Args:
        picture: of any size.
        predictor: of the finder; None of a method without one.

    Raises:
        DataError: it can only be seen as a whole, since its scale is not known, and is too large.
    """
    height, width = picture.shape
    if isinstance(predictor, ScaledPredictor):
        return height * width > MOST_PIXELS
    most = 2 * (Image.MAX_IMAGE_PIXELS or height * width)
    if height * width > most:
        raise DataError(
            f"{picture.name}: {height} x {width} pixels are too many to be seen as a whole, as "
            "--image-size, --method and models do that do not know how large their objects are. "
            "Leave these options out; `pack DIR --diameter PX` tells a model."
        )
    return False


class LargeResult(NamedTuple):
    """What was found in a large picture, written but for its tables.

    Attributes:
        found: masks are in a file, so `instances` are gone over one after the other.
        labels: int64 [N], their numbers in the label image.
        visible: int64 [N], their pixels there.
        measured: names of the columns that the application measures.
        overview: uint8 [h, w, 3], the picture made smaller.
        overlay: name of its file.
    """

    found: Found
    labels: np.ndarray
    visible: np.ndarray
    measured: list[str]
    overview: np.ndarray
    overlay: str


class Elsewhere(Protocol):
    """Other processes that look at a large picture.

    Attributes:
        measured: names of the columns that the application measures, once a tile was seen.
    """

    measured: list[str]

    def choose(self) -> Scale:
        """The scale of the picture, see `ScaledPredictor.choose_by_parts`."""
        ...

    def see(self, scale: Scale, grid: TileGrid) -> Generator[tuple[Prediction, Instances]]:
        """What `ScaledPredictor.see_tile` gives for each tile of a grid, with `refine_tile`."""
        ...


def refine_tile(
    finder: Finder, image: np.ndarray, instances: Instances, measured: list[str]
) -> Instances:
    """What stays of the objects of a tile, with the columns of the application.

    Args:
        finder: of the application.
        image: uint8 [h, w, 3], the tile.
        instances: in its pixels.
        measured: becomes the names of the columns that were measured.
    """
    instances = finder.refined(image, instances)
    told = set(instances.columns)
    instances = finder.application.measure(
        image, instances, finder.options, class_names=finder.class_names
    )
    measured[:] = [column for column in instances.columns if column not in told]
    return instances


def detect_large(
    finder: Finder,
    picture: Picture,
    out: Path,
    name: str,
    masks: MaskFile,
    elsewhere: Elsewhere | None = None,
) -> LargeResult:
    """Detect in a picture of any size, and write its label image and its overlay.

    Memory is that of a tile, of the objects of two rows of tiles, and of numbers of all objects.
    The application refines and measures a tile, and classifies the whole.

    Args:
        finder: of a `ScaledPredictor`.
        picture: is read a region at a time.
        out: folder of the results.
        name: stem of their names.
        masks: takes the masks, and has to stay open as long as the result is used.
        elsewhere: looks at the tiles; by default this process does.

    Raises:
        DataError: the picture cannot be read, or its scale cannot be told. Nothing is left of its
            results then.
        OutputError: they cannot be written.
    """
    predictor = finder.predictor
    assert isinstance(predictor, ScaledPredictor)
    work = _Work(finder, picture, masks)
    if elsewhere is None:
        scale = predictor.choose_by_parts(picture)
        see = None
    else:
        scale = elsewhere.choose()
        see = partial(elsewhere.see, scale)
    count, parts = predictor.predict_parts(
        picture, scale, refine=work.refine, note=work.note, see=see
    )
    height, width = picture.shape
    print(
        f"  {picture.name}: {height} x {width} pixels are detected in by {count} tiles", flush=True
    )
    visible = write_label_image(out / f"{name}{MANY_LABELS}", work.kept(parts, count))
    objects = finder.application.words.objects
    print(
        f"  {picture.name}: {np.count_nonzero(visible)} {objects} found; classes, overlay and "
        "tables follow",
        flush=True,
    )
    try:
        instances = finder.classified(work.instances())
        # What others cover has no pixel, and is no object.
        rows = np.flatnonzero(visible)
        instances = instances.take(rows)
        small, times = overview(picture, OVERLAY_SIDE)
        drawn = overlay_picture(small, instances, finder.told_names, times, has_legend=True)
        kind = getattr(finder.options, "overlay_format", JPEG)
        overlay = write_overlay(out, name, drawn, kind)
    except BaseException:
        (out / f"{name}{MANY_LABELS}").unlink(missing_ok=True)
        raise
    print(f"  {picture.name}: the overlay shows it {1 / times:.3g} times smaller", flush=True)
    work.quality |= dict.fromkeys(predictor.doubts(instances, scale))
    found = Found(instances, work.is_full, scale.diameter, scale.source, tuple(work.quality))
    measured = work.measured if elsewhere is None else elsewhere.measured
    return LargeResult(found, rows + 1, visible[rows], measured, small, overlay)


class _Work:
    """What is done with the tiles of a picture, and what is kept of them."""

    def __init__(self, finder: Finder, picture: Picture, masks: MaskFile) -> None:
        self.is_full = False
        # Each reason once, in the order they came in.
        self.quality: dict[str, None] = {}
        self.measured: list[str] = []
        self._finder, self._picture, self._masks = finder, picture, masks
        self._tiles = 0
        # Without their masks.
        self._parts: list[Instances] = []

    def refine(self, image: np.ndarray, instances: Instances) -> Instances:
        """What stays of the objects of a tile, with the columns of the application."""
        return refine_tile(self._finder, image, instances, self.measured)

    def note(self, prediction: Prediction) -> None:
        """Take what is to be known of a tile."""
        self._tiles += 1
        self.is_full |= prediction.is_full
        self.quality |= dict.fromkeys(prediction.quality)

    def kept(self, parts: Iterator[Instances], count: int) -> Iterator[Instances]:
        """The parts as they come; numbers are kept, masks go to the file."""
        told, objects = monotonic(), 0
        for part in parts:
            if len(part) or not self._parts:
                self._masks.add(part.crops)
                self._parts.append(part.replaced(crops=[None] * len(part)))
            objects += len(part)
            if monotonic() - told >= _BETWEEN_LINES and self._tiles < count:
                told = monotonic()
                print(
                    f"  {self._picture.name}: {self._tiles} of {count} tiles, {objects} "
                    f"{self._finder.application.words.objects} so far",
                    flush=True,
                )
            yield part

    def instances(self) -> Instances:
        """All objects, their masks in the file."""
        filled = [part for part in self._parts if len(part)] or self._parts[:1]
        merged = Instances.merged(filled)
        return merged.replaced(crops=self._masks.masks())
