"""Several sources of images, each with its share of those that are drawn."""

from collections import Counter

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import BatchLoader
from mrcnn.data.shares import SharedOrder
from mrcnn.errors import DataError
from tests.small_data import CellsDataset


def sources(shares, counts=(3, 5)):
    dataset = Dataset()
    for source, count in zip("ab", counts, strict=True):
        for number in range(count):
            dataset.add_image(source, number, None)
    dataset.prepare()
    dataset.shares = shares
    return dataset


def generator(*key):
    return np.random.default_rng(np.random.SeedSequence(7, spawn_key=key))


def test_each_source_has_its_share_and_each_of_its_images_the_same():
    dataset = sources({"a": 0.75, "b": 0.25})
    order = SharedOrder(dataset, generator)
    images = [order.image_at(number) for number in range(2000)]
    counts = Counter(images)
    assert [counts[image] for image in range(3)] == [500] * 3
    assert [counts[image] for image in range(3, 8)] == [100] * 5
    # Every three of the first source are all of its images.
    first = [image for image in images if image < 3]
    assert all(set(first[start : start + 3]) == {0, 1, 2} for start in range(0, 1500, 3))
    assert 700 < sum(image < 3 for image in images[500:1500]) < 800
    # A place has its image whatever was asked for before.
    assert SharedOrder(dataset, generator).image_at(1234) == images[1234]


def test_a_source_without_a_share_is_not_drawn_and_thirds_are_whole_images():
    order = SharedOrder(sources({"b": 1.0}), generator)
    assert {order.image_at(number) for number in range(50)} == {3, 4, 5, 6, 7}
    order = SharedOrder(sources({"a": 1 / 3, "b": 2 / 3}), generator)
    assert sum(order.image_at(number) < 3 for number in range(1000)) == 333


@pytest.mark.parametrize("shares", [{"a": 0.5}, {"a": 0.5, "c": 0.5}, {"a": 1.5, "b": -0.5}])
def test_shares_that_cannot_be(shares):
    with pytest.raises(DataError, match=r"Dataset\.shares are"):
        SharedOrder(sources(shares), generator)


def test_a_loader_draws_by_shares_and_validation_does_not(small_config):
    dataset = CellsDataset([2, 2, 2, 2])
    for number, info in enumerate(dataset.image_info):
        info["source"] = "cells" if number else "other"
    dataset.prepare()
    dataset.source_class_ids["other"] = [0, 1]
    dataset.shares = {"cells": 0.1, "other": 0.9}
    loader = BatchLoader(dataset, small_config(), steps=500, threads=0)
    drawn = Counter(image for index in range(500) for image in loader.image_ids_of(index))
    assert drawn[0] == 900
    plain = BatchLoader(dataset, small_config(), steps=2, threads=0, shuffle=False)
    assert plain.image_ids_of(0) + plain.image_ids_of(1) == [0, 1, 2, 3]
