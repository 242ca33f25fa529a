"""Showing figures where there is no display."""

import warnings

import matplotlib.pyplot as plt
import pytest

from mrcnn.drawing.figures import new_axes, show


def test_showing_without_a_display_is_silent(monkeypatch):
    new_axes(2, 3)
    # matplotlib warns where it believes that there is a display which its backend does not use.
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.warns(UserWarning, match="non-interactive"):
        plt.show()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show()


def test_other_warnings_of_showing_are_heard(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: warnings.warn("something else", stacklevel=1))
    with pytest.warns(UserWarning, match="something else"):
        show()
