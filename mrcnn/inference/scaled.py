"""`ScaledPredictor`: pictures brought to the scale that the model knows its objects in."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.inference.at_once import one_by_one, several_at_once
from mrcnn.inference.blank import is_blank
from mrcnn.inference.levels import level_for
from mrcnn.inference.molding import usual_scale
from mrcnn.inference.prediction import Prediction
from mrcnn.inference.predictor import Predictor
from mrcnn.inference.quality import doubts_of_scale
from mrcnn.inference.scale import (
    BELIEVED,
    FEWEST,
    Answer,
    Scale,
    answer,
    busiest_part,
    busy_places,
    estimate,
    is_borne_out,
)
from mrcnn.inference.tile_image import TileImage
from mrcnn.inference.tile_limits import limits_for_tile
from mrcnn.inference.tiles import Note, Refine, SeeTiles, TiledPredictor, side_for
from mrcnn.instances import Instances
from mrcnn.pictures import Picture

# What is found in a whole picture corrects an estimate that was farther off than this factor; and
# where the configured size of pictures shows objects within it, that size is right already.
_MOST_OFF = 1.25
# An estimate that was believed is not farther off than this.
_FARTHEST = 2.0
# An estimate that is doubted does not enlarge a picture by more than this beyond its usual size.
_ENLARGED = 8.0
# An estimate is borne out by a part of the picture before it is followed to more tiles than these.
_MANY_TILES = 6
# Objects that would have to be enlarged more than this many times are too small to be seen.
_LARGEST_FACTOR = 16.0


class ScaledPredictor:
    """Detects in pictures of any magnification, each at the scale of the model's training.

    The scale of a picture comes from a diameter that was told, from pixel sizes where those of the
    picture and of the training are known, else from the picture itself, see `scale.estimate`.

    Args:
        predictor: its configuration has OBJECT_DIAMETER; it should return instances with scores
            from 0.5 on, which say whether a scale is right.
        diameter: of the objects in pixels of the pictures, or None.
        pixel_size: micrometers a pixel of the pictures is wide; by default what their files say.
        min_confidence: instances with a lower score are left out in the end.
        make_tiled: makes what detects in pictures that are larger than a tile, or hold more objects
            than `predictor` returns; it is called at the first such picture. None shows every
            picture as a whole.

    Attributes:
        predictor, config, limits: of the predictor.

    Raises:
        ConfigError: OBJECT_DIAMETER is None, or a number is not above 0.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        diameter: float | None = None,
        pixel_size: float | None = None,
        min_confidence: float = 0.0,
        make_tiled: Callable[[], TiledPredictor] | None = None,
    ) -> None:
        if predictor.config.OBJECT_DIAMETER is None:
            raise ConfigError(
                "OBJECT_DIAMETER is None: the size of the objects in training is not known, so no "
                "picture can be brought to it."
            )
        for name, value in (("diameter", diameter), ("pixel_size", pixel_size)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} is {value!r}: must be above 0.")
        self.predictor = predictor
        self.config: Any = predictor.config
        self.runner = predictor.runner
        self.limits = predictor.limits
        self.diameter = diameter
        self.pixel_size = pixel_size
        self.min_confidence = min_confidence
        self._make_tiled = make_tiled
        self._tiled: TiledPredictor | None = None
        self._making = threading.Lock()
        # What is found on the way to a scale says nothing of limits.
        self._scout = Predictor(predictor.config, predictor.runner, watch_limits=False)

    def choose(self, picture: Picture) -> Scale:
        """The scale of a picture.

        Raises:
            DataError: the diameter or pixel size cannot be that of this picture.
        """
        return self._choose(picture)[0]

    def predict(self, image: "np.ndarray | Picture", *, stacklevel: int = 1) -> Prediction:
        """Detect in one picture.

        Args:
            image: uint8 [H, W, 3], or a `Picture`.
            stacklevel: see `Predictor.predict_all`.

        Raises:
            DataError: see `choose`; or the picture cannot be read.
        """
        picture = image if isinstance(image, Picture) else Picture.of(np.asarray(image))
        scale, prediction = self._choose(picture)
        if prediction is None:
            if not self._is_worth(picture, scale):
                scale = Scale(self._usual(picture), None, "settings", 0.0)
            prediction = self._at(picture, scale, stacklevel + 1)
        better = self._corrected(picture, prediction.instances, scale)
        if better is not None and self._is_worth(picture, better):
            scale = better
            prediction = self._at(picture, scale, stacklevel + 1)
        instances = prediction.instances
        if self._fits(picture, scale) and is_blank(level_for(picture, scale.factor)[0].pixels()):
            instances = instances.take([])
            if scale.source == "estimate":
                scale = Scale(scale.factor, None, "settings", 0.0)
        doubts = self.doubts(instances, replace(scale, factor=prediction.scale))
        if instances.scores is not None:
            instances = instances.take(instances.scores >= self.min_confidence)
        if not len(instances):
            # Of a full list of what is none, as noise gives it, nothing that counts is missing.
            prediction = replace(prediction, is_full=False, quality=())
        return replace(
            prediction,
            instances=instances,
            diameter=self._measured(instances, scale),
            scale_source=scale.source,
            quality=(*prediction.quality, *doubts),
        )

    def predict_many(
        self,
        images: "Iterable[np.ndarray | Picture]",
        *,
        failed: Callable[[DataError], None] | None = None,
    ) -> Iterator[Prediction]:
        """Detect in pictures, which are taken while the network works; their order is kept.

        Where the runner can do so, several are detected in at the same time, see `Runner`. What is
        found in one does not depend on that.

        Args:
            images: see `predict`; may be a generator that reads them, which runs in a thread.
            failed: is told why there is no prediction of a picture, which is then left out. By
                default that ends the iterator.

        Raises:
            DataError: see `predict`, without `failed`; and what `images` raises.
        """
        at_once = getattr(self.runner, "at_once", 1)
        if at_once == 1:
            # Warnings are of the line that asks for predictions.
            yield from one_by_one(images, partial(self.predict, stacklevel=3), failed)
            return
        with contextlib.closing(several_at_once(images, self._silent, at_once, failed)) as found:
            for prediction in found:
                if self.limits is not None:
                    self.limits.say()
                yield prediction

    def _silent(self, image: "np.ndarray | Picture") -> Prediction:
        """A prediction in a thread; what there is to warn of is said by the one that asked."""
        with contextlib.nullcontext() if self.limits is None else self.limits.unsaid():
            return self.predict(image)

    def choose_by_parts(self, picture: Picture) -> Scale:
        """The scale of a picture that is too large to be seen at once.

        An estimate is corrected by what the network finds in one tile.

        Raises:
            DataError: see `choose`; or the network finds nothing in the parts that it is shown.
        """
        scale = self.choose(picture)
        if scale.source == "settings":
            raise DataError(
                f"{picture.name}: in the parts of the picture that were looked at nothing was "
                "found, so the scale is not known. Give the diameter of the objects in pixels of "
                "the picture."
            )
        if scale.source != "estimate":
            return scale
        shown, factor = level_for(picture, scale.factor)
        side = min(*shown.shape, round(side_for(self.config.OBJECT_DIAMETER) / factor))
        part = busiest_part(shown, side, busy_places(picture))
        found = answer(self._look(part, factor), factor)
        if found is not None:
            found = found._replace(diameter=found.diameter * factor / scale.factor)
        return self._better(picture, found, scale) or scale

    def predict_parts(
        self,
        picture: Picture,
        scale: Scale,
        *,
        refine: Refine | None = None,
        note: Note = lambda _: None,
        see: SeeTiles | None = None,
    ) -> tuple[int, Iterator[Instances]]:
        """Detect in a picture of any size, band by band; see `TiledPredictor.predict_parts`.

        Args:
            picture: of any size.
            scale: as `choose_by_parts` gives it.
            refine: see `TiledPredictor`; it is given sure enough instances only.
            note: is told the prediction of each tile.
            see: looks at the tiles in place of this predictor, see `TiledPredictor.predict_parts`.

        Returns:
            how many tiles there are, and the iterator.

        Raises:
            ConfigError: there is no `make_tiled`.
            DataError: the scale cannot work.
        """
        tiled = self._refining(refine)
        parts = tiled.predict_parts(picture, scale.factor, note=note, see=see)
        return tiled.tiles_of(picture, scale.factor), parts

    def see_tile(
        self, image: TileImage, scale: float, *, refine: Refine | None = None
    ) -> tuple[Prediction, Instances]:
        """Look at one tile of those of `predict_parts`.

        Args:
            image, scale: see `TiledPredictor.see_tile`.
            refine: see `predict_parts`.

        Raises:
            ConfigError: there is no `make_tiled`.
            DataError: the tile cannot be read.
        """
        return self._refining(refine).see_tile(image, scale)

    def _refining(self, refine: Refine | None) -> TiledPredictor:
        """What detects in tiles, and gives sure enough instances as `refine` leaves them."""

        def sure(image: np.ndarray, instances: Instances) -> Instances:
            instances = _visible(image, instances)
            if instances.scores is not None:
                instances = instances.take(instances.scores >= self.min_confidence)
            return instances if refine is None else refine(image, instances)

        tiled = self._tiles()
        return TiledPredictor(
            tiled.predictor, tiled.object_diameter, tile_side=tiled.tile_side, refine=sure
        )

    def doubts(self, instances: Instances, scale: Scale) -> tuple[str, ...]:
        """Why to doubt what was found at a scale, see `doubts_of_scale`."""
        return doubts_of_scale(instances, scale, float(self.config.OBJECT_DIAMETER))

    def _tiles(self) -> TiledPredictor:
        if self._make_tiled is None:
            raise ConfigError("There is no make_tiled: pictures are seen as a whole only.")
        with self._making:
            if self._tiled is None:
                made = self._make_tiled()
                self._tiled = TiledPredictor(
                    made.predictor,
                    made.object_diameter,
                    tile_side=made.tile_side,
                    refine=made.refine or _visible,
                )
            return self._tiled

    def _choose(self, picture: Picture) -> tuple[Scale, Prediction | None]:
        """The scale, and what was found at it where the way to it led through that already."""
        target = float(self.config.OBJECT_DIAMETER)
        if self.diameter is not None:
            return self._told(picture, self.diameter, "diameter"), None
        if (size := self._micrometers(picture)) and self.config.OBJECT_PIXEL_SIZE:
            diameter = target * self.config.OBJECT_PIXEL_SIZE / size
            return self._told(picture, diameter, "pixel-size"), None
        usual = self._usual(picture)
        whole: Prediction | None = None

        def look(image: np.ndarray, scale: float) -> Instances:
            nonlocal whole
            if scale != usual or image.shape[:2] != picture.shape:
                return self._look(image, scale)
            whole = self._scout.predict(picture)
            return self._counted(whole.instances)

        found = estimate(picture, target, look, usual)
        if found is None:
            return Scale(usual, None, "settings", 0.0), None
        chosen = self._estimated(picture, found)
        if found.score < BELIEVED and chosen.factor > _ENLARGED * usual:
            # In noise something is seen at every scale.
            return Scale(usual, None, "settings", 0.0), None
        # A full list is a limit, of which notes are taken on another way.
        is_done = whole is not None and chosen.factor == usual and not whole.is_full
        return chosen, whole if is_done else None

    def _told(self, picture: Picture, diameter: float, source: str) -> Scale:
        if diameter > max(picture.shape):
            raise DataError(
                f"{picture.name} has {picture.shape[0]} x {picture.shape[1]} pixels, fewer than "
                f"the objects are wide ({diameter:g} pixels, by the {source}): give the diameter "
                "in pixels of the picture, or the micrometers of its pixels."
            )
        factor = float(self.config.OBJECT_DIAMETER) / diameter
        if factor > _LARGEST_FACTOR:
            raise DataError(
                f"{picture.name}: objects of {diameter:g} pixels (by the {source}) are too small "
                f"to be seen; this model needs {self.config.OBJECT_DIAMETER / _LARGEST_FACTOR:.1f} "
                "or more. Is the number in pixels of the picture?"
            )
        return Scale(factor, diameter, source)

    def _micrometers(self, picture: Picture) -> float | None:
        if self.pixel_size is not None:
            return self.pixel_size
        size = picture.pixel_size
        return None if size is None else math.sqrt(size.y * size.x)

    def _usual(self, picture: Picture) -> float:
        """The factor by which the configuration alone brings a picture to size."""
        return usual_scale(picture.shape, self.config)

    def _estimated(self, picture: Picture, found: Answer) -> Scale:
        factor, usual = float(self.config.OBJECT_DIAMETER) / found.diameter, self._usual(picture)
        if abs(math.log(factor / usual)) <= math.log(_MOST_OFF):
            factor = usual
        return Scale(factor, found.diameter, "estimate", found.certainty)

    def _at(self, picture: Picture, scale: Scale, stacklevel: int) -> Prediction:
        factor = None if scale.factor == self._usual(picture) else scale.factor
        if self._fits(picture, scale) or self._make_tiled is None:
            found = self.predictor.predict(picture, scale=factor, stacklevel=stacklevel + 1)
            lacks_some = found.is_full and self._may_hold_more(picture, scale)
            if not lacks_some or self._make_tiled is None:
                return found
        return self._tiles().predict(picture, scale.factor)

    def _is_worth(self, picture: Picture, scale: Scale) -> bool:
        """Whether an estimate is to be followed that takes many tiles: one part must bear it out.

        Texture and print look like cells of a few pixels, and enlarging them takes a minute.
        """
        if scale.source != "estimate" or self._make_tiled is None:
            return True
        side = side_for(self.config.OBJECT_DIAMETER) / scale.factor
        if math.prod(picture.shape) <= _MANY_TILES * side**2:
            return True
        return is_borne_out(picture, scale.factor, round(side / 2), self._look)

    def _fits(self, picture: Picture, scale: Scale) -> bool:
        """Whether a picture is no larger than a tile."""
        return max(picture.shape) * scale.factor <= side_for(self.config.OBJECT_DIAMETER)

    def _may_hold_more(self, picture: Picture, scale: Scale) -> bool:
        """Whether more objects than the predictor returns could lie in a picture at all."""
        side = math.sqrt(math.prod(picture.shape)) * scale.factor
        most = limits_for_tile(math.ceil(side), self.config.OBJECT_DIAMETER)
        return most["DETECTION_MAX_INSTANCES"] > self.config.DETECTION_MAX_INSTANCES

    def _look(self, image: np.ndarray, scale: float) -> Instances:
        return self._counted(self._scout.predict(image, scale=scale).instances)

    def _counted(self, instances: Instances) -> Instances:
        """Those whose size is that of OBJECT_DIAMETER; all of them where there is none."""
        names = self.config.OBJECT_CLASSES
        if names is None:
            return instances
        numbers = [
            number for number, name in enumerate(self.config.CLASS_NAMES, 1) if name in names
        ]
        counted = np.isin(instances.class_ids, numbers)
        return instances.take(counted) if counted.any() else instances

    def _measured(self, instances: Instances, scale: Scale) -> float | None:
        """The diameter of what was found, where that is near the one it was estimated to have."""
        if scale.source != "estimate" or scale.diameter is None:
            return scale.diameter
        # A few whole objects tell more than the visible widths of many that are cut.
        found = answer(self._counted(instances), scale.factor, enough=FEWEST)
        if found is None or found.objects < FEWEST:
            return scale.diameter
        is_near = abs(math.log(found.diameter / scale.diameter)) <= math.log(_MOST_OFF)
        return found.diameter if is_near else scale.diameter

    def _corrected(self, picture: Picture, instances: Instances, scale: Scale) -> Scale | None:
        """A better scale by what was found in the whole picture; None if it was right enough."""
        if scale.source != "estimate":
            return None
        return self._better(picture, answer(self._counted(instances), scale.factor), scale)

    def _better(self, picture: Picture, found: Answer | None, scale: Scale) -> Scale | None:
        if found is None or found.objects < FEWEST:
            return None
        better = self._estimated(picture, found)
        off = abs(math.log(better.factor / scale.factor))
        was_believed = scale.certainty >= BELIEVED
        if off <= math.log(_MOST_OFF) or (was_believed and off > math.log(_FARTHEST)):
            return None
        return better


def _visible(image: np.ndarray, instances: Instances) -> Instances:
    """None of the instances where nothing is to be seen in the image."""
    return instances.take([]) if is_blank(image) else instances
