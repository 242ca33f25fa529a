"""Reduced precision: weights, boxes and losses stay float32, and the results stay close."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.config import LOSS_NAMES
from mrcnn.data.loader import BatchLoader
from mrcnn.errors import ConfigError
from mrcnn.model import MaskRCNN
from mrcnn.nets.detector import build_inference_model
from mrcnn.training.model import build_training_model

pytestmark = pytest.mark.usefixtures("eager")

REDUCED = ("mixed_bfloat16", "mixed_float16")
FLOAT32_LAYERS = (
    "rpn_class_logits rpn_class rpn_bbox ROI mrcnn_class_logits mrcnn_class mrcnn_bbox_fc "
    "mrcnn_bbox mrcnn_mask"
).split()


@pytest.mark.parametrize("precision", REDUCED)
def test_what_is_float32_and_what_is_not(tiny_config, precision):
    config = tiny_config(MIXED_PRECISION=precision)
    before = keras.config.dtype_policy().name
    for model in (build_inference_model(config), build_training_model(config)):
        assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
        names = {layer.name for layer in model.layers}
        assert len(names.intersection(FLOAT32_LAYERS)) >= len(FLOAT32_LAYERS) - 1
        for name in names.intersection(FLOAT32_LAYERS):
            assert model.get_layer(name).output.dtype == "float32", name
        for name in ("res2a_branch2a", "fpn_p2", "roi_align_classifier", "mrcnn_mask_conv1"):
            assert model.get_layer(name).output.dtype == precision.removeprefix("mixed_"), name
    assert keras.config.dtype_policy().name == before


def test_float32_whatever_the_global_policy_is(tiny_config):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_inference_model(tiny_config())
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {"float32"}


def test_unknown_precision(tiny_config):
    with pytest.raises(ConfigError, match="MIXED_PRECISION is 'float16': must be one of 'float32'"):
        tiny_config(MIXED_PRECISION="float16")


def test_losses_are_close_and_training_goes_on(tiny_config, disks, tmp_path):
    losses = {}
    for setting in ("float32", *REDUCED):
        config = tiny_config(MIXED_PRECISION=setting, NORMALIZATION="batch")
        model = MaskRCNN("training", config, tmp_path)
        model.set_trainable(".*", verbose=0)
        model.compile(0.01, 0.9)
        (batch,) = BatchLoader(disks([(60, 60, 20), (30, 90, 12)]), config, steps=1)[0]
        logs = [model.keras_model.train_on_batch(batch, return_dict=True) for _ in range(4)]
        losses[setting] = [[float(entry[name]) for name in LOSS_NAMES] for entry in logs]
        assert np.isfinite(losses[setting]).all()
        optimizer = type(model.keras_model.optimizer).__name__
        expected = "LossScaleOptimizer" if setting == "mixed_float16" else "RegularizedSGD"
        assert optimizer == expected
        weights = model.keras_model.get_layer("res2a_branch2a").get_weights()
        assert np.isfinite(weights[0]).all()
    # The RPN's class loss needs no draw of regions.
    for precision in REDUCED:
        np.testing.assert_allclose(losses[precision][0][0], losses["float32"][0][0], rtol=0.02)


def test_scores_and_boxes_are_close(tiny_config, tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    scores = {}
    for setting in ("float32", *REDUCED):
        model = MaskRCNN(
            "inference", tiny_config(MIXED_PRECISION=setting, NORMALIZATION="group"), tmp_path
        )
        molded, metas, _ = model.mold_inputs([image])
        outputs = model.keras_model.predict_on_batch(
            [
                molded.astype(np.float32),
                metas.astype(np.float32),
                model.get_anchors((128, 128))[None],
            ]
        )
        assert all(output.dtype == np.float32 for output in outputs)
        scores[setting] = outputs[5]
        result = model.detect([image])[0]
        assert result["masks"].dtype == bool and result["rois"].dtype == np.int32
    for precision in REDUCED:
        np.testing.assert_allclose(scores[precision], scores["float32"], atol=0.1)
        assert 0 < np.abs(scores[precision] - scores["float32"]).mean() < 0.01


def test_a_checkpoint_goes_from_one_precision_to_the_other(tiny_config, tmp_path):
    model = MaskRCNN("training", tiny_config(MIXED_PRECISION="mixed_bfloat16"), tmp_path)
    model.save_weights(tmp_path / "weights.h5")
    other = MaskRCNN("inference", tiny_config(SEED=3), tmp_path)
    report = other.load_weights(tmp_path / "weights.h5")
    assert not (report.missing or report.misfits)
    one, two = (m.keras_model.get_layer("conv1").get_weights()[0] for m in (model, other))
    np.testing.assert_array_equal(one, two)
    assert ops.convert_to_numpy(other.keras_model.get_layer("conv1").kernel).dtype == np.float32
