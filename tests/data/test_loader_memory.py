"""What the loader keeps, and what it never makes: memory as tracemalloc sees it."""

import tracemalloc

import numpy as np
import pytest

from mrcnn.data.augmentation import Augmentation
from mrcnn.data.loader import BatchLoader
from mrcnn.instances import Instances

MIB = 2**20


@pytest.fixture
def images(cells_dataset):
    """36 images of which each takes 36 KiB when it is resized: `images(as_polygons)`."""

    class Fresh(cells_dataset):
        reads = 0

        def load_image(self, image_id):
            self.reads += 1
            return super().load_image(image_id).copy()

        def load_mask(self, image_id):
            info = self.image_info[image_id]
            shape = info["pixels"].shape
            instances = Instances.from_polygons(info["polygons"], info["class_ids"], shape)
            return instances.full_masks(), instances.class_ids

    return lambda as_polygons=True: Fresh([4] * 36, as_polygons=as_polygons)


@pytest.fixture
def traced():
    tracemalloc.start()
    yield tracemalloc
    tracemalloc.stop()


def one_epoch(loader):
    return [loader[index] for index in range(len(loader))]


@pytest.mark.parametrize("as_polygons", [True, False])
def test_the_cache_keeps_within_its_budget(images, small_config, traced, as_polygons):
    dataset, config = images(as_polygons), small_config()
    config.LOADER_CACHE_MB = 1
    loader = BatchLoader(dataset, config, Augmentation(), steps=18, shuffle=False, threads=0)
    loader[0]
    before = traced.get_traced_memory()[0]
    for index in range(18):
        loader[index]
    kept = traced.get_traced_memory()[0] - before
    # The objects around the arrays are not counted: below 2 KiB an image.
    assert 0.85 * MIB < kept < MIB + 28 * 2**11

    first_reads, dataset.reads = dataset.reads, 0
    for index in range(18):
        loader[index]
    assert first_reads == 36
    assert 8 <= dataset.reads <= 12, "28 pictures and their instances fit into the budget"


def test_without_a_budget_nothing_is_kept(images, small_config, traced):
    config = small_config()
    config.LOADER_CACHE_MB = 0
    loader = BatchLoader(images(), config, Augmentation(), steps=18, threads=0)
    loader[0]
    before = traced.get_traced_memory()[0]
    for index in range(18):
        loader[index]
    assert traced.get_traced_memory()[0] - before < 0.1 * MIB


@pytest.mark.parametrize("as_polygons", [True, False])
@pytest.mark.parametrize("library", ["own", "imgaug"])
def test_the_cache_changes_nothing(images, small_config, as_polygons, library):
    augmentation = Augmentation()
    if library == "imgaug":
        augmenters = pytest.importorskip("imgaug.augmenters")
        augmentation = augmenters.Sequential(
            [augmenters.Fliplr(0.5), augmenters.Multiply((0.5, 1.5)), augmenters.Affine(rotate=10)]
        )
    dataset, loaders = images(as_polygons), []
    for megabytes, threads in ((0, 0), (1, 0), (64, 3)):
        config = small_config()
        config.LOADER_CACHE_MB = megabytes
        loaders.append(BatchLoader(dataset, config, augmentation, steps=18, threads=threads))
    # In the second epoch images come from the cache.
    for _ in range(2):
        for batches in zip(*map(one_epoch, loaders), strict=True):
            (first,), *others = batches
            for (other,) in others:
                for one, another in zip(first, other, strict=True):
                    np.testing.assert_array_equal(one, another)
        for loader in loaders:
            loader.on_epoch_end()


class TestNoStackOfMasks:
    """With polygons there is never an array of H x W x N, nor one of the network's input x N."""

    @pytest.fixture
    def config(self, make_config):
        return make_config(
            NAME="wide",
            NUM_CLASSES=3,
            IMAGES_PER_GPU=1,
            IMAGE_MIN_DIM=512,
            IMAGE_MAX_DIM=512,
            MAX_GT_INSTANCES=100,
            MINI_MASK_SHAPE=(28, 28),
            TRAIN_ROIS_PER_IMAGE=400,
            LOADER_CACHE_MB=0,
            SEED=0,
        )

    @pytest.fixture
    def field(self, cells_dataset):
        class OnlyPolygons(cells_dataset):
            def load_mask(self, image_id):
                raise AssertionError("A dataset with polygons was asked for whole masks.")

        return lambda shape: OnlyPolygons([100], shape=shape)

    def peak(self, traced, dataset, config, augmentation):
        """The most bytes held while a batch was made, and its number of instances."""
        loader = BatchLoader(dataset, config, augmentation, threads=0)
        loader[0]  # Tables that are made once.
        traced.reset_peak()
        before = traced.get_traced_memory()[0]
        (batch,) = loader[0]
        return traced.get_traced_memory()[1] - before, np.count_nonzero(batch[4])

    @pytest.mark.parametrize("augmentation", [None, Augmentation(scale=(1.0, 1.0))])
    def test_of_the_image(self, field, config, traced, augmentation):
        peak, count = self.peak(traced, field((1200, 1600)), config, augmentation)
        assert count > 90
        assert peak < 1200 * 1600 * count / 3

    @pytest.mark.parametrize("augmentation", [None, Augmentation(scale=(1.0, 1.0))])
    def test_of_the_network_s_input(self, field, config, traced, augmentation):
        peak, count = self.peak(traced, field((512, 512)), config, augmentation)
        assert count > 90
        assert peak < 512 * 512 * count
