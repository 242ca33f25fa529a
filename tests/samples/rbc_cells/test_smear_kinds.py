"""Rendered smears of several kinds of cells: sizes, looks, stacks, and what a data set tells."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from skimage.draw import polygon as polygon_pixels

from mrcnn.errors import DataError
from rbc_cells import smears
from rbc_cells.smears import others
from rbc_cells.smears.command import render
from rbc_cells.smears.shapes import place_cells
from rbc_cells.smears.styles import sample_style


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
