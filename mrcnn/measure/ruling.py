"""The lines of a stage micrometer: how many pixels lie from one to the next."""

from dataclasses import dataclass

import numpy as np

# The picture is cut to this side, which is a whole one of most cameras' width.
_SIDE = 1600
# Fewer lines in the picture tell no distance.
_FEWEST = 5
# The strongest wave of lines is higher than any in another direction (by its cosine) by this
# factor, and the wave of their distance has this part of the height of its strongest overtone.
_CONTRAST, _ASIDE, _GROUND = 1.75, 0.95, 0.4
_MOST_OVERTONES = 6


@dataclass(frozen=True)
class Ruling:
    """Parallel lines at one distance.

    Attributes:
        period: pixels from the middle of one line to that of the next.
        lines: about how many there are across the picture.
    """

    period: float
    lines: int


def ruling_of(image: np.ndarray) -> Ruling | None:
    """The lines in a picture, in any direction; None where none are seen.

    The strongest wave of the picture's middle is looked for, in its spectrum; where a part of its
    frequency is strong as well, that is the distance, for narrow lines have strong overtones.

    Args:
        image: uint8 [H, W, C].
    """
    height, width = image.shape[:2]
    side = (min(height, _SIDE), min(width, _SIDE))
    top, left = (height - side[0]) // 2, (width - side[1]) // 2
    gray = image[top : top + side[0], left : left + side[1]].mean(axis=2, dtype=np.float32)
    window = np.outer(np.hanning(side[0]), np.hanning(side[1])).astype(np.float32)
    gray = (gray - (gray * window).sum() / window.sum()) * window
    spectrum = np.abs(np.fft.rfft2(gray))
    # Frequencies (cycles in a picture of this size) below the fewest lines are light and shade.
    y = np.fft.fftfreq(side[0], 1 / side[0])[:, None]
    x = np.fft.rfftfreq(side[1], 1 / side[1])[None]
    slow = (y / side[0]) ** 2 + (x / side[1]) ** 2 < (_FEWEST / max(side)) ** 2
    spectrum[slow] = 0
    row, column = np.unravel_index(int(spectrum.argmax()), spectrum.shape)
    peak = float(spectrum[row, column])
    # A wave of less than one step of the 8 bits is none.
    if peak < window.sum() / 2:
        return None
    strongest = np.array([y[row, 0], x[0, column]])
    direction = strongest / side / np.hypot(*(strongest / side))
    along = np.abs(y / side[0] * direction[0] + x / side[1] * direction[1])
    aside = along < _ASIDE * np.hypot(y / side[0], x / side[1])
    if not peak > _CONTRAST * float(spectrum[aside].max(initial=0)):
        return None
    frequency = _refined(spectrum, strongest, peak)
    for divisor in range(_MOST_OVERTONES, 1, -1):
        ground = frequency / divisor
        if np.hypot(*(ground / side)) * max(side) < _FEWEST:
            continue
        found = _near(spectrum, ground)
        if spectrum[found] >= _GROUND * peak:
            # The overtone tells the distance more exactly than the wave itself.
            frequency = ground
            break
    per_pixel = float(np.hypot(*(frequency / side)))
    return Ruling(1 / per_pixel, round(per_pixel * max(height, width)))


def _near(spectrum: np.ndarray, frequency: np.ndarray) -> tuple[int, int]:
    """The highest place of the spectrum at a frequency, or one beside it."""
    height, width = spectrum.shape
    middle = np.rint(frequency).astype(int)
    places = [
        ((middle[0] + dy) % height, abs(middle[1] + dx))
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if abs(middle[1] + dx) < width
    ]
    return max(places, key=lambda place: float(spectrum[place]))


def _refined(spectrum: np.ndarray, frequency: np.ndarray, peak: float) -> np.ndarray:
    """The frequency between whole numbers, by a parabola through the logarithms of its peak."""
    height, width = spectrum.shape
    refined = frequency.astype(float)
    row, column = int(frequency[0]), int(frequency[1])
    for axis in (0, 1):
        beside = []
        for step in (-1, 1):
            y, x = (row + step, column) if axis == 0 else (row, column + step)
            # Negative frequencies along x are those of the opposite direction.
            y, x = (-y, -x) if x < 0 else (y, x)
            beside.append(float(spectrum[y % height, min(x, width - 1)]))
        low, high = np.log(np.maximum(beside, 1e-12 * peak))
        middle = np.log(peak)
        refined[axis] += 0.5 * (low - high) / min(low - 2 * middle + high, -1e-9)
    return refined
