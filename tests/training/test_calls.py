"""Training as Matterport's programs do it: several calls of `train` in one process."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.config import LOSS_NAMES
from mrcnn.errors import ConfigError, TrainingError
from mrcnn.model import DataGenerator, MaskRCNN, data_generator
from tests.validation_runs import SMALL_NETWORK

iaa = pytest.importorskip("imgaug.augmenters")

pytestmark = pytest.mark.usefixtures("eager")


def values_of(model):
    return {
        f"{layer.name}/{weight.name}": ops.convert_to_numpy(weight).copy()
        for layer in model.get_trainable_layers()
        for weight in layer.weights
    }


def changed(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


@pytest.fixture
def fields(disks):
    return disks([(60, 60, 20), (30, 90, 12)], [(100, 30, 9)], [])


class Losses(keras.callbacks.Callback):
    """Notes what each epoch ends with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((epoch, dict(logs)))


def test_heads_then_all_in_one_process(tiny_config, fields, tmp_path):
    config = tiny_config(NORMALIZATION="batch", STEPS_PER_EPOCH=1, WEIGHT_DECAY=0.01)
    model = MaskRCNN("training", config, tmp_path)
    network, notes = model.keras_model, Losses()

    # With a rate this small the weights stay, so the sum can be checked afterwards.
    for epochs, layers, validation, weights in (
        (1, "heads", None, {}),
        (2, "all", fields, {"rpn_class_loss": 3.0}),
    ):
        config.LOSS_WEIGHTS = {name: 1.0 for name in LOSS_NAMES} | weights
        model.train(
            fields,
            validation,
            learning_rate=1e-12,
            epochs=epochs,
            layers=layers,
            custom_callbacks=[notes],
            augmentation=iaa.Fliplr(0.5),
        )
        epoch, logs = notes.seen[-1]
        assert (epoch, model.epoch) == (epochs - 1, epochs)
        regularization = float(ops.convert_to_numpy(network.regularization_loss()))
        assert regularization > 0
        for prefix in ("", "val_") if validation else ("",):
            expected = sum(config.LOSS_WEIGHTS[name] * logs[prefix + name] for name in LOSS_NAMES)
            assert logs[f"{prefix}loss"] == pytest.approx(expected + regularization, rel=1e-5)
    assert len(notes.seen) == 2

    before = values_of(model)
    model.train(fields, None, learning_rate=0.01, epochs=3, layers="all")
    assert float(ops.convert_to_numpy(network.optimizer.learning_rate)) == pytest.approx(0.01)
    after_all = changed(before, values_of(model))
    # Batch norm is frozen: its statistics stay, what it learns does not.
    assert not {name for name in after_all if "moving" in name}
    assert {"bn_conv1/gamma", "conv1/kernel", "mrcnn_class_bn1/beta"} <= after_all

    before = values_of(model)
    model.train(fields, None, learning_rate=0.01, epochs=4, layers="heads")
    after_heads = changed(before, values_of(model))
    assert {name for name in after_heads if name.startswith(("res", "bn", "conv1"))} == set()
    rpn = {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"}
    trained = {
        layer.name for layer in network.get_layer("rpn_model").layers if layer.trainable_weights
    }
    assert trained == rpn
    assert {
        f"rpn_model/{weight.name}" for weight in network.get_layer("rpn_model").weights
    } & after_heads


class Poison(keras.callbacks.Callback):
    """Makes a weight infinite before the second step of the second epoch."""

    epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (1, 1):
            (bias,) = (
                weight
                for weight in self.model.trainable_weights
                if weight.path.endswith("mrcnn_class_logits/bias")
            )
            bias.assign(ops.full(bias.shape, np.inf))


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_images(tiny_config, fields, tmp_path):
    config = tiny_config(STEPS_PER_EPOCH=3)
    model = MaskRCNN("training", config, tmp_path)
    with pytest.raises(TrainingError) as told:
        model.train(fields, None, 1e-5, 2, layers="all", custom_callbacks=[Poison()])
    message = str(told.value)
    assert "in step 2 of epoch 2" in message and "mrcnn_class_loss nan" in message
    # Three steps of an image each are a pass through the three images.
    names = [str(info["id"]) for info in fields.image_info]
    this, before = (
        message.split("Images of this step: ")[1].split(". Nothing")[0].split("; of the ")
    )
    assert this in names and before.removeprefix("step before: ") in names
    assert this != before.removeprefix("step before: ")
    assert "lower learning rate than 1e-05" in message
    (run,) = tmp_path.iterdir()
    assert [path.name for path in run.glob("*.h5")] == ["mask_rcnn_tiny_0001.h5"]
    assert len((run / "losses.csv").read_text().splitlines()) == 2


def test_a_regular_expression_reaches_inside_the_rpn(tiny_config, capsys, tmp_path):
    model = MaskRCNN("training", tiny_config(), tmp_path)
    model.set_trainable(r"rpn\_bbox.*")
    assert [weight.path for weight in model.keras_model.trainable_weights] == [
        "rpn_bbox_pred/kernel", "rpn_bbox_pred/bias",
    ]  # fmt: skip
    assert "rpn_bbox_pred" in capsys.readouterr().out
    model.set_trainable("mrcnn_mask", verbose=0)
    assert len(model.keras_model.trainable_weights) == 2
    assert capsys.readouterr().out == ""
    with pytest.raises(ConfigError, match="no layer of the model has such a name"):
        model.train(None, None, 0.01, 1, layers="no_such_layer")


def test_training_on_regions_from_the_data(tiny_config, fields, tmp_path):
    model = MaskRCNN("training", tiny_config(USE_RPN_ROIS=False, STEPS_PER_EPOCH=2), tmp_path)
    names = [tensor.name for tensor in model.keras_model.inputs]
    assert names[-1] == "input_roi" and len(names) == 8
    before = values_of(model)
    history = model.train(fields, fields, 0.01, epochs=1, layers="heads").history
    assert all(np.isfinite(values).all() for values in history.values())
    assert {"mrcnn_bbox_fc/kernel", "mrcnn_class_logits/kernel"} <= changed(
        before, values_of(model)
    )


def test_a_subclass_may_train_by_itself(tiny_config, fields, tmp_path):
    """As forks do, with the generator's lists and the options of Keras 2."""
    epochs = Losses()

    class OwnTraining(MaskRCNN):
        def train(self, batches, **options):
            self.set_trainable("all", verbose=0)
            self.compile(0.001, self.config.LEARNING_MOMENTUM)
            return self.keras_model.fit(
                batches, steps_per_epoch=2, epochs=1, callbacks=[epochs], verbose=0, **options
            )

    config = tiny_config(NORMALIZATION="batch", **SMALL_NETWORK)
    model = OwnTraining("training", config, tmp_path)
    before = values_of(model)
    model.train(
        data_generator(fields, config, batch_size=2),
        validation_data=data_generator(fields, config, shuffle=False),
        validation_steps=1,
        max_queue_size=100,
        workers=0,
        use_multiprocessing=False,
    )
    model.train(
        DataGenerator(fields, config), validation_data=DataGenerator(fields, config, shuffle=False)
    )
    model.keras_model.fit_generator(data_generator(fields, config), steps_per_epoch=1, verbose=0)
    assert changed(before, values_of(model))
    for _, losses in epochs.seen:
        assert set(losses) == {"loss", "val_loss"} | {
            f"{prefix}{name}" for prefix in ("", "val_") for name in LOSS_NAMES
        }
        assert np.isfinite(list(losses.values())).all()
