"""What `detect` and `evaluate` say at their end of limits that may have cost cells."""

import pytest

from mrcnn.app import finding
from mrcnn.inference.limits import DetectionLimits
from rbc import APPLICATION, RBCConfig


def limit_warnings(limits, names):
    return finding.limit_warnings(limits, names, APPLICATION.words)


@pytest.fixture
def limits():
    """Notes of a run in which two images had too many cells."""
    notes = DetectionLimits(RBCConfig())
    notes.note("DETECTION_MAX_INSTANCES", 230, "An image has 230 detections.")
    notes.note("DETECTION_MAX_INSTANCES", 310, "An image has 310 detections.")
    return notes


def test_the_images_and_the_number_that_was_needed(limits):
    (message,) = limit_warnings(limits, ["a.png", "b.png"])
    assert message == (
        "Warning: 200 detections, the most that the model returns, in a.png, b.png; cells are "
        "missing. DETECTION_MAX_INSTANCES 310 would have kept all of them. Set it in config.json "
        "beside the weights."
    )


def test_detections_that_nobody_asked_for_are_not_missed(limits):
    """Of a full list those may be missing that are less sure than the lowest confidence."""
    assert limit_warnings(limits, []) == []


def test_a_list_that_is_full_and_lacks_nothing():
    assert limit_warnings(DetectionLimits(RBCConfig()), ["a.png"]) == []


def test_a_number_that_nobody_knows_is_not_said():
    notes = DetectionLimits(RBCConfig())
    notes._leave_open()
    (message,) = limit_warnings(notes, ["a.png"])
    assert message == (
        "Warning: 200 detections, the most that the model returns, in a.png; cells may be missing. "
        "Set a higher DETECTION_MAX_INSTANCES in config.json beside the weights."
    )
