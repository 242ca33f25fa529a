"""Anchors against the original's numbers and against their definition."""

import numpy as np
import pytest

from mrcnn.ops.anchors import (
    backbone_shapes,
    generate_anchors,
    generate_pyramid_anchors,
    pyramid_anchors,
)


@pytest.mark.parametrize(("stride", "name"), [(1, "anchors_small"), (2, "anchors_small_stride2")])
def test_pyramid_anchors_are_the_original_s(golden, stride, name):
    anchors = generate_pyramid_anchors((16, 32), [0.5, 1, 2], [(4, 6), (2, 3)], (8, 16), stride)
    np.testing.assert_array_equal(anchors, golden("anchors")[name])


def test_anchors_of_a_configuration_are_the_original_s(golden, make_config):
    config = make_config(IMAGE_MAX_DIM=256, RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128))
    anchors = pyramid_anchors(config, config.IMAGE_SHAPE)
    assert anchors.shape == (16368, 4)
    np.testing.assert_array_equal(anchors[::37], golden("anchors")["anchors_256"])


def test_backbone_shapes_round_up(golden, make_config):
    config = make_config()
    np.testing.assert_array_equal(
        backbone_shapes(config, (192, 320, 3)), golden("anchors")["backbone_shapes_192x320"]
    )
    np.testing.assert_array_equal(backbone_shapes(config, (65, 65))[0], [17, 17])


def test_backbone_function_gives_its_own_shapes(make_config):
    config = make_config(
        BACKBONE=staticmethod(lambda image, stage5, train_bn: None),
        COMPUTE_BACKBONE_SHAPE=staticmethod(lambda shape: [[1, 2]] * 5),
    )
    np.testing.assert_array_equal(backbone_shapes(config, (64, 64)), [[1, 2]] * 5)


def test_several_scales_on_one_level_keep_area_ratio_and_centre():
    anchors = generate_anchors([10, 20], [0.5, 2], (2, 3), 16, 1).reshape(2, 3, 2, 2, 4)
    height = anchors[..., 2] - anchors[..., 0]
    width = anchors[..., 3] - anchors[..., 1]
    np.testing.assert_allclose(height * width, np.broadcast_to([100, 400], (2, 3, 2, 2)))
    np.testing.assert_allclose(width / height, np.broadcast_to([[0.5], [2]], (2, 3, 2, 2)))
    centre = (anchors[..., :2] + anchors[..., 2:]) / 2
    np.testing.assert_allclose(centre[1, 2], np.broadcast_to([16, 32], (2, 2, 2)))
