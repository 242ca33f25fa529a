"""Masks in a file are those in memory."""

import numpy as np
import pytest

from mrcnn.instances import Instances
from mrcnn.instances.packed_masks import PackedMasks
from mrcnn.instances.stored_masks import MaskFile

RNG = np.random.default_rng(0)
CROPS = [RNG.random(shape) < 0.5 for shape in ((3, 5), (8, 1), (1, 1), (20, 31), (0, 4))]


@pytest.fixture
def stored(tmp_path):
    with MaskFile(tmp_path) as file:
        file.add(PackedMasks(CROPS[:2]))
        file.add(PackedMasks(()))
        file.add(PackedMasks(CROPS[2:]))
        yield file.masks()


def same(masks, crops):
    assert len(masks) == len(crops)
    for mask, crop in zip(masks, crops, strict=True):
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask, crop)


def test_they_are_as_they_were_added(stored):
    same(stored, CROPS)
    kept = PackedMasks(CROPS)
    assert stored.areas().tolist() == kept.areas().tolist()
    assert stored.present().all()
    assert stored.shapes == kept.shapes and stored.nbytes == kept.nbytes


def test_some_of_them(stored):
    same(stored.take([3, 0, 3]), [CROPS[3], CROPS[0], CROPS[3]])
    same(stored[1:3], CROPS[1:3])
    same(stored.take([2, 1]).take([1]), [CROPS[1]])
    same(stored.joined([PackedMasks(CROPS[:1])]), [*CROPS, CROPS[0]])
    same(PackedMasks(CROPS[:1]).joined([stored]), [CROPS[0], *CROPS])


def test_instances_of_them(stored):
    boxes = [(0, 0, *crop.shape) for crop in CROPS]
    found = Instances((40, 40), boxes, stored, [1, 2, 3, 4, 5], [0.5] * 5)
    assert found.take([1, 3]).areas().tolist() == [CROPS[1].sum(), CROPS[3].sum()]
    assert found.replaced(class_ids=[1] * 5).crops is stored


def test_the_file_has_no_name_and_ends(tmp_path):
    with MaskFile(tmp_path) as file:
        file.add(PackedMasks(CROPS))
        masks = file.masks()
    with pytest.raises(ValueError, match="closed file"):
        _ = masks[0]
    assert not list(tmp_path.iterdir())
