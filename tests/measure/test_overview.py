"""A picture made smaller, and where objects are in it."""

import numpy as np
import pytest

from mrcnn.instances import Instances
from mrcnn.measure.overview import covered, shrunken
from tests.drawn_objects import objects_of


def test_means_of_squares_also_of_those_that_are_cut():
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    small = shrunken(image, 3)
    assert small.shape == (2, 3, 3) and small.dtype == np.uint8
    for y, x in np.ndindex(2, 3):
        square = image[3 * y : 3 * y + 3, 3 * x : 3 * x + 3].reshape(-1, 3)
        np.testing.assert_array_equal(small[y, x], np.round(square.mean(axis=0)))
    assert shrunken(image, 1) is image
    (((mean,),),) = [shrunken(image, 90)]
    np.testing.assert_array_equal(mean, np.round(image.mean(axis=(0, 1))))


@pytest.mark.parametrize("shape", [(40, 60), (20, 30), (13, 15), (14, 20), (1, 1)])
def test_objects_lie_where_the_middles_of_the_pixels_do(shape):
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 30, (6, 2))
    boxes = np.hstack([corners, corners + rng.integers(1, 11, (6, 2))])
    crops = [rng.random((y2 - y1, x2 - x1)) < 0.6 for y1, x1, y2, x2 in boxes]
    instances = objects_of((40, 60), boxes, crops=crops)
    y = np.int64((np.arange(shape[0]) + 0.5) * 40 / shape[0])
    x = np.int64((np.arange(shape[1]) + 0.5) * 60 / shape[1])
    expected = instances.full_masks().any(axis=2)[np.ix_(y, x)]
    np.testing.assert_array_equal(covered(instances, shape), expected)
    assert not covered(Instances.empty((40, 60)), shape).any()
    # A box alone covers nothing that is known.
    assert not covered(Instances.from_boxes((40, 60), boxes, np.ones(6)), shape).any()
