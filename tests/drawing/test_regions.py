"""ROIs, anchors and proposals with what they are refined to."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Polygon, Rectangle

from mrcnn.drawing.pixels import apply_mask
from mrcnn.drawing.regions import draw_boxes, draw_rois
from mrcnn.errors import DataError

NAMES = ["BG", "cat", "dog"]
GRAY = to_rgba("gray")[:3]


def rectangles(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def extents(ax):
    return [tuple(patch.get_bbox().extents.tolist()) for patch in rectangles(ax)]


def lines(ax):
    return [(line.get_xdata(), line.get_ydata()) for line in ax.lines]


@pytest.fixture
def image():
    return np.full((60, 80, 3), 100, np.uint8)


@pytest.fixture
def rois(image):
    """A positive ROI, a negative one, and one of padding."""
    return {
        "image": image,
        "rois": np.array([[10, 20, 30, 40], [0, 0, 9, 9], [0, 0, 0, 0]]),
        "refined_rois": np.array([[12.5, 18, 34, 42], [1, 1, 5, 5], [0, 0, 0, 0]]),
        "mask": np.stack([np.ones((28, 28))] * 3),
        "class_ids": np.array([2, 0, 0]),
        "class_names": NAMES,
    }


def test_rois(rois, image, capsys, shows):
    before = image.copy()
    ax = draw_rois(**rois)
    assert extents(ax) == [(20, 10, 40, 30), (18, 12.5, 42, 34), (0, 0, 9, 9)]
    first, refined, negative = rectangles(ax)
    assert first.get_edgecolor() == (*refined.get_edgecolor()[:3], 0.5)
    assert refined.get_edgecolor()[3] == 1
    assert negative.get_edgecolor() == (*GRAY, 0.5)
    assert lines(ax) == [((20, 18), (10, 12.5))]
    assert [(text.get_text(), text.get_position()) for text in ax.texts] == [("dog", (18, 20.5))]
    assert ax.get_title() == "3 ROIs"
    assert (ax.get_xlim(), ax.get_ylim()) == ((-50, 100), (80, -20))
    mask = np.zeros((60, 80), bool)
    mask[10:30, 20:40] = True
    expected = apply_mask(before.copy(), mask, refined.get_edgecolor())
    np.testing.assert_array_equal(ax.images[0].get_array(), expected)
    np.testing.assert_array_equal(image, before)
    assert capsys.readouterr().out == "3 ROIs: 1 with an object, 2 background, share 0.33\n"
    # Programs call plt.show() or plt.savefig() themselves.
    assert shows == []
    assert plt.gcf() is ax.figure


def test_roi_masks_lie_in_their_rois(rois):
    rois["mask"][0, :, :14] = 0
    shown = draw_rois(**rois).images[0].get_array()
    changed = (shown != 100).any(axis=2)
    assert changed[10:30, 30:40].all()
    changed[10:30, 30:40] = False
    assert not changed.any()


@pytest.mark.parametrize("roi", [(-5, 70, 20, 95), (50, -8, 70, 4), (-9, -9, 70, 90)])
def test_roi_beyond_the_image(rois, roi):
    rois["rois"][0] = roi
    changed = (draw_rois(**rois).images[0].get_array() != 100).any(axis=2)
    expected = np.zeros((60, 80), bool)
    y1, x1, y2, x2 = np.clip(roi, 0, (60, 80, 60, 80))
    expected[y1:y2, x1:x2] = True
    np.testing.assert_array_equal(changed, expected)


@pytest.mark.parametrize("roi", [(5, 5, 5, 9), (70, 90, 80, 99), (9, 9, 3, 3)])
def test_roi_without_a_pixel_in_the_image(rois, roi):
    rois["rois"][0] = roi
    assert (draw_rois(**rois).images[0].get_array() == 100).all()


def test_random_choice_of_rois(image, capsys):
    count = 50
    boxes = np.arange(count)[:, None] + [0, 0, 9, 9] + 1
    arguments = (image, boxes, boxes, np.ones((count, 7, 7)), np.zeros(count, int), NAMES)
    np.random.seed(3)
    ax = draw_rois(*arguments)
    np.random.seed(3)
    chosen = np.random.choice(count, 10, replace=False)
    assert [top for _, top, _, _ in extents(ax)] == [boxes[number, 0] for number in chosen]
    assert ax.get_title() == "10 of 50 ROIs, drawn at random"
    assert "0 with an object, 50 background" in capsys.readouterr().out
    assert len(rectangles(draw_rois(*arguments, limit=50))) == 50
    assert len(rectangles(draw_rois(*arguments, limit=7))) == 7


def test_no_rois(image, capsys):
    draw_rois(image, np.zeros((0, 4)), np.zeros((0, 4)), np.zeros((0, 28, 28)), [], NAMES)
    assert "0 ROIs: 0 with an object, 0 background, share 0.00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_ids": [1]}, "3 rois, 3 refined_rois, 3 masks and 1 class_ids"),
        ({"mask": np.ones((2, 7, 7))}, "2 masks"),
        ({"rois": np.ones((3, 5))}, r"rois have the shape \(3, 5\)"),
        ({"class_names": ["BG"]}, "class 2, but class_names has 1 names"),
    ],
)
def test_rois_that_do_not_fit(rois, change, message):
    with pytest.raises(DataError, match=message):
        draw_rois(**{**rois, **change})
    assert plt.get_fignums() == []


BOXES = np.array([[5, 6, 25, 30], [10, 40, 20, 70], [30, 30, 50, 50]])


def styles(ax):
    return [(patch.get_linestyle(), patch.get_edgecolor()) for patch in rectangles(ax)]


def test_boxes_are_dotted_in_colors_of_their_own(image, shows):
    ax = draw_boxes(image, BOXES)
    assert extents(ax) == [(x1, y1, x2, y2) for y1, x1, y2, x2 in BOXES.tolist()]
    assert [style for style, _ in styles(ax)] == ["dotted"] * 3
    assert len({color for _, color in styles(ax)}) == 3
    assert (lines(ax), len(ax.texts), shows) == ([], 0, [])
    assert (ax.get_xlim(), ax.get_ylim()) == ((-6, 86), (66, -6))
    assert ax.figure.get_size_inches().tolist() == [12, 12]
    np.testing.assert_array_equal(ax.images[0].get_array(), image)


def test_visibilities(image):
    ax = draw_boxes(image, BOXES, BOXES + 2.9, visibilities=np.array([0, 1, 2]))
    dim, dotted, refined_dotted, solid, refined_solid = styles(ax)
    assert dim == ("dotted", (*GRAY, 0.5))
    assert (dotted[0], solid[0]) == ("dotted", "solid")
    assert refined_dotted == ("solid", dotted[1])
    assert refined_solid == ("solid", solid[1])
    assert dotted[1] != solid[1]
    # Refined boxes are cut to whole pixels; a line joins each to its box.
    assert extents(ax)[2] == (42, 12, 72, 22)
    assert lines(ax) == [((40, 42), (10, 12)), ((30, 32), (30, 32))]


def test_refined_boxes_alone(image):
    ax = draw_boxes(image, refined_boxes=BOXES.astype(np.float32), visibilities=[2, 2, 2])
    assert extents(ax) == [(x1, y1, x2, y2) for y1, x1, y2, x2 in BOXES.tolist()]
    assert [style for style, _ in styles(ax)] == ["solid"] * 3
    assert lines(ax) == []


def test_captions_of_boxes(image):
    captions = ["first", "", "third"]
    ax = draw_boxes(image, BOXES, captions=captions, title="Boxes")
    assert [(text.get_text(), text.get_position()) for text in ax.texts] == [
        ("first", (6, 5)),
        ("third", (30, 30)),
    ]
    assert ax.get_title() == "Boxes"
    ground = ax.texts[0].get_bbox_patch()
    assert ground.get_facecolor() == (*rectangles(ax)[0].get_edgecolor()[:3], 0.5)
    ax = draw_boxes(image, BOXES, BOXES + 1, captions=captions)
    assert [text.get_position() for text in ax.texts] == [(7, 6), (31, 31)]


def test_masks_of_boxes(image):
    masks = np.zeros((60, 80, 3), np.uint8)
    masks[8:12, 10:20, 0] = masks[30:40, 30:45, 2] = 1
    ax = draw_boxes(image, BOXES, masks=masks, visibilities=[1, 1, 0])
    outlined = [patch for patch in ax.patches if isinstance(patch, Polygon)]
    assert len(outlined) == 2
    expected = apply_mask(image.copy(), masks[:, :, 0], rectangles(ax)[0].get_edgecolor())
    apply_mask(expected, masks[:, :, 2], (0.5, 0.5, 0.5))
    np.testing.assert_array_equal(ax.images[0].get_array(), expected)


def test_boxes_of_zeros_are_left_out(image):
    boxes = np.array([[0, 0, 0, 0], [1, 2, 3, 4]])
    ax = draw_boxes(image, boxes, boxes, captions=["a", "b"])
    assert (len(rectangles(ax)), [text.get_text() for text in ax.texts]) == (2, ["b"])
    assert len(rectangles(draw_boxes(image, refined_boxes=boxes))) == 1


def test_no_boxes(image):
    for ax in (draw_boxes(image, np.zeros((0, 4))), draw_boxes(image, refined_boxes=[])):
        assert (len(ax.patches), len(ax.images)) == (0, 1)


def test_given_axes(image):
    figure, (left, right) = plt.subplots(1, 2)
    assert draw_boxes(image, BOXES.tolist(), ax=left) is left
    assert len(rectangles(left)) == 3
    assert not right.images
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "boxes, refined_boxes or both"),
        ({"boxes": np.ones((2, 3))}, r"boxes have the shape \(2, 3\)"),
        ({"boxes": BOXES, "refined_boxes": BOXES[:2]}, "2 refined_boxes for 3 boxes"),
        ({"boxes": BOXES, "captions": ["a"]}, "1 captions for 3 boxes"),
        ({"boxes": BOXES, "visibilities": [1, 2]}, "2 visibilities for 3 boxes"),
        ({"boxes": BOXES, "visibilities": [1, 2, 3]}, "0, 1 or 2, not 3"),
        ({"boxes": BOXES, "masks": np.ones((60, 80, 2))}, "2 masks for 3 boxes"),
        ({"boxes": BOXES, "masks": np.ones((28, 28, 3))}, r"\[60, 80, N\]"),
    ],
)
def test_boxes_that_do_not_fit(image, arguments, message):
    with pytest.raises(DataError, match=message):
        draw_boxes(image, **arguments)
    assert plt.get_fignums() == []
