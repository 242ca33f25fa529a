"""Objects of one image laid over another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.data.overlay import lay_over, light_of
from mrcnn.instances import Instances

WHOLE = (0, 0, 96, 128)


def field(disks, light, shape=(96, 128), classes=None):
    """A bright image with disks that let half of the light through, and its objects."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    masks = np.zeros((*shape, len(disks)), bool)
    for number, (y, x, radius) in enumerate(disks):
        masks[..., number] = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    image = np.ones((*shape, 3)) * light
    image[masks.any(axis=-1)] *= 0.5
    ids = np.ones(len(disks), np.int32) if classes is None else classes
    return image.astype(np.uint8), Instances.from_masks(masks, ids).tight()


def test_the_light_is_that_of_the_empty_part():
    image, instances = field([(40, 40, 20), (60, 90, 15)], (240, 200, 220))
    np.testing.assert_allclose(light_of(image, instances, WHOLE), (240, 200, 220))
    # Padding is no light.
    padded = np.pad(image, ((0, 40), (0, 0), (0, 0)))
    grown = Instances((136, 128), instances.boxes, instances.crops, instances.class_ids)
    np.testing.assert_allclose(light_of(padded, grown, WHOLE), (240, 200, 220))


def test_without_an_empty_part_nothing_changes():
    image, instances = field([(48, 64, 30)], (240, 240, 240))
    full = Instances.from_crops((96, 128), [WHOLE], [np.ones((96, 128), bool)], [1])
    assert light_of(image, full, WHOLE) is None
    rng = np.random.default_rng(0)
    for objects, others in ((instances, full), (Instances.empty((96, 128)), instances)):
        found = lay_over(image, objects, WHOLE, (image, others, WHOLE), 5, rng)
        assert found[0] is image and found[1] is objects


def test_objects_darken_by_what_they_let_through():
    image, instances = field([(48, 64, 16)], (240, 240, 240))
    donor, others = field([(30, 30, 14)], (200, 100, 160), classes=np.array([3], np.int32))
    pairs = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        before = image.copy()
        found, objects = lay_over(image, instances, WHOLE, (donor, others, WHOLE), 1, rng)
        np.testing.assert_array_equal(image, before)
        assert objects.class_ids.tolist() == [1, 3][: len(objects)]
        if len(objects) == 1:
            continue
        first, second = np.moveaxis(objects.full_masks(), -1, 0)
        np.testing.assert_array_equal(first, instances.full_masks()[..., 0])
        both = first & second
        pairs += both.any()
        core = np.zeros_like(second)
        core[3:-3, 3:-3] = np.all(
            [second[3 + y : 93 + y, 3 + x : 125 + x] for y in (-3, 3) for x in (-3, 3)], axis=0
        )
        assert (np.abs(found[core & ~first].astype(int) - 120) <= 2).all()
        assert (np.abs(found[core & both].astype(int) - 60) <= 2).all()
        assert both.sum() <= 0.4 * min(first.sum(), second.sum())
        assert (found <= image).all()
        far = np.ones((96, 128), bool)
        y1, x1, y2, x2 = objects.boxes[1]
        far[max(y1 - 6, 0) : y2 + 6, max(x1 - 6, 0) : x2 + 6] = False
        np.testing.assert_array_equal(found[far], image[far])
    assert pairs >= 5


def test_cut_objects_and_crowds_are_not_taken():
    image, instances = field([(48, 64, 16)], (240, 240, 240))
    cut, crowd = (5, 60, 12), (60, 60, 14)
    donor, others = field([cut, crowd], (240, 240, 240), classes=np.array([1, -1], np.int32))
    rng = np.random.default_rng(0)
    for _ in range(10):
        _, objects = lay_over(image, instances, WHOLE, (donor, others, WHOLE), 3, rng)
        assert len(objects) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.lists(
        st.tuples(st.integers(0, 95), st.integers(0, 127), st.integers(2, 20)),
        min_size=1,
        max_size=6,
    ),
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(60, 96), st.integers(80, 128)),
)
def test_anything_stays_in_the_window(seed, disks, window):
    image, instances = field(disks, (230, 210, 220))
    donor, others = field(disks[::-1], (200, 230, 180))
    rng = np.random.default_rng(seed)
    found, objects = lay_over(image, instances, window, (donor, others, window), 6, rng)
    assert found.shape == image.shape and found.dtype == np.uint8
    assert len(instances) <= len(objects) <= len(instances) + 6
    assert (found <= image).all()
    outside = np.ones((96, 128), bool)
    outside[window[0] : window[2], window[1] : window[3]] = False
    np.testing.assert_array_equal(found[outside], image[outside])
    for box, crop in zip(objects.boxes, objects.crops, strict=True):
        assert crop.shape == (box[2] - box[0], box[3] - box[1])
    for y1, x1, y2, x2 in objects.boxes[len(instances) :]:
        assert window[0] <= y1 < y2 <= window[2] and window[1] <= x1 < x2 <= window[3]
    again = lay_over(
        image, instances, window, (donor, others, window), 6, np.random.default_rng(seed)
    )
    np.testing.assert_array_equal(again[0], found)


@pytest.mark.parametrize("most", [1, 4])
def test_not_more_than_asked_for(most):
    image, instances = field([(48, 64, 10)], (240, 240, 240))
    rng = np.random.default_rng(1)
    counts = {
        len(lay_over(image, instances, WHOLE, (image, instances, WHOLE), most, rng)[1])
        for _ in range(20)
    }
    assert max(counts) <= 1 + most and len(counts) > most - 1
