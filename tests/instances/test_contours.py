"""Lines around masks are those of scikit-image, point by point."""

import numpy as np
import pytest
from skimage.measure import find_contours

from mrcnn.instances.contours import contours_of


def expected(mask, corners_connect):
    connected = "high" if corners_connect else "low"
    framed = np.pad(mask, 1).astype(float)
    return [line - 1 for line in find_contours(framed, 0.5, fully_connected=connected)]


@pytest.mark.parametrize("corners_connect", [False, True])
def test_each_line_of_any_mask(corners_connect):
    rng = np.random.default_rng(0)
    masks = [rng.random(rng.integers(1, 25, 2)) < rng.random() for _ in range(200)]
    masks += [np.zeros((3, 4), bool), np.ones((5, 2), bool)]
    for mask, lines in zip(masks, contours_of(masks, corners_connect=corners_connect), strict=True):
        others = expected(mask, corners_connect)
        assert len(lines) == len(others)
        assert all(map(np.array_equal, lines, others))


def test_no_mask_has_no_lines():
    assert contours_of([]) == []


def test_many_masks_are_traced_in_parts_with_the_same_lines(monkeypatch):
    rng = np.random.default_rng(5)
    masks = [rng.random((7, 9)) < 0.5 for _ in range(7)]
    together = contours_of(masks)
    monkeypatch.setattr("mrcnn.instances.contours._AT_ONCE", 3)
    in_parts = contours_of(masks)
    assert [len(lines) for lines in in_parts] == [len(lines) for lines in together]
    for ours, theirs in zip(in_parts, together, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
