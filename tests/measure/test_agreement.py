"""Bias and limits of agreement, of the figures that Bland and Altman published."""

import math

import numpy as np
import pytest

from mrcnn.measure.agreement import agreement_of

# Peak flow by a large and a small meter, l/min: Lancet 327, 1986, table 1.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
SMALL = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_published_example():
    """Their -2.1, 38.8, -79.7 to 75.5, and for the bias -22.0 to 17.8."""
    found = agreement_of(np.array(SMALL), np.array(LARGE))
    assert found.pairs == 17
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.deviation == pytest.approx(38.8, abs=0.05)
    # They take 2 standard deviations for 1.96.
    assert (found.limits.low + found.limits.high) / 2 == pytest.approx(found.bias)
    assert found.limits.high - found.bias == pytest.approx(1.96 * 38.8, rel=1e-3)
    assert tuple(found.bias_interval) == pytest.approx((-22.0, 17.8), abs=0.1)
    # Of a limit 16.3 standard errors, times 2.12.
    assert found.limits_reach == pytest.approx(34.6, abs=0.1)
    assert found.means == (np.mean(SMALL), np.mean(LARGE))


def test_a_single_pair_has_a_bias_alone():
    found = agreement_of(np.array([3]), np.array([5]))
    assert found.bias == 2
    assert math.isnan(found.deviation) and math.isnan(found.limits.low)
    assert math.isnan(found.bias_interval.high) and math.isnan(found.limits_reach)
