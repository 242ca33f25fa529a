"""Keras as the runner of a predictor, and models from their folders."""

import threading
import time

import numpy as np
import pytest

from mrcnn.errors import ConfigError, WeightsError
from mrcnn.inference import Predictor, Runner
from mrcnn.inference.keras_runner import KerasRunner
from mrcnn.inference.model_folder import weights_text
from mrcnn.model import MaskRCNN
from mrcnn.weights.settings import CONFIG_FILE, settings_text

IMAGES = [
    np.random.default_rng(n).integers(0, 255, (*shape, 3), dtype=np.uint8)
    for n, shape in enumerate([(128, 128), (90, 120)])
]


@pytest.fixture(scope="module")
def trained(tiny_config, tmp_path_factory):
    """A model, and a folder that holds it."""
    folder = tmp_path_factory.mktemp("tiny")
    config = tiny_config(IMAGES_PER_GPU=1, SUBPIXEL_MASKS=True)
    model = MaskRCNN("inference", config, folder)
    model.save_weights(folder / "tiny.h5")
    (folder / CONFIG_FILE).write_text(settings_text(config))
    return model, folder


@pytest.mark.usefixtures("eager_module")
def test_a_model_from_its_folder_detects_the_same(trained):
    model, folder = trained
    expected = model.detect(IMAGES, masks="crops")
    assert sum(len(each["rois"]) for each in expected) > 5
    again = MaskRCNN.from_folder(folder)
    predictor = Predictor.from_folder(str(folder))
    assert isinstance(predictor.runner, Runner)
    assert again.config.to_dict() == predictor.config.to_dict() == model.config.to_dict()
    found = list(predictor.predict_many(iter(IMAGES)))
    for one, detected, prediction in zip(
        expected, again.detect(IMAGES, masks="crops"), found, strict=True
    ):
        instances = prediction.instances
        for name in ("rois", "class_ids", "scores"):
            np.testing.assert_array_equal(one[name], detected[name])
            assert one[name].dtype == detected[name].dtype
        np.testing.assert_array_equal(one["rois"], instances.boxes)
        np.testing.assert_array_equal(one["class_ids"], instances.class_ids)
        np.testing.assert_array_equal(one["scores"], instances.scores)
        for mask, other, third in zip(
            one["masks"], detected["masks"], instances.crops, strict=True
        ):
            np.testing.assert_array_equal(mask, other)
            np.testing.assert_array_equal(mask, third)
    text = weights_text(folder / "tiny.h5")
    assert {each.model for each in found} == {again.predictor.model} == {text}
    assert model.predictor.model == ""
    assert found[1].scale == pytest.approx(128 / 120)
    # What detect returns is the caller's own, and may be written to.
    expected[0]["rois"] += 1
    expected[0]["scores"] *= 2


@pytest.mark.usefixtures("eager_module")
def test_a_model_from_its_folder_goes_on_training(trained):
    _, folder = trained
    model = MaskRCNN.from_folder(folder, "training", model_dir=folder / "logs", IMAGES_PER_GPU=2)
    assert (model.mode, model.config.BATCH_SIZE, model.epoch) == ("training", 2, 0)
    with pytest.raises(ConfigError, match="mode='inference'"):
        _ = model.predictor


@pytest.mark.usefixtures("eager_module")
def test_weights_of_another_network(trained):
    _, folder = trained
    for build in (MaskRCNN.from_folder, Predictor.from_folder):
        with pytest.raises(WeightsError, match=r"tiny\.h5"):
            build(folder, NUM_CLASSES=4)


@pytest.mark.usefixtures("eager_module")
def test_weights_in_part_are_told(trained):
    model, folder = trained
    other = MaskRCNN("inference", model.config, folder)
    other.load_weights(folder / "tiny.h5", exclude=["mrcnn_mask"])
    assert other.predictor.model == f"{weights_text(folder / 'tiny.h5')}, a part of it"


def test_one_thread_at_a_time_runs_the_model():
    class Model:
        running = most = 0

        def predict_on_batch(self, inputs):
            self.running += 1
            self.most = max(self.most, self.running)
            time.sleep(0.005)
            self.running -= 1
            return inputs

    model = Model()
    runner = KerasRunner(model, None)
    threads = [threading.Thread(target=runner.run, args=([np.zeros(1)],)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.most == 1
