"""The classical baseline on drawn fields, whose cells are known, and on real ones."""

from pathlib import Path

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.evaluation import mask_iou, match_one_to_one, touches_border
from mrcnn.instances import Instances
from rbc import RBCDataset
from rbc_cells.watershed import watershed_cells

NAMES = ("large", "normal", "small", "undefined")
DATA = Path(__file__).parents[4] / "shared" / "data" / "rbc"
BACKGROUND, CELL, PALE = (236, 230, 234), (170, 110, 140), (228, 218, 225)


def draw(shape, discs, pale=0.0, noise=3.0, light=None) -> np.ndarray:
    """A field of discs (y, x, radius), each with a pale center of `pale` radii."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.empty((*shape, 3))
    image[:] = BACKGROUND
    for part, color in ((1.0, CELL), (pale, PALE)):
        for center_y, center_x, radius in discs:
            top, left = max(0, int(center_y - radius)), max(0, int(center_x - radius))
            near = np.s_[top : int(center_y + radius) + 2, left : int(center_x + radius) + 2]
            distance = np.hypot(y[near] - center_y, x[near] - center_x)
            image[near][distance < part * radius] = color
    if light is not None:
        image *= light[..., None]
    image += np.random.default_rng(0).normal(0, noise, image.shape)
    return np.clip(image, 0, 255).round().astype(np.uint8)


def truth_of(shape, discs) -> Instances:
    """Whole discs, cut by the image only; the later of two that overlap is not cut."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    polygons = [
        np.stack([y + radius * np.sin(angles), x + radius * np.cos(angles)], axis=1)
        for y, x, radius in discs
    ]
    return Instances.from_polygons(polygons, np.ones(len(discs)), shape)


def matched_iou(truth, cells) -> np.ndarray:
    """IoU of the pairs; fails where a cell was missed or invented."""
    iou = mask_iou(truth.boxes, truth.crops, cells.boxes, cells.crops)
    pairs = match_one_to_one(iou, 0.5)
    assert len(pairs) == len(truth) == len(cells)
    return iou[pairs[:, 0], pairs[:, 1]]


def scattered(radius=20, spacing=60, count=(5, 7), seed=1):
    """Discs apart from each other and from the border, none of exactly the same size."""
    rng = np.random.default_rng(seed)
    return [
        (
            (row + 0.7) * spacing + rng.uniform(-4, 4),
            (column + 0.7) * spacing + rng.uniform(-4, 4),
            radius * rng.uniform(0.9, 1.1),
        )
        for row in range(count[0])
        for column in range(count[1])
    ]


def test_every_cell_of_an_easy_field_is_found_with_its_outline():
    discs = scattered()
    shape = (330, 450)
    cells = watershed_cells(draw(shape, discs), NAMES)
    assert matched_iou(truth_of(shape, discs), cells).min() > 0.93
    assert cells.scores.tolist() == [1.0] * 35


def test_crops_have_their_boxes_sizes_and_do_not_overlap():
    discs = [*scattered(), (42, 75, 20), (4, 200, 20)]
    shape = (331, 447)
    cells = watershed_cells(draw(shape, discs), NAMES)
    covered = np.zeros(shape, int)
    for (y1, x1, y2, x2), crop in zip(cells.boxes, cells.crops, strict=True):
        assert crop.dtype == bool
        assert crop.shape == (y2 - y1, x2 - x1)
        assert 0 <= y1 < y2 <= shape[0]
        assert 0 <= x1 < x2 <= shape[1]
        # Tight: the first and last row and column hold a pixel.
        assert crop[0].any() and crop[-1].any() and crop[:, 0].any() and crop[:, -1].any()
        covered[y1:y2, x1:x2] += crop
    assert len(cells) > 30
    assert covered.max() == 1


@pytest.mark.parametrize("distance", [1.1, 1.5, 1.9])
def test_touching_and_overlapping_cells_are_separated(distance):
    pair = [(100, 100 - 15 * distance, 30), (100, 100 + 15 * distance, 30)]
    discs = [*pair, (200, 60, 30), (200, 150, 30)]
    cells = watershed_cells(draw((260, 210), discs), NAMES)
    # Each of the pair loses up to half of the lens that both share.
    assert matched_iou(truth_of((260, 210), discs), cells).min() > 0.55 + 0.15 * distance


def test_one_elongated_cell_is_not_divided():
    y, x = np.mgrid[:200, :200]
    image = draw((200, 200), [(40, 160, 25), (160, 40, 25)])
    image[((y - 100) / 40) ** 2 + ((x - 100) / 22) ** 2 < 1] = CELL
    assert len(watershed_cells(image, NAMES)) == 3


def test_a_shallow_waist_divides_no_cell():
    discs = [(100, 80, 30), (100, 102, 30), (210, 60, 30), (210, 150, 30)]
    assert len(watershed_cells(draw((280, 210), discs), NAMES)) == 3


def test_spiked_and_dented_cells_are_not_divided():
    image = draw((360, 360), [])
    y, x = np.mgrid[:360, :360]
    for index, (center_y, center_x) in enumerate((a, b) for a in (60, 180, 300) for b in (60, 180)):
        angle = np.arctan2(y - center_y, x - center_x)
        # Ten spikes, and on every second cell a dent of a fifth of the radius.
        outline = 40 * (1 + 0.08 * np.cos(10 * angle + index))
        if index % 2:
            outline -= 8 * np.exp(-((angle / 0.4) ** 2))
        image[np.hypot(y - center_y, x - center_x) < outline] = CELL
    assert len(watershed_cells(image, NAMES)) == 6


@pytest.mark.parametrize("pale", [0.3, 0.5, 0.65])
def test_pale_centers_are_filled(pale):
    discs = scattered()
    shape = (330, 450)
    cells = watershed_cells(draw(shape, discs, pale), NAMES)
    assert matched_iou(truth_of(shape, discs), cells).min() > 0.9


def test_the_gap_between_touching_cells_is_not_filled():
    discs = [(60, 60, 30), (60, 119, 30), (119, 60, 30), (119, 119, 30), (220, 60, 30)]
    cells = watershed_cells(draw((280, 180), discs, pale=0.5), NAMES)
    matched_iou(truth_of((280, 180), discs), cells)
    middle = [
        crop[90 - y1, 90 - x1]
        for (y1, x1, y2, x2), crop in zip(cells.boxes, cells.crops, strict=True)
        if y1 <= 90 < y2 and x1 <= 90 < x2
    ]
    assert not any(middle)


def test_cells_cut_by_the_border_are_kept_and_reach_it():
    discs = [(2, 60, 24), (198, 140, 24), (100, 3, 24), (70, 298, 24), (0, 299, 24), (110, 150, 24)]
    cells = watershed_cells(draw((200, 300), discs, pale=0.5), NAMES)
    truth = truth_of((200, 300), discs)
    assert matched_iou(truth, cells).min() > 0.85
    at_border = touches_border(cells.boxes, cells.crops, (200, 300))
    assert at_border.sum() == 5
    assert {NAMES[class_id - 1] for class_id in cells.class_ids[at_border]} == {"undefined"}


def test_platelets_and_dust_are_left_out():
    dust = [(y, 30, 3) for y in range(20, 320, 20)] + [(y, 420, 7) for y in range(20, 320, 40)]
    discs = [disc for disc in scattered() if 60 < disc[1] < 390]
    assert len(discs) == 25
    cells = watershed_cells(draw((330, 450), discs + dust), NAMES)
    matched_iou(truth_of((330, 450), discs), cells)


@pytest.mark.parametrize("scale", [0.5, 2, 4])
def test_magnification_does_not_matter(scale):
    # Sizes far from the limits of the classes; two pairs touch.
    radii = {0: 24, 1: 16, 2: 24}
    discs = [(y, x, radii.get(index, 20)) for index, (y, x, _) in enumerate(scattered())]
    discs += [(discs[10][0], discs[10][1] + 36, 20), (discs[20][0] + 36, discs[20][1], 20)]
    del discs[11], discs[26]
    shape = (round(330 * scale), round(450 * scale))
    scaled = [tuple(scale * value for value in disc) for disc in discs]
    cells = watershed_cells(draw(shape, scaled, pale=0.5), NAMES)
    assert matched_iou(truth_of(shape, scaled), cells).min() > 0.8
    assert np.bincount(cells.class_ids, minlength=5).tolist() == [0, 2, 32, 1, 0]


def test_small_cells_in_a_large_image():
    shape = (1000, 1700)
    discs = [(y, x, 6) for y in range(50, 1000, 100) for x in range(50, 1700, 100)]
    cells = watershed_cells(draw(shape, discs), ("cell",))
    assert matched_iou(truth_of(shape, discs), cells).min() > 0.75


def test_uneven_light_hides_no_cell_and_makes_none():
    discs = scattered()
    y, x = np.mgrid[:330, :450]
    light = 1 - 0.5 * (((y - 100) / 330) ** 2 + ((x - 300) / 450) ** 2)
    cells = watershed_cells(draw((330, 450), discs, light=light), NAMES)
    assert matched_iou(truth_of((330, 450), discs), cells).min() > 0.9
    assert len(watershed_cells(draw((330, 450), [], light=light), NAMES)) == 0


def test_a_single_cell_is_found_in_a_large_field():
    discs = [(500, 900, 50)]
    cells = watershed_cells(draw((1200, 1600), discs), NAMES)
    assert matched_iou(truth_of((1200, 1600), discs).take([0]), cells).min() > 0.95
    assert NAMES[cells.class_ids[0] - 1] == "normal"


def test_pale_cells_are_found_beside_dark_ones():
    discs = scattered()
    image = draw((330, 450), discs)
    dark = image.copy()
    dark[:, :150] = draw((330, 450), discs, noise=0)[:, :150]
    dark[:, :150][dark[:, :150, 1] < 170] = (60, 20, 90)
    cells = watershed_cells(dark, NAMES)
    assert matched_iou(truth_of((330, 450), discs), cells).min() > 0.8


def test_gray_images_give_the_same_cells():
    image = draw((330, 450), scattered())
    gray = np.repeat(image[..., 1:2], 3, axis=2)
    first, second = watershed_cells(image, NAMES), watershed_cells(gray, NAMES)
    np.testing.assert_array_equal(first.boxes, second.boxes)


def test_stain_that_only_green_light_shows():
    image = draw((330, 450), scattered())
    image[..., 0], image[..., 2] = BACKGROUND[0], BACKGROUND[2]
    assert len(watershed_cells(image, NAMES)) == 35


def test_a_field_full_of_cells():
    # Hexagonally packed, with only the gaps as background.
    discs = [
        (25 + 43.5 * row, 25 + 50 * column + 25 * (row % 2), 25)
        for row in range(7)
        for column in range(7)
    ]
    shape = (312, 376)
    cells = watershed_cells(draw(shape, discs), NAMES)
    assert matched_iou(truth_of(shape, discs), cells).min() > 0.75


@pytest.mark.parametrize("value", [0, 1, 128, 255])
@pytest.mark.parametrize("shape", [(240, 320), (1, 1), (3, 500)])
def test_one_color_has_no_cells(value, shape):
    cells = watershed_cells(np.full((*shape, 3), value, np.uint8), NAMES)
    assert len(cells) == 0
    assert cells.boxes.shape == (0, 4)
    assert len(cells.crops) == 0
    assert len(cells.class_ids) == len(cells.scores) == 0


@pytest.mark.parametrize("noise", [1, 5, 20, 80])
@pytest.mark.parametrize("shape", [(300, 400), (2, 2), (1, 40)])
def test_noise_has_no_cells(noise, shape):
    assert len(watershed_cells(draw(shape, [], noise=noise), NAMES)) == 0


def test_the_image_is_left_as_it_is():
    image = draw((330, 450), scattered())
    before = image.copy()
    watershed_cells(image, NAMES)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((40, 40, 3), np.float32),
        np.zeros((2, 40, 40, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused_by_name(image):
    with pytest.raises(DataError, match=r"uint8 \[H, W, 3\], not (uint8|float32) \["):
        watershed_cells(image, NAMES)


@pytest.mark.skipif(not (DATA / "val").is_dir(), reason="the real fields are not here")
def test_real_fields():
    dataset = RBCDataset()
    dataset.load_rbc(DATA, "val")
    dataset.prepare()
    truth_count = segmented = well_outlined = alarms = correct_class = 0
    for image_id in dataset.image_ids[[0, 3, 6, 9]]:
        image = dataset.load_image(image_id)
        truth = dataset.load_instances(image_id)
        cells = watershed_cells(image, NAMES)
        iou = mask_iou(truth.boxes, truth.crops, cells.boxes, cells.crops)
        pairs = match_one_to_one(iou, 0.5)
        unmatched = np.ones(len(cells), bool)
        unmatched[pairs[:, 1]] = False
        at_border = touches_border(cells.boxes, cells.crops, image.shape)
        truth_count += len(truth)
        segmented += len(pairs)
        well_outlined += len(match_one_to_one(iou, 0.75))
        alarms += int((unmatched & ~at_border).sum())
        same = truth.class_ids[pairs[:, 0]] == cells.class_ids[pairs[:, 1]]
        correct_class += int(same.sum())
    assert segmented / truth_count > 0.9
    assert well_outlined / truth_count > 0.85
    assert alarms / truth_count < 0.05
    assert correct_class / segmented > 0.8


def test_an_image_without_a_pixel_is_refused():
    with pytest.raises(DataError, match="both at least 1"):
        watershed_cells(np.zeros((0, 0, 3), np.uint8), NAMES)
