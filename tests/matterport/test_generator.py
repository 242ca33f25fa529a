"""Training images and batches as Matterport's programs ask for them."""

import itertools
import json

import numpy as np
import pytest

from mrcnn import model as modellib
from mrcnn.data.dataset import Dataset
from mrcnn.errors import ConfigError, DataError


@pytest.fixture
def config(golden, make_config):
    values = json.loads(str(golden("inference")["config"]))
    for derived in ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE"):
        del values[derived]
    return make_config(**values)


def unpacked(recorded, name):
    shape = recorded[f"{name}_shape"]
    return np.unpackbits(recorded[f"{name}_packed"])[: np.prod(shape)].reshape(shape).astype(bool)


class Arrays(Dataset):
    """Images, masks and class ids from memory."""

    def load_image(self, image_id):
        return self.image_info[image_id]["image"]

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        return info["masks"], info["ids"]


def dataset_of(*items, classes=2, sources=("a",)):
    dataset = Arrays()
    for source in sources:
        for number in range(1, classes + 1):
            dataset.add_class(source, number, f"{source}{number}")
    for number, (image, masks, ids, *source) in enumerate(items):
        name = source[0] if source else sources[0]
        dataset.add_image(name, number, None, image=image, masks=masks, ids=np.array(ids, np.int32))
    dataset.prepare()
    return dataset


@pytest.fixture
def recorded_dataset(golden):
    recorded = golden("utils")
    return dataset_of(
        (recorded["gt_src_image"], unpacked(recorded, "gt_src_masks"), recorded["gt_src_ids"])
    )


@pytest.fixture
def corner():
    """A square in the upper left corner of a 64 x 64 image."""
    image = np.zeros((64, 64, 3), np.uint8)
    masks = np.zeros((64, 64, 1), bool)
    image[5:20, 3:12] = 200
    masks[5:20, 3:12] = True
    return image, masks, [1]


@pytest.fixture
def plain(make_config):
    def make(**attributes):
        return make_config(
            **{
                "NUM_CLASSES": 3,
                "IMAGE_MIN_DIM": 64,
                "IMAGE_MAX_DIM": 64,
                "RPN_ANCHOR_SCALES": (4, 8, 16, 32, 64),
                "MAX_GT_INSTANCES": 4,
                **attributes,
            }
        )

    return make


@pytest.mark.parametrize("mini", [True, False])
def test_an_image_with_its_ground_truth_is_the_original_s(golden, recorded_dataset, config, mini):
    recorded, name = golden("utils"), "gt_mini" if mini else "gt_full"
    found = modellib.load_image_gt(recorded_dataset, config, 0, use_mini_mask=mini)
    expected = [
        recorded["gt_image"],
        *(recorded[f"{name}_{part}"] for part in ("meta", "ids", "boxes")),
        unpacked(recorded, f"{name}_masks"),
    ]
    for value, wanted in zip(found, expected, strict=True):
        assert value.dtype == wanted.dtype
        np.testing.assert_array_equal(value, wanted)


def test_augment_mirrors_and_is_superseded(corner, plain):
    dataset = dataset_of(corner)
    state = np.random.get_state()
    np.random.seed(0)
    seen = set()
    for _ in range(20):
        with pytest.warns(DeprecationWarning, match="superseded by augmentation="):
            image, _, _, boxes, masks = modellib.load_image_gt(dataset, plain(), 0, augment=True)
        seen.add(tuple(boxes[0].tolist()))
        np.testing.assert_array_equal(image[..., 0] > 0, masks[..., 0])
    np.random.set_state(state)
    assert seen == {(5, 3, 20, 12), (5, 52, 20, 61)}


def test_the_state_of_numpy_decides(corner, plain):
    from mrcnn.data.augmentation import Augmentation

    dataset = dataset_of(corner)
    state = np.random.get_state()
    images = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        images.append(modellib.load_image_gt(dataset, plain(), 0, augmentation=Augmentation())[0])
    np.random.set_state(state)
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


@pytest.mark.parametrize("channels", [1, 4])
def test_any_number_of_channels(plain, channels):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 64, channels), np.uint8)
    masks = np.zeros((40, 64, 1), bool)
    masks[10:20, 10:20] = True
    dataset = dataset_of((pixels, masks, [1]))
    config = plain(IMAGE_CHANNEL_COUNT=channels, MEAN_PIXEL=np.full(channels, 7.5))
    image = modellib.load_image_gt(dataset, config, 0)[0]
    assert image.shape == (64, 64, channels)
    np.testing.assert_array_equal(image[12:52], pixels)
    inputs, _ = next(modellib.data_generator(dataset, config))
    np.testing.assert_array_equal(inputs[0][0, 12:52], pixels - 7.5)
    with pytest.raises(DataError, match=r"shape \(40, 64, \d\).*IMAGE_CHANNEL_COUNT is 3"):
        modellib.load_image_gt(dataset, plain(), 0)


def test_images_keep_their_type(plain):
    pixels = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    dataset = dataset_of((pixels, np.ones((32, 32, 1), bool), [1]))
    with pytest.warns(UserWarning, match="has values from 0 to 1, where 0 to 255"):
        image = modellib.load_image_gt(dataset, plain(), 0)[0]
    assert image.dtype == np.float32
    assert 0 < image.max() <= 1


def test_arrays_of_a_batch(golden, recorded_dataset, config):
    generator = modellib.data_generator(recorded_dataset, config, batch_size=2, shuffle=False)
    with pytest.warns(UserWarning, match="TRAIN_ROIS_PER_IMAGE"):
        inputs, outputs = next(generator)
    assert outputs == []
    described = [(array.shape, array.dtype.name) for array in inputs]
    assert described == [
        ((2, 256, 256, 3), "float32"), ((2, 15), "float64"), ((2, 16368, 1), "int32"),
        ((2, 256, 4), "float64"), ((2, 20), "int32"), ((2, 20, 4), "int32"),
        ((2, 28, 28, 20), "bool"),
    ]  # fmt: skip
    recorded = golden("utils")
    np.testing.assert_allclose(inputs[0][1], recorded["gt_image"] - config.MEAN_PIXEL, atol=1e-5)
    np.testing.assert_array_equal(inputs[4][0, :13], recorded["gt_mini_ids"])
    np.testing.assert_array_equal(inputs[5][0, :13], recorded["gt_mini_boxes"])
    np.testing.assert_array_equal(inputs[6][0, ..., :13], unpacked(recorded, "gt_mini_masks"))
    assert not inputs[6][..., 13:].any()


def test_regions_and_their_targets(corner, plain):
    config = plain(TRAIN_ROIS_PER_IMAGE=8)
    generator = modellib.data_generator(
        dataset_of(corner), config, random_rois=30, batch_size=2, detection_targets=True
    )
    inputs, outputs = next(generator)
    assert [array.shape for array in inputs[7:]] == [(2, 30, 4), (2, 8, 4)]
    assert [(array.shape, array.dtype.name) for array in outputs] == [
        ((2, 8, 1), "int32"), ((2, 8, 3, 4), "float32"), ((2, 8, 28, 28, 3), "float32"),
    ]  # fmt: skip
    regions = {tuple(roi) for roi in inputs[7][0].tolist()}
    assert all(tuple(roi) in regions for roi in inputs[8][0].tolist())
    only_regions, nothing = next(modellib.data_generator(dataset_of(corner), config, random_rois=5))
    assert len(only_regions) == 8 and nothing == []
    without, nothing = next(
        modellib.data_generator(dataset_of(corner), config, detection_targets=True)
    )
    assert len(without) == 7 and nothing == []


def test_each_pass_has_all_images(plain):
    items = [(np.full((64, 64, 3), 10 * n, np.uint8), np.zeros((64, 64, 0)), []) for n in range(5)]
    config = plain(MEAN_PIXEL=np.zeros(3))

    def order(count, **options):
        generator = modellib.data_generator(dataset_of(*items), config, batch_size=2, **options)
        batches = itertools.islice(generator, count)
        return [int(image[0, 0, 0]) // 10 for batch, _ in batches for image in batch[0]]

    assert order(5, shuffle=False) == [0, 1, 2, 3, 4] * 2
    shuffled = order(10)
    assert all(sorted(shuffled[start : start + 5]) == [0, 1, 2, 3, 4] for start in (0, 5, 10, 15))
    state = np.random.get_state()
    np.random.seed(3)
    first = order(10)
    np.random.seed(3)
    assert order(10) == first
    np.random.set_state(state)


def test_images_without_objects_are_given(plain):
    empty = (np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 0), bool), [])
    inputs, _ = next(modellib.data_generator(dataset_of(empty), plain()))
    assert not inputs[4].any()
    assert set(np.unique(inputs[2])) == {-1, 0}


def test_sources_that_are_not_augmented(corner, plain):
    from mrcnn.data.augmentation import Augmentation

    turned = Augmentation(flip_horizontal=1.0, flip_vertical=0, quarter_turns=False, scale=(1, 1))
    dataset = dataset_of((*corner, "a"), (*corner, "b"), classes=1, sources=("a", "b"))
    generator = modellib.data_generator(
        dataset, plain(), shuffle=False, augmentation=turned, batch_size=2,
        no_augmentation_sources=["b"],
    )  # fmt: skip
    boxes = next(generator)[0][5]
    assert boxes[0, 0].tolist() == [5, 52, 20, 61]
    assert boxes[1, 0].tolist() == [5, 3, 20, 12]


def test_limits_are_reported_once(corner, plain):
    image, masks, ids = corner
    many = np.repeat(masks, 6, axis=-1)
    config = plain(MAX_GT_INSTANCES=5, TRAIN_ROIS_PER_IMAGE=12)
    generator = modellib.data_generator(dataset_of((image, many, ids * 6)), config)
    with pytest.warns(UserWarning) as warned:
        for _ in range(3):
            next(generator)
    messages = sorted(str(warning.message) for warning in warned)
    assert len(messages) == 2
    assert messages[0].startswith("Image 0 has 6 instances, but MAX_GT_INSTANCES is 5: a random")
    assert "allows 3 positive regions" in messages[1] and "16 regions would have" in messages[1]


def test_masks_and_class_ids_must_agree(corner, plain):
    image, masks, _ = corner
    for ids, wrong in (([1, 1], masks), ([1], masks[..., 0])):
        with pytest.raises(DataError, match=r"Image 0: load_mask gives masks of shape"):
            modellib.load_image_gt(dataset_of((image, wrong, ids)), plain(), 0)


def test_an_empty_mask_is_no_instance_whatever_its_class(corner, plain):
    image, masks, _ = corner
    padded = np.concatenate([masks, np.zeros_like(masks)], axis=-1)
    *_, class_ids, boxes, found = modellib.load_image_gt(
        dataset_of((image, padded, [1, 0])), plain(), 0
    )
    assert class_ids.tolist() == [1]
    assert len(boxes) == found.shape[-1] == 1
    with pytest.raises(DataError, match="class id 0 is out of range"):
        modellib.load_image_gt(dataset_of((image, masks, [0])), plain(), 0)


def test_something_that_is_no_augmentation_is_refused(corner, plain):
    with pytest.raises(ConfigError, match=r"augmentation is \['flip'\]"):
        modellib.load_image_gt(dataset_of(corner), plain(), 0, augmentation=["flip"])
    # Before the first batch is asked for.
    with pytest.raises(ConfigError, match="must be None, an augmenter of imgaug"):
        modellib.data_generator(dataset_of(corner), plain(), augmentation="flip")


def test_batches_by_number_as_the_forks_have_them(corner, plain):
    dataset = dataset_of(*[corner] * 3)
    generator = modellib.DataGenerator(dataset, plain(), shuffle=False, batch_size=2)
    assert len(generator) == 2
    found = [inputs[1][:, 0].tolist() for inputs, _ in (generator[0], generator[1], generator[0])]
    assert found == [[0, 1], [2, 0], [1, 2]]
    inputs, outputs = generator[1]
    assert (len(inputs), outputs) == (7, ())
    assert len(modellib.DataGenerator(dataset, plain(), random_rois=5)[0][0]) == 8
    with pytest.raises(IndexError, match="Batch 2 of 2"):
        generator[2]
