"""The anchors of a configuration against the original's numbers."""

import numpy as np

from mrcnn.data.anchors import backbone_shapes, pyramid_anchors


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
