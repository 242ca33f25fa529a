"""Pictures brought to the scale of a model's training, by whatever says what that is."""

import itertools

import numpy as np
import pytest

from mrcnn.errors import ConfigError, DataError
from mrcnn.inference import Prediction, Predictor, ScaledPredictor, TiledPredictor
from mrcnn.inference.scale import Answer, Scale, answer
from mrcnn.inference.tile_limits import limits_for_tile
from mrcnn.inference.tiles import side_for
from mrcnn.pictures import Level, Picture, PixelSize
from tests.inference.bright_spots import BrightSpots, SpotsConfig


class Config(SpotsConfig):
    IMAGE_FIT = True
    IMAGE_MAX_DIM = 256
    IMAGE_PADDING = "reflect"
    SUBPIXEL_MASKS = True
    DETECTION_MAX_INSTANCES = 60
    POST_NMS_ROIS_INFERENCE = 80
    OBJECT_DIAMETER = 24.0
    OBJECT_PIXEL_SIZE = 0.25


def scaled(**arguments) -> ScaledPredictor:
    settings = arguments.pop("settings", {})
    config = Config.from_dict(settings)
    return ScaledPredictor(Predictor(config, BrightSpots(config), "spots"), **arguments)


def discs(diameter: int, count: int = 6, level: int = 250) -> np.ndarray:
    """Bright discs in `count` rows and columns, twice their diameter apart."""
    pitch = 2 * diameter
    y, x = np.mgrid[: count * pitch, : count * pitch]
    inside = np.hypot(y % pitch - diameter + 0.5, x % pitch - diameter + 0.5) <= diameter / 2
    return np.repeat(np.where(inside, level, 0).astype(np.uint8)[..., None], 3, axis=2)


class Told(Picture):
    """A picture whose file says how large its pixels are."""

    def __init__(self, array, size):
        self.array, self.size = Picture.of(array), size
        self.name = "told.tif"

    levels = property(lambda self: self.array.levels)
    pixel_size = property(lambda self: self.size)

    def _read(self, *region):
        return self.array._read(*region)


def test_a_diameter_that_is_told_counts_first():
    picture = Told(discs(30), PixelSize(0.5, 0.5, "test"))
    prediction = scaled(diameter=48, pixel_size=0.1).predict(picture)
    assert prediction.scale == pytest.approx(24 / 48, rel=0.01)
    assert (prediction.diameter, prediction.scale_source) == (48, "diameter")
    assert len(prediction.instances) == 36


def test_pixel_sizes_count_where_both_are_known():
    picture = Told(discs(30), PixelSize(0.25, 0.25, "test"))
    for arguments, expected in (({}, 1.0), ({"pixel_size": 0.125}, 0.5)):
        prediction = scaled(**arguments).predict(picture)
        assert prediction.scale == pytest.approx(expected, rel=0.01)
        assert prediction.scale_source == "pixel-size"
        assert prediction.diameter == pytest.approx(24 / expected)
    for unknown in (
        scaled(settings={"OBJECT_PIXEL_SIZE": None}).predict(picture),
        scaled().predict(picture.array),
    ):
        assert unknown.scale_source == "estimate"


@pytest.mark.parametrize("diameter", [12, 40, 90])
def test_else_the_picture_is_asked(diameter):
    prediction = scaled().predict(discs(diameter))
    assert prediction.scale_source == "estimate"
    assert prediction.diameter == pytest.approx(diameter, rel=0.15)
    assert prediction.scale == pytest.approx(24 / diameter, rel=0.25)
    found = np.sqrt(4 / np.pi * prediction.instances.areas())
    assert np.median(found) == pytest.approx(diameter, rel=0.15)


def test_a_size_that_is_right_already_stays():
    # 288 pixels wide, shown with 256: discs of 24 pixels are shown with 21.
    prediction = scaled().predict(discs(24))
    assert prediction.scale == 256 / 288
    assert prediction.scale_source == "estimate"


def test_what_was_found_on_the_way_to_the_usual_size_is_not_sought_twice(monkeypatch):
    monkeypatch.setattr(
        "mrcnn.inference.scaled.estimate",
        lambda picture, _, look, usual: answer(look(picture.pixels(), usual), usual),
    )
    predictor = scaled()
    runner = predictor.predictor.runner
    run, runs = runner.run, []
    runner.run = lambda inputs: runs.append(1) or run(inputs)
    found = predictor.predict(discs(24))
    assert len(runs) == 1
    monkeypatch.undo()
    expected = scaled().predict(discs(24))
    np.testing.assert_array_equal(found.instances.boxes, expected.instances.boxes)
    assert found.scale == expected.scale == 256 / 288


def test_other_objects_do_not_count_where_those_of_one_class_have_the_size_of_training():
    small = discs(30, count=4, level=235)
    # Of class 1, since they are darker.
    large = discs(60, count=2, level=195)
    both = np.concatenate([small, *[large] * 5], axis=1)
    names = {"CLASS_NAMES": ["large", "small"], "OBJECT_CLASSES": ["small"]}
    found = scaled(settings=names).predict(both)
    assert found.diameter == pytest.approx(34, rel=0.05)
    assert set(found.instances.class_ids) == {1, 2}
    assert scaled().predict(both).diameter == pytest.approx(67, rel=0.05)


def test_what_is_found_in_the_end_does_not_turn_over_an_estimate_that_was_believed():
    picture = Picture.of(discs(20, count=10))
    predictor = scaled()
    found = predictor.predict(picture).instances
    factor = 24 / 23
    for diameter, certainty, is_corrected in (
        (30.0, 0.9, True), (60.0, 0.9, False), (60.0, 0.5, True), (24.0, 0.5, False),
    ):  # fmt: skip
        scale = Scale(factor, diameter, "estimate", certainty)
        moved = Scale(24 / diameter, diameter, "estimate", certainty)
        better = predictor._corrected(picture, found, moved)
        assert (better is not None) == is_corrected, scale


def test_without_an_answer_the_settings_count():
    prediction = scaled().predict(np.zeros((100, 200, 3), np.uint8))
    assert prediction.scale == 256 / 200
    assert (prediction.diameter, prediction.scale_source) == (None, "settings")
    assert len(prediction.instances) == 0


def test_a_size_that_the_model_does_not_know_is_told():
    # Discs of 30 pixels; 24 is what the model knows.
    many = {"settings": {"DETECTION_MAX_INSTANCES": 400, "POST_NMS_ROIS_INFERENCE": 400}}
    for diameter, quality in ((30, ()), (50, ()), (75, ("scale",)), (20, ("scale",))):
        assert scaled(**many, diameter=diameter).predict(discs(30)).quality == quality
    nothing = np.zeros((100, 200, 3), np.uint8)
    assert scaled().predict(nothing).quality == ("foreign",)
    assert scaled(diameter=30).predict(nothing).quality == ()
    assert scaled(**many).predict(discs(40)).quality == ()


def test_unsure_instances_are_left_out_in_the_end():
    image = discs(30)
    image[:60] = image[:60] // 10 * 6
    everything, sure = (
        scaled(diameter=30, min_confidence=least).predict(image).instances for least in (0, 0.6)
    )
    assert len(everything) > len(sure) == 30
    assert (sure.scores >= 0.6).all()


def test_the_diameter_is_that_of_the_whole_objects_that_are_given_back():
    sure = discs(30)
    # As many smaller ones, darker.
    unsure = np.pad(discs(25, level=150), ((0, 60), (0, 0), (0, 0)))
    both = np.concatenate([sure, unsure], axis=1)
    many = {"settings": {"DETECTION_MAX_INSTANCES": 200, "POST_NMS_ROIS_INFERENCE": 200}}
    shown = scaled(**many, min_confidence=0.9).predict(both)
    assert len(shown.instances) == 36
    assert shown.diameter == pytest.approx(np.median(np.sqrt(4 / np.pi * shown.instances.areas())))
    assert scaled(**many).predict(both).diameter < shown.diameter


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"diameter": 500}, "has 360 x 360 pixels, fewer than the objects are wide .500 pixels"),
        ({"diameter": 1}, "objects of 1 pixels .by the diameter. are too small to be seen"),
        ({"pixel_size": 0.001}, "fewer than the objects are wide .6000 pixels, by the pixel-size"),
    ],
)
def test_sizes_that_cannot_be_are_told(arguments, message):
    with pytest.raises(DataError, match=message):
        scaled(**arguments).predict(discs(30))


def test_what_it_needs_is_told():
    with pytest.raises(ConfigError, match="OBJECT_DIAMETER is None"):
        scaled(settings={"OBJECT_DIAMETER": None})
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="diameter is"):
            scaled(diameter=wrong)
        with pytest.raises(ConfigError, match="pixel_size is"):
            scaled(pixel_size=wrong)


def test_many_pictures_come_in_their_order_one_taken_ahead():
    taken = []

    def pictures():
        for diameter in itertools.cycle((20, 40)):
            taken.append(diameter)
            yield discs(diameter)

    predictions = scaled().predict_many(pictures())
    found = [next(predictions).diameter for _ in range(4)]
    # Masks of the made-up network are squares, 1.13 times as wide as discs.
    assert found == pytest.approx([22.6, 45.2, 22.6, 45.2], rel=0.1)
    assert len(taken) <= 5
    predictions.close()


def test_a_prediction_keeps_its_scale_as_json():
    prediction = scaled(diameter=30).predict(discs(30))
    back = Prediction.from_json(prediction.to_json())
    assert (back.scale, back.diameter, back.scale_source) == (prediction.scale, 30.0, "diameter")


def test_a_picture_larger_than_a_tile_or_full_of_objects_is_tiled():
    made = []

    def make_tiled():
        limits = limits_for_tile(side_for(24), 24, Config)
        made.append(limits)
        config = Config.from_dict(limits)
        return TiledPredictor(Predictor(config, BrightSpots(config)), 24)

    predictor = scaled(diameter=24, make_tiled=make_tiled)
    assert len(predictor.predict(discs(24, 3)).instances) == 9
    assert not made
    # 100 discs where 60 fit, and 30 x 30 discs on several tiles.
    assert len(predictor.predict(discs(24, 10)).instances) == 100
    large = predictor.predict(discs(24, 30))
    assert len(large.instances) == 900
    assert (large.diameter, large.scale_source, len(made)) == (24, "diameter", 1)


class Slide(Picture):
    """Mostly glass: discs in one corner only; counts the pixels that were read."""

    name = "slide.tif"

    def __init__(self, side, diameter, from_row):
        self.side, self.diameter, self.from_row = side, diameter, from_row
        self.read = 0

    @property
    def levels(self):
        return (Level(self.side, self.side),)

    def _read(self, level, y, x, height, width):
        self.read += height * width
        pitch, radius = 2 * self.diameter, self.diameter / 2
        rows = (np.arange(y, y + height) % pitch - self.diameter + 0.5)[:, None] ** 2
        columns = (np.arange(x, x + width) % pitch - self.diameter + 0.5) ** 2
        inside = rows + columns <= radius**2
        inside &= (np.arange(y, y + height) >= self.from_row)[:, None]
        inside &= np.arange(x, x + width) >= self.from_row
        return np.where(inside, 230, 20).astype(np.uint8)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize("diameter", [12, 60])
def test_the_scale_of_a_slide_that_is_mostly_glass(diameter):
    slide = Slide(20_000, diameter, 15_000)
    predictor = scaled()
    scale = predictor.choose_by_parts(slide)
    assert scale.source == "estimate"
    # Masks of the made-up network are squares, 1.13 times as wide as discs.
    assert scale.diameter == pytest.approx(1.13 * diameter, rel=0.1)
    assert scale.factor == 24 / scale.diameter
    assert slide.read < 0.5 * slide.side**2


def test_a_wrong_estimate_of_a_slide_is_corrected_by_a_tile(monkeypatch):
    predictor = scaled()
    wrong = Scale(24 / 25, 25.0, "estimate")
    monkeypatch.setattr(predictor, "choose", lambda _: wrong)
    assert predictor.choose_by_parts(Slide(9000, 40, 0)).diameter == pytest.approx(45, rel=0.05)
    near = Slide(9000, 26, 0)
    assert predictor.choose_by_parts(near) is wrong
    monkeypatch.setattr(predictor, "choose", lambda _: Scale(0.5, 50.0, "diameter"))
    assert predictor.choose_by_parts(near).diameter == 50.0


def test_a_slide_of_glass_has_no_scale():
    with pytest.raises(DataError, match=r"slide\.tif: in the parts of .* nothing was found"):
        scaled().choose_by_parts(Slide(9000, 40, 9000))


def test_parts_of_a_slide_need_tiles():
    predictor = scaled(diameter=40)
    with pytest.raises(ConfigError, match="no make_tiled"):
        predictor.predict_parts(Slide(9000, 40, 0), Scale(0.6, 40.0, "diameter"))


class SeesThings(BrightSpots):
    """A network that finds something everywhere: all is bright to it."""

    def run(self, inputs):
        images, *others = inputs
        images = np.zeros_like(images)
        images[:, 20:44, 20:44] = 250
        return super().run([images, *others])


def seer(**arguments):
    config = Config()
    predictor = Predictor(config, SeesThings(config))

    def make_tiled():
        return TiledPredictor(predictor, 24, tile_side=512)

    return ScaledPredictor(predictor, make_tiled=make_tiled, **arguments)


@pytest.mark.parametrize("side", [200, 1500])
@pytest.mark.parametrize("told", [{}, {"diameter": 24}])
def test_nothing_is_found_where_nothing_is_to_be_seen(side, told):
    blank = np.full((side, side, 3), 230, np.uint8)
    prediction = seer(**told).predict(blank)
    assert len(prediction.instances) == 0
    assert told or prediction.quality == ("foreign",)
    blank[::50] = 0
    assert len(seer(**told).predict(blank).instances) > 0


def test_tiles_of_glass_have_no_objects():
    picture = Picture.of(np.full((1500, 1500, 3), 230, np.uint8))
    scale = Scale(1.0, 24, "diameter")
    count, parts = seer(diameter=24).predict_parts(picture, scale)
    assert count > 1 and sum(map(len, parts)) == 0


def test_a_doubted_estimate_does_not_enlarge_a_picture_without_end(monkeypatch):
    """Of specks, such as noise has at any scale, unless the network is sure of them."""
    picture = Picture.of(discs(30))
    usual = 256 / picture.shape[0]
    for score, diameter, source in (
        (0.8, 24 / usual / 9, "settings"),
        (0.8, 24 / usual / 4, "estimate"),
        (0.95, 24 / usual / 9, "estimate"),
    ):
        told = Answer(diameter, 24.0, 10, score)
        monkeypatch.setattr("mrcnn.inference.scaled.estimate", lambda *_, told=told: told)
        chosen = scaled().choose(picture)
        assert (chosen.source, chosen.factor == usual) == (source, source == "settings")


class SeesSpecks(BrightSpots):
    """A network that sees as many specks as it may return, everywhere, and is sure of few."""

    def run(self, inputs):
        images, *others = inputs
        # Not in the border, where the picture may be mirrored.
        y, x = ((np.arange(n) % 24 < 12) & (np.arange(n) > 40) for n in images.shape[1:3])
        specks = np.where(np.outer(y, x)[None, ..., None], 150.0, 0.0)
        return super().run([np.broadcast_to(specks, images.shape).astype(np.float32), *others])


@pytest.mark.parametrize("side", [200, 1500])
def test_a_limit_costs_nothing_where_nothing_is(side):
    """Faint noise: the network's list is full of what is not there."""
    config = Config.from_dict({"DETECTION_MAX_INSTANCES": 5})
    predictor = Predictor(config, SeesSpecks(config))

    def make_tiled():
        return TiledPredictor(predictor, 24, tile_side=512)

    noise = np.random.default_rng(0).normal(200, 5, (side, side, 3)).round().astype(np.uint8)
    noisy = ScaledPredictor(predictor, make_tiled=make_tiled, diameter=24).predict(noise)
    assert (len(noisy.instances), noisy.quality, noisy.is_full) == (0, (), False)
    estimated = ScaledPredictor(predictor, make_tiled=make_tiled).predict(noise)
    assert (len(estimated.instances), estimated.quality) == (0, ("foreign",))
    # Where something is, others may be missing.
    noise[::50] = 0
    full = ScaledPredictor(predictor, make_tiled=make_tiled, diameter=24).predict(noise)
    assert full.is_full and "limit" in full.quality


@pytest.mark.parametrize(("level", "source"), [(150, "settings"), (240, "estimate")])
def test_an_estimate_that_takes_many_tiles_is_borne_out_by_a_part(monkeypatch, level, source):
    """Textures look like tiny objects; enlarging all of one costs many tiles."""
    monkeypatch.setattr("mrcnn.inference.scaled.estimate", lambda *_: Answer(3.0, 24.0, 10, 0.95))
    config = Config()
    runner = BrightSpots(config)
    predictor = Predictor(config, runner)

    def make_tiled():
        return TiledPredictor(predictor, 24)

    found = ScaledPredictor(predictor, make_tiled=make_tiled).predict(discs(3, 80, level))
    assert found.scale_source == source
    # Parts at five places, and the usual size, at which the list is full.
    assert (len(runner.batches) <= 7) == (source == "settings")
