"""Outlines of run lengths hold exactly the pixels of the mask."""

import numpy as np

from mrcnn.formats.run_outlines import mask_outlines
from mrcnn.instances import run_length
from tests.formats.drawn import area, filled


def test_outlines_of_run_lengths_hold_exactly_the_mask():
    rng = np.random.default_rng(0)
    for _ in range(200):
        shape = tuple(rng.integers(1, 9, 2).tolist())
        mask = rng.random(shape) < rng.choice([0, 0.1, 0.5, 0.9, 1])
        counts = run_length.encode(np.array([0, 0, *shape]), mask, shape)
        for stored in (counts.tolist(), run_length.compress(counts)):
            outlines = mask_outlines({"size": list(shape), "counts": stored}, shape)
            assert sum(map(area, outlines)) == mask.sum()
            assert np.array_equal(filled(outlines, shape) if outlines else mask * 0, mask)
