"""What the samples of a TIFF page mean: gray values or colors, by its photometric tag."""

import math
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.pictures.channels import channels_note
from mrcnn.pictures.conversion import ALPHA_DROPPED, Range, ToldRange
from mrcnn.pictures.explaining import Unreadable
from mrcnn.pictures.tiff_segments import YCBCR, decodes_colors

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
GRAY = (MIN_IS_WHITE, MIN_IS_BLACK)
_SMALLEST, _LARGEST = 340, 341  # tags SMinSampleValue and SMaxSampleValue
_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of alpha
_HOW_TO_CONVERT = "save it as RGB, for example with Fiji: Image > Type > RGB Color"
_REFUSED = {
    4: "it is a transparency mask, not a picture",
    8: f"its colors are CIELab: {_HOW_TO_CONVERT}",
    9: f"its colors are ICCLab: {_HOW_TO_CONVERT}",
    10: f"its colors are ITULab: {_HOW_TO_CONVERT}",
    32803: "it holds the raw values of a camera's color filter: develop it to RGB",
    32844: f"its values are logarithms (LogL): {_HOW_TO_CONVERT}",
    32845: f"its values are logarithms (LogLuv): {_HOW_TO_CONVERT}",
    34892: "it holds the raw values of a camera: develop it to RGB",
}


class Colors:
    """Makes gray values or colors of a page's samples.

    Args:
        page: a page of tifffile.
        channels: numbers, from 0, of samples that are taken for gray, or for red, green and blue;
            by default what the tags say.
        samples: how many a pixel has.

    Attributes:
        notes: what is left out.

    Raises:
        Unreadable: its colors are of a kind that is not read; the text is the reason.
    """

    def __init__(self, page: Any, channels: tuple[int, ...] | None, samples: int):
        self.page = page
        self.notes: list[str] = []
        self._photometric = int(page.photometric)
        if self._photometric in _REFUSED:
            raise Unreadable(_REFUSED[self._photometric])
        if self._photometric == YCBCR and decodes_colors(page):
            self._photometric = RGB
        needed = {**dict.fromkeys((*GRAY, PALETTE), 1), RGB: 3, YCBCR: 3, CMYK: 4}
        if self._photometric not in needed:
            raise Unreadable(f"its colors are of an unknown kind ({self._photometric})")
        if samples < needed[self._photometric]:
            kind = getattr(page.photometric, "name", page.photometric)
            raise Unreadable(f"it says {kind}, but it has {samples} samples a pixel")
        self._channels = channels
        self._check()
        self._alpha: int | None = None
        if channels is None:
            self._choose(samples, needed[self._photometric])

    def _check(self) -> None:
        page, bits = self.page, self.page.bitspersample
        if self._channels is not None and self._photometric not in (*GRAY, RGB):
            kind = getattr(page.photometric, "name", page.photometric)
            raise Unreadable(f"its colors are {kind}, which are no channels to choose from")
        if self._photometric == PALETTE and (page.colormap is None or bits > 16):
            raise Unreadable("its palette is missing")
        if self._photometric == CMYK:
            ink_set = page.tags.get(332)
            if ink_set is not None and ink_set.value != 1:
                raise Unreadable(f"its colors are inks, but not CMYK: {_HOW_TO_CONVERT}")
        if self._photometric in (CMYK, YCBCR) and page.dtype not in (np.uint8, np.uint16):
            raise Unreadable(f"its colors are of {bits} bits a channel and no RGB")
        if self._photometric == YCBCR and page.dtype != np.uint8:
            raise Unreadable(f"its colors are YCbCr of {bits} bits: {_HOW_TO_CONVERT}")

    def _choose(self, samples: int, needed: int) -> None:
        kinds = [int(kind) for kind in self.page.extrasamples]
        first_extra = samples - len(kinds)
        alphas = [
            first_extra + n for n, kind in enumerate(kinds) if kind in (_ASSOCIATED, _UNASSOCIATED)
        ]
        if alphas:
            self.notes.append(ALPHA_DROPPED)
        if _ASSOCIATED in kinds and self._photometric == RGB:
            self._alpha = first_extra + kinds.index(_ASSOCIATED)
        left = [n for n in range(samples) if n not in alphas]
        if self._photometric in GRAY:
            # Tags say nothing of what channels are: three and more are shown as colors.
            self._channels = tuple(left[:3]) if len(left) >= 3 else (0,)
            if len(left) > 1:
                self.notes.append(channels_note(self._channels, samples))
        elif len(left) > needed:
            self.notes.append(f"{len(left) - needed} of {samples} channels were left out")

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples [H, W, S] as gray [H, W] or colors [H, W, 3], of any type; uint8 is final."""
        if self._photometric == PALETTE:
            return self._looked_up(samples[..., 0])
        if self._photometric == CMYK:
            return _of_cmyk(samples[..., :4])
        if self._photometric == YCBCR:
            return _by_pillow("YCbCr", samples[..., :3])
        bits = self.page.bitspersample
        alpha = self._alpha
        if alpha is not None:
            return _without_premultiplication(samples[..., :3], samples[..., alpha])
        chosen = self._channels or (0, 1, 2)
        if chosen == (0, 1, 2):
            values = samples[..., :3]
        else:
            values = samples[..., chosen[0] if len(chosen) == 1 else list(chosen)]
        if self._photometric == MIN_IS_WHITE:
            values = _negative(values, bits)
        if values.dtype == np.uint8 and bits < 8:
            values = np.rint(values * (255.0 / (2**bits - 1))).astype(np.uint8)
        return values

    def _looked_up(self, indices: np.ndarray) -> np.ndarray:
        colors = np.asarray(self.page.colormap)
        # Some programs write 8 bits where 16 are meant.
        table = (colors if colors.max() < 256 else colors // 256).astype(np.uint8)
        return table.T[np.minimum(indices, table.shape[1] - 1)]


def told_range(page: Any) -> ToldRange | None:
    """Black and white of gray values and colors, where the tags of a page tell them.

    The tags MinSampleValue and MaxSampleValue are for statistics only, by the standard.
    """
    tag = page.tags.get(_LARGEST)
    if tag is None or int(page.photometric) not in (MIN_IS_BLACK, RGB):
        return None
    lowest = page.tags.get(_SMALLEST)
    try:
        low = float(np.min(lowest.value)) if lowest is not None else 0.0
        high = float(np.max(tag.value))
    except (TypeError, ValueError):
        return None
    is_range = math.isfinite(low) and math.isfinite(high) and low < high
    return ToldRange(Range(low, high), "SMaxSampleValue") if is_range else None


def _negative(values: np.ndarray, bits: int) -> np.ndarray:
    if values.dtype.kind == "f":
        return -values
    if values.dtype.kind == "i":
        return ~values
    return values.dtype.type(2**bits - 1) - values


def _of_cmyk(samples: np.ndarray) -> np.ndarray:
    if samples.dtype != np.uint8:
        samples = (samples >> 8).astype(np.uint8)
    return _by_pillow("CMYK", samples)


def _by_pillow(mode: str, samples: np.ndarray) -> np.ndarray:
    height, width = samples.shape[:2]
    image = Image.frombytes(mode, (width, height), np.ascontiguousarray(samples).tobytes())
    return np.asarray(image.convert("RGB"))


def _without_premultiplication(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colors that were multiplied by the alpha, as they were before."""
    if colors.dtype.kind == "f":
        return np.where(alpha[..., None] > 0, colors / np.maximum(alpha[..., None], 1e-9), 0)
    highest = float(np.iinfo(colors.dtype).max)
    whole = np.maximum(alpha, 1).astype(np.float64)[..., None]
    # Rounded down, as Pillow does.
    return np.minimum(colors * highest / whole, highest).astype(colors.dtype)
