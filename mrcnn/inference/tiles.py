"""`TiledPredictor`: detection in pictures of any size, as if they were seen at once."""

import contextlib
import math
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np

from mrcnn.errors import ConfigError, DataError, shown
from mrcnn.inference.bands import Bands
from mrcnn.inference.levels import enlarged, level_for
from mrcnn.inference.prediction import Prediction
from mrcnn.inference.predictor import Predictor
from mrcnn.inference.seams import Found
from mrcnn.inference.tile_grid import STEP, TileGrid, tile_grid
from mrcnn.inference.tile_image import TileImage, name_of, shape_of
from mrcnn.inference.tile_limits import settings_for_tiles
from mrcnn.instances import Instances
from mrcnn.pictures import Picture

# Side of the tiles where the objects are not too large for it, in pixels of the network. With 768
# more objects differ (docs/deployment.md), and a quarter more pixels go through the network.
_SIDE = 1024
# The largest objects over the median: of 6479 annotated blood cells the longer side of 99.9 % is
# below 2.4 median diameters.
_LARGEST = 2.4
# A mask may miss the end of the tile by so many pixels of the network where the tile cuts it.
_MARGIN = 4
# Where `predict` refers to `predict_parts`: some 50,000 blood cells.
_MOST_TILES = 256

Refine = Callable[[np.ndarray, Instances], Instances]
Note = Callable[[Prediction], None]
# What `TiledPredictor.see_tile` gives for each tile of a grid, row by row.
SeeTiles = Callable[[TileGrid], Generator[tuple[Prediction, Instances]]]


class TooManyTiles(DataError):
    """A picture that has more objects than are put into one prediction."""


class TiledPredictor:
    """Detects in pictures of any size, a tile at a time.

    The promise: what is found is as if the whole picture went through the network at once. Of the
    objects of an untiled prediction 99.9 % have a partner with a mask IoU of at least 0.9 among
    those of the tiles, and the reverse; none is lost at a seam, and none is there twice. It holds
    as far as what the network says of an object depends on no more than what lies within two
    diameters of it. Group normalization looks at all of a tile, and an object whose score is about
    the threshold may come or go; `python -m benchmarks.tiles` measures how near a network comes.

    To that end neighboring tiles overlap by twice the largest object, 4.8 median diameters: an
    object whose center a tile owns is whole in it, with as much around it as it is wide. The tile
    that has an object's center in its cell owns it; what seams make doubtful is decided by
    `mrcnn.inference.seams`. All tiles of a picture have one shape, so that the graph is traced
    once, and lie whole steps of the network apart.

    Of a picture with levels a tile reads the coarsest one that still has all that the network sees.
    Outlines are as fine as the pixels of that level.

        predictor = TiledPredictor.from_folder("weights/rbc", object_diameter=50)
        with open_picture("slide.tif") as picture:
            for instances in predictor.predict_parts(picture, scale=0.5):
                print(len(instances))

    Args:
        predictor: a `Predictor`; how it brings images to size does not matter. Its limits hold for
            a tile: `limits_for_tile` has some.
        object_diameter: median diameter of the objects, in pixels of the network.
        tile_side: in pixels of the network, a multiple of 64. By default 1024, or more where
            objects are so large that a third of a tile would be overlap.
        refine: (tile uint8 [h, w, 3], its instances) -> instances, in pixels of the tile. It may
            add columns, drop instances and move outlines.

    Raises:
        ConfigError: `object_diameter` is no number above 0, or `tile_side` too small for it or no
            multiple of 64.
    """

    def __init__(
        self,
        predictor: Predictor,
        object_diameter: float,
        *,
        tile_side: int | None = None,
        refine: Refine | None = None,
    ) -> None:
        if not (math.isfinite(object_diameter) and object_diameter > 0):
            raise ConfigError(
                f"The diameter of the objects is {shown(object_diameter)}: expected is a number "
                "above 0, the median in pixels of the network."
            )
        self.predictor = predictor
        self.object_diameter = object_diameter
        self.overlap = 2 * _LARGEST * object_diameter
        self.tile_side = side_for(object_diameter) if tile_side is None else tile_side
        self.refine = refine
        if self.overlap > self.tile_side / 2:
            raise ConfigError(
                f"Tiles of {shown(tile_side)} pixels are too small for objects with a median "
                f"diameter of {object_diameter:g}: they overlap by {self.overlap:.0f}, which must "
                f"be at most half of a side. {side_for(object_diameter)} is a good side."
            )
        # Whether the sides can work at all.
        tile_grid((1, 1), 1.0, self.tile_side, self.overlap)

    @classmethod
    def from_folder(
        cls,
        path: str | os.PathLike,
        weights: str | None = None,
        *,
        object_diameter: float | None = None,
        tile_side: int | None = None,
        refine: Refine | None = None,
        **settings: Any,
    ) -> Self:
        """One of the model in a folder, whose limits let a tile be full of objects.

        EVEN_ROI_ALIGN is on, so that what is found does not depend on where a tile lies.

        Args:
            path, weights: see `Predictor.from_folder`.
            object_diameter: see the class; by default OBJECT_DIAMETER of the model's settings.
            tile_side, refine: see the class.
            **settings: attributes of the configuration to set otherwise. They also hold where
                they are limits, or EVEN_ROI_ALIGN.

        Raises:
            ConfigError: see the class and `Predictor.from_folder`; or the model does not say how
                large its objects are.
            WeightsError: see `Predictor.from_folder`.
        """
        from mrcnn.inference.model_folder import read_model_folder

        config, _ = read_model_folder(path, weights, **settings)
        diameter = config.OBJECT_DIAMETER if object_diameter is None else object_diameter
        if diameter is None:
            raise ConfigError(
                f"{path}: the settings do not say how large objects are. Give object_diameter, "
                "their median diameter in pixels of the network."
            )
        side = side_for(diameter) if tile_side is None else tile_side
        of_tiles = settings_for_tiles(side, diameter, config)
        predictor = Predictor.from_folder(path, weights, **{**of_tiles, **settings})
        return cls(predictor, diameter, tile_side=side, refine=refine)

    def grid(self, shape: tuple[int, ...], scale: float) -> TileGrid:
        """The tiles of a picture of (height, width, ...) pixels; one where it fits into one.

        Raises:
            DataError: see `mrcnn.inference.tile_grid.tile_grid`.
        """
        return tile_grid(shape, scale, self.tile_side, self.overlap)

    def predict(
        self, picture: "Picture | np.ndarray", scale: float, *, most_tiles: int = _MOST_TILES
    ) -> Prediction:
        """Detect in a picture whose objects fit into one `Prediction`.

        A picture that is no larger than a tile is predicted at once, as by `Predictor.predict`.

        Args:
            picture: a `Picture`, or an array as `Predictor.predict` takes it.
            scale: pixels of the network for each pixel of the picture. With several tiles it is
                moved a little, see `tile_grid`; the prediction says what it was.
            most_tiles: of more than these the picture is refused.

        Returns:
            objects by falling score. Notes are those of all tiles, each once; it is full where a
            tile was.

        Raises:
            TooManyTiles: the picture has too many.
            DataError: it cannot be read, or the scale cannot work.
        """
        height, width = shape = shape_of(picture)
        shown, factor = _shown(picture, scale)
        grid = self._grid_of(shown, factor)
        if grid.count > most_tiles:
            raise TooManyTiles(
                f"{name_of(picture)} has {height} x {width} pixels, which are {grid.count} tiles "
                f"at a scale of {scale:g}: more than the {most_tiles} whose objects are put "
                "into one prediction. Take them band by band, from "
                "TiledPredictor.predict_parts(picture, scale), or give most_tiles."
            )
        predictions: list[Prediction] = []
        parts = [_of_picture(part, shape) for part in self._parts(shown, grid, predictions.append)]
        # What is empty may lack the columns that `refine` adds.
        instances = Instances.merged([part for part in parts if len(part)] or parts[:1])
        if instances.scores is not None:
            instances = instances.take(np.argsort(-instances.scores, kind="stable"))
        timing: Counter[str] = Counter()
        for each in predictions:
            timing.update(each.timing)
        notes = dict.fromkeys(note for each in predictions for note in each.notes)
        return replace(
            predictions[0],
            instances=instances,
            scale=predictions[0].scale * (1 if shown is picture else scale / factor),
            notes=tuple(notes),
            timing=dict(timing),
            is_full=any(each.is_full for each in predictions),
            quality=tuple(dict.fromkeys(reason for each in predictions for reason in each.quality)),
        )

    def predict_parts(
        self,
        picture: "Picture | np.ndarray",
        scale: float,
        *,
        note: Note = lambda _: None,
        see: SeeTiles | None = None,
    ) -> Iterator[Instances]:
        """Detect in a picture of any size, band by band.

        Memory is that of a tile and of the objects of two rows of tiles, whatever the size of the
        picture: only what a tile needs is read, by `Picture.region`.

        Args:
            picture, scale: see `predict`.
            note: is told the prediction of each tile, in pixels of the tile.
            see: looks at the tiles in place of this predictor, such as other processes that have
                one like it.

        Returns:
            an iterator of `Instances` in pixels of the picture, for each row of tiles those that
            are complete, which may be none. They are ordered by the first row of their boxes, and
            then by the first column, also from part to part: no object begins above one that came
            before. It may be left early.

        Raises:
            DataError: see `predict`. The parts before have been given then.
        """
        shape = shape_of(picture)
        shown, factor = _shown(picture, scale)
        grid = self._grid_of(shown, factor)
        with contextlib.closing(self._parts(shown, grid, note, see)) as parts:
            for part in parts:
                yield _of_picture(part, shape)

    def see_tile(self, image: TileImage, scale: float) -> tuple[Prediction, Instances]:
        """Look at one tile of a picture.

        Args:
            image: of a tile of `grid`.
            scale: of that grid.

        Returns:
            what the network says of the tile, and the instances as `refine` leaves them.

        Raises:
            DataError: it cannot be read.
        """
        prediction = self.predictor.predict(image, scale=scale)
        return prediction, self._refined(image, prediction)

    def tiles_of(self, picture: "Picture | np.ndarray", scale: float) -> int:
        """How many tiles go through the network for a picture.

        Args:
            picture, scale: see `predict`.

        Raises:
            DataError: the scale cannot work.
        """
        return self._grid_of(*_shown(picture, scale)).count

    def _grid_of(self, shown: Any, scale: float) -> TileGrid:
        try:
            return self.grid(shape_of(shown), scale)
        except DataError as error:
            raise DataError(f"{name_of(shown)}: {error}") from None

    def _parts(
        self, picture: Any, grid: TileGrid, note: Note, see: SeeTiles | None = None
    ) -> Generator[Instances]:
        shape = shape_of(picture)
        bands = Bands()
        with contextlib.closing(self._see(picture, grid) if see is None else see(grid)) as seen:
            for number, row in enumerate(grid.rows):
                of_row = []
                for tile in row:
                    prediction, instances = next(seen)
                    if not len(instances):
                        # Of a full list of what is none, nothing that counts is missing.
                        prediction = replace(prediction, is_full=False, quality=())
                    note(prediction)
                    y, x = tile.area[:2]
                    moved = instances.moved(y, x, shape)
                    of_row.append(Found(tile, moved, _MARGIN / grid.scale))
                is_last = number == len(grid.rows) - 1
                yield bands.add(of_row, None if is_last else grid.rows[number + 1][0].area[0])

    def _see(self, picture: Any, grid: TileGrid) -> Generator[tuple[Prediction, Instances]]:
        images: deque[TileImage] = deque()

        def read() -> Iterator[TileImage]:
            for tile in grid.tiles:
                images.append(TileImage(picture, tile))
                yield images[-1]

        predictions = self.predictor.predict_many(read(), scale=grid.scale)
        with contextlib.closing(predictions) as found:  # type: ignore[type-var]
            for prediction in found:
                yield prediction, self._refined(images.popleft(), prediction)

    def _refined(self, image: TileImage, prediction: Prediction) -> Instances:
        instances = prediction.instances
        if self.refine is not None:
            instances = self.refine(image.pixels(), instances)
        # What has no pixel is nowhere.
        return instances.take(instances.areas() > 0)


def side_for(object_diameter: float) -> int:
    """Side of the tiles for objects of a median diameter, both in pixels of the network."""
    return max(_SIDE, math.ceil(3 * 2 * _LARGEST * object_diameter / STEP) * STEP)


def _shown(picture: Any, scale: float) -> tuple[Any, float]:
    """What tiles are read from, and its scale."""
    return level_for(picture, scale) if isinstance(picture, Picture) else (picture, scale)


def _of_picture(instances: Instances, shape: tuple[int, int]) -> Instances:
    return instances if instances.image_shape == shape else enlarged(instances, shape)
