"""A model that expects images of several shapes makes one graph for all batches of them."""

import keras
import numpy as np
import pytest

from mrcnn.nets.model import DetectorModel


@pytest.fixture
def model():
    images = keras.Input((None, None, 1))
    return DetectorModel([images], [keras.layers.Conv2D(2, 3, padding="same")(images)])


def predicted(model, numbers=(1, 1)):
    """What it gives for two shapes, with some numbers of images."""
    random = np.random.default_rng(1)
    images = [
        random.random((number, *sides, 1), np.float32)
        for number, sides in zip(numbers, ((6, 4), (8, 5)), strict=True)
    ]
    for each in images:
        found = np.asarray(model.predict_on_batch([each]))
        np.testing.assert_allclose(
            found, keras.ops.convert_to_numpy(model.layers[-1](each)), rtol=0, atol=1e-6
        )


def graphs(model):
    return model.predict_function.experimental_get_tracing_count()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs of TensorFlow")
@pytest.mark.parametrize(("any_shape", "count"), [(False, 2), (True, 1)])
def test_graphs_are_counted(model, any_shape, count):
    model.any_shape = any_shape
    predicted(model)
    assert graphs(model) == count


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs of TensorFlow")
def test_another_number_of_images_has_a_graph_of_its_own(model):
    model.any_shape = True
    predicted(model, (1, 2))
    predicted(model, (3, 1))
    assert graphs(model) == 2


def test_other_ways_to_compute_do_without(model):
    model.any_shape = True
    model.run_eagerly = True
    predicted(model)
