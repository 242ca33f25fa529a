"""The training graph: its loss, L2, and what of it trains."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.gradients import Gradients
from mrcnn.config import LOSS_NAMES
from mrcnn.data.loader import BatchLoader
from mrcnn.errors import ConfigError
from mrcnn.training.freezing import LAYER_CHOICES, set_trainable
from mrcnn.training.model import build_training_model
from mrcnn.training.schedules import learning_rate_for


def test_masks_of_a_size_that_the_head_does_not_make(tiny_config):
    with pytest.raises(ConfigError, match=r"MASK_SHAPE is \(56, 56\), but .* MASK_POOL_SIZE 14 "):
        build_training_model(tiny_config(MASK_SHAPE=[56, 56]))


@pytest.mark.usefixtures("eager")
def test_the_loss_is_the_weighted_sum_and_the_l2_term(tiny_config, disks):
    weights = dict(zip(LOSS_NAMES, (1.0, 2.0, 0.5, 0.0, 3.0), strict=True))
    config = tiny_config(LOSS_WEIGHTS=weights, WEIGHT_DECAY=0.01)
    model = build_training_model(config)
    model.compile(optimizer=keras.optimizers.SGD(0.0), jit_compile=keras.backend.backend() == "jax")
    batch = BatchLoader(disks([(60, 60, 20), (30, 90, 12)]), config, steps=1)[0][0]
    assert model.metrics_names == ["loss", *LOSS_NAMES]
    # Evaluation does not change the weights; SGD with rate 0 would not either.
    logs = model.test_on_batch(batch, return_dict=True)
    expected = sum(weights[name] * float(logs[name]) for name in LOSS_NAMES)
    expected += Gradients(model, batch).of_l2()[0]
    np.testing.assert_allclose(float(logs["loss"]), expected, rtol=1e-5)


def test_l2_leaves_normalization_and_frozen_layers_out(tiny_config):
    model = build_training_model(tiny_config(WEIGHT_DECAY=0.5))
    set_trainable(model, "conv1|gn_conv1")
    kernel, bias = (ops.convert_to_numpy(w) for w in model.get_layer("conv1").weights)
    expected = 0.5 * ((kernel**2).mean() + (bias**2).mean())
    np.testing.assert_allclose(
        float(ops.convert_to_numpy(model.regularization_loss())), expected, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("choice", "trains", "rests"),
    [
        ("heads", {"fpn_c2p2", "rpn_conv_shared", "mrcnn_mask"}, {"conv1", "res5a_branch2a"}),
        ("5+", {"res5a_branch2a", "gn5b_branch2b", "mrcnn_bbox_fc"}, {"res4a_branch2a"}),
        ("4+", {"res4a_branch2a", "res5a_branch2a"}, {"res3a_branch2a", "gn3a_branch2a"}),
        ("3+", {"res3a_branch2a", "gn3a_branch2a"}, {"res2a_branch2a", "conv1", "gn_conv1"}),
        ("all", {"conv1", "gn_conv1", "rpn_bbox_pred"}, set()),
    ],
)
def test_layer_choices(tiny_config, choice, trains, rests):
    model = build_training_model(tiny_config(NORMALIZATION="group"))
    names = {layer.name for layer in set_trainable(model, LAYER_CHOICES[choice])}
    assert trains <= names
    assert not rests & names
    assert all(w.trainable for layer in [model.get_layer("mrcnn_mask")] for w in layer.weights)


def test_no_layer_matches_gives_none(tiny_config):
    model = build_training_model(tiny_config())
    assert set_trainable(model, "conv") == []
    assert model.trainable_weights == []


@pytest.mark.parametrize("shape", ["cosine", "constant"])
@pytest.mark.parametrize(("warmup", "total"), [(10, 110), (0, 100), (1, 5), (30, 20), (5, 0)])
def test_schedule_rises_then_falls(make_config, shape, warmup, total):
    config = make_config(WARMUP_STEPS=warmup, LEARNING_RATE_SCHEDULE=shape)
    schedule = learning_rate_for(config, 0.1, total)
    steps = [*range(12), 60, 109, 110, 200]
    if shape == "constant" and not warmup:
        assert schedule == 0.1
        return
    expected = []
    for step in steps:
        progress = min(max((step - warmup) / max(total - warmup, 1), 0), 1)
        falling = (1 + np.cos(np.pi * progress)) / 2 if shape == "cosine" else 1
        expected.append(0.1 * min((step + 1) / (warmup + 1), 1) * falling)
    rates = [float(ops.convert_to_numpy(schedule(step))) for step in steps]
    np.testing.assert_allclose(rates, expected, rtol=1e-6, atol=2e-8)


def test_schedules_of_earlier_files_are_read(make_config):
    saved = {"learning_rate": 0.1, "warmup_steps": 3, "total_steps": 9, "shape": "cosine"}
    read = keras.saving.deserialize_keras_object(
        {
            "module": "mrcnn.training.schedules",
            "class_name": "WarmupSchedule",
            "config": saved,
            "registered_name": "mrcnn>WarmupSchedule",
        }
    )
    config = make_config(WARMUP_STEPS=3, LEARNING_RATE_SCHEDULE="cosine")
    assert read.get_config() == learning_rate_for(config, 0.1, 9).get_config()


def test_a_constant_rate_stays_a_number(make_config):
    assert learning_rate_for(make_config(), 0.003, 100) == 0.003
