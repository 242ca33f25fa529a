"""Fixtures of the drawing tests: no display, no warning, no figure left open."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def headless():
    """Draws in memory; what matplotlib or numpy warn of is an error; closes all figures."""
    plt.switch_backend("Agg")
    with warnings.catch_warnings():
        for kind in (UserWarning, RuntimeWarning):
            warnings.simplefilter("error", kind)
        yield
    plt.close("all")


@pytest.fixture
def shows(monkeypatch):
    """The number of figures open at each call of `plt.show`."""
    calls = []
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: calls.append(len(plt.get_fignums())))
    return calls


@pytest.fixture
def scene():
    """An image of 60 x 80 pixels with two rectangular instances: image, boxes, masks, class ids."""
    image = np.random.default_rng(3).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    boxes = np.array([[10, 20, 30, 50], [0, 60, 15, 80]], np.int32)
    masks = np.zeros((60, 80, 2), bool)
    for number, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, number] = True
    return image, boxes, masks, np.array([1, 2], np.int32)
