"""The loader's own threads, and what Keras does with the loader."""

import random
import threading
import time

import keras
import numpy as np
import pytest

from mrcnn.data.augmentation import Augmentation
from mrcnn.data.loader import BatchLoader, FollowEpochs
from mrcnn.errors import DataError


@pytest.fixture
def dataset(cells_dataset):
    return cells_dataset([5, 0, 1, 9, 3, 7, 12])


def assert_equal_batches(first, second):
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)


class TestAhead:
    """The loader's own threads."""

    @pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (0, 1, 4, 2, 2, 3)])
    def test_any_number_of_threads_gives_the_same(self, dataset, small_config, order):
        loaders = [
            BatchLoader(dataset, small_config(), Augmentation(), threads=threads)
            for threads in (0, 1, 2, 5)
        ]
        seen = set()
        for _ in range(3):
            for index in order:
                first, *others = (loader[index] for loader in loaders)
                seen.add(first[0][0].tobytes())
                for other in others:
                    assert_equal_batches(first, other)
            for loader in loaders:
                loader.on_epoch_end()
        assert len(seen) == 3 * 5

    def test_threads_draw_the_same_from_imgaug(self, dataset, small_config):
        augmenters = pytest.importorskip("imgaug.augmenters")
        augmentation = augmenters.SomeOf(
            (1, 3),
            [
                augmenters.Fliplr(0.5),
                augmenters.Affine(rotate=(-90, 90)),
                augmenters.Multiply((0.6, 1.4)),
                augmenters.GaussianBlur((0.0, 2.0)),
            ],
            random_order=True,
        )
        plain, *loaders = [
            BatchLoader(dataset, small_config(), augmentation, threads=threads)
            for threads in (0, 2, 5)
        ]
        for epoch in (0, 1):
            for index in range(5):
                expected = plain[index]
                for loader in loaders:
                    assert_equal_batches(loader[index], expected)
            for loader in (plain, *loaders):
                loader.epoch = epoch + 1

    def test_next_batches_are_made_before_they_are_asked_for(self, dataset, small_config):
        made = []

        class Noting(BatchLoader):
            def _make_batch(self, epoch, index):
                made.append((epoch, index))
                return super()._make_batch(epoch, index)

        loader = Noting(dataset, small_config(), threads=2, steps=20)
        loader[3]
        wait_until(lambda: len(made) == 4)
        assert sorted(made) == [(0, 3), (0, 4), (0, 5), (0, 6)]
        loader[4]
        wait_until(lambda: len(made) == 5)
        assert made[-1] == (0, 7)

    def test_little_is_kept(self, dataset, small_config):
        """Also when the batches are asked for in no order at all."""
        loader = BatchLoader(dataset, small_config(), threads=2, steps=30)
        order = list(range(30))
        random.Random(0).shuffle(order)
        for index in order:
            loader[index]
            assert len(loader._ahead) <= 3
        loader.on_epoch_end()
        assert not loader._ahead

    def test_threads_end_with_the_loader(self, dataset, small_config):
        before = set(threading.enumerate())
        loader = BatchLoader(dataset, small_config(), threads=3)
        loader[0]
        started = set(threading.enumerate()) - before
        assert started
        del loader
        wait_until(lambda: not any(thread.is_alive() for thread in started))

    @pytest.mark.parametrize("threads", [0, 2])
    def test_an_error_comes_with_its_batch(self, cells_dataset, small_config, threads):
        loader = BatchLoader(
            damaged(cells_dataset), small_config(), shuffle=False, steps=4, threads=threads
        )
        for index in (0, 1, 3):
            loader[index]
        assert loader.error is None
        with pytest.raises(DataError, match=r"broken\.jpg"):
            loader[2]
        assert "broken.jpg" in str(loader.error)
        loader[3]

    @pytest.mark.parametrize("threads", [0, 2])
    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, MemoryError])
    def test_any_error_reaches_who_asks(self, cells_dataset, small_config, threads, kind):
        loader = BatchLoader(
            damaged(cells_dataset, kind("broken.jpg")),
            small_config(),
            shuffle=False,
            steps=4,
            threads=threads,
        )
        loader[1]
        with pytest.raises(kind, match=r"broken\.jpg"):
            loader[2]
        assert isinstance(loader.error, kind)
        loader[3]


def wait_until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited for 5 s in vain")


def damaged(cells_dataset, error=None):
    """Eight images, of which number 4 cannot be read."""
    error = error or DataError("Cannot read the image broken.jpg.")

    class Damaged(cells_dataset):
        def load_image(self, image_id):
            if image_id == 4:
                raise error
            return super().load_image(image_id)

    return Damaged([3] * 8)


class BrightnessRecorder(keras.Model):
    """Logs the sum of the pixels of an epoch, each batch weighted by its place in the epoch."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, kernel_initializer="zeros")
        self.total = keras.metrics.Sum(name="total")
        self.place = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def build(self, shapes):
        self.dense.build((None, 3))

    def call(self, inputs):
        return self.dense(keras.ops.mean(inputs[0], axis=(1, 2)))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.place.assign_add(1.0)
        self.total.update_state(keras.ops.mean(x[0]) * self.place)
        return keras.ops.mean(y_pred)


class TestInFit:
    """What Keras does with the loader decides whether each epoch gets its batches."""

    def sums(self, dataset, config, threads, initial_epoch=0):
        loader = BatchLoader(dataset, config, Augmentation(), steps=3, threads=threads)
        model = BrightnessRecorder()
        model.compile(optimizer="sgd")
        model.build(None)
        model.place.assign(3.0 * initial_epoch)
        history = model.fit(
            loader,
            shuffle=False,
            initial_epoch=initial_epoch,
            epochs=3,
            verbose=0,
            callbacks=[FollowEpochs(loader)],
        )
        return history.history["total"]

    def expected(self, dataset, config):
        loader = BatchLoader(dataset, config, Augmentation(), steps=3)
        for epoch in range(3):
            loader.epoch = epoch
            yield sum(
                float(loader[index][0][0].mean()) * (3 * epoch + index + 1) for index in range(3)
            )

    @pytest.mark.parametrize(("threads", "initial_epoch"), [(0, 0), (3, 0), (2, 1)])
    def test_each_epoch_gets_its_batches_in_order(
        self, dataset, small_config, threads, initial_epoch
    ):
        expected = list(self.expected(dataset, small_config()))
        sums = self.sums(dataset, small_config(), threads, initial_epoch)
        np.testing.assert_allclose(sums, expected[initial_epoch:], rtol=1e-3)

    @pytest.mark.parametrize("threads", [0, 3])
    def test_an_unreadable_image_ends_the_run(self, cells_dataset, small_config, threads):
        with pytest.raises(Exception, match=r"broken\.jpg"):
            self.sums(damaged(cells_dataset), small_config(), threads)
