"""What is drawn, looked at pixel by pixel."""

import numpy as np
from skimage.draw import disk

from mrcnn.drawing.colors import PREDICTION_COLOR, TRUTH_COLOR, class_colors
from mrcnn.drawing.label_preview import label_preview
from mrcnn.drawing.palette import PREDICTION, TRUTH, class_color
from mrcnn.drawing.results import comparison_picture, outlines, overlay_picture
from mrcnn.instances import Instances


def round_mask(radius: int) -> np.ndarray:
    mask = np.zeros((2 * radius + 1, 2 * radius + 1), bool)
    mask[disk((radius, radius), radius + 0.5)] = True
    return mask


IMAGE = np.full((200, 300, 3), 230, np.uint8)
CELL = round_mask(40)
SIDE = CELL.shape[0]


def count(picture, color) -> int:
    return int((np.asarray(picture)[: IMAGE.shape[0]] == color).all(axis=-1).sum())


def objects(image, boxes, cell=None, class_ids=None, scores=None) -> Instances:
    boxes = np.array(boxes, int).reshape(-1, 4)
    cells = [CELL if cell is None else cell] * len(boxes)
    ids = np.ones(len(boxes), int) if class_ids is None else class_ids
    return Instances(image.shape, boxes, cells, ids, scores)


def comparison(truth_boxes, boxes, scores, pairs, iou, image=IMAGE, cell=CELL):
    return comparison_picture(
        image,
        objects(image, truth_boxes, cell),
        objects(image, boxes, cell, scores=scores),
        np.array(pairs, int).reshape(-1, 2),
        np.array(iou).reshape(len(truth_boxes), len(boxes)),
        "title",
    )


def test_outline_of_a_full_box_runs_around_its_pixels():
    (outline,) = outlines((10, 20, 14, 26), np.ones((4, 6), bool))
    assert outline[:, 0].min() == 19.5 and outline[:, 0].max() == 25.5
    assert outline[:, 1].min() == 9.5 and outline[:, 1].max() == 13.5


def test_outline_scales_about_pixel_corners():
    (outline,) = outlines((10, 20, 14, 26), np.ones((4, 6), bool), scale=2)
    assert outline[:, 0].min() == 39.5 and outline[:, 0].max() == 51.5


def test_ground_truth_is_green_and_segmentation_red():
    box = [30, 30, 30 + SIDE, 30 + SIDE]
    missed = comparison([box], [], [], [], [])
    assert count(missed, TRUTH) > 400 and count(missed, PREDICTION) == 0
    alarm = comparison([], [box], [0.9], [], [])
    assert count(alarm, PREDICTION) > 200 and count(alarm, TRUTH) == 0
    both = comparison([box], [box], [0.9], [[0, 0]], [[1.0]])
    # The wide green line shows on both sides of the red one.
    assert count(both, TRUTH) > 200 and count(both, PREDICTION) > 200


def test_every_detection_gets_a_caption():
    box = [30, 30, 30 + SIDE, 30 + SIDE]
    inside = np.s_[55:90, 35:105]
    with_caption = np.asarray(comparison([box], [box], [0.9], [[0, 0]], [[1.0]]))[inside]
    assert (with_caption == 255).all(axis=-1).sum() > 20
    assert (with_caption == 0).all(axis=-1).sum() > 50


def test_captions_of_one_place_do_not_cover_each_other():
    # Two cells and a false alarm in the same place: three captions, one above the other.
    box = [60, 100, 60 + SIDE, 100 + SIDE]
    picture = np.asarray(comparison([box, box], [box], [0.9], [], [[0.4], [0.4]]))
    inside = picture[60 : 60 + SIDE, 105 : 95 + SIDE]
    lines = (inside == 0).all(axis=-1).any(axis=1)
    assert np.count_nonzero(np.diff(lines.astype(int)) == 1) == 3


def test_a_line_below_the_picture_leaves_the_field_whole():
    picture = comparison([], [], [], [], [])
    assert picture.width == IMAGE.shape[1] and picture.height > IMAGE.shape[0]
    np.testing.assert_array_equal(np.asarray(picture)[: IMAGE.shape[0]], IMAGE)


def test_small_fields_are_enlarged_until_captions_fit():
    small = round_mask(10)
    box = [10, 10, 31, 31]
    image = np.full((64, 64, 3), 230, np.uint8)
    picture = comparison([box], [box], [0.9], [[0, 0]], [[1.0]], image, small)
    assert picture.width == 4 * 64


def test_one_pixel_image_without_cells():
    picture = comparison([], [], [], [], [], np.zeros((1, 1, 3), np.uint8))
    assert picture.width == 1
    image = np.zeros((1, 1, 3), np.uint8)
    overlay = overlay_picture(image, Instances.empty(image.shape), ["cell"])
    assert overlay.size == (1, 1)


def test_overlay_has_the_image_size_and_a_color_for_each_class():
    boxes = np.array([[10, 10, 10 + SIDE, 10 + SIDE], [90, 150, 90 + SIDE, 150 + SIDE]])
    pictures = [
        np.asarray(overlay_picture(IMAGE, objects(IMAGE, boxes, class_ids=ids), ["one", "two"]))
        for ids in ([1, 1], [1, 2])
    ]
    assert pictures[0].shape == IMAGE.shape
    changed = (pictures[0] != pictures[1]).any(axis=-1)
    assert changed[90 : 90 + SIDE, 150 : 150 + SIDE].sum() > 200
    assert not changed[10 : 10 + SIDE, 10 : 10 + SIDE].any()


def test_the_legend_of_an_overlay_is_outside_of_the_image():
    found = objects(IMAGE, [[9, 9, 90, 90]])
    plain = np.asarray(overlay_picture(IMAGE, found, ["one", "two"]))
    with_legend = np.asarray(overlay_picture(IMAGE, found, ["one", "two"], has_legend=True))
    np.testing.assert_array_equal(with_legend[: len(IMAGE)], plain)
    below = with_legend[len(IMAGE) :]
    assert all((below == class_color(number)).all(axis=-1).any() for number in (1, 2))
    # No room for words.
    narrow = overlay_picture(IMAGE[:, :100], found, ["one"], has_legend=True)
    assert narrow.size == (100, 200)


def test_numbers_are_as_large_as_their_objects():
    dark = np.full((200, 300, 3), 60, np.uint8)
    heights = []
    for radius in (20, 80):
        boxes = [[10, 10, 11 + 2 * radius, 11 + 2 * radius], *[[150, 250, 191, 291]] * 3]
        cells = [round_mask(radius), *[round_mask(20)] * 3]
        found = Instances(dark.shape, np.array(boxes), cells, np.ones(4, int))
        picture = np.asarray(overlay_picture(dark, found, ["one"]))
        letters = (picture[20 : 2 * radius, 20 : 2 * radius] > 150).all(axis=-1)
        heights.append(np.count_nonzero(letters.any(axis=1)))
    assert heights[1] > 3 * heights[0] > 12


def test_a_label_image_can_be_seen():
    labels = np.array([[0, 1, 2, 3], [255, 256, 510, 511]], np.uint16)
    picture = label_preview(labels)
    assert picture.mode == "P" and picture.size == (4, 2)
    pixels = np.asarray(picture.convert("RGB"))
    assert pixels[0, 0].tolist() == [0, 0, 0]
    others = pixels.reshape(-1, 3)[1:]
    assert others.max(axis=1).min() > 150
    # Repeated every 255, and never the background.
    assert len(np.unique(others[:5], axis=0)) == 4 and (pixels[1, 1] == pixels[0, 1]).all()


def test_pictures_have_the_colors_of_notebooks():
    overlay = np.asarray(overlay_picture(IMAGE, objects(IMAGE, [[9, 9, 90, 90]]), ["one"]))
    assert (overlay == class_color(1)).all(axis=-1).sum() > 200
    np.testing.assert_allclose(np.array([class_color(n) for n in range(9)]) / 255,
                               class_colors(range(9)))  # fmt: skip
    assert np.round(np.multiply([TRUTH_COLOR, PREDICTION_COLOR], 255)).tolist() == [
        [*TRUTH], [*PREDICTION],
    ]  # fmt: skip


def test_the_line_below_has_the_colors_beside_words_in_black():
    box = [30, 30, 30 + SIDE, 30 + SIDE]
    picture = np.asarray(comparison([box], [box], [0.9], [[0, 0]], [[1.0]]))
    below = picture[IMAGE.shape[0] :]
    for color in (TRUTH, PREDICTION):
        rows, columns = np.nonzero((below == color).all(axis=-1))
        # A bar: longer than high, with nothing missing.
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert np.ptp(columns) > 3 * np.ptp(rows)
