"""Settings of the red blood cell model: the paper's values, and limits that hold its fields."""

from rbc import RBCConfig


def test_values_of_the_paper():
    config = RBCConfig()
    assert config.BACKBONE == "resnet50"
    assert config.RPN_ANCHOR_SCALES == (8, 16, 32, 64, 128)
    assert config.LEARNING_RATE == 0.001
    assert config.EPOCHS == 100
    assert config.DETECTION_MIN_CONFIDENCE == 0.7
    assert config.CLASS_NAMES == ("large", "normal", "small", "undefined")
    assert config.NUM_CLASSES == 5
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]


def test_limits_hold_130_cells():
    config = RBCConfig()
    assert min(config.MAX_GT_INSTANCES, config.DETECTION_MAX_INSTANCES) >= 130
    assert int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO) >= 130
    assert config.RPN_TRAIN_ANCHORS_PER_IMAGE // 2 >= 130
    assert config.POST_NMS_ROIS_TRAINING >= config.TRAIN_ROIS_PER_IMAGE
