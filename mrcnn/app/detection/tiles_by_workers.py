"""The tiles of a large picture with worker processes: each reads its own, and tells what it saw."""

import contextlib
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mrcnn.app.engine.dask_engine import DaskEngine
from mrcnn.app.engine.job import Job
from mrcnn.app.finding import Finder
from mrcnn.app.large_pictures import refine_tile
from mrcnn.inference import Prediction, ScaledPredictor
from mrcnn.inference.levels import level_for
from mrcnn.inference.scale import Scale
from mrcnn.inference.tile_grid import Tile, TileGrid
from mrcnn.inference.tile_image import TileImage
from mrcnn.instances import Instances

CHOOSE_SCALE = f"{__name__}:choose_scale"
SEE_TILE = f"{__name__}:see_tile"


class File(NamedTuple):
    """A picture as workers open it, see `mrcnn.pictures.open_picture`; the path is absolute."""

    path: Path
    page: int | None
    channels: tuple[int, ...] | None


class Seen(NamedTuple):
    """What a worker tells of a tile.

    Attributes:
        prediction: without its instances.
        instances: as they are refined and measured, in pixels of the tile.
        measured: names of the columns that the application measured.
    """

    prediction: Prediction
    instances: Instances
    measured: list[str]


def choose_scale(job: Job, file: File) -> Scale:
    """In a worker: the scale of a large picture."""
    predictor = _finder(job)[1]
    with job.picture(*file) as picture:
        return predictor.choose_by_parts(picture)


def see_tile(job: Job, file: File, scale: Scale, grid_scale: float, tile: Tile) -> Seen:
    """In a worker: what is in a tile.

    Args:
        job: of this process.
        file: the picture.
        scale: of the picture.
        grid_scale: of its tiles.
        tile: which of them.
    """
    finder, predictor = _finder(job)
    with job.picture(*file) as picture:
        shown, _ = level_for(picture, scale.factor)
        image = TileImage(shown, tile)
        image.pixels()
    measured: list[str] = []
    refine = partial(refine_tile, finder, measured=measured)
    prediction, instances = predictor.see_tile(image, grid_scale, refine=refine)
    return Seen(replace(prediction, instances=instances.take([])), instances, measured)


def _finder(job: Job) -> tuple[Finder, ScaledPredictor]:
    finder = job.made()[2].finder
    assert isinstance(finder, Finder) and isinstance(finder.predictor, ScaledPredictor)
    return finder, finder.predictor


class TilesByWorkers:
    """Has the tiles of a large picture looked at by workers; see `Elsewhere`.

    Args:
        engine: gives them to workers.
        file: the picture.

    Attributes:
        measured: see `Elsewhere`.
    """

    def __init__(self, engine: DaskEngine, file: File) -> None:
        self.measured: list[str] = []
        self._engine, self._file = engine, file

    def choose(self) -> Scale:
        """See `Elsewhere`."""
        (scale,) = self._engine.in_order(CHOOSE_SCALE, [(self._file,)])
        return scale

    def see(self, scale: Scale, grid: TileGrid) -> Generator[tuple[Prediction, Instances]]:
        """See `Elsewhere`."""
        tasks = ((self._file, scale, grid.scale, tile) for tile in grid.tiles)
        with contextlib.closing(self._engine.in_order(SEE_TILE, tasks)) as each:
            for prediction, instances, measured in each:
                self.measured = measured
                yield prediction, instances
