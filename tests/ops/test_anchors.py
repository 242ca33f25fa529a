"""Anchors against the original's numbers and against their definition."""

import numpy as np
import pytest

from mrcnn.ops.anchors import generate_anchors, generate_pyramid_anchors, normalize_anchors


@pytest.mark.parametrize(("stride", "name"), [(1, "anchors_small"), (2, "anchors_small_stride2")])
def test_pyramid_anchors_are_the_original_s(golden, stride, name):
    anchors = generate_pyramid_anchors((16, 32), [0.5, 1, 2], [(4, 6), (2, 3)], (8, 16), stride)
    np.testing.assert_array_equal(anchors, golden("anchors")[name])


def test_several_scales_on_one_level_keep_area_ratio_and_center():
    anchors = generate_anchors([10, 20], [0.5, 2], (2, 3), 16, 1).reshape(2, 3, 2, 2, 4)
    height = anchors[..., 2] - anchors[..., 0]
    width = anchors[..., 3] - anchors[..., 1]
    np.testing.assert_allclose(height * width, np.broadcast_to([100, 400], (2, 3, 2, 2)))
    np.testing.assert_allclose(width / height, np.broadcast_to([[0.5], [2]], (2, 3, 2, 2)))
    center = (anchors[..., :2] + anchors[..., 2:]) / 2
    np.testing.assert_allclose(center[1, 2], np.broadcast_to([16, 32], (2, 2, 2)))


def test_normalized_anchors_are_boxes_of_whole_pixels():
    anchors = np.array([[0, 0, 100, 200], [10, 20, 11, 21]], np.float64)
    found = normalize_anchors(anchors, (100, 200, 3))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], [0, 0, 1, 1], atol=1e-7)
    np.testing.assert_allclose(found[1], [10 / 99, 20 / 199, 10 / 99, 20 / 199], rtol=1e-6)
