"""Intervals against published values, and against trials."""

import math

import numpy as np
import pytest

from mrcnn.measure.intervals import count_interval, ratio_interval, share_interval, sum_interval


def test_wilsons_interval_of_a_share():
    # R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
    for count, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert share_interval(count, total) == pytest.approx((low, high), abs=5e-5)
    assert share_interval(20, 20) == pytest.approx((1 - 0.1611, 1), abs=5e-5)


def test_garwoods_interval_of_a_count():
    for count, low, high in ((0, 0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)):
        assert count_interval(count) == pytest.approx((low, high), rel=1e-3)


def test_the_interval_of_a_sum_holds_what_it_says():
    rng = np.random.default_rng(4)
    trials = [sum_interval(rng.poisson(60, 6)) for _ in range(2000)]
    held = np.mean([low <= 360 <= high for low, high in trials])
    assert held == pytest.approx(0.95, abs=0.02)
    assert sum_interval([7, 7, 7]) == (21, 21)


def test_the_interval_of_a_ratio_is_that_of_its_share():
    low, high = ratio_interval(5, 1000)
    expected = share_interval(5, 1005)
    assert (low / (1 + low), high / (1 + high)) == pytest.approx(expected)
    assert ratio_interval(3, 0)[1] == math.inf
