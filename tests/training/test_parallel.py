"""`ParallelModel` of a model that is built: the same model, where it is."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.data.loader import BatchLoader
from mrcnn.model import MaskRCNN
from mrcnn.nets.sharing import filled_up
from mrcnn.parallel_model import ParallelModel
from mrcnn.training.model import build_training_model


@pytest.mark.usefixtures("eager")
def test_it_is_the_model_inside_and_says_so(tiny_config, disks, tmp_path):
    # Some initial weights are so sure of a class that its layer has no gradient.
    keras.utils.set_random_seed(1)
    config = tiny_config(IMAGES_PER_GPU=2, SEED=1)
    inner = build_training_model(config, shuffle_targets=False)
    with pytest.warns(UserWarning, match=r"built for 1 device and stays there. Set GPU_COUNT = 2"):
        model = ParallelModel(inner, 2)
    shapes = [tuple(tensor.shape) for tensor in model.make_parallel()]
    assert shapes == [tuple(tensor.shape) for tensor in inner.outputs]
    loader = BatchLoader(disks([(60, 60, 20)], [(100, 30, 9), (40, 40, 15)]), config, steps=1)
    (batch,) = loader[0]
    found, expected = model([*batch], training=True), inner([*batch], training=True)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))
    # One more image that teaches nothing, as a batch gets it that devices cannot share evenly.
    padded = inner(filled_up(batch, 3, weightless=True), training=True)
    for one, other in zip(padded[-5:], expected[-5:], strict=True):
        assert float(one) == pytest.approx(float(other), rel=1e-4)

    model.compile(optimizer="sgd", jit_compile=False)
    before = ops.convert_to_numpy(inner.get_layer("mrcnn_class_logits").weights[0]).copy()
    logs = model.train_on_batch(list(batch), return_dict=True)
    losses = sum(float(ops.convert_to_numpy(value)) for value in expected[-5:])
    total = losses + float(ops.convert_to_numpy(inner.regularization_loss()))
    assert float(logs["loss"]) == pytest.approx(total, rel=1e-2)
    after = ops.convert_to_numpy(inner.get_layer("mrcnn_class_logits").weights[0])
    assert not np.array_equal(before, after)
    model.save_weights(tmp_path / "a.h5")
    inner.load_weights(tmp_path / "a.h5")


def test_without_as_many_gpus_one_device_takes_the_batch(tiny_config, tmp_path):
    with pytest.warns(UserWarning, match="GPU_COUNT is 64, but there are not as many GPUs") as told:
        model = MaskRCNN("inference", tiny_config(GPU_COUNT=64), tmp_path)
    assert told[0].filename == __file__
    assert not isinstance(model.keras_model, ParallelModel)
    assert model.keras_model.sharing.replicas == 1
    assert model.config.BATCH_SIZE == 64
