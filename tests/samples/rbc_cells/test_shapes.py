"""Shapes of drawn cells, named by the weights that come with the project."""

import sys

import numpy as np
import pytest
from scipy import ndimage

from mrcnn.errors import ConfigError, WeightsError
from mrcnn.instances import Instances
from rbc import APPLICATION
from rbc_cells import shapes
from rbc_cells.kinds import KINDS
from rbc_cells.shape_crops import NUMBERS, SIDE, color_curves
from rbc_cells.shapes import LIMITS, SHAPES, are_named, name_shapes, possible

PAPER, STAIN, PALLOR = (225, 225, 225), (190, 140, 160), (205, 175, 188)


def field(*ellipses, size=(260, 330)):
    """A picture and its cells: (y, x, half height, half width, part that is pale)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    image, masks = np.full((*size, 3), PAPER, np.uint8), []
    for y, x, a, b, pale in ellipses:
        away = np.sqrt(((rows - y) / a) ** 2 + ((columns - x) / b) ** 2)
        image[away <= 1], image[away <= pale] = STAIN, PALLOR
        masks.append(away <= 1)
    count = len(masks)
    # As sharp as a microscope shows them.
    image = ndimage.gaussian_filter(image, (1.2, 1.2, 0))
    return image, Instances.from_masks(np.stack(masks, axis=-1), [1] * count, np.full(count, 0.9))


ROUND = [(y, x, 20, 20, 0.3) for y in (40, 110, 180) for x in (40, 110)]
DENSE, LONG, TINY = (180, 180, 20, 20, 0), (60, 240, 12, 44, 0), (230, 300, 15, 15, 0.3)


def test_drawn_cells_get_the_names_of_their_shapes():
    image, cells = field(*ROUND, DENSE, LONG, TINY)
    named = name_shapes(image, cells, np.ones(len(cells), bool))
    assert list(named.columns) == ["shape", "shape_score"]
    found = named.columns["shape"].tolist()
    assert found == [*["normal"] * 6, "spherocyte", "elliptocyte", "microcyte"]
    scores = named.columns["shape_score"]
    assert ((scores > 1 / 12) & (scores <= 1)).all()
    assert (scores[[0, 7]] > 0.5).all()


def test_a_cell_has_the_same_shape_alone_and_among_others():
    image, cells = field(*ROUND, DENSE, LONG)
    crops = shapes.shape_crops(image, cells.boxes, cells.crops, 40.0, color_curves(image, cells))
    together = shapes.probabilities(np.concatenate([crops, crops, crops]))
    assert together.shape == (24, 12)
    np.testing.assert_allclose(together.sum(axis=1), 1)
    np.testing.assert_allclose(together[8:16], together[:8], atol=1e-5)
    np.testing.assert_allclose(shapes.probabilities(crops[7:]), together[7:8], atol=1e-5)
    assert shapes.probabilities(np.zeros((0, SIDE, SIDE, 4), np.uint8)).shape == (0, 12)


def test_only_red_cells_have_a_shape_and_they_alone_tell_the_size():
    image, cells = field(*ROUND, DENSE, (120, 240, 60, 60, 0))
    cells = cells.replaced(class_ids=[1] * 7 + [2])
    named = APPLICATION.measure(image, cells, None, class_names=KINDS)
    assert list(named.columns)[-4:-2] == ["shape", "shape_score"]
    assert named.columns["shape"][7] == "" and np.isnan(named.columns["shape_score"][7])
    alone = name_shapes(image, cells.take(range(7)), np.ones(7, bool))
    assert named.columns["shape"][:7].tolist() == alone.columns["shape"].tolist()


@pytest.mark.parametrize("cells", [[], [(20, 20, 2, 2, 0), (50, 50, 2, 2, 0)]])
def test_without_a_scale_there_are_no_shapes(cells):
    image, found = field(*ROUND) if not cells else field(*cells)
    found = found.take([]) if not cells else found
    named = name_shapes(image, found, np.ones(len(found), bool))
    assert named.columns["shape"].tolist() == [""] * len(cells)
    assert np.isnan(named.columns["shape_score"]).all()


def test_a_shape_that_size_or_length_rules_out_is_not_given():
    numbers = np.array([[1, 1, 1], [1.2, 1.2, 1.2], [0.8, 0.8, 0.8], [1, 1.3, 0.8]])
    logits = np.zeros((4, 12))
    result = possible(logits, numbers)
    assert not logits.any()
    ruled_out = [{SHAPES[n] for n in np.flatnonzero(np.isinf(row))} for row in result]
    round_ones = {"ovalocyte", "teardrop", "elliptocyte"}
    assert ruled_out == [
        round_ones,
        round_ones | {"microcyte", "schistocyte"},
        round_ones | {"macrocyte"},
        set(),
    ]
    assert set(LIMITS) < set(SHAPES)


def test_the_command_line_says_whether():
    image, cells = field(*ROUND)

    def columns(*given):
        options = APPLICATION.parse(["detect", "a.png", *given])
        return set(APPLICATION.measure(image, cells, options, class_names=KINDS).columns)

    assert columns() - columns("--no-shapes") == {"shape", "shape_score"}
    assert columns("--shapes") == columns()


def test_without_keras_they_are_left_out_with_a_word_or_refused(monkeypatch):
    assert are_named(None) and are_named(True) and not are_named(False)
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setattr(shapes, "_runs_on_onnx", lambda: True)
    assert are_named(None) and are_named(True) and not are_named(False)
    monkeypatch.setattr(shapes, "_runs_on_onnx", lambda: False)
    assert not are_named(False)
    with pytest.warns(UserWarning, match=r"so they are left out: `pip install onnxruntime`"):
        assert not are_named(None)
    with pytest.raises(ConfigError, match=r"pip install onnxruntime`, or .* --no-shapes"):
        are_named(True)


def test_weights_that_are_not_there_are_named(monkeypatch):
    monkeypatch.setattr(shapes, "FILE", "none.h5")
    with pytest.raises(WeightsError, match=r"none.h5: .* are not there\. .* --no-shapes"):
        shapes._network.__wrapped__()
    assert NUMBERS == 3
