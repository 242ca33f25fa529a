"""Batches that do not divide among the devices."""

import numpy as np

from mrcnn.nets.sharing import filled_up


def test_rows_that_are_missing_are_copies_of_the_last():
    images, boxes = np.arange(12).reshape(3, 4), np.arange(3)
    filled = filled_up([images, boxes], 2)
    np.testing.assert_array_equal(filled[0], images[[0, 1, 2, 2]])
    np.testing.assert_array_equal(filled[1], [0, 1, 2, 2])


def test_rows_that_are_to_teach_nothing_are_images_and_zeros():
    images, boxes = np.arange(4).reshape(1, 4), np.ones((1, 2), bool)
    filled = filled_up([images, boxes], 4, weightless=True)
    np.testing.assert_array_equal(filled[0], images[[0, 0, 0, 0]])
    np.testing.assert_array_equal(filled[1], [[True, True]] + 3 * [[False, False]])
    assert filled[1].dtype == bool


def test_a_batch_that_divides_stays_as_it_is():
    images = np.arange(4)
    assert filled_up([images], 2)[0] is images
