"""A tiny model in a folder, two pictures for its network, and what must be the same elsewhere."""

import functools

import keras
import numpy as np
import pytest

from mrcnn.data.anchors import normalized_anchors
from mrcnn.nets.detector import build_inference_model
from mrcnn.ops.image_meta import compose_image_meta
from mrcnn.ops.outputs import InferenceOutputs
from mrcnn.weights.settings import CONFIG_FILE, settings_text

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="networks are exported by TensorFlow"
)
NAMES = InferenceOutputs._fields
# Neither the batch nor the size is that of the settings.
SHAPE = (128, 192, 3)
BATCH = 2


class TinyModel:
    """The folder of a model, and its network in this process."""

    def __init__(self, config, folder):
        self.config, self.folder = config, folder
        keras.utils.set_random_seed(5)
        self.model = build_inference_model(config)
        (folder / CONFIG_FILE).write_text(settings_text(config))
        self.weights = folder / "tiny.h5"
        self.model.save_weights(self.weights)

    @functools.cached_property
    def inputs(self):
        """Three arrays, by name."""
        # Of little contrast: batch norm that was not trained brings no size down, and of large
        # numbers the rounding is large.
        pictures = np.random.default_rng(3).normal(0, 6, (BATCH, *SHAPE))
        rows = [
            compose_image_meta(number, SHAPE, SHAPE, (0, 0, 128, right), 1, [1] * 3)
            for number, right in enumerate((192, 150))
        ]
        anchors = [normalized_anchors(self.config, SHAPE)] * BATCH
        arrays = {"input_image": pictures, "input_image_meta": rows, "input_anchors": anchors}
        return {name: np.asarray(values, np.float32) for name, values in arrays.items()}

    @functools.cached_property
    def outputs(self):
        """What Keras gives, by name."""
        found = self.model(list(self.inputs.values()), training=False)
        return dict(zip(NAMES, map(np.asarray, found), strict=True))


def assert_same(found, model):
    """Boxes to a thousandth of a pixel, scores to 1e-4, and masks."""
    assert set(found) == set(NAMES)
    detections, expected = found["detections"], model.outputs["detections"]
    assert detections.shape == expected.shape
    assert (expected[..., 4] > 0).sum() >= 20
    np.testing.assert_array_equal(detections[..., 4], expected[..., 4])
    pixels = np.array([SHAPE[0], SHAPE[1]] * 2)
    np.testing.assert_allclose(
        detections[..., :4] * pixels, expected[..., :4] * pixels, rtol=0, atol=1e-3
    )
    np.testing.assert_allclose(detections[..., 5], expected[..., 5], rtol=0, atol=1e-4)
    for name, atol in (("mrcnn_mask", 1e-3), ("rpn_class", 1e-4), ("rpn_rois", 1e-5)):
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(
            found[name], model.outputs[name], rtol=0, atol=atol, err_msg=name
        )
