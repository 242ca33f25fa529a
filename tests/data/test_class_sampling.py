"""Images with rare classes, drawn more often."""

from collections import Counter

import numpy as np
import pytest

from mrcnn.data.class_sampling import RepeatedOrder, repeat_factors
from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import BatchLoader
from mrcnn.data.shares import SharedOrder
from mrcnn.errors import ConfigError, DataError
from tests.small_data import CellsDataset


class Counted(Dataset):
    """Images of which the classes of the objects are known and nothing else."""

    def __init__(self, *images, classes=("common", "rare"), sources="a"):
        super().__init__()
        for source in sources:
            for number, name in enumerate(classes, start=1):
                self.add_class(source, number, name)
        for number, ids in enumerate(images):
            self.add_image(sources[number % len(sources)], number, None, ids=ids)
        self.prepare()

    def load_polygons(self, image_id):
        ids = self.image_info[image_id]["ids"]
        return [np.zeros((3, 2))] * len(ids), np.array(ids, np.int32)


def generator(*key):
    return np.random.default_rng(np.random.SeedSequence(7, spawn_key=key))


def test_factors_are_those_of_the_rarest_class():
    """4 of 100 objects are rare: twice as many are wanted of 16 of 100, as a root."""
    dataset = Counted([1] * 48, [1] * 46 + [2] * 2, [1, 2], [1, 2], [])
    found = repeat_factors(dataset, 0.16)
    # Images that have it have 4 / 3 of it on average.
    np.testing.assert_allclose(found, [1, 2, 1.75, 1.75, 1])
    np.testing.assert_array_equal(repeat_factors(dataset, 0.04), np.ones(5))


def test_objects_are_counted_where_the_class_is_annotated():
    dataset = Counted([1] * 9 + [2], [1] * 90, sources="ab")
    dataset.source_class_ids["b"] = [0, 1]
    np.testing.assert_allclose(repeat_factors(dataset, 0.4), [2, 1])
    dataset.source_class_ids["b"] = [0, 1, 2]
    np.testing.assert_allclose(repeat_factors(dataset, 0.4), [np.sqrt(40), 1])


def test_without_objects_nothing_is_rare():
    with pytest.raises(DataError, match="CLASS_SAMPLING"):
        repeat_factors(Counted([], []), 0.1)


def test_boxes_count_and_regions_to_ignore_do_not():
    class Boxes(Counted):
        def load_boxes(self, image_id):
            return np.ones((2, 4)), np.array([-1, 2], np.int32)

    assert Boxes([1, 1]).class_ids_of(0).tolist() == [1, 1, -1, 2]
    np.testing.assert_allclose(repeat_factors(Boxes([1, 1], [1, 1]), 4 / 3 / 3), [1.1547] * 2, 1e-4)


def test_each_image_is_as_frequent_as_its_factor_says():
    factors = np.array([1.0, 2.25, 1.0, 3.5])
    order = RepeatedOrder(np.arange(4) + 10, factors, generator)
    images = [order.image_at(number) for number in range(4 * 775)]
    counts = Counter(images)
    np.testing.assert_allclose([counts[n] / 400 for n in range(10, 14)], factors, atol=0.01)
    # A pass of it has whole numbers: not once in a while a run of the same.
    assert set(np.bincount(np.array(images[:31]) - 10)) <= {4, 8, 9, 10, 13, 14, 15, 3, 5}
    again = RepeatedOrder(np.arange(4) + 10, factors, generator)
    assert [again.image_at(number) for number in (2999, 17, 1234)] == [
        images[number] for number in (2999, 17, 1234)
    ]


def test_factors_of_one_are_passes_through_all():
    order = RepeatedOrder(np.arange(5), np.ones(5), generator)
    images = [order.image_at(number) for number in range(500)]
    assert all(set(images[first : first + 5]) == set(range(5)) for first in range(0, 500, 5))


def test_sources_keep_their_shares():
    dataset = Counted(*[[1] * 9 + [2] * (number == 1) for number in range(8)], sources="ab")
    dataset.shares = {"a": 0.25, "b": 0.75}
    factors = np.array([1, 3, 1, 1, 1, 1, 1, 1], float)
    order = SharedOrder(dataset, generator, factors)
    counts = Counter(order.image_at(number) for number in range(4000))
    assert sum(counts[number] for number in (0, 2, 4, 6)) == 1000
    np.testing.assert_allclose([counts[n] for n in (1, 3, 5, 7)], [1500, 500, 500, 500], atol=3)


def test_a_loader_draws_rare_classes_more_often_and_validation_does_not(small_config):
    dataset = CellsDataset([3, 3, 3, 3])
    for number, info in enumerate(dataset.image_info):
        info["class_ids"] = np.array([1, 1, 2 if number == 2 else 1], np.int32)
    config = type("Config", (small_config,), {"CLASS_SAMPLING": 0.75, "LOADER_WORKERS": 0})()
    loader = BatchLoader(dataset, config, steps=100)
    counts = Counter(image for index in range(100) for image in loader.image_ids_of(index))
    np.testing.assert_allclose(counts[2] / counts[0], 3, atol=0.05)
    assert counts[0] == pytest.approx(counts[1], abs=1)
    ordered = BatchLoader(dataset, config, shuffle=False, steps=2)
    assert ordered.image_ids_of(0) + ordered.image_ids_of(1) == [0, 1, 2, 3]


@pytest.mark.parametrize("value", [0, -0.1, 1.5, "0.1", True])
def test_values_that_cannot_be(small_config, value):
    with pytest.raises(ConfigError, match=r"CLASS_SAMPLING is .* None or a number above 0"):
        type("Config", (small_config,), {"CLASS_SAMPLING": value})()
