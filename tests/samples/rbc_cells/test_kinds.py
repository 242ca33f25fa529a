"""Kinds of cells from fields whose outlines have size classes."""

import numpy as np
import pytest

from mrcnn.errors import DataError
from rbc import RBCDataset
from rbc_cells.kinds import KINDS, RED, WHITE
from tests.drawn_cells import write_subset

# The second field has no table; the first cell of the first is a leukocyte, as is another place.
TABLE = (
    "filename,category,y1,x1,y2,x2\n"
    "a.png,leukocyte,{0},{1},{2},{3}\n"
    "a.png,leukocyte,0,100,20,120\n"
    "a.png,ring,0,0,5,5\n"
)


def test_sizes_are_red_cells_and_leukocytes_of_the_table_white_ones(tmp_path):
    folder = write_subset(tmp_path / "train")
    annotations = RBCDataset.find_annotations(folder)
    outline = RBCDataset.read(annotations, KINDS)[0].polygons[0]
    box = [*outline.min(axis=0), *outline.max(axis=0)]
    (folder / "objects.csv").write_text(TABLE.format(*box))
    first, second = RBCDataset.read(annotations, KINDS)
    assert first.class_names == [WHITE, *[RED] * 4, WHITE]
    assert first.is_box == [False] * 5 + [True]
    np.testing.assert_allclose(first.polygons[-1].min(axis=0), (-0.5, 99.5))
    assert second.class_names == [RED] * 5
    # The size classes are read as ever.
    assert (
        RED
        not in RBCDataset.read(annotations, ("large", "normal", "small", "undefined"))[
            0
        ].class_names
    )


def test_a_damaged_table_is_named(tmp_path):
    folder = write_subset(tmp_path / "train")
    (folder / "objects.csv").write_text(TABLE.format("a", 1, 2, 3))
    with pytest.raises(DataError, match=r"objects.csv, line 2: expected are the columns"):
        RBCDataset.read(RBCDataset.find_annotations(folder), KINDS)
