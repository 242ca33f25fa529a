"""Figures with instances, and of the differences between ground truth and predictions."""

import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Polygon, Rectangle

from mrcnn.drawing.colors import PREDICTION_COLOR, TRUTH_COLOR, neighbor_colors
from mrcnn.drawing.instances import display_differences, display_instances
from mrcnn.drawing.pixels import apply_mask
from mrcnn.errors import DataError

NAMES = ["BG", "cat", "dog"]
RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def rectangles(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def outlines(ax):
    return [patch for patch in ax.patches if isinstance(patch, Polygon)]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def pixels_of(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def test_boxes_outlines_and_captions(scene):
    image, boxes, masks, class_ids = scene
    ax = display_instances(
        image,
        boxes,
        masks,
        class_ids,
        NAMES,
        np.array([0.5, 0.98765]),
        "title",
        colors=[RED, GREEN],
    )
    assert [patch.get_bbox().extents.tolist() for patch in rectangles(ax)] == [
        [20, 10, 50, 30],
        [60, 0, 80, 15],
    ]
    assert [patch.get_edgecolor() for patch in rectangles(ax)] == [(*RED, 0.7), (*GREEN, 0.7)]
    assert [patch.get_linestyle() for patch in rectangles(ax)] == ["dashed", "dashed"]
    assert [patch.get_edgecolor() for patch in outlines(ax)] == [(*RED, 1.0), (*GREEN, 1.0)]
    x, y = outlines(ax)[0].get_xy().T
    assert (x.min(), x.max(), y.min(), y.max()) == (19.5, 49.5, 9.5, 29.5)
    assert texts(ax) == ["cat 0.500", "dog 0.988"]
    assert [text.get_position() for text in ax.texts] == [(20, 18), (60, 8)]
    assert ax.get_title() == "title"


def test_masks_are_one_layer_blended_in_order(scene):
    image, boxes, masks, class_ids = scene
    masks[5:20, 40:70, 1] = True  # they overlap, and reach beyond their boxes
    before = image.copy()
    expected = image.copy()
    for number, color in enumerate([RED, GREEN]):
        apply_mask(expected, masks[:, :, number], color)
    ax = display_instances(image, boxes, masks, class_ids, NAMES, colors=np.array([RED, GREEN]))
    (layer,) = ax.images
    np.testing.assert_array_equal(layer.get_array(), expected)
    np.testing.assert_array_equal(image, before)


def test_margin_of_ten_pixels_around_the_image(scene):
    ax = display_instances(*scene, NAMES)
    assert ax.get_xlim() == (-10, 90)
    assert ax.get_ylim() == (70, -10)
    assert not ax.axison


def test_without_masks_or_boxes(scene):
    image = scene[0]
    ax = display_instances(*scene, NAMES, show_mask=False)
    np.testing.assert_array_equal(ax.images[0].get_array(), image)
    assert (len(rectangles(ax)), len(outlines(ax))) == (2, 2)
    ax = display_instances(*scene, NAMES, show_bbox=False)
    assert (len(rectangles(ax)), len(outlines(ax))) == (0, 2)
    assert (ax.images[0].get_array() != image).any()


def test_captions_without_scores_and_of_the_callers(scene):
    assert texts(display_instances(*scene, NAMES)) == ["cat", "dog"]
    assert texts(display_instances(*scene, {1: "one", 2: "two"})) == ["one", "two"]
    assert texts(display_instances(*scene, NAMES, scores=[0.0, 1])) == ["cat 0.000", "dog 1.000"]
    # The caller's captions need no names.
    assert texts(display_instances(*scene, [], captions=["first", ""])) == ["first"]
    assert texts(display_instances(*scene, [], captions=[None, "second"])) == ["second"]


def test_arguments_of_a_fork_choose_what_is_shown(scene, tmp_path):
    def shown(**options):
        return display_instances(*scene, NAMES, np.array([0.5, 0.98765]), **options)

    for options in (
        {"min_score": 0.9},
        {"min_score": 0.98765},
        {"filter_classes": ["dog", "bird"]},
        {"filter_classes": [2]},
    ):
        ax = shown(**options)
        assert texts(ax) == ["dog 0.988"]
        assert len(rectangles(ax)) == len(outlines(ax)) == 1
    assert texts(shown(filter_classes=["cat"], min_score=0.9)) == []
    assert len(texts(shown(filter_classes=["dog", 1], min_score=0.5))) == 2

    ax = shown(show_caption=False, show_mask_polygon=False, save_fig_path=tmp_path / "a.png")
    assert (texts(ax), outlines(ax), len(rectangles(ax))) == ([], [], 2)
    assert plt.imread(tmp_path / "a.png").std() > 0.05
    with pytest.raises(DataError, match="there are no scores"):
        display_instances(*scene, NAMES, min_score=0.5)


def test_rows_of_zeros_are_left_out(scene):
    image, boxes, masks, class_ids = scene
    boxes[0] = 0
    ax = display_instances(
        image, boxes, masks, class_ids, NAMES, [0.1, 0.2], colors=[RED, GREEN], captions=["a", "b"]
    )
    assert (len(rectangles(ax)), len(outlines(ax)), texts(ax)) == (1, 1, ["b"])
    assert outlines(ax)[0].get_edgecolor() == (*GREEN, 1.0)
    np.testing.assert_array_equal(
        ax.images[0].get_array(), apply_mask(image.copy(), masks[:, :, 1], GREEN)
    )


@pytest.mark.parametrize(
    ("boxes", "masks", "class_ids"),
    [
        (np.zeros((0, 4), np.int32), np.zeros((60, 80, 0), bool), np.zeros(0, np.int32)),
        ([], [], []),
        (np.array([]), np.array([]), np.array([])),
    ],
)
def test_no_instances(scene, capsys, boxes, masks, class_ids):
    ax = display_instances(scene[0], boxes, masks, class_ids, NAMES, scores=np.array([]))
    assert "There are no instances to show" in capsys.readouterr().out
    np.testing.assert_array_equal(ax.images[0].get_array(), scene[0])
    assert (len(ax.patches), len(ax.texts)) == (0, 0)


def test_lists_and_other_types(scene):
    image, boxes, masks, class_ids = scene
    first = display_instances(*scene, NAMES, colors=[RED, GREEN])
    second = display_instances(
        image.astype(np.float64),
        boxes.tolist(),
        masks.astype(np.uint8),
        class_ids.tolist(),
        np.array(NAMES),
        colors=[list(RED), np.array(GREEN)],
    )
    np.testing.assert_array_equal(second.images[0].get_array(), first.images[0].get_array())
    assert texts(second) == texts(first)
    np.testing.assert_array_equal(pixels_of(first.figure), pixels_of(second.figure))


def test_own_figure_is_shown_and_stays_the_current_one(scene, shows):
    ax = display_instances(*scene, NAMES, figsize=(5, 3))
    assert shows == [1]
    assert plt.gcf() is ax.figure
    assert ax.figure.get_size_inches().tolist() == [5, 3]


def test_given_axes_are_used_and_not_shown(scene, shows):
    figure, (left, right) = plt.subplots(1, 2)
    assert display_instances(*scene, NAMES, ax=right) is right
    assert (len(left.images), len(right.images)) == (0, 1)
    assert (shows, plt.get_fignums()) == ([], [figure.number])


def test_saved_figure_is_not_blank(scene, tmp_path):
    ax = display_instances(*scene, NAMES, figsize=(4, 3))
    plt.savefig(tmp_path / "current.png")
    ax.figure.savefig(tmp_path / "own.png")
    assert (tmp_path / "current.png").read_bytes() == (tmp_path / "own.png").read_bytes()
    picture = plt.imread(tmp_path / "own.png")
    assert picture.shape[:2] == (300, 400)
    assert np.std(picture[:, :, :3]) > 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": np.ones((3, 4))}, "3 boxes, 2 masks and 2 class_ids"),
        ({"class_ids": np.array([1])}, "2 boxes, 2 masks and 1 class_ids"),
        ({"masks": np.ones((60, 80, 5))}, "2 boxes, 5 masks and 2 class_ids"),
        ({"boxes": np.zeros((0, 4))}, "0 boxes, 2 masks and 2 class_ids"),
        ({"boxes": np.ones((2, 5))}, r"boxes have the shape \(2, 5\)"),
        ({"masks": np.ones((60, 80))}, r"masks \(60, 80\)"),
        ({"masks": np.ones((28, 28, 2))}, r"\(28, 28\).*\(60, 80\).*expand_mask"),
        ({"class_names": ["cat"]}, "class 1, but class_names has 1 names"),
        ({"class_names": {1: "cat"}}, "class 2, but class_names has 1 names"),
        ({"scores": [0.5]}, "1 scores for 2 instances"),
        ({"captions": ["a"]}, "1 captions for 2 instances"),
        ({"colors": [RED]}, "1 colors for 2 instances"),
        ({"colors": [RED, (255, 0, 0)]}, r"\(255, 0, 0\) is no color"),
        ({"image": np.zeros((60, 80, 2))}, r"\(60, 80, 2\)"),
    ],
)
def test_arrays_that_do_not_fit(scene, change, message):
    names = ("image", "boxes", "masks", "class_ids")
    arguments = {**dict(zip(names, scene, strict=True)), "class_names": NAMES, **change}
    with pytest.raises(DataError, match=message):
        display_instances(**arguments)
    assert plt.get_fignums() == []


def test_colors_are_the_same_each_time_without_any_given(scene):
    ax = display_instances(*scene, NAMES)
    expected = [(*color, 1.0) for color in neighbor_colors(scene[1])]
    assert [patch.get_edgecolor() for patch in outlines(ax)] == expected


def test_a_field_of_two_hundred_cells_takes_little_time():
    generator = np.random.default_rng(0)
    count, side = 200, 105
    masks = np.zeros((1200, 1600, count), bool)
    corners = generator.integers((0, 0), (1200 - side, 1600 - side), (count, 2))
    rows, columns = np.mgrid[:side, :side]
    disk = (rows - side / 2) ** 2 + (columns - side / 2) ** 2 < (side / 2) ** 2
    for number, (y, x) in enumerate(corners):
        masks[y : y + side, x : x + side, number] = disk
    boxes = np.concatenate([corners, corners + side], axis=1)
    image = np.full((1200, 1600, 3), 200, np.uint8)
    class_ids, scores = np.ones(count, int), generator.random(count)
    # Time of this process alone. It is under a second, more where others compete for the memory.
    start = time.process_time()
    ax = display_instances(image, boxes, masks, class_ids, NAMES, scores)
    ax.figure.canvas.draw()
    assert time.process_time() - start < 3
    assert (len(rectangles(ax)), len(outlines(ax)), len(ax.texts)) == (count, count, count)


@pytest.fixture
def differences():
    """Two objects; three predictions, not by falling score: a false alarm and two that fit.

    The second object is 20 x 20 pixels and the prediction of it moved by 5: IoU 15 / 25.
    """
    gt_boxes = np.array([[0, 0, 10, 10], [30, 30, 50, 50], [0, 0, 0, 0]])
    pred_boxes = np.array([[30, 35, 50, 55], [5, 60, 15, 70], [0, 0, 10, 10], [0, 0, 0, 0]])

    def filled(boxes):
        masks = np.zeros((60, 80, len(boxes)), bool)
        for number, (y1, x1, y2, x2) in enumerate(boxes):
            masks[y1:y2, x1:x2, number] = True
        return masks

    return {
        "image": np.full((60, 80, 3), 128, np.uint8),
        "gt_box": gt_boxes,
        "gt_class_id": np.array([1, 2, 0]),
        "gt_mask": filled(gt_boxes),
        "pred_box": pred_boxes,
        "pred_class_id": np.array([2, 1, 1, 0]),
        "pred_score": np.array([0.6, 0.9, 0.7, 0.0]),
        "pred_mask": filled(pred_boxes),
        "class_names": NAMES,
    }


def test_differences(differences):
    ax = display_differences(**differences)
    assert texts(ax) == ["0.90 / 0.00", "0.70 / 1.00", "0.60 / 0.60"]
    places = [patch.get_bbox().extents.tolist() for patch in rectangles(ax)]
    assert places == [
        [0, 0, 10, 10],
        [30, 30, 50, 50],
        [60, 5, 70, 15],
        [0, 0, 10, 10],
        [35, 30, 55, 50],
    ]
    green, red = (*TRUTH_COLOR, 0.8), (*PREDICTION_COLOR, 1)
    assert [patch.get_edgecolor() for patch in outlines(ax)] == [green] * 2 + [red] * 3
    assert "score / IoU" in ax.get_title()


def test_captions_of_differences_stand_at_their_predictions(differences):
    ax = display_differences(**differences)
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places == {"0.90 / 0.00": (60, 13), "0.70 / 1.00": (0, 8), "0.60 / 0.60": (35, 38)}


def test_unmatched_prediction_shows_its_largest_iou(differences):
    # Of another class, or below the threshold: not matched, but still there.
    differences["pred_class_id"] = np.array([1, 1, 1, 0])
    assert "0.60 / 0.60" in texts(display_differences(**differences))
    assert "0.60 / 0.60" in texts(display_differences(**differences, iou_threshold=0.9))


def test_equal_scores_keep_their_own_iou(differences):
    differences["pred_score"] = np.array([0.5, 0.5, 0.5, 0.0])
    ax = display_differences(**differences)
    ious = {text.get_position()[0]: text.get_text() for text in ax.texts}
    assert ious == {35: "0.50 / 0.60", 60: "0.50 / 0.00", 0: "0.50 / 1.00"}


def test_options_of_differences(differences, shows):
    _, ax = plt.subplots()
    shown = display_differences(**differences, title="mine", ax=ax, show_mask=False, show_box=False)
    assert shown is ax
    assert (ax.get_title(), len(rectangles(ax)), len(outlines(ax)), shows) == ("mine", 0, 5, [])
    np.testing.assert_array_equal(ax.images[0].get_array(), differences["image"])
    display_differences(**differences)
    assert shows == [2]


def test_differences_without_predictions_or_truth(differences, capsys):
    nothing = {"box": np.zeros((0, 4)), "class_id": np.zeros(0, int), "mask": np.zeros((60, 80, 0))}
    no_truth = {f"gt_{name}": value for name, value in nothing.items()}
    no_predictions = {f"pred_{name}": value for name, value in nothing.items()}
    no_predictions["pred_score"] = np.zeros(0)
    ax = display_differences(**{**differences, **no_truth})
    assert texts(ax) == ["0.90 / 0.00", "0.70 / 0.00", "0.60 / 0.00"]
    assert texts(display_differences(**{**differences, **no_predictions})) == []
    display_differences(**{**differences, **no_truth, **no_predictions})
    assert "no instances" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pred_score": np.ones(3)}, "3 pred_score for 4 pred_box"),
        ({"gt_class_id": np.ones(2)}, "3 boxes, 3 masks and 2 class_ids"),
        ({"pred_mask": np.ones((60, 80, 3))}, "4 boxes, 3 masks and 4 class_ids"),
        ({"gt_mask": np.ones((30, 40, 3))}, r"\(30, 40\).*\(60, 80\)"),
    ],
)
def test_differences_that_do_not_fit(differences, change, message):
    with pytest.raises(DataError, match=message):
        display_differences(**{**differences, **change})
    assert plt.get_fignums() == []
