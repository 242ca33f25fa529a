"""Samples of any kind as 8-bit RGB, with notes of what this leaves out."""

import numpy as np
from PIL import Image

ALPHA_DROPPED = "the transparency was dropped, not blended"


def image_to_rgb(image: Image.Image, notes: list[str]) -> np.ndarray:
    """An image that pillow decoded, of any mode.

    Args:
        image: upright.
        notes: what was left out is appended.

    Returns:
        uint8 [H, W, 3].
    """
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        return grey_to_rgb(scale_to_bytes(np.asarray(image), notes))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        notes.append(ALPHA_DROPPED)
    if image.mode == "P" and "transparency" in image.info:
        # Straight to RGB, pillow would warn that a transparent palette is lost.
        image = image.convert("RGBA")
    if image.mode in ("LA", "La"):
        image = image.convert("L")
    return np.array(image.convert("RGB"))


def samples_to_rgb(samples: np.ndarray, notes: list[str]) -> np.ndarray | None:
    """Samples of any number type.

    Args:
        samples: [H, W], [H, W, C] or [C, H, W].
        notes: what was left out is appended.

    Returns:
        uint8 [H, W, 3]; None of any other shape.
    """
    if is_channels_first(samples.shape):
        samples = np.moveaxis(samples, 0, -1)
    if samples.ndim == 3 and samples.shape[2] in (1, 2):
        if samples.shape[2] == 2:
            notes.append("1 of 2 channels was left out")
        samples = samples[:, :, 0]
    is_color = samples.ndim == 3 and samples.shape[2] in (3, 4)
    if not (samples.ndim == 2 or is_color) or 0 in samples.shape:
        return None
    if is_color and samples.shape[2] == 4:
        notes.append(ALPHA_DROPPED)
    samples = scale_to_bytes(samples[..., :3], notes)
    return samples if is_color else grey_to_rgb(samples)


def is_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether this is the shape of a color image as [C, H, W]."""
    return len(shape) == 3 and shape[0] in (3, 4) and shape[2] not in (3, 4)


def scale_to_bytes(samples: np.ndarray, notes: list[str]) -> np.ndarray:
    """Lowest value to 0, highest to 255; a constant image by the range of its type.

    Args:
        samples: of any shape and number type.
        notes: the range is appended; nothing for uint8, which is not changed.

    Returns:
        uint8 of the same shape.
    """
    if samples.dtype == np.uint8:
        return samples
    values = samples
    if samples.dtype.kind not in "iub":
        values = np.nan_to_num(samples.astype(np.float64), posinf=0, neginf=0)
        lost = samples.size - int(np.count_nonzero(np.isfinite(samples)))
        if lost:
            notes.append(f"{lost} samples that are no finite number were taken as 0")
    lowest, highest = float(values.min()), float(values.max())
    is_constant = lowest == highest
    if is_constant:
        limit = 2.0**16 - 1 if samples.dtype.kind in "iu" else 1.0
        lowest, highest = 0.0, max(limit, highest)
    notes.append(f"values of {lowest:g} to {highest:g} were scaled to 0 to 255")
    if samples.dtype == np.uint16 and not is_constant:
        # A table takes an eighth of the memory.
        table = _scaled(np.arange(int(lowest), int(highest) + 1), lowest, highest)
        return table[samples - samples.min()]
    return _scaled(values, lowest, highest)


def _scaled(values: np.ndarray, lowest: float, highest: float) -> np.ndarray:
    scaled = (values.astype(np.float64, copy=False) - lowest) * (255.0 / (highest - lowest))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def grey_to_rgb(samples: np.ndarray) -> np.ndarray:
    """[H, W] as [H, W, 3]."""
    return np.repeat(samples[:, :, None], 3, axis=2)
