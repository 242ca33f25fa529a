"""Rendered smears of several kinds of cells: sizes, looks, stacks, and what a data set tells."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion
from skimage.draw import polygon as polygon_pixels
from skimage.filters import threshold_otsu

from mrcnn.errors import DataError
from rbc_cells import smears
from rbc_cells.smears import others
from rbc_cells.smears.command import render
from rbc_cells.smears.shapes import Cell, place_cells, visible_patches
from rbc_cells.smears.styles import DIFFERENTIAL_STAINS, sample_style


def cover(polygon, shape):
    mask = np.zeros(shape, dtype=bool)
    mask[polygon_pixels(polygon[:, 0], polygon[:, 1], shape)] = True
    return mask


@pytest.fixture(scope="module")
def fields_of_kinds():
    size = {"height": 300, "width": 400, "cell_diameter": 40.0}
    return [smears.render_field(3, index, **size, kinds=True) for index in range(8)]


def outlines_of(fields, name):
    return [
        (field, polygon)
        for field in fields
        for polygon, found in zip(field.polygons, field.class_names, strict=True)
        if found == name
    ]


def test_white_cells_and_platelets_have_outlines_of_their_size(fields_of_kinds):
    white = outlines_of(fields_of_kinds, "white blood cell")
    platelets = outlines_of(fields_of_kinds, "platelet")
    red = outlines_of(fields_of_kinds, "normal")
    assert len(white) >= 4
    assert len(platelets) >= 15
    diameters = [
        np.median([2 * math.sqrt(smears.polygon_area(polygon) / math.pi) for _, polygon in each])
        for each in (platelets, red, white)
    ]
    assert 3 * diameters[0] < 1.2 * diameters[1] < diameters[2]


def test_white_cells_have_a_nucleus_and_platelets_stand_out(fields_of_kinds):
    for name, quantile in (("white blood cell", 10), ("platelet", 50)):
        for field, polygon in outlines_of(fields_of_kinds, name):
            green = field.image[..., 1].astype(float)
            inside = cover(polygon, green.shape)
            if inside.sum() > 20:
                assert np.percentile(green[inside], quantile) < np.percentile(green, 85) - 15


def densities(field):
    """Absorbance [H, W, 3] against the slide, and its medians in red cells, [3]."""
    red = np.zeros(field.image.shape[:2], dtype=bool)
    slide = np.ones(red.shape, dtype=bool)
    for polygon, name in zip(field.polygons, field.class_names, strict=True):
        inside = cover(polygon, red.shape)
        slide &= ~inside
        red |= inside & (name in smears.CLASS_NAMES)
    light = np.median(field.image[binary_erosion(slide, iterations=3)], axis=0)
    density = -np.log(np.maximum(field.image, 1) / light)
    return density, np.median(density[red], axis=0)


def diameter_of(polygon):
    return float(np.sqrt(np.prod(np.ptp(polygon, axis=0) + 1)))


def test_white_cells_and_platelets_are_as_large_and_dense_as_in_four_laboratories(monkeypatch):
    """Ranges: from the least 10 % to the largest 90 % quantile of the images of four laboratories.

    TXL-PBC (BCCD, BCD, PBC, Raabin-WBC), 480 training images, 389 white cells and 271 platelets
    that the border does not cut; diameters of boxes, medians of absorbance against the slide.
    """
    monkeypatch.setattr(others, "_DIFFERENTIAL_FIELDS", 1.0)
    monkeypatch.setattr(others, "_WHITE_CELLS", 5.0)
    white, platelets = [], []
    for index in range(8):
        field = smears.render_field(9, index, 300, 400, 40.0, kinds=True)
        assert field.stain in {stain.name for stain in DIFFERENTIAL_STAINS}
        density, of_red = densities(field)
        red = [p for p, name in zip(field.polygons, field.class_names, strict=True)
               if name == "normal"]  # fmt: skip
        usual = np.median([diameter_of(polygon) for polygon in red])
        for polygon, name in zip(field.polygons, field.class_names, strict=True):
            low, high = polygon.min(axis=0), polygon.max(axis=0)
            if name in smears.CLASS_NAMES or low.min() < 2 or (high > (297, 397)).any():
                continue
            inside = cover(polygon, density.shape[:2])
            size = diameter_of(polygon) / usual
            if name == "platelet":
                dense = density[inside & (density[..., 1] >= np.median(density[inside, 1]))]
                body = np.median(dense, axis=0)
                platelets.append((size, body[1] / of_red[1], *(body[::2] / body[1])))
            else:
                dark = density[..., 0] > threshold_otsu(density[inside, 0])
                nucleus = np.median(density[inside & binary_erosion(dark)], axis=0)
                pale = binary_erosion(inside, iterations=2) & ~dark
                body = np.median(density[pale, 1]) / nucleus[1]
                white.append((size, nucleus[1] / of_red[1], *(nucleus[::2] / nucleus[1]), body))
    assert len(white) >= 7
    assert len(platelets) >= 20
    # Diameter, green over that of red cells, red and blue over green; green of the cytoplasm.
    low, high = np.transpose(
        [(1.34, 2.33), (2.44, 8.27), (0.25, 0.82), (-0.25, 0.24), (0.02, 0.39)]
    )
    middle = np.median(white, axis=0)
    assert (low < middle).all() and (middle < high).all(), middle
    low, high = np.transpose([(0.31, 0.49), (0.71, 4.7), (0.33, 1.09), (-0.25, 0.28)])
    middle = np.median(platelets, axis=0)
    assert (low < middle).all() and (middle < high).all(), middle


def painted(kind, seed, radius=50.0):
    """A white cell alone: where its nucleus is, bool, and absorbance, both of its own pixels."""
    style = sample_style(np.random.default_rng(1), 128, 128, 60.0)
    style = replace(style, nucleus=(0.5, 1.0, 0.1))
    cell = Cell(64.0, 64.0, radius, np.full(360, radius), kind, False)
    (patch,) = visible_patches([cell], 128, 128)
    paint = others.other_absorbance(np.random.default_rng(seed), style, patch)
    inside = paint[:, patch.body > 0]
    return inside[1] > 0.7, inside


def test_nuclei_and_cytoplasm_tell_the_kinds_of_white_cells():
    shares, reds, blues = {}, {}, {}
    for kind in others.WHITE_KINDS:
        cells = [painted(kind, seed) for seed in range(8)]
        shares[kind] = np.array([nucleus.mean() for nucleus, _ in cells])
        red, green, blue = np.concatenate(
            [paint[:, ~nucleus & (paint[1] < 0.6)] for nucleus, paint in cells], axis=1
        )
        reds[kind], blues[kind] = np.median(red / green), np.median(blue / green)
    # One nucleus fills a lymphocyte; lobes leave more than half of a granulocyte. Measured: 0.53 to
    # 0.75 and 0.30 to 0.41.
    assert np.median(shares["lymphocyte"]) > 0.53
    assert (shares["lymphocyte"] > 0.4).all()
    for kind in ("neutrophil", "eosinophil"):
        assert ((shares[kind] > 0.15) & (shares[kind] < 0.45)).all()
    # Eosin takes no red light and some blue, azure takes red.
    assert reds["eosinophil"] < reds["neutrophil"] < reds["monocyte"] < reds["lymphocyte"]
    assert blues["eosinophil"] > max(blues[kind] for kind in blues if kind != "eosinophil")


def test_nuclei_follow_the_strength_of_the_stain():
    style = sample_style(np.random.default_rng(1), 300, 400, 40.0)
    for strength in (0.2, 0.8, 1.6):
        dense = replace(style, cell_density=strength * np.ones(3))
        for seed in range(20):
            found = others.style_of_kinds(np.random.default_rng(seed), dense)
            ratio = found.nucleus[1] / found.cell_density[1]
            assert 2.29 < ratio < 6.51
            assert found.platelets == 0


def test_red_cells_hardly_lie_on_white_ones_and_platelets_lie_between():
    rng = np.random.default_rng(4)
    style = replace(sample_style(rng, 600, 800, 50.0), count=90, clumping=0.6, overlap=0.5)
    white = [Cell(y, x, 45.0, np.full(360, 45.0), "neutrophil", False) for y, x in
             ((150.0, 200.0), (400.0, 500.0))]  # fmt: skip
    cells = place_cells(rng, style, 600, 800, white)
    assert cells[:2] == white
    for cell in cells[2:]:
        for other in white:
            angle = np.arctan2(other.y - cell.y, other.x - cell.x) % (2 * np.pi)
            gap = np.hypot(cell.y - other.y, cell.x - other.x) - 45 - cell.extent(angle)
            assert gap > -0.09 * style.diameter / 2
    found = [each for seed in range(12) for each in
             others.platelets(np.random.default_rng(seed), style, 600, 800, cells)]  # fmt: skip
    touching = [any(np.hypot(each.y - cell.y, each.x - cell.x) < each.reach + cell.reach
                    for cell in cells) for each in found]  # fmt: skip
    assert 0 < np.mean(touching) < 0.35


def test_red_cells_of_fields_with_kinds_are_measured_among_themselves(fields_of_kinds):
    for field in fields_of_kinds:
        red = [
            (polygon, name)
            for polygon, name in zip(field.polygons, field.class_names, strict=True)
            if name in smears.CLASS_NAMES
        ]
        polygons, names = zip(*red, strict=True)
        assert smears.size_classes(list(polygons), 300, 400) == list(names)


def test_cells_of_a_stack_lie_on_each_other_in_one_direction():
    rng = np.random.default_rng(1)
    style = sample_style(rng, 600, 800, 50.0)
    cells = place_cells(rng, replace(style, stacked=0.9, count=40), 600, 800)
    steps = np.diff([(cell.y, cell.x) for cell in cells], axis=0)
    distances = np.hypot(*steps.T) / style.diameter
    angles = np.arctan2(*steps.T) - style.direction
    stacked = distances < 0.7
    assert stacked.mean() > 0.5
    assert (distances[stacked] >= 0.45).all()
    assert (np.cos(angles[stacked]) > 0.8).all()
    # About a fifth of the fields.
    shares = [others.style_of_kinds(np.random.default_rng(seed), style) for seed in range(200)]
    assert 20 < sum(each.stacked > 0 for each in shares) < 60
    assert style.stacked == 0


def test_a_data_set_of_kinds_tells_them(tmp_path, capsys):
    render(tmp_path / "set", 2, 3, kinds=True)
    assert '--classes "red blood cell" "white blood cell" "platelet"' in capsys.readouterr().out
    names = {
        region["region_attributes"]["name"]
        for subset in ("train", "val")
        for entry in json.loads(
            (tmp_path / "set" / subset / "via_region_data.json").read_text()
        ).values()
        for region in entry["regions"]
    }
    assert {"white blood cell", "platelet", "normal"} <= names
    # The same numbers without kinds are other fields.
    with pytest.raises(DataError, match="describes other fields"):
        render(tmp_path / "set", 2, 3)
