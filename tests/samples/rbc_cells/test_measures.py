"""What is measured of a drawn cell through the command line's application."""

import numpy as np
import pytest

from mrcnn.measure.stain import STAIN_COLUMNS
from rbc import APPLICATION
from tests.drawn_objects import objects_of


def test_cells_are_measured_against_the_light_or_the_white_level_that_is_known():
    image = np.full((120, 160, 3), 200, np.uint8)
    image[40:60, 40:60] = 100
    cells = objects_of((120, 160), [[40, 40, 60, 60]])
    measured = APPLICATION.measure(image, cells, None, class_names=("normal",))
    assert tuple(measured.columns) == (
        *(*STAIN_COLUMNS, "kind", "shape", "shape_score"),
        *("infected", "infected_probability"),
    )
    assert measured.columns["kind"].tolist() == ["red blood cell"]
    assert measured.columns["od_green_mean"] == pytest.approx([np.log10(2)])
    known = APPLICATION.measure(
        image, cells, None, class_names=("cell",), white_level=(200, 250, 200)
    )
    assert known.columns["od_green_mean"] == pytest.approx([np.log10(2.5)])
