"""Kinds of cells from fields whose outlines have size classes."""

import numpy as np
import pytest

from mrcnn.errors import ConfigError, DataError
from mrcnn.instances import Instances
from rbc import RBCDataset
from rbc_cells.kinds import KINDS, PLATELET, RED, WHITE, told_classes
from rbc_cells.measures import measure
from rbc_cells.outline import refine
from rbc_cells.sizes import classify
from rbc_cells.ways import LEARNED, SIZES
from tests.drawn_cells import via_regions, write_annotations, write_subset

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


def test_the_table_lies_beside_annotations_of_one_file_for_each_image(tmp_path):
    folder = write_subset(tmp_path / "train")
    for name in ("a", "b"):
        write_annotations(folder, {f"{name}.png": via_regions()}).rename(folder / f"{name}.json")
    outline = RBCDataset.read(folder, KINDS)[0].polygons[0]
    (folder / "objects.csv").write_text(
        TABLE.format(*outline.min(axis=0), *outline.max(axis=0)), encoding="utf-8"
    )
    first, second = RBCDataset.read(folder, KINDS)
    assert first.class_names == [WHITE, *[RED] * 4, WHITE]
    assert second.class_names == [RED] * 5


def test_a_damaged_table_is_named(tmp_path):
    folder = write_subset(tmp_path / "train")
    (folder / "objects.csv").write_text(TABLE.format("a", 1, 2, 3))
    with pytest.raises(DataError, match=r"objects.csv, line 2: expected are the columns"):
        RBCDataset.read(RBCDataset.find_annotations(folder), KINDS)


def test_a_network_of_kinds_tells_sizes_of_red_cells_and_the_other_kinds():
    told = told_classes(KINDS)
    assert told == ("large", "normal", "small", "undefined", WHITE, PLATELET)
    assert told_classes(SIZES, LEARNED) == SIZES
    with pytest.raises(
        ConfigError, match=r"has learned kinds of cells .* Use --size-class measured"
    ):
        told_classes(KINDS, LEARNED)


def test_red_cells_are_sized_among_themselves_and_others_keep_their_kind():
    """Twice as wide as the red cells, a white one changes nothing about their median."""
    sides = [20] * 5 + [26] + [60] * 6 + [8]
    boxes = np.array(
        [(10, 70 * n + 5, 10 + side, 70 * n + 5 + side) for n, side in enumerate(sides)]
    )
    crops = [np.ones((side, side), bool) for side in sides]
    ids = [1] * 6 + [2] * 6 + [3]
    cells = Instances((200, 1000), boxes, crops=crops, class_ids=ids, scores=np.ones(len(sides)))
    told = told_classes(KINDS)
    sized = classify(cells, KINDS, told_names=told)
    names = [told[class_id - 1] for class_id in sized.class_ids]
    assert names == ["normal"] * 5 + ["large"] + [WHITE] * 6 + [PLATELET]
    assert sized.columns["class_id_measured"].tolist() == sized.class_ids.tolist()
    # Where kinds are asked for, they stay.
    assert classify(cells, KINDS, told_names=KINDS).class_ids.tolist() == ids
    image = np.zeros((200, 1000, 3), np.uint8)
    kinds = [RED] * 6 + [WHITE] * 6 + [PLATELET]
    assert measure(image, cells, KINDS).columns["kind"].tolist() == kinds
    assert measure(image, sized, told).columns["kind"].tolist() == kinds
    assert set(measure(image, cells, ("round", "sickle", "x")).columns["kind"]) == {""}


def test_outlines_of_white_cells_are_not_moved_to_the_stain():
    image = np.full((100, 200, 3), 230, np.uint8)
    image[30:70, 30:70] = image[30:70, 130:170] = 120
    boxes = np.array([(32, 32, 68, 68), (32, 132, 68, 168)])
    crops = [np.ones((36, 36), bool)] * 2
    cells = Instances((100, 200), boxes, crops=crops, class_ids=[1, 2], scores=np.ones(2))
    moved = refine(image, cells, class_names=KINDS)
    assert moved.areas()[0] > 37**2
    assert moved.areas()[1] == 36**2
    assert (refine(image, cells).areas() > 37**2).all()
