"""Lines of text about arrays, for programs that look at what they compute."""

from typing import Any

import numpy as np


def log(text: str, array: Any = None) -> None:
    """Print a text, and with it the shape, range and type of an array.

    Args:
        text: what to print.
        array: a numpy array or something that becomes one; None prints the text alone.
    """
    if array is not None:
        array = np.asarray(array)
        low, high = "", ""
        if array.size:
            low, high = f"{float(array.min()):.5f}", f"{float(array.max()):.5f}"
        text = (
            f"{text:<25}shape: {array.shape!s:<20}  min: {low:>10}  max: {high:>10}  {array.dtype}"
        )
    print(text)
