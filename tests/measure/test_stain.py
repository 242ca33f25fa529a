"""Drawn cells of known density and with a pale middle of known size."""

import numpy as np
import pytest
from scipy import ndimage

from mrcnn.instances import Instances
from mrcnn.measure.background import background_of
from mrcnn.measure.stain import STAIN_COLUMNS, stain_columns

SHAPE, RADIUS = (440, 560), 50.0
WHITE = np.array([230.0, 220.0, 200.0])
# Of each channel against green.
ABSORBED = np.array([0.2, 1.0, 0.6])


def smear(cells, *, vignette=0.0, blur=0.0, noise=0.0, white=WHITE):
    """Cells of (y, x, density, radius of the pale middle, its depth, its offset).

    Returns:
        the picture, its cells, and the light.
    """
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    density, boxes, crops = np.zeros(SHAPE), [], []
    for cy, cx, level, pale, depth, offset in cells:
        far = np.hypot(y - cy, x - cx)
        inside = np.clip(RADIUS - far + 0.5, 0, 1)
        middle = np.clip(pale - np.hypot(y - cy - offset, x - cx) + 0.5, 0, 1)
        density += level * inside * (1 - depth * middle)
        rows, columns = np.nonzero(far <= RADIUS)
        box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        boxes.append(box)
        crops.append((far <= RADIUS)[box[0] : box[2], box[1] : box[3]])
    fall = 1 - vignette * ((2 * y / SHAPE[0] - 1) ** 2 + (2 * x / SHAPE[1] - 1) ** 2) / 2
    light = white * fall[..., None]
    image = light * 10 ** -(density[..., None] * ABSORBED)
    if blur:
        image = ndimage.gaussian_filter(image, (blur, blur, 0))
    image = image + np.random.default_rng(1).normal(0, noise, image.shape)
    image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return image, Instances(SHAPE, boxes, crops, np.ones(len(boxes), int)), light


CELLS = [
    (80, 90, 0.30, 20, 0.60, 0),
    (82, 270, 0.20, 15, 0.40, 0),
    (90, 470, 0.40, 30, 0.80, 0),
    (230, 120, 0.30, 25, 0.30, 8),
    (240, 300, 0.35, 18, 0.70, -14),
    (235, 470, 0.25, 22, 0.50, 0),
]
NO_MIDDLE = (370, 280, 0.30, 0, 0.0, 0)


@pytest.mark.parametrize(("blur", "noise"), [(0.0, 0.0), (1.5, 0.0), (0.8, 1.5)])
def test_the_pale_middle_is_right_within_two_percent(blur, noise):
    image, cells, _ = smear(CELLS, vignette=0.2, blur=blur, noise=noise)
    columns = stain_columns(image, cells)
    expected = [(pale / RADIUS) ** 2 for *_, pale, _, _ in CELLS]
    assert columns["pallor_area_share"] == pytest.approx(expected, rel=0.02)
    assert columns["pallor_depth"] == pytest.approx([cell[4] for cell in CELLS], rel=0.02)


@pytest.mark.parametrize("radius", [35, 52, 100])
@pytest.mark.parametrize(("spread", "depth"), [(0.25, 0.4), (0.3, 0.8), (0.35, 0.5)])
def test_a_pale_middle_that_fades_ends_halfway(radius, spread, depth):
    y, x = np.mgrid[:300, :300] + 0.5
    far = np.hypot(y - 150.3, x - 149.6) / radius
    pale = depth * np.exp(-(far**2) / (2 * spread**2))
    density = 0.3 * np.clip((1 - far) * radius + 0.5, 0, 1) * (1 - pale)
    image = np.rint(230 * 10 ** -density[..., None].repeat(3, axis=2)).astype(np.uint8)
    cells = Instances.from_masks((far <= 1)[..., None], [1])
    columns = stain_columns(image, cells)
    # At the rim, nine tenths out, the middle has faded but for a little.
    rim = 1 - depth * np.exp(-0.81 / (2 * spread**2))
    halfway = 1 - (rim + 1 - depth) / 2
    share = -2 * spread**2 * np.log(halfway / depth)
    assert columns["pallor_area_share"] == pytest.approx([share], rel=0.02)
    assert columns["pallor_depth"] == pytest.approx([1 - (1 - depth) / rim], rel=0.02)


def test_a_cell_without_a_pale_middle_has_none():
    image, cells, _ = smear([NO_MIDDLE, CELLS[0]], noise=1.5)
    columns = stain_columns(image, cells)
    assert columns["pallor_area_share"][0] == columns["pallor_depth"][0] == 0
    assert columns["pallor_area_share"][1] > 0.1


def test_a_target_cell_is_dark_in_the_middle():
    """A pale ring between a dark rim and a dark middle is no pale middle."""
    image, cells, _ = smear([(200, 200, 0.3, 30, 0.6, 0)])
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    image[np.hypot(y - 200, x - 200) < 15] = np.rint(WHITE * 10 ** -(0.3 * ABSORBED))
    assert stain_columns(image, cells)["pallor_area_share"] == [0]


def test_densities_and_colors():
    image, cells, _ = smear([NO_MIDDLE, (100, 100, 0.5, 0, 0, 0)], vignette=0.2)
    columns = stain_columns(image, cells)
    assert tuple(columns) == STAIN_COLUMNS
    for number, channel in enumerate(("red", "green", "blue")):
        # The rim of a drawn cell is half a pixel of less density.
        expected = np.array([0.3, 0.5]) * ABSORBED[number]
        assert columns[f"od_{channel}_mean"] == pytest.approx(expected, rel=0.02)
        for row, ((y1, x1, y2, x2), crop) in enumerate(zip(cells.boxes, cells.crops, strict=True)):
            mean = image[y1:y2, x1:x2, number][crop].mean()
            assert columns[f"{channel}_mean_8bit"][row] == pytest.approx(mean)
    integrated = columns["od_green_mean"] * cells.areas()
    assert columns["od_integrated_px2"] == pytest.approx(integrated)
    assert not columns["saturated"].any() and not columns["saturated_share"].any()


def test_the_light_is_found_beside_cells_that_were_not():
    """A third of the picture is under cells that nobody has outlined."""
    image, cells, light = smear([*CELLS, NO_MIDDLE], vignette=0.25, noise=1.5)
    found = cells.take([0, 5])
    points = np.array([(y + 0.5, x + 0.5) for y in range(5, 440, 60) for x in range(5, 560, 60)])
    expected = np.log10(light[points[:, 0].astype(int), points[:, 1].astype(int)])
    assert background_of(image, found).logs_at(points) == pytest.approx(expected, abs=0.01)


def test_a_field_without_background_is_measured_against_its_brightest():
    image = np.full((*SHAPE, 3), 100, np.uint8)
    image[:20] = 200
    cells = Instances(SHAPE, [(0, 0, *SHAPE)], [np.ones(SHAPE, bool)], [1])
    assert background_of(image, cells).logs_at(np.array([[9, 9]])) == pytest.approx(np.log10(200))


def test_the_white_level_of_a_microscope_takes_the_place_of_the_estimate():
    image, cells, _ = smear([NO_MIDDLE])
    estimated, given = (stain_columns(image, cells, white) for white in (None, WHITE / 2))
    difference = estimated["od_green_mean"] - given["od_green_mean"]
    assert difference == pytest.approx(np.log10(2), abs=2e-3)


def test_what_is_at_an_end_of_the_range_is_marked():
    image, cells, _ = smear([NO_MIDDLE, CELLS[0], CELLS[2]])
    y1, x1, y2, x2 = cells.boxes[0]
    image[y1:y2, x1:x2][20:40, 20:40, 1] = 0
    image[cells.boxes[1][0] + 50, cells.boxes[1][1] + 50] = 255
    columns = stain_columns(image, cells)
    assert columns["saturated"].tolist() == [1, 0, 0]
    assert columns["saturated_share"] == pytest.approx(
        [400 / cells.areas()[0], 1 / cells.areas()[1], 0]
    )
    bright, cells, _ = smear([NO_MIDDLE], white=np.array([255.0, 220, 220]))
    assert stain_columns(bright, cells)["saturated"].tolist() == [1]


def test_cut_and_tiny_cells_have_no_middle_and_nobody_has_nothing():
    image, _, _ = smear(CELLS)
    boxes = [(0, 10, 60, 60), (100, 100, 105, 105)]
    cells = Instances(SHAPE, boxes, [np.ones((60, 50), bool), np.ones((5, 5), bool)], [1, 1])
    columns = stain_columns(image, cells)
    assert np.isnan(columns["pallor_area_share"]).all()
    assert np.isnan(columns["pallor_depth"]).all()
    assert np.isfinite(columns["od_integrated_px2"]).all()
    empty = stain_columns(image, Instances.empty(SHAPE))
    assert tuple(empty) == STAIN_COLUMNS and all(len(each) == 0 for each in empty.values())
