"""One model used by several threads; and many detections in a row, which leave nothing behind."""

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from mrcnn.model import MaskRCNN

pytestmark = pytest.mark.filterwarnings("ignore::mrcnn.errors.LimitWarning")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    shapes = [(64, 64), (50, 64), (64, 100), (60, 120)]
    return [rng.integers(0, 255, (*shape, 3), dtype=np.uint8) for shape in shapes]


@pytest.fixture(scope="module")
def build(tiny_config, tmp_path_factory):
    settings = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 0}
    folder = tmp_path_factory.mktemp("logs")
    return lambda **other: MaskRCNN("inference", tiny_config(**settings, **other), folder)


@pytest.fixture(scope="module")
def model(build):
    return build()


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        for key in other:
            np.testing.assert_array_equal(one[key], other[key])


def test_four_threads_get_the_answers_of_one(model, build, images):
    together = threading.Barrier(6)

    def detect(order):
        together.wait(60)
        found = [model.detect([images[number]])[0] for number in order]
        return sorted(zip(order, found, strict=True), key=lambda pair: pair[0])

    def build_another():
        together.wait(60)
        return build(SEED=1, NUM_CLASSES=5)

    orders = [np.roll(np.arange(len(images)), turn).tolist() for turn in range(4)]
    with ThreadPoolExecutor(6) as pool:
        # The first calls of all are made by threads, and meanwhile one builds a second model.
        answers = [pool.submit(detect, order) for order in orders]
        second = pool.submit(build_another)
        together.wait(60)
        results = [[found for _, found in answer.result()] for answer in answers]
    expected = model.detect(images)
    assert sum(len(found["rois"]) for found in expected) > 10
    for found in results:
        assert_same(found, expected)
    # What was built meanwhile is what is built alone.
    weights = zip(
        second.result().keras_model.weights, build(SEED=1, NUM_CLASSES=5).keras_model.weights,
        strict=True,
    )  # fmt: skip
    for one, other in weights:
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts files in /proc")
def test_many_detections_leave_nothing_behind(model, images):
    def held():
        gc.collect()
        return threading.active_count(), len(os.listdir("/proc/self/fd")), len(gc.get_objects())

    small = images[:3]
    for image in small * 2:
        model.detect([image])
    threads, files, objects = held()
    for number in range(60):
        model.detect([small[number % len(small)]], masks="crops")
    after = held()
    assert after[:2] == (threads, files)
    # A leak of one object a call would be 60.
    assert after[2] - objects < 50
    # Anchors are kept for a few shapes, not for each there ever was.
    for side in range(64, 64 * 30, 64):
        model.get_anchors((64, side))
    assert model._anchors_of.cache_info().currsize <= 16
