"""Levels of pictures: which is shown, and objects of a level in pixels of the picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.inference.levels import enlarged, level_for
from mrcnn.instances import Instances
from mrcnn.pictures import Level, Picture
from tests.inference.test_tiles import painted, tiled


class Layered(Picture):
    """A picture and its copies of a half, a quarter, ... of the size; notes what was read."""

    def __init__(self, pixels, levels=3):
        self.copies = [pixels[:: 2**level, :: 2**level] for level in range(levels)]
        self.read = []

    @property
    def levels(self):
        return tuple(Level(*copy.shape[:2], 2.0**number) for number, copy in enumerate(self.copies))

    def _read(self, level, y, x, height, width):
        self.read.append((level, height, width))
        return self.copies[level][y : y + height, x : x + width].copy()


@pytest.mark.parametrize(
    ("scale", "level"), [(2, 0), (1, 0), (0.51, 0), (0.5, 1), (0.26, 1), (0.25, 2), (0.01, 2)]
)
def test_the_coarsest_level_that_has_all_that_is_shown(scale, level):
    picture = Layered(np.zeros((64, 96, 3), np.uint8))
    shown, factor = level_for(picture, scale)
    assert shown.shape == picture.copies[level].shape[:2]
    assert factor == scale * 2**level
    assert (shown is picture) == (level == 0)
    assert shown.region(1, 2, 3, 4).shape == (3, 4, 3)
    assert picture.read == [(level, 3, 4)]


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(4, 40), st.integers(4, 40)),
    st.tuples(st.floats(1, 5), st.floats(1, 5)),
)
def test_an_enlarged_object_has_the_pixels_above_its_own(seed, shape, factors):
    rng = np.random.default_rng(seed)
    full = tuple(int(side * factor) for side, factor in zip(shape, factors, strict=True))
    masks = rng.random((*shape, 3)) < 0.3
    small = Instances.from_masks(masks, [1, 2, 1], [0.5, 0.6, 0.7]).tight()
    small = small.with_columns(size=small.areas())
    large = enlarged(small, full)
    assert large.image_shape == full
    assert (large.columns["size"] == small.areas()).all()
    rows, columns = (
        np.minimum(((np.arange(there) + 0.5) / (there / here)).astype(int), here - 1)
        for here, there in zip(shape, full, strict=True)
    )
    expected = small.full_masks()[rows][:, columns]
    np.testing.assert_array_equal(large.full_masks(), expected)
    assert (np.diff(large.boxes[np.argsort(small.boxes[:, 0])][:, 0]) >= 0).all()
    # The boxes are checked, and end where the masks do.
    assert (large.replaced().tight().boxes == large.boxes).all()


def test_tiles_of_a_pyramid_read_the_level_that_is_shown():
    boxes = [(y, x, y + 40, x + 40) for y in range(8, 1000, 80) for x in range(8, 1400, 80)]
    image = painted((1040, 1440), boxes, [220] * len(boxes))
    picture = Layered(image)
    detector = tiled()
    from_level = detector.predict(picture, 0.25)
    assert {level for level, *_ in picture.read} == {2}
    at_once = detector.predict(image, 0.25)
    assert from_level.scale == pytest.approx(at_once.scale, rel=0.02)
    assert from_level.instances.image_shape == image.shape[:2]
    assert len(from_level.instances) == len(boxes)
    iou = from_level.instances.overlap(at_once.instances)
    assert (iou.max(axis=1) > 0.8).all()
    parts = list(detector.predict_parts(picture, 0.25))
    assert sum(map(len, parts)) == len(boxes)
    tops = np.concatenate([part.boxes[:, 0] for part in parts])
    assert (np.diff(tops) >= 0).all()
    assert detector.tiles_of(picture, 0.25) == detector.grid(picture.copies[2].shape, 1.0).count
