"""A label image for the eye: as it is, its few numbers of 65,535 all look black."""

import colorsys

import numpy as np
from PIL import Image

# A palette has 256 places, and one is the background.
_COLORS = 255
# The golden section: however many hues there are, none is close to those before it.
_HUE_STEP = 0.618034


def label_preview(labels: np.ndarray) -> Image.Image:
    """A label image as a person sees it: each object in a color, on black.

    Args:
        labels: integers [H, W], 0 the background.

    Returns:
        a picture of a palette, mode "P", [H, W]; neighbors by number have other colors.
    """
    places = (np.arange(-1, int(labels.max(initial=0))) % _COLORS + 1).astype(np.uint8)
    places[0] = 0
    picture = Image.fromarray(places[labels])
    colors = [
        colorsys.hsv_to_rgb(
            number * _HUE_STEP % 1, (0.55, 0.8)[number % 2], 1 - number // 2 % 2 / 5
        )
        for number in range(_COLORS)
    ]
    picture.putpalette([0, 0, 0, *(round(255 * part) for color in colors for part in color)])
    return picture
