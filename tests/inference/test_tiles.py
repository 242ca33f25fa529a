"""Tiles find what is found in the whole picture at once: nothing is lost, and nothing is twice."""

import math
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mrcnn.inference.tiles
from mrcnn.errors import ConfigError, DataError
from mrcnn.inference import Predictor, TiledPredictor
from mrcnn.inference.tile_limits import limits_for_tile
from mrcnn.inference.tiles import side_for
from mrcnn.instances import Instances
from mrcnn.pictures import Level, Picture
from mrcnn.weights.settings import settings_text
from tests.inference.bright_spots import BrightSpots, SpotsConfig

# Spots of up to 24 pixels fit twice into the overlap of tiles of 128 pixels.
DIAMETER, SIDE, LARGEST = 10, 128, 24


class Unsteady(BrightSpots):
    """As `BrightSpots`, but each time a little beside the object, as a network is."""

    def __init__(self, config, shift=1):
        super().__init__(config)
        self.rng = np.random.default_rng(0)
        self.shift = shift

    def run(self, inputs):
        detections, *others = super().run(inputs)
        sides = np.tile(inputs[0].shape[1:3], 2) - 1
        shifts = self.rng.integers(-self.shift, self.shift + 1, (*detections.shape[:2], 4))
        filled = detections[:, :, 4:5] > 0
        detections = detections.copy()
        detections[:, :, :4] = np.clip(detections[:, :, :4] + filled * shifts / sides, 0, 1)
        return [detections, *others]


def tiled(runner=BrightSpots, diameter=DIAMETER, side=SIDE, **more):
    # A tile of 256 pixels has room for 33 x 33 of the smallest spots.
    most = {"DETECTION_MAX_INSTANCES": 1100, "POST_NMS_ROIS_INFERENCE": 1100}
    config = SpotsConfig.from_dict(most)
    predictor = Predictor(config, runner(config), "spots", watch_limits=False)
    return TiledPredictor(predictor, diameter, tile_side=side, **more)


def painted(shape, boxes, values):
    image = np.full((*shape, 3), 20, np.uint8)
    for (y1, x1, y2, x2), value in zip(boxes, values, strict=True):
        image[y1:y2, x1:x2] = value
    return image


smears = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "share": st.floats(0.1, 1),
        "shape": st.tuples(st.integers(1, 420), st.integers(1, 420)),
    }
)


def smear(seed, share, shape, smallest=3):
    """A picture of spots that do not touch, each somewhere in a square of its own."""
    rng = np.random.default_rng(seed)
    pitch = int(rng.integers(smallest + 5, LARGEST + 2))
    boxes = []
    for y in range(0, shape[0], pitch):
        for x in range(0, shape[1], pitch):
            high, wide = rng.integers(smallest, pitch, 2)
            top, left = y + rng.integers(pitch - high), x + rng.integers(pitch - wide)
            bottom, right = min(top + high, shape[0]), min(left + wide, shape[1])
            # The original's placing leaves out what is a pixel wide.
            is_whole = bottom - top >= smallest and right - left >= smallest
            if is_whole and rng.random() < share:
                boxes.append(tuple(map(int, (top, left, bottom, right))))
    values = rng.integers(110, 250, len(boxes))
    return painted(shape, boxes, values), boxes, values


def by_place(instances):
    return sorted(map(tuple, np.column_stack([instances.boxes, instances.class_ids]).tolist()))


@settings(max_examples=25)
@given(smears, st.sampled_from([128, 192, 256]))
@example({"seed": 318160, "share": 1.0, "shape": (245, 323)}, 256)
def test_tiles_find_the_same_as_the_whole_picture_at_once(drawn, side):
    image, boxes, values = smear(**drawn)
    expected = sorted(
        (*box, 2 if value > 200 else 1) for box, value in zip(boxes, values, strict=True)
    )
    made = tiled(side=side)
    found = made.predict(image, 1.0)
    assert by_place(found.instances) == expected
    scores = found.instances.scores
    assert (np.diff(scores) <= 0).all() and (found.scale, found.model) == (1.0, "spots")
    # All tiles have one shape.
    assert len(set(made.predictor.runner.batches)) == 1
    assert found.instances.areas().sum() == sum((y2 - y1) * (x2 - x1) for y1, x1, y2, x2 in boxes)


@settings(max_examples=25)
@given(smears)
def test_nothing_is_lost_or_twice_where_tiles_see_an_object_differently(drawn):
    image, boxes, _ = smear(**drawn, smallest=8)
    found = tiled(Unsteady).predict(image, 1.0).instances
    expected = Instances.from_boxes(image.shape, boxes, np.ones(len(boxes)))
    overlap = found.intersections(expected) / expected.areas()
    assert (overlap > 0.5).sum(axis=0).tolist() == [1] * len(boxes)
    assert (overlap > 0.5).sum(axis=1).tolist() == [1] * len(found)


@settings(max_examples=15)
@given(smears)
def test_parts_come_in_the_order_of_their_first_rows(drawn):
    image, _boxes, _ = smear(**drawn)
    made = tiled(Unsteady)
    parts = list(made.predict_parts(image, 1.0))
    assert len(parts) == len(made.grid(image.shape, 1.0).rows)
    assert {part.image_shape for part in parts} == {image.shape[:2]}
    starts = np.concatenate([part.boxes[:, :2] for part in parts])
    assert starts.tolist() == sorted(starts.tolist())
    whole = tiled(Unsteady).predict(image, 1.0).instances
    assert by_place(Instances.merged(parts)) == by_place(whole)


@pytest.mark.parametrize("scale", [0.4, 0.517, 1.0, 1.9])
def test_other_scales(scale):
    # Twelve pixels apart in the network, eight wide.
    places = (np.arange(8, 400, 12) / scale).astype(int)
    size = round(8 / scale)
    boxes = [(y, x, y + size, x + size) for y in places for x in places]
    side = round(412 / scale)
    image = painted((side, side), boxes, [200] * len(boxes))
    found = tiled(diameter=8).predict(image, scale)
    assert abs(found.scale / scale - 1) < 0.02 and len(found.instances) == len(boxes)
    expected = Instances.from_boxes(image.shape, boxes, np.ones(len(boxes)))
    overlap = found.instances.intersections(expected) / expected.areas()
    assert (overlap.max(axis=0) > 0.5).all() and (overlap.max(axis=1) > 0.5).all()


def test_the_picture_as_a_whole_has_no_limit():
    boxes = [(y, x, y + 11, x + 11) for y in range(2, 1512, 18) for x in range(2, 1512, 18)]
    made = tiled(diameter=11, side=256)
    made.predictor.config.DETECTION_MAX_INSTANCES = limits_for_tile(256, 11)[
        "DETECTION_MAX_INSTANCES"
    ]
    found = made.predict(painted((1512, 1512), boxes, [150] * len(boxes)), 1.0)
    assert len(found.instances) == len(boxes) == 7056


def test_a_prediction_is_full_where_a_tile_was():
    made = tiled()
    boxes = [(200, x, 208, x + 8) for x in range(200, 260, 12)]
    image = painted((300, 300), boxes, [150] * len(boxes))
    for most, is_full in ((4, True), (40, False)):
        made.predictor.config.DETECTION_MAX_INSTANCES = most
        found = made.predict(image, 1.0)
        assert found.is_full is is_full
        assert found.quality == ("limit",) * is_full


def test_a_picture_that_fits_into_a_tile_is_predicted_at_once():
    image = painted((100, 90), [(3, 4, 9, 12), (50, 60, 70, 70)], [150, 240])
    made = tiled()
    one, other = made.predict(image, 1.2), made.predictor.predict(image, scale=1.2)
    assert one.scale == other.scale
    assert one.instances.boxes.tolist() == other.instances.boxes.tolist()
    assert one.instances.scores.tolist() == other.instances.scores.tolist()
    assert made.predictor.runner.batches == [(1, 128, 128, 3)] * 2


def test_objects_larger_than_the_overlap_are_put_together():
    bar = (60, 10, 75, 390)
    image = painted((150, 400), [bar, (100, 100, 110, 108)], [220, 150])
    found = tiled().predict(image, 1.0).instances
    assert by_place(found) == [(*bar, 2), (100, 100, 110, 108, 1)]


def test_refine_works_in_the_tile_and_its_columns_follow():
    sizes = []

    def refine(tile, instances):
        sizes.append(tile.shape)
        assert instances.image_shape == tile.shape[:2]
        brightness = [tile[y1, x1, 0] for y1, x1, _, _ in instances.boxes]
        return instances.take(instances.scores < 0.95).with_columns(
            brightness=np.array(brightness)[instances.scores < 0.95]
        )

    boxes = [(y, x, y + 9, x + 9) for y in range(0, 290, 20) for x in range(0, 290, 20)]
    values = 110 + np.arange(len(boxes)) % 140
    found = tiled(refine=refine).predict(painted((300, 300), boxes, values), 1.0).instances
    assert set(sizes) == {(128, 128, 3)}
    assert len(found) == np.count_nonzero(np.float32(values / 255) < 0.95)
    np.testing.assert_allclose(found.columns["brightness"] / 255, found.scores, rtol=1e-6)


class Endless(Picture):
    """A picture of discs, one in each square of 64 pixels, drawn where it is read."""

    name = "discs.svs"

    def __init__(self, side, pitch=64):
        self.side, self.pitch = side, pitch
        self.largest_read = 0

    @property
    def levels(self):
        return (Level(self.side, self.side),)

    def _read(self, level, y, x, height, width):
        self.largest_read = max(self.largest_read, height * width)
        image = np.full((height, width, 3), 20, np.uint8)
        rows, columns = np.arange(y, y + height), np.arange(x, x + width)
        # Each square has its disc at another place.
        row, column = rows // self.pitch, columns // self.pitch
        center_y = 20 + (7 * row[:, None] + 3 * column) % 24
        center_x = 20 + (5 * row[:, None] + 11 * column) % 24
        dy = (rows % self.pitch)[:, None] - center_y
        dx = (columns % self.pitch)[None, :] - center_x
        image[dy**2 + dx**2 < 12**2] = 200
        return image


def test_a_picture_of_any_size_is_read_a_tile_at_a_time():
    peaks = []
    for side in (768, 2304):
        picture = Endless(side)
        made = tiled(diameter=20, side=256)
        tracemalloc.start()
        count = 0
        places = set()
        for part in made.predict_parts(picture, 1.0):
            count += len(part)
            places |= {(int(y) // 64, int(x) // 64) for y, x in part.boxes[:, :2]}
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == len(places) == (side // 64) ** 2
        assert picture.largest_read == 256**2
    # Nine times the pixels; the objects of a band are three times as many.
    assert peaks[1] < 1.5 * peaks[0] + 2**21


def test_what_does_not_fit_into_one_prediction_names_the_iterator():
    made = tiled()
    with pytest.raises(DataError, match=r"discs.svs has 40000 x 40000 .*predict_parts"):
        made.predict(Endless(40_000), 1.0)
    with pytest.raises(DataError, match=r"The picture has .* 4 tiles .*more than the 3"):
        made.predict(painted((190, 190), [], []), 1.0, most_tiles=3)


def test_a_file_that_cannot_be_read_to_its_end():
    class Broken(Endless):
        def _read(self, level, y, x, height, width):
            if y > 500:
                raise DataError("discs.svs is cut short.")
            return super()._read(level, y, x, height, width)

    parts = tiled(diameter=20, side=256).predict_parts(Broken(1024), 1.0)
    found = []
    with pytest.raises(DataError, match="cut short"):
        found.extend(parts)
    assert len(found) >= 3 and all(len(part) for part in found)


def test_the_iterator_may_be_left_early():
    parts = tiled(diameter=20, side=256).predict_parts(Endless(1024), 1.0)
    assert len(next(parts)) > 10
    parts.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("mold")]


@pytest.mark.parametrize("diameter", [0, -3, math.nan, math.inf])
def test_a_diameter_is_a_number_above_0(diameter):
    with pytest.raises(ConfigError, match="diameter of the objects"):
        tiled(diameter=diameter)


def test_tiles_that_are_too_small_for_the_objects():
    with pytest.raises(ConfigError, match="too small for objects"):
        tiled(diameter=14)
    with pytest.raises(ConfigError, match="multiple of 64"):
        tiled(side=200)


def test_the_side_follows_from_the_objects():
    assert side_for(48) == side_for(1) == 1024
    assert side_for(100) == 1472
    assert tiled(diameter=100, side=None).tile_side == 1472


class FromFolder(Predictor):
    """What `Predictor.from_folder` was asked for."""

    @classmethod
    def from_folder(cls, path, weights=None, **settings):
        config = SpotsConfig.from_dict(settings)
        return cls(config, BrightSpots(config), f"{path} {weights}")


@pytest.fixture
def model_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(mrcnn.inference.tiles, "Predictor", FromFolder)

    def make(**settings):
        config = SpotsConfig.from_dict(settings)
        (tmp_path / "config.json").write_text(settings_text(config))
        (tmp_path / "spots.h5").write_bytes(b"weights")
        return tmp_path

    return make


def test_the_limits_of_a_model_from_its_folder_follow_from_tile_and_object(model_folder):
    folder = model_folder(OBJECT_DIAMETER=48.0, PRE_NMS_LIMIT=50_000)
    made = TiledPredictor.from_folder(folder)
    limits = limits_for_tile(1024, 48.0)
    config = made.predictor.config
    assert (made.tile_side, made.object_diameter) == (1024, 48.0)
    assert limits["DETECTION_MAX_INSTANCES"] == config.DETECTION_MAX_INSTANCES
    assert limits["POST_NMS_ROIS_INFERENCE"] == config.POST_NMS_ROIS_INFERENCE
    assert config.EVEN_ROI_ALIGN
    # The model's own is larger, and stays.
    assert config.PRE_NMS_LIMIT == 50_000
    # What the user gives holds.
    given = TiledPredictor.from_folder(
        folder,
        object_diameter=30,
        tile_side=768,
        DETECTION_MAX_INSTANCES=7,
        EVEN_ROI_ALIGN=False,
    )
    assert not given.predictor.config.EVEN_ROI_ALIGN
    assert (given.tile_side, given.object_diameter) == (768, 30)
    assert given.predictor.config.DETECTION_MAX_INSTANCES == 7
    assert given.predictor.config.POST_NMS_ROIS_INFERENCE > 3 * 768**2 / 30**2


def test_a_model_that_does_not_say_how_large_its_objects_are(model_folder):
    with pytest.raises(ConfigError, match="Give object_diameter"):
        TiledPredictor.from_folder(model_folder())


@pytest.mark.parametrize(("side", "diameter"), [(1024, 48), (768, 20), (256, 100)])
def test_a_tile_may_be_full_of_objects(side, diameter):
    limits = limits_for_tile(side, diameter)
    # Circles in rows that lie in the gaps of one another.
    fitting = (side / diameter) * (side / diameter / math.sqrt(0.75))
    assert 1.5 * fitting <= limits["DETECTION_MAX_INSTANCES"] <= 1.5 * fitting + 1
    assert limits["POST_NMS_ROIS_INFERENCE"] == 3 * limits["DETECTION_MAX_INSTANCES"]
    assert limits["PRE_NMS_LIMIT"] == 6 * limits["POST_NMS_ROIS_INFERENCE"]


@pytest.mark.parametrize("image", [np.zeros((0, 5, 3)), np.zeros(7), np.zeros((300, 300))])
def test_what_is_no_image(image):
    with pytest.raises(DataError, match="expected"):
        tiled().predict(image, 1.0)
