"""What leaves out part of the data is told: limits for a run, not for each loader, and images."""

import warnings

import pytest

from mrcnn.errors import DataError, LimitWarning

DISKS = [(30, 30, 10), (30, 90, 10), (90, 30, 10), (90, 90, 10), (60, 60, 8)]


@pytest.fixture
def said(tiny_config, light_fit):
    """`(training dataset, validation dataset, **settings)`: the limits told in two epochs."""

    def run(training, validation, **settings):
        config = tiny_config(TRAIN_ROIS_PER_IMAGE=200, LOADER_WORKERS=0, **settings)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            light_fit(config, training, validation, 2)
        return [str(found.message) for found in caught if found.category is LimitWarning]

    return run


def test_the_first_that_is_beyond_and_in_the_end_the_largest(disks, said):
    first, last = said(disks(DISKS[:3]), disks(DISKS), MAX_GT_INSTANCES=2)
    assert "has 3 instances, but MAX_GT_INSTANCES is 2" in first
    assert "has 5 instances" in last and "At least 5 would keep all of them" in last


def test_validation_does_not_repeat_what_was_told(disks, said):
    (message,) = said(disks(DISKS[:4]), disks(DISKS[:3]), MAX_GT_INSTANCES=2)
    assert "has 4 instances, but MAX_GT_INSTANCES is 2" in message


def test_a_limit_that_nothing_reaches(disks, said):
    assert said(disks(DISKS), disks(DISKS), MAX_GT_INSTANCES=5) == []


def test_images_that_fail_are_left_out_and_too_many_end_the_training(tiny_config, disks, light_fit):
    config = tiny_config(LOADER_WORKERS=2, STEPS_PER_EPOCH=8)

    def fields(beyond):
        dataset = disks(*[DISKS[:1]] * 7)
        load = dataset.load_image
        dataset.load_image = lambda image_id: (
            [0][image_id] if image_id in beyond else load(image_id)
        )
        return dataset

    with pytest.warns(UserWarning, match="raised IndexError: list index out of range"):
        light_fit(config, fields({3}), fields({1}), 1)
    with (
        pytest.warns(UserWarning, match="is left out, and another image takes its place"),
        pytest.raises(DataError, match="6 images fail, and at most 5 are left out") as raised,
    ):
        light_fit(config, fields({1, 2, 3, 4, 5, 6}), None, 1)
    assert "raised IndexError: list index out of range" in str(raised.value)
