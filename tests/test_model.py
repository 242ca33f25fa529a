"""The front door: train, save, find, load, detect."""

import datetime
import json
import os
import random
import re

import keras
import numpy as np
import pytest

from mrcnn.errors import ConfigError, DataError, WeightsError
from mrcnn.instances.run_length import decode, decompress
from mrcnn.model import MaskRCNN

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)


@pytest.fixture
def inference(tiny_config, tmp_path):
    return MaskRCNN("inference", tiny_config(), tmp_path)


def test_train_save_reload_and_detect(tiny_config, disks, tmp_path, image):
    config = tiny_config(LEARNING_RATE_SCHEDULE="cosine", WARMUP_STEPS=2)
    model = MaskRCNN("training", config, tmp_path)
    dataset = disks([(60, 60, 20), (30, 90, 12)], [(100, 30, 9)])
    history = model.train(dataset, dataset, 0.01, epochs=1, layers="all")
    names = {"loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss",
             "mrcnn_mask_loss"}  # fmt: skip
    assert set(history.history) == names | {f"val_{name}" for name in names}
    assert all(np.isfinite(values).all() for values in history.history.values())
    assert model.epoch == 1

    # A second call goes on where the first one ended, and a callback ends it before its time.
    class StopAtOnce(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    model.train(dataset, None, 0.001, epochs=5, layers="heads", custom_callbacks=[StopAtOnce()])
    assert model.epoch == 2
    assert re.fullmatch(r"tiny\d{8}T\d{4}", os.path.basename(model.log_dir))
    files = os.listdir(model.log_dir)
    assert {"mask_rcnn_tiny_0001.h5", "mask_rcnn_tiny_0002.h5", "losses.csv", "train"} <= set(files)
    assert any(name.startswith("events") for name in os.listdir(f"{model.log_dir}/train"))

    found = model.find_last()
    assert found == str(tmp_path / os.path.basename(model.log_dir) / "mask_rcnn_tiny_0002.h5")
    resumed = MaskRCNN("training", config, tmp_path)
    resumed.load_weights(found)
    assert (resumed.epoch, resumed.log_dir) == (2, model.log_dir)

    detectors = [MaskRCNN("inference", tiny_config(SEED=seed), tmp_path) for seed in (1, 2)]
    before = [detector.detect([image])[0] for detector in detectors]
    assert not np.array_equal(before[0]["scores"], before[1]["scores"])
    for detector in detectors:
        detector.load_weights(found, by_name=True)
    first, second = (detector.detect([image])[0] for detector in detectors)
    again = tmp_path / "again.h5"
    detectors[0].save_weights(again)
    third_model = MaskRCNN("inference", tiny_config(SEED=3), tmp_path)
    third_model.load_weights(again)
    third = third_model.detect([image])[0]
    assert len(first["rois"]) > 0
    for other in (second, third):
        for key, value in first.items():
            np.testing.assert_array_equal(value, other[key])


def test_a_bad_image_in_the_middle_of_training_is_named(tiny_config, disks, tmp_path):
    dataset = disks([(60, 60, 20)])

    def fail(image_id):
        raise DataError("smear.png: truncated")

    dataset.load_image = fail
    model = MaskRCNN("training", tiny_config(), tmp_path)
    with pytest.raises(DataError, match=r"smear\.png: truncated"):
        model.train(dataset, None, 0.01, epochs=1, layers="heads")


def test_training_is_repeatable_by_its_seed(tiny_config, disks, tmp_path):
    dataset = disks([(60, 60, 20)], [(30, 90, 12)], [(100, 30, 9)], [(64, 64, 30)])
    losses = []
    for state in (1, 2):
        random.seed(state)  # what must not matter
        model = MaskRCNN("training", tiny_config(), tmp_path)
        losses.append(model.train(dataset, None, 0.01, epochs=1, layers="heads").history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_any_number_of_images_of_any_size(inference, image):
    images = [image, image[:40, :33], image[:, ::-1], image[:1, :1], image]
    results = inference.detect(images)
    assert len(results) == 5
    for picture, result in zip(images, results, strict=True):
        count = len(result["rois"])
        assert result["rois"].shape == (count, 4) and result["rois"].dtype == np.int32
        assert result["class_ids"].shape == (count,) and result["class_ids"].dtype == np.int32
        assert result["scores"].shape == (count,) and result["scores"].dtype == np.float32
        assert result["masks"].shape == (*picture.shape[:2], count)
        assert result["masks"].dtype == bool
        assert (np.diff(result["scores"]) <= 0).all()
        assert (result["rois"][:, :2] >= 0).all()
        assert (result["rois"][:, 2:] <= picture.shape[:2]).all()
        assert (result["rois"][:, :2] < result["rois"][:, 2:]).all()
    for key in results[0]:
        np.testing.assert_array_equal(results[0][key], results[4][key])
    assert inference.detect([]) == []


def test_crops_are_the_full_masks_inside_the_boxes(inference, image):
    full = inference.detect([image])[0]
    crops = inference.detect([image], masks="crops")[0]["masks"]
    assert len(crops) == full["masks"].shape[2] > 0
    for number, ((y1, x1, y2, x2), crop) in enumerate(zip(full["rois"], crops, strict=True)):
        np.testing.assert_array_equal(full["masks"][y1:y2, x1:x2, number], crop)
        assert full["masks"][..., number].sum() == crop.sum()


def test_run_lengths_are_the_full_masks(inference, image):
    full = inference.detect([image])[0]["masks"]
    codes = inference.detect([image], masks="rle")[0]["masks"]
    assert len(codes) == full.shape[2] > 0
    # As in COCO's JSON files.
    assert json.loads(json.dumps(codes)) == codes
    for number, code in enumerate(codes):
        assert code["size"] == list(image.shape[:2])
        (y1, x1, y2, x2), crop = decode(decompress(code["counts"]), code["size"])
        mask = np.zeros(image.shape[:2], bool)
        mask[y1:y2, x1:x2] = crop
        np.testing.assert_array_equal(mask, full[..., number])


def test_another_form_of_masks(inference, image):
    with pytest.raises(ConfigError, match="masks is 'polygons': must be one of 'full', 'crops'"):
        inference.detect([image], masks="polygons")


def test_batches_do_not_change_the_result(tiny_config, inference, image, tmp_path):
    in_pairs = MaskRCNN("inference", tiny_config(IMAGES_PER_GPU=2), tmp_path)
    path = tmp_path / "weights.h5"
    inference.save_weights(path)
    in_pairs.load_weights(path)
    images = [image, image[::-1], image[:, ::-1]]
    for one, other in zip(inference.detect(images), in_pairs.detect(images), strict=True):
        np.testing.assert_array_equal(one["class_ids"], other["class_ids"])
        np.testing.assert_array_equal(one["rois"], other["rois"])
        np.testing.assert_allclose(one["scores"], other["scores"], atol=5e-4)


def test_images_that_are_padded_to_their_own_size(tiny_config, image, tmp_path):
    model = MaskRCNN("inference", tiny_config(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=0), tmp_path)
    results = model.detect([image, image[:60, :50], image[:64, :64]])
    assert [result["masks"].shape[:2] for result in results] == [(90, 120), (60, 50), (64, 64)]


@pytest.mark.parametrize(
    "bad", [np.zeros((5, 5)), np.zeros((5, 5, 4), np.uint8), np.zeros((0, 5, 3)), "image.png"]
)
def test_what_is_no_image_is_told(inference, bad):
    with pytest.raises(DataError, match=r"expected \(height, width, 3\)"):
        inference.detect([bad])


def test_sides_that_the_network_cannot_halve_are_told(tiny_config, image, tmp_path):
    model = MaskRCNN("inference", tiny_config(IMAGE_RESIZE_MODE="none"), tmp_path)
    with pytest.raises(DataError, match="divisible by 64"):
        model.detect([image])


def test_modes_are_kept_apart(tiny_config, inference, disks, image, tmp_path):
    with pytest.raises(ConfigError, match=r"'predict'.*'training', 'inference'"):
        MaskRCNN("predict", tiny_config(), tmp_path)
    with pytest.raises(ConfigError, match="NUM_CLASSES"):
        MaskRCNN("training", tiny_config(NUM_CLASSES=1), tmp_path)
    with pytest.raises(ConfigError, match="mode='training'"):
        inference.train(disks([]), None, 0.1, 1, "all")
    training = MaskRCNN("training", tiny_config(), tmp_path)
    with pytest.raises(ConfigError, match="mode='inference'"):
        training.detect([image])
    with pytest.raises(ConfigError, match="no layer of the model"):
        training.train(disks([(60, 60, 20)]), None, 0.1, 1, layers="nothing")


def test_weights_of_another_model_are_refused(tiny_config, inference, tmp_path):
    path = tmp_path / "weights.h5"
    inference.save_weights(path)
    wider = MaskRCNN("inference", tiny_config(NUM_CLASSES=4), tmp_path)
    with pytest.raises(WeightsError, match=r"(?s)NUM_CLASSES.*mrcnn_class_logits"):
        wider.load_weights(path)
    report = wider.load_weights(path, by_name=True)
    assert [line.split()[0] for line in report.misfits] == [
        "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask",
    ]  # fmt: skip
    batch = MaskRCNN(
        "inference", tiny_config(NORMALIZATION="group", TOP_DOWN_PYRAMID_SIZE=16), tmp_path
    )
    with pytest.raises(WeightsError, match="NORMALIZATION"):
        batch.load_weights(path)


def test_runs_of_one_minute_do_not_share_a_folder(inference, tmp_path):
    first = inference.log_dir
    os.makedirs(first)
    inference.set_log_dir()
    assert inference.log_dir != first
    assert re.fullmatch(r"tiny\d{8}T\d{4}", os.path.basename(inference.log_dir))


@pytest.mark.parametrize(
    ("path", "epoch", "folder"),
    [
        ("logs/coco20171029T2315/mask_rcnn_coco_0001.h5", 1, "tiny20171029T2315"),
        ("/a/b-c/tiny20260131T0930/mask_rcnn_tiny_0123.h5", 123, "tiny20260131T0930"),
        (r"C:\logs\tiny20260131T0930\mask_rcnn_tiny_0007.h5", 7, "tiny20260131T0930"),
        ("weights/mask_rcnn_coco.h5", 0, None),
        (None, 0, None),
    ],
)
def test_a_checkpoint_s_path_tells_run_and_epoch(inference, path, epoch, folder):
    inference.set_log_dir(path)
    assert inference.epoch == epoch
    name = os.path.basename(inference.log_dir)
    if folder:
        assert name == folder
    else:
        age = datetime.datetime.now() - datetime.datetime.strptime(name, "tiny%Y%m%dT%H%M")
        assert abs(age) < datetime.timedelta(minutes=3)


def test_find_last_takes_the_newest_checkpoint_and_tells_if_there_is_none(inference, tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint of a run called tiny"):
        inference.find_last()
    for name in (
        "tiny20260101T0000/mask_rcnn_tiny_0009.h5",
        "tiny20260201T0000/mask_rcnn_tiny_0002.h5",
        "tiny20260201T0000/mask_rcnn_tiny_0010.h5",
        "other20270101T0000/mask_rcnn_other_0001.h5",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    # A run that was stopped before its first checkpoint does not hide the one before it.
    (tmp_path / "tiny20260301T0000").mkdir()
    assert inference.find_last().endswith("tiny20260201T0000/mask_rcnn_tiny_0010.h5")


def test_trainable_layers_are_printed(tiny_config, tmp_path, capsys):
    model = MaskRCNN("training", tiny_config(), tmp_path)
    model.set_trainable(r"(mrcnn_mask_.*)|(rpn_.*)")
    printed = capsys.readouterr().out
    assert "mrcnn_mask_deconv" in printed and "rpn_conv_shared" in printed
    assert "conv1 " not in printed.replace("mrcnn_mask_conv1 ", "")
