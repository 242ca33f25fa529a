"""Batches: their form, their content, and that only seed, epoch and index decide them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mrcnn.data.anchors import pyramid_anchors
from mrcnn.data.augmentation import Augmentation
from mrcnn.data.loader import BatchLoader
from mrcnn.data.molding import mini_masks, mold_image
from mrcnn.data.rpn_targets import build_rpn_targets
from mrcnn.data.training_item import load_training_item
from mrcnn.errors import ConfigError, DataError

NAMES = ("images", "metas", "rpn_match", "rpn_bbox", "class_ids", "boxes", "masks")


@pytest.fixture
def dataset(cells_dataset):
    return cells_dataset([5, 0, 1, 9, 3, 7, 12])


def inputs_of(loader, index=0):
    batch = loader[index]
    assert isinstance(batch, tuple) and len(batch) == 1
    assert isinstance(batch[0], tuple)
    return dict(zip(NAMES, batch[0], strict=True))


def assert_equal_batches(first, second):
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_form_of_a_batch(dataset, small_config):
    config = small_config()
    inputs = inputs_of(BatchLoader(dataset, config, Augmentation()))
    anchors = len(pyramid_anchors(config, config.IMAGE_SHAPE))
    expected = {
        "images": (np.float32, (2, 128, 128, 3)),
        "metas": (np.float32, (2, config.IMAGE_META_SIZE)),
        "rpn_match": (np.int32, (2, anchors, 1)),
        "rpn_bbox": (np.float32, (2, 64, 4)),
        "class_ids": (np.int32, (2, 12)),
        "boxes": (np.int32, (2, 12, 4)),
        "masks": (bool, (2, 28, 28, 12)),
    }
    assert {name: (array.dtype, array.shape) for name, array in inputs.items()} == expected


def test_content_without_augmentation(dataset, small_config):
    config = small_config()
    inputs = inputs_of(BatchLoader(dataset, config, shuffle=False), 1)
    for slot, image_id in enumerate((2, 3)):
        item = load_training_item(dataset, config, image_id, np.random.default_rng())
        instances, count = item.instances, len(item.instances)
        np.testing.assert_array_equal(
            inputs["images"][slot], mold_image(item.image, config).astype(np.float32)
        )
        np.testing.assert_array_equal(inputs["metas"][slot], item.image_meta.astype(np.float32))
        assert inputs["metas"][slot][0] == image_id
        np.testing.assert_array_equal(inputs["class_ids"][slot, :count], instances.class_ids)
        np.testing.assert_array_equal(inputs["boxes"][slot, :count], instances.boxes)
        np.testing.assert_array_equal(
            inputs["masks"][slot, :, :, :count], mini_masks(instances, (28, 28))
        )
        for name in ("class_ids", "boxes"):
            assert not inputs[name][slot, count:].any()
        assert not inputs["masks"][slot, :, :, count:].any()

        class Everything:
            RPN_TRAIN_ANCHORS_PER_IMAGE = 10**5
            RPN_BBOX_STD_DEV = config.RPN_BBOX_STD_DEV

        anchors = pyramid_anchors(config, config.IMAGE_SHAPE)
        match, _ = build_rpn_targets(
            item.image.shape, anchors, instances.class_ids, instances.boxes, Everything
        )
        drawn = inputs["rpn_match"][slot, :, 0]
        assert np.count_nonzero(drawn) == config.RPN_TRAIN_ANCHORS_PER_IMAGE
        assert (match[drawn != 0] == drawn[drawn != 0]).all()
        positives = np.count_nonzero(drawn == 1)
        assert positives > 0
        assert inputs["rpn_bbox"][slot, :positives].any(axis=1).all()
        assert not inputs["rpn_bbox"][slot, positives:].any()


def test_image_without_cells(cells_dataset, small_config):
    inputs = inputs_of(BatchLoader(cells_dataset([0, 0]), small_config(), Augmentation()))
    for name in ("class_ids", "boxes", "masks", "rpn_bbox"):
        assert not inputs[name].any()
    for slot in (0, 1):
        values, counts = np.unique(inputs["rpn_match"][slot], return_counts=True)
        assert values.tolist() == [-1, 0]
        assert counts[0] == 64


def test_whole_masks(dataset, small_config):
    class WholeMasks(small_config):
        USE_MINI_MASK = False

    inputs = inputs_of(BatchLoader(dataset, WholeMasks(), shuffle=False))
    assert inputs["masks"].shape == (2, 128, 128, 12)
    item = load_training_item(dataset, WholeMasks(), 0, np.random.default_rng())
    np.testing.assert_array_equal(inputs["masks"][0, :, :, :5], item.instances.full_masks())


def test_more_cells_than_fit(cells_dataset, small_config):
    dataset = cells_dataset([30, 40])
    loader = BatchLoader(dataset, small_config(), shuffle=False)
    with pytest.warns(
        UserWarning, match=r"image0\.png has \d+ instances, but MAX_GT_INSTANCES is 12"
    ) as seen:
        inputs = inputs_of(loader)
        inputs_of(loader, 1)
    assert len(seen) == 1
    everything = load_training_item(dataset, small_config(), 0, np.random.default_rng())
    known = {tuple(box) for box in everything.instances.boxes.tolist()}
    chosen = [tuple(box) for box in inputs["boxes"][0].tolist()]
    assert (inputs["class_ids"] > 0).all()
    assert len(set(chosen)) == 12
    assert set(chosen) < known
    assert chosen != [tuple(box) for box in everything.instances.boxes.tolist()[:12]]


def test_every_image_is_used_equally_often(dataset, small_config):
    loader = BatchLoader(dataset, small_config())
    ids = []
    for epoch in range(7):
        loader.epoch = epoch
        for index in range(len(loader)):
            ids += loader[index][0][1][:, 0].astype(int).tolist()
    assert len(ids) == 70
    passes = np.array(ids).reshape(10, 7)
    assert (np.sort(passes) == np.arange(7)).all()
    assert len({tuple(one) for one in passes.tolist()}) > 7, "each pass has an order of its own"


def test_epochs_differ_unless_they_are_repeated(dataset, small_config):
    loader = BatchLoader(dataset, small_config(), Augmentation())
    first = loader[0]
    loader.on_epoch_end()
    assert loader.epoch == 1
    assert (loader[0][0][0] != first[0][0]).any()
    loader.epoch = 0
    assert_equal_batches(loader[0], first)

    repeated = BatchLoader(dataset, small_config(), repeat_epoch=True)
    first = repeated[0]
    repeated.on_epoch_end()
    assert_equal_batches(repeated[0], first)


def test_seed_decides(dataset, small_config):
    class Unseeded(small_config):
        SEED = None

    augmentation = Augmentation()
    by_config = BatchLoader(dataset, small_config(), augmentation)
    assert by_config.seed == 11
    assert_equal_batches(by_config[1], BatchLoader(dataset, Unseeded(), augmentation, seed=11)[1])
    unseeded = BatchLoader(dataset, Unseeded(), augmentation)
    assert (unseeded[1][0][0] != by_config[1][0][0]).any()
    assert_equal_batches(
        unseeded[1], BatchLoader(dataset, Unseeded(), augmentation, seed=unseeded.seed)[1]
    )


def test_one_thread_and_four_give_the_same(dataset, small_config):
    batches = []
    for threads in (1, 4):
        loader = BatchLoader(dataset, small_config(), Augmentation(), steps=12)
        with ThreadPoolExecutor(threads) as pool:
            order = range(12) if threads == 1 else [7, 2, 11, 0, 5, 9, 1, 3, 10, 4, 8, 6]
            found = dict(zip(order, pool.map(loader.__getitem__, order), strict=True))
        batches.append([found[index] for index in range(12)])
    for one, other in zip(*batches, strict=True):
        assert_equal_batches(one, other)


def test_global_random_state_is_left_alone(dataset, small_config):
    before = np.random.get_state()[1].copy()
    BatchLoader(dataset, small_config(), Augmentation())[0]
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_sources_without_augmentation(dataset, small_config):
    plain = BatchLoader(dataset, small_config())[0]
    excepted = BatchLoader(
        dataset, small_config(), Augmentation(), no_augmentation_sources=["cells"]
    )[0]
    other = BatchLoader(
        dataset, small_config(), Augmentation(), no_augmentation_sources=["elsewhere"]
    )[0]
    np.testing.assert_array_equal(plain[0][0], excepted[0][0])
    assert (plain[0][0] != other[0][0]).any()


def test_images_of_different_shapes_are_refused(cells_dataset, small_config):
    class Pad64(small_config):
        IMAGE_RESIZE_MODE = "pad64"
        IMAGE_MIN_DIM = 64

    loader = BatchLoader(cells_dataset([1]), Pad64())
    assert loader[0][0][0].shape == (2, 128, 128, 3)
    wider = BatchLoader(cells_dataset([1], shape=(90, 140)), Pad64())
    with pytest.raises(DataError, match=r"image0\.png.*'pad64' makes it \(128, 192, 3\).*'square'"):
        wider[0]


def test_empty_dataset(cells_dataset, small_config):
    with pytest.raises(DataError, match=r"no images.*prepare\(\)"):
        BatchLoader(cells_dataset([]), small_config())


def test_class_counts_must_agree(dataset, small_config):
    class Five(small_config):
        NUM_CLASSES = 5

    with pytest.raises(ConfigError, match=r"NUM_CLASSES is 5.*has 3 classes.*BG, round, long"):
        BatchLoader(dataset, Five())


def test_images_with_another_number_of_channels_are_named(dataset, small_config):
    class Gray(small_config):
        IMAGE_CHANNEL_COUNT = 1
        MEAN_PIXEL = np.array([128.0])

    with pytest.raises(DataError, match=r"Image .*IMAGE_CHANNEL_COUNT is 1"):
        BatchLoader(dataset, Gray(), threads=0)[0]


def test_regions_come_along_where_the_rpn_s_are_not_used(dataset, small_config):
    class Regions(small_config):
        USE_RPN_ROIS = False
        POST_NMS_ROIS_TRAINING = 17

    (batch,) = BatchLoader(dataset, Regions(), threads=0)[0]
    assert len(batch) == 8
    assert batch[7].shape == (len(batch[0]), 17, 4)
    assert (batch[7][..., 2:] > batch[7][..., :2]).all()


def test_batches_beyond_the_epoch(dataset, small_config):
    loader = BatchLoader(dataset, small_config(), steps=2)
    assert len(loader) == 2
    for index in (2, -1):
        with pytest.raises(IndexError):
            loader[index]


def test_processes_make_their_parts_of_a_batch_and_no_others(dataset, small_config):
    config = type("Shared", (small_config,), {"IMAGES_PER_GPU": 4, "SEED": 5})()
    whole = BatchLoader(dataset, config, Augmentation(), threads=0)
    loaded = []
    load_image = dataset.load_image
    dataset.load_image = lambda image_id: loaded.append(int(image_id)) or load_image(image_id)
    parts = [BatchLoader(dataset, config, Augmentation(), threads=0, shard=(n, 2)) for n in (0, 1)]
    for index in (0, 3):
        del loaded[:]
        first = parts[0][index]
        assert loaded == parts[0].image_ids_of(index)[:2] == whole.image_ids_of(index)[:2]
        together = [
            np.concatenate(arrays) for arrays in zip(first[0], parts[1][index][0], strict=True)
        ]
        assert_equal_batches((together,), whole[index])
    with pytest.raises(ConfigError, match="batch of 4 images cannot be shared evenly by 3 process"):
        BatchLoader(dataset, config, shard=(0, 3))


def test_threads_for_each_device_and_at_most_one_a_processor(dataset, small_config, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    settings = {"GPU_COUNT": 4, "IMAGES_PER_GPU": 2, "LOADER_WORKERS": 2}
    config = type("Shared", (small_config,), settings)()
    for shard, threads in (((0, 1), 8), ((1, 2), 4), ((0, 4), 2)):
        loader = BatchLoader(dataset, config, shard=shard)
        assert loader._threads == threads
        loader.close()
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    loader = BatchLoader(dataset, config)
    assert loader._threads == 3
    loader.close()
