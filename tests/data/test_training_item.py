"""One training image: equal to the original's steps, whatever form the instances have."""

import threading

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mrcnn import utils
from mrcnn.data.augmentation import Augmentation
from mrcnn.data.dataset import Dataset
from mrcnn.data.molding import mini_masks
from mrcnn.data.prepared_image import ImageCache
from mrcnn.data.training_item import load_training_item
from mrcnn.errors import DataError
from mrcnn.instances import Instances


def generator(seed=0):
    return np.random.default_rng(seed)


def unpack(recorded, name):
    shape = recorded[f"{name}_shape"]
    bits = np.unpackbits(recorded[f"{name}_packed"])[: np.prod(shape)]
    return bits.reshape(shape).astype(bool)


class MaskDataset(Dataset):
    """One image with masks."""

    def __init__(self, image, masks, class_ids):
        super().__init__()
        self.image, self.masks, self.mask_class_ids = image, masks, class_ids
        self.add_class("a", 1, "one")
        self.add_class("a", 2, "two")
        self.add_image("a", "0", None)
        self.prepare()

    def load_image(self, image_id):
        return self.image

    def load_mask(self, image_id):
        return self.masks, self.mask_class_ids


def test_recorded_item(recorded, small_config):
    class GoldenConfig(small_config):
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = 256

    dataset = MaskDataset(
        recorded["gt_src_image"], unpack(recorded, "gt_src_masks"), recorded["gt_src_ids"]
    )
    item = load_training_item(dataset, GoldenConfig(), 0, generator())
    np.testing.assert_array_equal(item.image, recorded["gt_image"])
    assert item.image.dtype == np.uint8
    np.testing.assert_allclose(item.image_meta, recorded["gt_mini_meta"], rtol=1e-12)
    np.testing.assert_array_equal(item.instances.boxes, recorded["gt_mini_boxes"])
    np.testing.assert_array_equal(item.instances.class_ids, recorded["gt_mini_ids"])
    np.testing.assert_array_equal(
        mini_masks(item.instances, (28, 28)), unpack(recorded, "gt_mini_masks")
    )
    np.testing.assert_array_equal(item.instances.full_masks(), unpack(recorded, "gt_full_masks"))
    np.testing.assert_array_equal(item.instances.boxes, recorded["gt_full_boxes"])


@settings(max_examples=40)
@example(shape=(15, 37), dims=(64, 64), seed=0)
@given(
    st.tuples(st.integers(3, 60), st.integers(3, 60)),
    st.sampled_from([(16, 64), (64, 64), (0, 32)]),
    st.integers(0, 1000),
)
def test_masks_are_resized_as_whole_masks_are(shape, dims, seed):
    rng = generator(seed)
    masks = np.zeros((*shape, 4), bool)
    for number in range(4):
        y, x = rng.integers(0, shape)
        masks[y : y + rng.integers(1, 20), x : x + rng.integers(1, 20), number] = True
    masks &= rng.random(masks.shape) < 0.8
    image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    ids = np.array([1, 2, 1, 2])

    class Sizes:
        IMAGE_MIN_DIM, IMAGE_MAX_DIM = dims
        IMAGE_MIN_SCALE = 0
        IMAGE_FIT = False
        IMAGE_RESIZE_MODE = "square"
        IMAGE_CHANNEL_COUNT = 3

    item = load_training_item(MaskDataset(image, masks, ids), Sizes, 0, generator())
    expected_image, window, scale, padding, _ = utils.resize_image(image, *dims)
    expected = utils.resize_mask(masks, scale, padding)
    kept = expected.any(axis=(0, 1))
    np.testing.assert_array_equal(item.image, expected_image)
    np.testing.assert_array_equal(item.instances.full_masks(), expected[:, :, kept])
    np.testing.assert_array_equal(item.instances.class_ids, ids[kept])
    assert tuple(item.image_meta[7:11]) == window
    assert item.image_meta[11] == pytest.approx(scale)


def test_polygons_and_masks_give_nearly_the_same(cells_dataset, small_config):
    polygons = cells_dataset([9])
    masks = cells_dataset([9], as_polygons=False)
    assert masks.load_polygons(0) is None
    items = [
        load_training_item(dataset, small_config(), 0, generator()) for dataset in (polygons, masks)
    ]
    np.testing.assert_array_equal(items[0].image, items[1].image)
    np.testing.assert_array_equal(items[0].image_meta, items[1].image_meta)
    assert items[0].instances.class_ids.tolist() == items[1].instances.class_ids.tolist()
    first, second = (item.instances.full_masks() for item in items)
    union = (first | second).sum(axis=(0, 1))
    assert ((first & second).sum(axis=(0, 1)) / union > 0.8).all()
    assert np.abs(items[0].instances.boxes - items[1].instances.boxes).max() <= 2


@pytest.mark.parametrize("as_polygons", [True, False])
def test_augmented_masks_follow_the_picture(small_config, as_polygons):
    """A red square on black stays exactly under its mask, up to the blur of its edge."""

    class Square(MaskDataset):
        def load_polygons(self, image_id):
            corners = [(19.5, 29.5), (19.5, 59.5), (39.5, 59.5), (39.5, 29.5)]
            return ([np.array(corners)], np.array([2], np.int32)) if as_polygons else None

    image = np.zeros((90, 120, 3), np.uint8)
    image[20:40, 30:60, 0] = 255
    dataset = Square(image, image[:, :, :1] > 0, np.array([2]))
    geometry = Augmentation(brightness=0, contrast=0, color=0, gamma=0, blur=0, noise=0)
    shown = 0
    for seed in range(25):
        item = load_training_item(dataset, small_config(), 0, generator(seed), geometry)
        if len(item.instances) == 0:
            assert item.image.max() < 128
            continue
        shown += 1
        mask = item.instances.full_masks()[:, :, 0]
        red = item.image[:, :, 0] > 127
        perimeter = 2 * (mask.any(axis=0).sum() + mask.any(axis=1).sum())
        assert np.count_nonzero(mask != red) <= perimeter
        assert np.count_nonzero(mask & red) > 0.8 * np.count_nonzero(mask)
        y1, x1, y2, x2 = item.image_meta[7:11].astype(int)
        outside = item.image.copy()
        outside[y1:y2, x1:x2] = 0
        assert not outside.any()
        scale = item.image_meta[11] / (128 / 120)
        assert 0.8 <= scale <= 1.25
    assert shown > 20


def test_padding_stays_black_under_color_changes(cells_dataset, small_config):
    item = load_training_item(
        cells_dataset([3]), small_config(), 0, generator(), Augmentation(scale=(0.6, 0.6))
    )
    y1, x1, y2, x2 = item.image_meta[7:11].astype(int)
    padding = np.ones(item.image.shape[:2], bool)
    padding[y1:y2, x1:x2] = False
    assert padding.sum() > 0.3 * padding.size
    assert not item.image[padding].any()
    assert item.image[~padding].std() > 20


class TestCrop:
    @pytest.fixture
    def config(self, small_config):
        class CropConfig(small_config):
            IMAGE_RESIZE_MODE = "crop"
            IMAGE_MIN_DIM = 64

        return CropConfig()

    @pytest.mark.parametrize("as_polygons", [True, False])
    def test_crop_shows_a_part(self, cells_dataset, config, as_polygons):
        dataset = cells_dataset([20], shape=(100, 150), as_polygons=as_polygons)
        whole = dataset.load_image(0)
        full = dataset.load_instances(0).full_masks()
        places = set()
        for seed in range(8):
            item = load_training_item(dataset, config, 0, generator(seed))
            assert item.image.shape == (64, 64, 3)
            assert item.image_meta[7:12].tolist() == [0, 0, 64, 64, 1]
            (y,), (x,) = np.nonzero(
                [
                    [
                        np.array_equal(whole[y : y + 64, x : x + 64], item.image)
                        for x in range(150 - 63)
                    ]
                    for y in range(100 - 63)
                ]
            )
            places.add((y, x))
            part = full[y : y + 64, x : x + 64]
            kept = part.any(axis=(0, 1))
            np.testing.assert_array_equal(item.instances.full_masks(), part[:, :, kept])
        assert len(places) > 5

    def test_small_images_are_scaled_up(self, cells_dataset, config):
        item = load_training_item(cells_dataset([2], shape=(30, 50)), config, 0, generator())
        assert item.image.shape == (64, 64, 3)
        assert item.image_meta[11] == pytest.approx(64 / 30)

    def test_generator_decides(self, cells_dataset, config):
        dataset = cells_dataset([20], shape=(100, 150))
        first, again, other = (
            load_training_item(dataset, config, 0, generator(seed)).image for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


@pytest.mark.parametrize("as_polygons", [True, False])
def test_image_without_instances(cells_dataset, small_config, as_polygons):
    dataset = cells_dataset([0], as_polygons=as_polygons)
    item = load_training_item(dataset, small_config(), 0, generator(), Augmentation())
    assert isinstance(item.instances, Instances)
    assert len(item.instances) == 0
    assert item.instances.boxes.shape == (0, 4)


def test_default_dataset_without_masks(small_config):
    dataset = MaskDataset(
        np.zeros((5, 9, 3), np.uint8), np.empty((0, 0, 0), bool), np.empty(0, np.int32)
    )
    assert len(load_training_item(dataset, small_config(), 0, generator()).instances) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 3)])
def test_odd_sizes(small_config, shape):
    dataset = MaskDataset(
        np.full((*shape, 3), 200, np.uint8), np.ones((*shape, 1), bool), np.array([1])
    )
    item = load_training_item(dataset, small_config(), 0, generator())
    assert item.image.shape == (128, 128, 3)
    assert len(item.instances) == 1
    y1, x1, y2, x2 = item.image_meta[7:11].astype(int)
    assert item.instances.boxes.tolist() == [[y1, x1, y2, x2]]


def test_crowds_keep_their_negative_id(small_config):
    masks = np.zeros((20, 20, 2), bool)
    masks[2:9, 2:9, 0] = masks[11:19, 3:15, 1] = True
    dataset = MaskDataset(np.zeros((20, 20, 3), np.uint8), masks, np.array([2, -1]))
    item = load_training_item(dataset, small_config(), 0, generator())
    assert item.instances.class_ids.tolist() == [2, -1]


@pytest.mark.parametrize("class_id", [0, 3, -3])
def test_class_ids_out_of_range(small_config, class_id):
    dataset = MaskDataset(
        np.zeros((8, 8, 3), np.uint8), np.ones((8, 8, 1), bool), np.array([class_id])
    )
    with pytest.raises(DataError, match=f"class id {class_id} is out of range.*1 to 2"):
        load_training_item(dataset, small_config(), 0, generator())


def test_masks_of_another_size(small_config):
    dataset = MaskDataset(np.zeros((8, 8, 3), np.uint8), np.ones((8, 9, 1), bool), np.array([1]))
    with pytest.raises(DataError, match="masks are 8 x 9 pixels, the image is 8 x 8"):
        load_training_item(dataset, small_config(), 0, generator())


def test_image_that_is_not_rgb(small_config):
    dataset = MaskDataset(np.zeros((8, 8), np.uint8), np.ones((8, 8, 1), bool), np.array([1]))
    with pytest.raises(DataError, match=r"shape \(8, 8\); an image \[H, W, 3\]"):
        load_training_item(dataset, small_config(), 0, generator())


class TestCache:
    @pytest.fixture
    def counting(self, cells_dataset):
        class Counting(cells_dataset):
            reads = 0

            def load_image(self, image_id):
                type(self).reads += 1
                return super().load_image(image_id)

        return Counting([3, 3, 3])

    def load_twice(self, dataset, config, cache):
        for _ in range(2):
            for image_id in dataset.image_ids:
                yield load_training_item(dataset, config, image_id, generator(), cache=cache)

    def test_each_image_is_read_once(self, counting, small_config):
        cache = ImageCache(10**8)
        items = list(self.load_twice(counting, small_config(), cache))
        assert type(counting).reads == 3
        np.testing.assert_array_equal(items[0].image, items[3].image)
        assert cache.used_bytes > 3 * 96 * 128 * 3

    def test_the_budget_holds(self, counting, small_config):
        cache = ImageCache(2 * 96 * 128 * 3 + 3000)
        assert len(list(self.load_twice(counting, small_config(), cache))) == 6
        assert cache.used_bytes <= cache.max_bytes
        assert type(counting).reads == 4

    def test_without_a_budget_everything_is_read_again(self, counting, small_config):
        list(self.load_twice(counting, small_config(), ImageCache(0)))
        assert type(counting).reads == 6

    def test_items_do_not_change_what_is_kept(self, counting, small_config):
        cache = ImageCache(10**8)
        first = load_training_item(counting, small_config(), 0, generator(), cache=cache)
        before = first.image.copy()
        first.image[:] = 0
        for crop in first.instances.crops:
            crop[:] = False
        again = load_training_item(counting, small_config(), 0, generator(), cache=cache)
        np.testing.assert_array_equal(again.image, before)
        assert (again.instances.areas() > 0).all()

    def test_threads_may_share_it(self, counting, small_config):
        cache, config, items = ImageCache(10**8), small_config(), {}

        def work(number):
            items[number] = load_training_item(
                counting, config, number % 3, generator(), cache=cache
            )

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(items) == 12
        for number, item in items.items():
            np.testing.assert_array_equal(item.image, items[number % 3].image)
        one_each = ImageCache(10**8)
        for image_id in range(3):
            one_each.get(counting, config, image_id)
        assert cache.used_bytes == one_each.used_bytes
