"""One batch in several parts: the same results as in one."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.data.loader import BatchLoader
from mrcnn.model import MaskRCNN
from mrcnn.nets.detector import build_inference_model
from mrcnn.ops.anchors import normalized_anchors
from mrcnn.parallel_model import ParallelModel
from mrcnn.training.model import build_training_model


def test_detections_are_those_of_the_whole_batch(tiny_config):
    config = tiny_config()
    inner = build_inference_model(config)
    model = ParallelModel(inner, 2)
    rng = np.random.default_rng(0)
    images = rng.normal(0, 50, (3, 128, 128, 3)).astype(np.float32)
    meta = np.zeros((3, config.IMAGE_META_SIZE), np.float32)
    meta[:, 4:7] = meta[:, 1:4] = (128, 128, 3)
    meta[:, 9:11] = 128
    anchors = np.tile(normalized_anchors(config, (128, 128)), (3, 1, 1))
    expected = inner.predict_on_batch([images, meta, anchors])
    found = model.predict_on_batch([images, meta, anchors])
    # Masks of rows without a detection mean nothing; how many are computed depends on the batch.
    for outputs in (expected, found):
        outputs[3] = np.where(outputs[0][:, :, 4, None, None, None] > 0, outputs[3], 0)
    for one, other in zip(expected, found, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-3 * max(1, np.abs(one).max()))
    shapes = [tuple(tensor.shape) for tensor in model.make_parallel()]
    assert shapes == [tuple(tensor.shape) for tensor in inner.outputs]


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="GPUs share a batch on TensorFlow alone"
)
@pytest.mark.usefixtures("eager")
def test_losses_are_the_mean_of_the_parts_and_train_the_inner_model(tiny_config, disks):
    # Some initial weights are so sure of a class that its layer has no gradient.
    keras.utils.set_random_seed(1)
    config = tiny_config(IMAGES_PER_GPU=2, SEED=1)
    inner = build_training_model(config, shuffle_targets=False)
    model = ParallelModel(inner, 2)
    loader = BatchLoader(disks([(60, 60, 20)], [(100, 30, 9), (40, 40, 15)]), config, steps=1)
    (batch,) = loader[0]
    parts = [inner([array[n : n + 1] for array in batch], training=True)[-5:] for n in (0, 1)]
    expected = np.mean([[float(ops.convert_to_numpy(v)) for v in part] for part in parts], axis=0)
    found = [float(ops.convert_to_numpy(value)) for value in model(list(batch), training=True)[-5:]]
    np.testing.assert_allclose(found, expected, rtol=1e-4)

    model.compile(optimizer="sgd", jit_compile=False)
    before = ops.convert_to_numpy(inner.get_layer("mrcnn_class_logits").weights[0]).copy()
    logs = model.train_on_batch(list(batch), return_dict=True)
    expected_loss = sum(found) + float(ops.convert_to_numpy(inner.regularization_loss()))
    assert float(logs["loss"]) == pytest.approx(expected_loss, rel=1e-2)
    after = ops.convert_to_numpy(inner.get_layer("mrcnn_class_logits").weights[0])
    assert not np.array_equal(before, after)


def test_without_as_many_gpus_one_device_takes_the_batch(tiny_config, tmp_path):
    with pytest.warns(UserWarning, match="GPU_COUNT is 64, but there are not as many GPUs"):
        model = MaskRCNN("inference", tiny_config(GPU_COUNT=64), tmp_path)
    assert not isinstance(model.keras_model, ParallelModel)
    assert model.config.BATCH_SIZE == 64
