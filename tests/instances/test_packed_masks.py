"""Masks as packed bits."""

import numpy as np

from mrcnn.instances import PackedMasks


def test_areas_are_those_of_the_masks_that_were_taken():
    masks = PackedMasks([np.ones((2, 3)), None, np.eye(4), np.zeros((1, 1))])
    assert masks.take([2]).areas().tolist() == [4]
    areas = masks.areas()
    assert areas.tolist() == [6, 0, 4, 0]
    # What is given is the caller's.
    areas[:] = 9
    assert masks.areas().tolist() == [6, 0, 4, 0]
    assert masks.take([2, 0, 1]).areas().tolist() == [4, 6, 0]
    assert masks.take([]).areas().tolist() == []
    assert masks[1:].joined([masks.take([0])]).areas().tolist() == [0, 4, 0, 6]
