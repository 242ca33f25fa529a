"""Size classes against discs and dented shapes of known size."""

import numpy as np
import pytest

from rbc_cells.sizes import are_sizes, measured_class_ids

NAMES = ("large", "normal", "small", "undefined")
SHAPE = (500, 500, 3)


def disc(radius: float, dent: float = 0.0) -> np.ndarray:
    """A tight disc; `dent` cuts a wedge of so many radii' depth out of it."""
    side = int(radius) + 1
    y, x = np.mgrid[-side : side + 1, -side : side + 1]
    mask = y**2 + x**2 < radius**2
    mask &= ~((x > (1 - dent) * radius) & (np.abs(y) < x - (1 - dent) * radius + 1))
    mask = mask[mask.any(axis=1)]
    return mask[:, mask.any(axis=0)]


def classes(crops, tops=None, names=NAMES, sure=None) -> list[str]:
    tops = [(100, 100)] * len(crops) if tops is None else tops
    boxes = [
        (y, x, y + crop.shape[0], x + crop.shape[1])
        for (y, x), crop in zip(tops, crops, strict=True)
    ]
    ids = measured_class_ids(boxes, crops, SHAPE, names, sure)
    assert ids.shape == (len(crops),)
    return [names[class_id - 1] for class_id in ids]


def test_classes_follow_the_diameter_over_the_median():
    radii = [30, 30, 30, 30, 30, 30 * 1.10, 30 * 1.14, 30 * 0.9, 30 * 0.86]
    expected = ["normal"] * 6 + ["large", "normal", "small"]
    assert classes([disc(radius) for radius in radii]) == expected


def test_specks_that_are_hardly_cells_do_not_count_for_the_median():
    crops = [disc(30)] * 3 + [disc(8)] * 5
    assert classes(crops) == ["undefined"] * 3 + ["normal"] * 5
    assert classes(crops, sure=[True] * 3 + [False] * 5) == ["normal"] * 3 + ["small"] * 5
    # Where nothing is sure, all count.
    assert classes(crops, sure=[False] * 8) == classes(crops)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (NAMES, True),
        (("normal", "small"), True),
        (("cell",), False),
        (("normal", "sickle"), False),
        (("large", "small"), False),
    ],
)
def test_which_classes_are_sizes(names, expected):
    assert are_sizes(names) is expected


def test_classes_do_not_depend_on_magnification():
    radii = np.array([1, 1, 1, 1.05, 0.95, 1.2, 0.8])
    expected = ["normal"] * 5 + ["large", "small"]
    for scale in (12, 25, 100):
        assert classes([disc(scale * radius) for radius in radii]) == expected


@pytest.mark.parametrize("top_left", [(0, 100), (100, 0), (439, 100), (100, 441)])
def test_cells_at_the_border_are_undefined(top_left):
    crops = [disc(30)] * 4
    bottom, right = 500 - crops[0].shape[0], 500 - crops[0].shape[1]
    top_left = (min(top_left[0], bottom), min(top_left[1], right))
    if top_left[0] == 439:
        top_left = (bottom, 100)
    assert classes(crops, [(100, 100)] * 3 + [top_left]) == ["normal"] * 3 + ["undefined"]


def test_dented_and_clumped_cells_are_undefined():
    one = disc(30)
    pair = np.hstack([one, one])
    crops = [*[disc(30)] * 5, disc(30, dent=0.9), pair, disc(45)]
    assert classes(crops) == ["normal"] * 5 + ["undefined"] * 3


def test_the_median_is_of_whole_cells():
    # Six slivers at the border would make the whole cells large.
    crops = [np.ones((5, 20), bool)] * 6 + [disc(30), disc(30), disc(36)]
    tops = [(0, 30 * number) for number in range(6)] + [(100, 100)] * 3
    assert classes(crops, tops) == ["undefined"] * 6 + ["normal", "normal", "large"]


def test_with_no_whole_cell_the_sizes_are_still_measured_where_they_are_asked_for():
    crops = [disc(30), disc(30), disc(20)]
    tops = [(0, 100), (0, 200), (0, 300)]
    assert classes(crops, tops) == ["undefined"] * 3
    assert classes(crops, tops, ("large", "normal", "small")) == ["normal", "normal", "small"]


def test_one_cell_is_normal_and_none_are_none():
    assert classes([disc(30)]) == ["normal"]
    assert measured_class_ids(np.zeros((0, 4)), [], SHAPE, NAMES).shape == (0,)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("cell",), ["cell"] * 4),
        (("small", "undefined", "normal", "large"), ["normal", "large", "small", "undefined"]),
        (("undefined", "normal"), ["normal", "normal", "normal", "undefined"]),
        (("large", "small"), ["large", "large", "small", "large"]),
        (("small", "undefined"), ["undefined", "undefined", "small", "undefined"]),
        (("infected", "healthy"), ["infected"] * 4),
    ],
)
def test_other_class_names(names, expected):
    crops = [*[disc(30)] * 3, disc(36), disc(20), disc(30)]
    tops = [(100, 100)] * 5 + [(0, 100)]
    assert classes(crops, tops, names)[2:] == expected
