"""What `check_outlines` finds, and what it leaves alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.formats.outline_checks import check_outlines

SHAPE = (100, 120)


def square(y, x, side=20):
    return np.array([[y, x], [y, x + side], [y + side, x + side], [y + side, x]], float)


def circle(y, x, radius, points=40):
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([y + radius * np.sin(angles), x + radius * np.cos(angles)], axis=1)


GOOD = [square(10, 10), square(10, 40), square(10, 70), square(50, 10), square(50, 40)]


def found(*polygons):
    return [(problem.index, problem.kind) for problem in check_outlines(polygons, SHAPE)]


def test_good_outlines_have_no_problem():
    # At the border, touching each other, one over the other.
    at_the_far_edge = np.array([[0, 0], [0, 120], [20, 120], [20, 0]], float)
    assert found(*GOOD, at_the_far_edge, square(12, 25), circle(60, 90, 12)) == []
    assert found() == []


def test_outside():
    assert found(square(10, 200)) == [(0, "outside")]
    assert found(square(-40, 10)) == [(0, "outside")]
    assert found(square(10, 112)) == [(0, "partly outside")]
    assert found(square(10, 109)) == []
    (problem,) = check_outlines([square(92, 10)], SHAPE)
    assert problem.text == "lies for the most part outside the image, which has 120 x 100 pixels"


def test_crossing():
    bow = np.array([[10, 10], [30, 30], [10, 30], [30, 10]], float)
    (problem,) = check_outlines([bow], SHAPE)
    assert (problem.kind, problem.text) == ("crossing", "crosses itself at x 20, y 20")
    touching = np.array([[10, 10], [10, 30], [20, 20], [30, 30], [30, 10], [20, 20]], float)
    assert found(touching) == []


def test_tiny_and_without_a_pixel():
    assert found(*GOOD, square(80, 100, 1)) == [(5, "tiny")]
    # Nothing to compare it with.
    assert found(GOOD[0], square(80, 100, 1)) == []
    assert found(square(50.2, 50.2, 0.5)) == [(0, "no pixel")]


def test_duplicates():
    problems = check_outlines([GOOD[0], GOOD[1], GOOD[0] + 0.4, square(50, 50, 19)], SHAPE)
    assert [(p.index, p.kind, p.other) for p in problems] == [(2, "duplicate", 0)]
    # IoU (20 x 21) / (21 x 21) = 0.95 of pixels, and 18 x 21 of 24 x 21.
    assert found(GOOD[0], square(10, 11)) == [(1, "duplicate")]
    assert found(GOOD[0], square(10, 13)) == []


@given(
    st.floats(0, 60), st.floats(0, 60), st.floats(5, 15), st.integers(8, 60), st.floats(-0.3, 0.3)
)
def test_round_outlines_are_good_and_their_copies_are_not(y, x, radius, points, shift):
    outline = circle(y + 20, x + 20, radius, points)
    assert found(outline) == []
    assert found(outline, outline + np.array([0, shift])) in ([], [(1, "duplicate")])
    assert found(outline, outline) == [(1, "duplicate")]
