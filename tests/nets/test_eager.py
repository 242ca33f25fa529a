"""TensorFlow's graphs of version 1 around a network that knows none."""

import keras
import numpy as np
import pytest

from mrcnn.errors import ConfigError
from mrcnn.inference.keras_runner import KerasRunner
from mrcnn.nets.eager import outside_of_graphs
from mrcnn.nets.model import DetectorModel

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends have no such graphs"
)


@pytest.fixture
def network():
    image = keras.Input((4, 4, 3))
    return DetectorModel([image], [keras.layers.Conv2D(2, 1, name="conv1")(image)])


@needs_tensorflow
def test_a_network_runs_while_a_graph_is_the_default_one(network):
    import tensorflow as tf

    runner, pixels = KerasRunner(network, None), np.ones((1, 4, 4, 3), np.float32)
    expected = runner.run([pixels])
    network._make_predict_function()
    for graph in (tf.compat.v1.get_default_graph(), tf.Graph()):
        with graph.as_default():
            assert not tf.executing_eagerly()
            np.testing.assert_array_equal(runner.run([pixels]), expected)
            with outside_of_graphs():
                assert tf.executing_eagerly()


@needs_tensorflow
def test_a_program_that_turned_eager_execution_off_is_told_what_to_remove(network, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf, "executing_eagerly", lambda: False)
    with pytest.raises(ConfigError, match=r"remove tf\.compat\.v1\.disable_eager_execution\(\)"):
        KerasRunner(network, None).run([np.ones((1, 4, 4, 3), np.float32)])


def test_on_other_backends_nothing_happens(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with outside_of_graphs():
        pass
