"""Samples of any type as bytes: which value becomes black, which white."""

import math
from dataclasses import dataclass

import numpy as np

ALPHA_DROPPED = "the transparency was dropped, not blended"
# Values further than this from the others, as a share of the others' range, are outliers.
MARGIN = 0.5
# Of fewer samples none is an outlier.
FEWEST = 100
# 255 divided by a smaller number may be infinite.
SMALLEST_SPAN = 1e-300
# Of more samples every second, third, ... tells where most of them are.
MOST_SORTED = 2**22


@dataclass(frozen=True)
class Range:
    """The values that become black and white; those between are spread evenly.

    Attributes:
        lowest, highest: become 0 and 255. What is beyond becomes 0 or 255 too.
    """

    lowest: float
    highest: float

    @staticmethod
    def of(samples: np.ndarray) -> "tuple[Range, int]":
        """Lowest and highest value but for outliers, of all channels together.

        A thousandth of the samples at either end, or three of a few, may be outliers, such as the
        hot pixels of a camera: they are if they lie further from the others than half of the
        others' range, and are no spot of several pixels. A constant image has the range of its
        type.

        Args:
            samples: finite numbers of any type, [H, W] or [H, W, 3].

        Returns:
            the range, and how many samples are outliers.
        """
        lowest, highest = float(samples.min()), float(samples.max())
        if lowest == highest:
            limit = 2.0**16 - 1 if samples.dtype.kind in "iu" else 1.0
            return Range(0.0, max(limit, highest)), 0
        flat = samples.reshape(-1)
        step = max(flat.size // MOST_SORTED, 1)
        some = flat[:: step + (step % 3 == 0)]  # or it would be one channel of three
        if some.size < FEWEST:
            return Range(lowest, highest), 0
        outer = max(some.size // 1000, 3)  # one pixel of three channels
        ends = np.partition(some, (outer, some.size - 1 - outer))
        low, high = float(ends[outer]), float(ends[-1 - outer])
        margin = (high - low) * MARGIN
        if margin == 0 or (lowest >= low - margin and highest <= high + margin):
            return Range(lowest, highest), 0
        kept = samples[
            ((samples >= low - margin) & (samples <= high + margin))
            | _spots(samples < low - margin)
            | _spots(samples > high + margin)
        ]
        return Range(float(kept.min()), float(kept.max())), samples.size - kept.size

    @staticmethod
    def noted(samples: np.ndarray, told: "ToldRange | None" = None) -> "tuple[Range, list[str]]":
        """The range of samples of any type, with what is to be said of it.

        Args:
            samples: see `of`; infinite ones are taken for 0.
            told: what the file says of its black and white.
        """
        notes = []
        values = _finite(samples)
        if values is not samples:
            lost = samples.size - int(np.count_nonzero(np.isfinite(samples)))
            if lost:
                notes.append(f"{lost} samples that are no finite number were taken as 0")
        found, outliers = Range.of(values)
        is_told = told is not None and told.holds(found)
        if told is not None and is_told:
            found = told.range
        note = f"values of {found.lowest:g} to {found.highest:g} were scaled to 0 to 255"
        if told is not None and is_told:
            note += f", as its {told.told_by} says"
        elif outliers:
            note += f" (outliers: {outliers})"
        return found, [*notes, note]

    def to_bytes(self, samples: np.ndarray) -> np.ndarray:
        """uint8 of the same shape as samples of any number type."""
        if samples.dtype != np.uint16 or not float(self.lowest).is_integer():
            return self._scaled(_finite(samples))
        # A table takes an eighth of the memory.
        lowest, highest = int(self.lowest), int(self.highest)
        table = self._scaled(np.arange(lowest, highest + 1))
        return table[np.clip(samples, lowest, highest) - lowest]

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        inside = np.clip(values.astype(np.float64, copy=False), self.lowest, self.highest)
        # The range of floating numbers is wider than a floating number, or too small to divide by.
        half = 1.0 if math.isfinite(self.highest - self.lowest) else 0.5
        span = self.highest * half - self.lowest * half
        above = inside * half - self.lowest * half
        scaled = above / span * 255 if span < SMALLEST_SPAN else above * (255.0 / span)
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class ToldRange:
    """Black and white by the word of a file.

    Attributes:
        range: the values.
        told_by: what of the file says so.
    """

    range: Range
    told_by: str

    def holds(self, found: Range) -> bool:
        """Whether it can be believed of samples with a range: many files tell that of their type.

        All samples but outliers lie in it, and the highest in its upper half.
        """
        low, high = self.range.lowest, self.range.highest
        return low <= found.lowest and (low + high) / 2 <= found.highest <= high


def _spots(mask: np.ndarray) -> np.ndarray:
    """Pixels of a mask [H, W, ...] of whose four neighbors at least three are in it too."""
    spots = np.zeros_like(mask)
    if mask.ndim > 1 and min(mask.shape[:2]) > 2:
        count = mask[:-2, 1:-1].astype(np.uint8) + mask[2:, 1:-1]
        count += mask[1:-1, :-2]
        count += mask[1:-1, 2:]
        spots[1:-1, 1:-1] = mask[1:-1, 1:-1] & (count >= 3)
    return spots


def _finite(samples: np.ndarray) -> np.ndarray:
    """Samples as they are if they are integers; else without infinite ones."""
    if samples.dtype.kind in "iub":
        return samples
    return np.nan_to_num(samples.astype(np.float64), posinf=0, neginf=0)


def scale_to_bytes(
    samples: np.ndarray, notes: list[str], told: ToldRange | None = None
) -> np.ndarray:
    """The lowest value to 0, the highest to 255, but for outliers; see `Range`.

    Args:
        samples: of any shape and number type.
        notes: the range is appended; nothing for uint8, which is not changed.
        told: see `Range.noted`.

    Returns:
        uint8 of the same shape.
    """
    if samples.dtype == np.uint8:
        return samples
    found, said = Range.noted(samples, told)
    notes += said
    return found.to_bytes(samples)


def gray_to_rgb(samples: np.ndarray) -> np.ndarray:
    """[H, W] as [H, W, 3]."""
    return np.repeat(samples[:, :, None], 3, axis=2)
