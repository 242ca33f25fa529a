"""Masks placed by fractions of a pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from mrcnn.inference.placing import of_the_picture, place_masks, unmold, widen_boxes
from mrcnn.nets.layers import WidenBoxes

MOLDED = (128, 128, 3)
WINDOW = (16, 0, 112, 128)
ORIGINAL = (288, 384, 3)
SCALE = 3


def disk(center, radius, shape=ORIGINAL[:2]):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2


def as_detected(center, radius, side=28, margin=0.0):
    """A disk of the original image as a network without fault would return it.

    Returns:
        one row of detections and its mask: 0.5 on the outline, falling off linearly.
    """
    center = np.array(center, float)
    # Pixel centers of the molded image.
    middle = (center + 0.5) / SCALE - 0.5 + np.array(WINDOW[:2])
    reach = radius / SCALE
    low, high = middle - reach, middle + reach
    box = np.concatenate([low, high]) / 127
    wide = widen_boxes(box[None], margin, np.array([WINDOW[0], 0, 111, 127]) / 127)[0] * 127
    rows, columns = (np.linspace(wide[axis], wide[axis + 2], side) for axis in (0, 1))
    distance = np.hypot(rows[:, None] - middle[0], columns - middle[1])
    values = np.clip(0.5 + (reach - distance) / 4, 0, 1)
    detections = np.zeros((3, 6), np.float32)
    detections[0] = (*box, 1, 0.9)
    masks = np.zeros((3, side, side, 2), np.float32)
    masks[0, :, :, 1] = values
    return detections, masks


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@settings(max_examples=40, deadline=None)
@given(st.floats(60, 220), st.floats(60, 320), st.floats(20, 55), st.sampled_from([0.0, 0.05, 0.2]))
def test_outlines_come_back_where_they_were(y, x, radius, margin):
    detections, masks = as_detected((y, x), radius, margin=margin)
    found = place_masks(detections, masks, ORIGINAL, MOLDED, WINDOW, margin)
    assert iou(found.full_masks()[:, :, 0], disk((y, x), radius)) >= 0.97
    assert found.class_ids.tolist() == [1] and found.scores.tolist() == [np.float32(0.9)]


def test_rounded_boxes_are_less_exact():
    """What the module is for: the same detections, placed both ways."""
    exact, rounded = [], []
    for shift in np.linspace(0, 3, 7):
        detections, masks = as_detected((120 + shift, 150 + shift), 40)
        truth = disk((120 + shift, 150 + shift), 40)
        for results, place in ((exact, place_masks), (rounded, unmold)):
            found = place(detections, masks, ORIGINAL, MOLDED, WINDOW)
            results.append(iou(found.full_masks()[:, :, 0], truth))
    assert np.mean(exact) >= np.mean(rounded) + 0.02


def test_without_scaling_a_mask_of_the_box_s_size_is_itself():
    rng = np.random.default_rng(0)
    mask = rng.random((20, 30)).astype(np.float32)
    detections = np.array([[10 / 127, 40 / 127, 29 / 127, 69 / 127, 1, 0.8]], np.float32)
    masks = np.stack([np.zeros_like(mask), mask], axis=-1)[None]
    found = place_masks(detections, masks, MOLDED, MOLDED, (0, 0, 128, 128))
    expected = np.zeros((128, 128), bool)
    expected[10:30, 40:70] = mask >= 0.5
    differing = found.full_masks()[:, :, 0] != expected
    # A value at the threshold may fall either way by a rounding of its place.
    assert not differing[10:30, 40:70][np.abs(mask - 0.5) > 1e-3].any()
    rows, columns = np.nonzero(expected)
    np.testing.assert_array_equal(
        found.boxes, [[rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]]
    )


def test_a_mask_that_fills_the_window_fills_the_image():
    detections = np.array([[16 / 127, 0, 111 / 127, 1, 1, 0.8]], np.float32)
    found = place_masks(detections, np.ones((1, 28, 28, 2)), ORIGINAL, MOLDED, WINDOW, 0.1)
    np.testing.assert_array_equal(found.boxes, [[0, 0, *ORIGINAL[:2]]])
    assert found.crops[0].all()


def test_empty_masks_and_padding_are_left_out():
    detections, masks = as_detected((120, 150), 40)
    detections = np.stack([detections[0], detections[0], detections[1]])
    masks[1] = 0.49
    found = place_masks(detections, masks, ORIGINAL, MOLDED, WINDOW)
    assert len(found.crops) == len(found.boxes) == len(found.scores) == 1
    nothing = place_masks(detections[2:], masks[2:], ORIGINAL, MOLDED, WINDOW)
    assert nothing.boxes.shape == (0, 4) and nothing.full_masks().shape == (288, 384, 0)
    point = np.array([[0.5, 0.5, 0.5, 0.5, 1, 0.9]], np.float32)
    assert len(place_masks(point, np.ones((1, 28, 28, 2)), ORIGINAL, MOLDED, WINDOW).crops) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 4), min_size=1, max_size=5),
    st.floats(0, 0.5, width=32),
)
def test_the_graph_widens_boxes_as_placing_does(corners, margin):
    corners = np.array(corners, np.float32)
    boxes = np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])],
        axis=1,
    )
    meta = np.zeros((1, 14), np.float32)
    meta[0, 4:7], meta[0, 7:11] = MOLDED, WINDOW
    found = ops.convert_to_numpy(WidenBoxes(margin)([boxes[None], meta]))[0]
    window = np.array([16, 0, 111, 127]) / 127
    np.testing.assert_allclose(found, widen_boxes(boxes, margin, window), atol=1e-6)
    layer = WidenBoxes(margin)
    assert WidenBoxes.from_config(layer.get_config()).margin == layer.margin


@pytest.mark.filterwarnings("ignore::mrcnn.errors.LimitWarning")
@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_a_whole_model_sees_the_margin(tiny_config, margin):
    from mrcnn.model import MaskRCNN

    config = tiny_config(
        SUBPIXEL_MASKS=True, MASK_MARGIN=margin, IMAGE_RESIZE_MODE="crop", IMAGE_FIT=True
    )
    model = MaskRCNN("inference", config, "unused")
    names = {layer.name for layer in model.keras_model.layers}
    assert ("mask_boxes" in names) == bool(margin)
    image = np.random.default_rng(0).integers(0, 255, (150, 200, 3)).astype(np.uint8)
    found = model.detect([image], masks="crops")[0]
    assert len(found["rois"])
    for (y1, x1, y2, x2), crop in zip(found["rois"], found["masks"], strict=True):
        assert crop.shape == (y2 - y1, x2 - x1)
        # The box is the mask's own.
        for edge in (crop[0], crop[-1], crop[:, 0], crop[:, -1]):
            assert edge.any()
        assert 0 <= y1 < y2 <= 150 and 0 <= x1 < x2 <= 200


@pytest.mark.parametrize(
    ("center", "is_kept"),
    [
        *[(16, True), (15, True), (14, False), (13, False), (6, False)],
        *[(112, True), (113, True), (114, False), (60, True)],
    ],
)
def test_what_the_border_halves_is_kept_and_its_mirror_image_is_not(center, is_kept):
    """Boxes 20 pixels high; the picture's rows are 16 to 111 of the molded image."""
    box = np.array([center - 10, 40, center + 9, 60]) / 127
    detections = np.array([[*box, 1, 0.9], [0.3, 0.3, 0.5, 0.5, 1, 0.8], [0] * 6], np.float32)
    expected = [0, 1] if is_kept else [1]
    assert of_the_picture(detections, MOLDED, WINDOW).tolist() == expected
    across = detections[:, [1, 0, 3, 2, 4, 5]]
    assert of_the_picture(across, MOLDED, (0, 16, 128, 112)).tolist() == expected
