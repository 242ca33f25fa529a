"""Batch norm as part of the convolution before it: the same values and gradients, fewer passes."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.gradients import Gradients
from mrcnn.data.loader import BatchLoader
from mrcnn.nets.convolution import Convolution, DepthwiseConvolution
from mrcnn.nets.detector import build_inference_model
from mrcnn.nets.model import DetectorModel
from mrcnn.nets.normalization import BatchNorm, GroupNorm
from mrcnn.nets.precision import compute_precision
from mrcnn.nets.speed.folding import Foldable
from mrcnn.nets.speed.winograd import convolve_3x3
from mrcnn.training.model import build_training_model
from tests.compiling import outputs_of


def batch_norms(model):
    """The batch norms of a model, those inside wrappers too."""
    layers = (getattr(layer, "layer", layer) for layer in model.layers)
    return [layer for layer in layers if isinstance(layer, BatchNorm)]


def give_statistics(model, seed=0):
    """Statistics, scales and shifts as training leaves them, far from 0 and 1."""
    rng = np.random.default_rng(seed)
    for norm in batch_norms(model):
        shape = norm.gamma.shape
        norm.gamma.assign(rng.uniform(0.5, 1.5, shape))
        norm.beta.assign(rng.normal(0, 0.3, shape))
        norm.moving_mean.assign(rng.normal(0, 0.3, shape))
        norm.moving_variance.assign(rng.uniform(0.3, 2.0, shape))


def pyramid_of(model, kind=DetectorModel):
    """The part that ends in the feature pyramid, as a model of a kind."""
    levels = [model.get_layer(f"fpn_p{level}").output for level in (2, 3, 4, 5)]
    return kind(model.inputs[0], levels)


def pictures(seed=1):
    return np.random.default_rng(seed).normal(0, 50, (1, 128, 128, 3)).astype(np.float32)


def test_every_convolution_of_the_backbone_and_the_heads_has_its_norm(tiny_config):
    model = build_inference_model(tiny_config(NORMALIZATION="batch"))
    pairs = Foldable(model)._pairs
    assert {norm for _, norm, _ in pairs} == set(batch_norms(model))
    for convolution, norm, _ in pairs:
        kind = convolution.name.replace("res", "bn", 1) if "res" in convolution.name else None
        assert norm.name in (kind, f"bn_{convolution.name}", convolution.name.replace("conv", "bn"))


def test_inference_is_the_same_to_1e_5(tiny_config):
    model = build_inference_model(tiny_config(NORMALIZATION="batch", BACKBONE="resnet50"))
    give_statistics(model)
    found = pyramid_of(model).predict_on_batch(pictures())
    expected = pyramid_of(model, keras.Model).predict_on_batch(pictures())
    for one, other in zip(found, expected, strict=True):
        assert not np.array_equal(one, other)
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


def test_heads_are_the_same_to_1e_5(tiny_config):
    """On regions of their own, since a rounding moves proposals, and those move the rest."""
    config = tiny_config(NORMALIZATION="batch")
    model = build_inference_model(config)
    give_statistics(model)
    for grid, last in (
        ("roi_align_classifier", "mrcnn_class_bn2"),
        ("roi_align_mask", "mrcnn_mask_bn4"),
    ):
        tensors = model.get_layer(grid).output, model.get_layer(last).output
        values = np.random.default_rng(0).normal(
            size=(1, tensors[0].shape[1] or 9, *tensors[0].shape[2:])
        )
        found, expected = (
            kind(*tensors).predict_on_batch(values.astype(np.float32))
            for kind in (DetectorModel, keras.Model)
        )
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_changed_weights_count_at_once(tiny_config):
    model = build_inference_model(tiny_config(NORMALIZATION="batch"))
    pyramid = pyramid_of(model)
    before = pyramid.predict_on_batch(pictures())[0]
    give_statistics(model)
    changed = pyramid.predict_on_batch(pictures())[0]
    assert np.abs(changed - before).max() > 1e-2 * np.abs(before).max()
    expected = pyramid_of(model, keras.Model).predict_on_batch(pictures())[0]
    np.testing.assert_allclose(changed, expected, atol=1e-5 * np.abs(expected).max())


def test_outputs_of_single_layers_are_what_they_are_called(tiny_config):
    config = tiny_config(NORMALIZATION="batch")
    model = build_inference_model(config)
    give_statistics(model)
    names = ("res2a_branch2a", "bn2a_branch2a")
    part = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
    convolved, normalized = map(ops.convert_to_numpy, part(pictures()))
    norm = model.get_layer("bn2a_branch2a")
    gamma, beta, mean, variance = map(
        ops.convert_to_numpy, (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    expected = (convolved - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(normalized, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.usefixtures("eager")
def test_losses_and_gradients_of_all_weights_are_the_same(tiny_config, disks):
    # Regions around the cells, so that the heads have something to learn.
    config = tiny_config(NORMALIZATION="batch", USE_RPN_ROIS=False)
    model = build_training_model(config, shuffle_targets=False)
    give_statistics(model)
    (batch,) = BatchLoader(disks([(60, 60, 20), (30, 90, 12)]), config, steps=1)[0]
    outputs, found = Gradients(model, batch).of_losses()
    model._foldable._pairs.clear()
    plain_outputs, expected = Gradients(model, batch).of_losses()
    assert min(outputs[-5:]) > 0
    np.testing.assert_allclose(outputs[-5:], plain_outputs[-5:], rtol=1e-4)
    assert any(name.endswith("/gamma") for name in expected)
    # A bias before a norm has next to none.
    differences = {
        name: np.linalg.norm(found[name] - gradient) / max(np.linalg.norm(gradient), 1e-3)
        for name, gradient in expected.items()
    }
    assert np.median(list(differences.values())) < 1e-4
    # Now and then there is a ReLU whose input is 0 but for rounding.
    worst = max(differences, key=differences.__getitem__)
    assert differences[worst] < 5e-2, worst


@pytest.mark.usefixtures("eager")
def test_statistics_that_are_learned_are_not_folded_in_training(tiny_config, disks):
    config = tiny_config(NORMALIZATION="batch", TRAIN_BN=None)
    model = build_training_model(config)
    (batch,) = BatchLoader(disks([(60, 60, 20)]), config, steps=1)[0]
    norm = model.get_layer("bn2a_branch2a")
    before = ops.convert_to_numpy(norm.moving_mean).copy()
    outputs_of(model, list(batch), training=True)
    assert np.abs(ops.convert_to_numpy(norm.moving_mean) - before).max() > 0


def test_an_error_ends_the_folding():
    image = keras.Input((8, 8, 3))
    convolution, norm = Convolution(4, 3), BatchNorm(False)
    foldable = Foldable(keras.Model(image, norm(convolution(image))))
    assert [(convolution, norm, 1)] == foldable._pairs
    norm.moving_mean.assign(np.full(4, 5.0))
    values = np.ones((1, 8, 8, 3), np.float32)
    plain = ops.convert_to_numpy(convolution(values))
    with pytest.raises(RuntimeError), foldable.folded(False):
        folded = ops.convert_to_numpy(convolution(values))
        assert np.abs(folded - plain).min() > 4
        raise RuntimeError
    np.testing.assert_array_equal(ops.convert_to_numpy(convolution(values)), plain)


@pytest.mark.parametrize(("precision", "close"), [("float32", 1e-6), ("mixed_bfloat16", 2e-2)])
def test_a_depthwise_convolution_takes_on_its_norm(precision, close):
    image = keras.Input((8, 8, 3))
    with compute_precision(precision):
        convolution = DepthwiseConvolution(3, strides=2, padding="same")
        outputs = BatchNorm(False)(convolution(image))
    # Outside: a model made of layers of another one may be of another precision than they are.
    model, plain = DetectorModel(image, outputs), keras.Model(image, outputs)
    assert [convolution] == [pair[0] for pair in model._foldable._pairs]
    give_statistics(model)
    values = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    found, expected = (
        ops.convert_to_numpy(ops.cast(kind(values), "float32")) for kind in (model, plain)
    )
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, atol=close * np.abs(expected).max())


def test_a_convolution_that_something_else_reads_keeps_its_output():
    image = keras.Input((8, 8, 3))
    convolution, norm = Convolution(4, 3), BatchNorm(False)
    convolved = convolution(image)
    model = keras.Model(image, [norm(convolved), keras.layers.ReLU()(convolved)])
    assert Foldable(model)._pairs == []


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"),
    reason="for TensorFlow on a processor",
)
def test_large_convolutions_take_fewer_products_only_where_a_whole_model_infers(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "mrcnn.nets.convolution.convolve_3x3",
        lambda inputs, kernel: calls.append(inputs.shape) or convolve_3x3(inputs, kernel),
    )
    inputs = keras.Input((64, 64, 256))
    convolution = Convolution(256, 3, padding="same")
    outputs = convolution(inputs)
    plain, whole = keras.Model(inputs, outputs), DetectorModel(inputs, outputs)
    values = np.random.default_rng(0).normal(size=(1, 64, 64, 256)).astype(np.float32)
    expected = ops.convert_to_numpy(plain(values))
    assert not calls
    np.testing.assert_array_equal(whole(values, training=True), expected)
    assert not calls
    found = ops.convert_to_numpy(whole(values))
    assert calls
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())

    del calls[:]
    strided = Convolution(256, 3, strides=2, padding="same")(inputs)
    valid = Convolution(256, 3)(inputs)
    few = Convolution(16, 3, padding="same")(inputs)
    DetectorModel(inputs, [strided, valid, few])(values)
    assert not calls


def test_a_kernel_that_covers_the_map_gives_the_same_as_any_convolution():
    convolution = Convolution(5, 7)
    values = np.random.default_rng(0).normal(size=(3, 7, 7, 4)).astype(np.float32)
    found = convolution(values)
    assert found.shape == (3, 1, 1, 5)
    expected = keras.layers.Conv2D.call(convolution, values)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-5
    )


@pytest.mark.parametrize("shape", [(2, 5, 3, 12), (1, 48, 64, 8), (3, 1, 1, 4)])
def test_groups_are_normalized(shape):
    random = np.random.default_rng(0)
    maps = random.normal(2.0, 3.0, shape).astype(np.float32)
    layer = GroupNorm(4, epsilon=1e-3)
    layer.build(shape)
    gamma, beta = random.normal(size=(2, shape[-1]))
    layer.set_weights([gamma, beta])

    groups = maps.astype(np.float64).reshape(shape[0], -1, 4, shape[-1] // 4)
    mean, variance = (f(groups, axis=(1, 3), keepdims=True) for f in (np.mean, np.var))
    expected = ((groups - mean) / np.sqrt(variance + 1e-3)).reshape(shape) * gamma + beta
    found = keras.ops.convert_to_numpy(layer(maps))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
