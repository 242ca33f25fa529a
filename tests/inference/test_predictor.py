"""A predictor: any images in, predictions in their order, whatever runs the network."""

import gc
import subprocess
import sys
import threading
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest

from mrcnn.errors import ConfigError, DataError, LimitWarning
from mrcnn.inference import Prediction, Predictor, Runner
from mrcnn.pictures import Picture
from tests.inference.bright_spots import BrightSpots, SpotsConfig, field

SPOTS = (((8, 10, 20, 30), 240), ((40, 5, 50, 15), 150))


def predictor(**settings):
    config = SpotsConfig.from_dict(settings)
    return Predictor(config, BrightSpots(config), "bright spots")


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("mold")]


def test_what_a_prediction_tells():
    made = predictor()
    assert isinstance(made.runner, Runner)
    found = made.predict(field(*SPOTS))
    assert found.instances.boxes.tolist() == [[8, 10, 20, 30], [40, 5, 50, 15]]
    assert found.instances.class_ids.tolist() == [2, 1]
    np.testing.assert_allclose(found.instances.scores, [240 / 255, 150 / 255], rtol=1e-6)
    assert found.instances.areas().tolist() == [240, 100]
    assert (found.scale, found.notes, found.model) == (1.0, (), "bright spots")
    assert sorted(found.timing) == ["mould", "network", "place"]
    assert all(seconds >= 0 for seconds in found.timing.values())


def test_boxes_are_in_pixels_of_the_image_that_was_given():
    made = predictor(IMAGE_FIT=True)
    found = made.predict(field(*SPOTS))
    assert found.scale == 2.0 and made.runner.batches == [(1, 128, 128, 3)]
    np.testing.assert_allclose(found.instances.boxes, [[8, 10, 20, 30], [40, 5, 50, 15]], atol=1)


class Twice(BrightSpots):
    """Sees each spot again, a little lower and less surely."""

    def _look(self, image, anchors):
        detections, *rest = super()._look(image, anchors)
        masks = rest[2]
        found = int((detections[:, 4] > 0).sum())
        again = slice(found, 2 * found)
        sides = image.shape[0] - 1
        detections[again] = detections[:found] + np.float32([1 / sides, 0, 1 / sides, 0, 0, -0.1])
        masks[again] = masks[:found]
        return detections, *rest


@pytest.mark.parametrize("subpixel", [False, True])
def test_masks_say_what_is_found_twice(subpixel):
    for most, count in ((None, 4), (0.9, 4), (0.4, 2)):
        config = SpotsConfig.from_dict(
            {"DETECTION_MAX_MASK_OVERLAP": most, "SUBPIXEL_MASKS": subpixel}
        )
        found = Predictor(config, Twice(config)).predict(field(*SPOTS)).instances
        assert len(found) == count
        assert (np.diff(found.scores) <= 0).all() or most is None


def test_pictures_are_taken_as_well():
    image = field(*SPOTS)
    found = predictor().predict(Picture.of(image))
    assert found.instances.boxes.tolist() == [[8, 10, 20, 30], [40, 5, 50, 15]]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7])
@pytest.mark.parametrize("method", ["predict_all", "predict_many"])
def test_images_of_any_sizes_come_back_in_their_order(batch_size, method):
    rng = np.random.default_rng(batch_size)
    shapes = [(64, 64), (64, 128), (100, 64), (30, 30)]
    images, places = [], []
    for number in range(23):
        y, x = (int(value) for value in rng.integers(1, 20, 2))
        places.append([y, x, y + 8, x + 8])
        # One of a shape of its own comes first, and would wait forever for another.
        shape = (128, 120) if number == 0 else shapes[rng.integers(len(shapes))]
        images.append(field(((y, x, y + 8, x + 8), 200), shape=shape))
    made = predictor(IMAGES_PER_GPU=batch_size)
    found = list(getattr(made, method)(images))
    assert [each.instances.boxes.tolist() for each in found] == [[place] for place in places]
    assert [each.instances.image_shape for each in found] == [im.shape[:2] for im in images]
    assert {shape[0] for shape in made.runner.batches} == {batch_size}
    assert not threads()


def test_batches_are_full_where_shapes_agree():
    images = [field(shape=(64, 64 * (1 + number % 2))) for number in range(8)]
    made = predictor(IMAGES_PER_GPU=2)
    list(made.predict_many(images))
    assert len(made.runner.batches) == 4
    made.predict_all(images)
    assert len(made.runner.batches) == 8
    assert made.predict_all([]) == [] and list(made.predict_many([])) == []
    assert len(made.runner.batches) == 8


class Counted(np.ndarray):
    """An array that can be counted while it lives; a plain one cannot be told apart."""


@pytest.mark.parametrize("batch_size", [1, 2])
def test_few_of_many_images_are_in_memory(batch_size):
    living, most = weakref.WeakSet(), []

    def images():
        for number in range(60):
            # Shapes that change: some wait for others of theirs.
            image = field(shape=(64, 64 * (1 + number % 3))).view(Counted)
            living.add(_Handle(image))
            most.append(len(living))
            yield image
            del image

    class _Handle:
        def __init__(self, image):
            image.handle = self

    made = predictor(IMAGES_PER_GPU=batch_size)
    count = sum(1 for _ in made.predict_many(images()))
    gc.collect()
    assert count == 60 and not living
    assert max(most) <= 3 * batch_size + 3


def test_the_next_image_is_molded_while_the_network_works(monkeypatch):
    molding = threading.Event()
    import mrcnn.inference.stream as stream

    plain = stream.mold

    def noticed(image, config, scale):
        molding.set()
        return plain(image, config, scale)

    class Waits(BrightSpots):
        def run(self, inputs):
            if len(self.batches) < 2:
                assert molding.wait(10)
            molding.clear()
            return super().run(inputs)

    config = SpotsConfig()
    made = Predictor(config, Waits(config))
    source = iter([field(), field(), field()])
    monkeypatch.setattr(stream, "mold", noticed)
    assert len(list(made.predict_many(source))) == 3
    # The network runs in the thread that asks.
    assert made.runner.threads == {threading.current_thread().name}


def test_leaving_early_leaves_no_thread_and_takes_no_more_images():
    taken = []

    def images():
        try:
            for number in range(100):
                taken.append(number)
                yield field()
        finally:
            taken.append("closed")

    source = images()
    predictions = predictor().predict_many(source)
    next(predictions), next(predictions)
    assert taken == [0, 1, 2]
    predictions.close()
    assert not threads()
    # The images are the caller's own: whoever made the generator closes it.
    source.close()
    assert taken == [0, 1, 2, "closed"]
    # Dropped without a word.
    dropped = predictor().predict_many(field() for _ in range(9))
    next(dropped)
    del dropped
    gc.collect()
    assert not threads()


def test_never_asked_is_never_begun():
    predictions = predictor().predict_many(iter([field()]))
    assert not threads()
    predictions.close()


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("number", [0, 1, 4])
def test_what_goes_wrong_comes_after_the_predictions_before(batch_size, number):
    def images(bad):
        for each in range(6):
            if each == number and bad is None:
                raise OSError("the disk is gone")
            yield bad if each == number else field()

    for bad, error, message in (
        (None, OSError, "the disk is gone"),
        (np.zeros((5, 5)), DataError, "An image of shape"),
        ("a path", DataError, "An image of shape"),
    ):
        found = []
        with pytest.raises(error, match=message):
            for prediction in predictor(IMAGES_PER_GPU=batch_size).predict_many(images(bad)):
                found.append(prediction)
        assert len(found) == number
        assert not threads()


def test_a_network_that_fails_ends_it():
    class Broken(BrightSpots):
        def run(self, inputs):
            raise RuntimeError("no memory")

    config = SpotsConfig()
    with pytest.raises(RuntimeError, match="no memory"):
        list(Predictor(config, Broken(config)).predict_many([field(), field()]))
    assert not threads()


def test_threads_share_a_predictor():
    made, results = predictor(IMAGES_PER_GPU=2), {}

    def work(name):
        images = [field(((name, number + 1, name + 9, number + 9), 200)) for number in range(12)]
        results[name] = [each.instances.boxes[0].tolist() for each in made.predict_many(images)]

    workers = [threading.Thread(target=work, args=(name,)) for name in (3, 20, 40)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for name, found in results.items():
        assert found == [[name, number + 1, name + 9, number + 9] for number in range(12)]


# --- Limits --------------------------------------------------------------------------------------


def crowd(count):
    return field(*[((4 * (n // 8) + 1, 8 * (n % 8) + 1, 4 * (n // 8) + 3, 8 * (n % 8) + 6), 220)
                   for n in range(count)])  # fmt: skip


def test_a_limit_is_said_once_and_noted_in_each_prediction():
    made = predictor(DETECTION_MAX_INSTANCES=3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = list(made.predict_many([crowd(2), crowd(8), crowd(8)]))
        found.append(made.predict(crowd(8)))
        found += made.predict_all([crowd(8)])
    said = [each for each in caught if each.category is LimitWarning]
    assert len(said) == 1
    assert said[0].filename == __file__
    assert "8 detections, but DETECTION_MAX_INSTANCES is 3" in str(said[0].message)
    assert [len(each.notes) for each in found] == [0, 1, 1, 1, 1]
    assert found[1].notes == (str(said[0].message),)
    assert made.limits.needed == {"DETECTION_MAX_INSTANCES": 8}


@pytest.mark.parametrize("method", ["predict", "predict_all", "predict_many"])
def test_the_warning_points_at_the_program(method):
    made = predictor(DETECTION_MAX_INSTANCES=3)
    with pytest.warns(LimitWarning) as caught:
        given = crowd(8) if method == "predict" else [crowd(8)]
        list(getattr(made, method)(given)) if method != "predict" else made.predict(given)
    assert [each.filename for each in caught] == [__file__]


def test_limits_need_not_be_watched():
    config = SpotsConfig.from_dict({"DETECTION_MAX_INSTANCES": 3})
    made = Predictor(config, BrightSpots(config), watch_limits=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = made.predict(crowd(8))
    assert len(found.instances) == 3 and found.notes == () and made.limits is None


# --- What does not fit ---------------------------------------------------------------------------


def test_a_configuration_of_another_network():
    other = SpotsConfig.from_dict({"NUM_CLASSES": 4})
    with pytest.raises(ConfigError, match="NUM_CLASSES is 4, but the network was built with 3"):
        Predictor(other, BrightSpots(SpotsConfig()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda outputs: outputs[:6], "6 outputs: expected 7"),
        (lambda outputs: [outputs[0][..., :5], *outputs[1:]], "detections has the shape"),
        (lambda outputs: [outputs[0][0], *outputs[1:]], "detections has the shape"),
        (lambda outputs: [*outputs[:3], outputs[3][:, :2], *outputs[4:]], "mrcnn_mask has the"),
        (lambda outputs: [*outputs[:6], outputs[6][:, :-1]], "rpn_bbox has the shape"),
    ],
)
def test_a_runner_that_gives_something_else(change, message):
    class Wrong(BrightSpots):
        def run(self, inputs):
            return change(super().run(inputs))

    config = SpotsConfig()
    with pytest.raises(ConfigError, match=message):
        Predictor(config, Wrong(config)).predict(field())


def test_detection_needs_no_keras():
    """The whole way from an image to JSON, in a process that has no Keras."""
    program = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"keras", "tensorflow", "jax", "torch"}:
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Blocked())
from mrcnn.inference import Predictor
from tests.inference.bright_spots import BrightSpots, SpotsConfig, field

config = SpotsConfig()
predictor = Predictor(config, BrightSpots(config))
print(predictor.predict(field(((8, 10, 20, 30), 240))).to_json())
"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert Prediction.from_json(done.stdout).instances.boxes.tolist() == [[8, 10, 20, 30]]


def test_a_stream_may_be_brought_to_a_scale():
    made = predictor(IMAGES_PER_GPU=2)
    images = [field(*SPOTS), field(*SPOTS, shape=(64, 100)), field(*SPOTS)]
    found = list(made.predict_many(images, scale=2.0))
    assert [each.scale for each in found] == [2.0] * 3
    assert {shape[1:3] for shape in made.runner.batches} == {(128, 128), (128, 256)}
    for image, each in zip(images, found, strict=True):
        alone = made.predict(image, scale=2.0).instances
        assert each.instances.boxes.tolist() == alone.boxes.tolist() and len(alone) == 2


def test_each_image_of_a_stream_may_have_a_scale_of_its_own():
    made = predictor(IMAGES_PER_GPU=2)
    images = [field(*SPOTS), field(*SPOTS), field(*SPOTS)]
    scales = [2.0, None, 1.5]
    found = list(made.predict_many(images, scale=scales))
    expected = [made.predict(image, scale=s) for image, s in zip(images, scales, strict=True)]
    assert [each.scale for each in found] == [each.scale for each in expected]
    assert [found[0].scale, found[2].scale] == [2.0, 1.5]
    for each, alone in zip(found, expected, strict=True):
        assert each.instances.boxes.tolist() == alone.instances.boxes.tolist()
