"""Everything of a field that is no red cell: slide, dirt, platelets, lamp, lens and camera."""

import numpy as np
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from rbc_cells.smears.staining import CHROMATIN, MAGENTA, PURPLE, grains, smooth_step
from rbc_cells.smears.styles import FieldStyle


def clouds(rng: np.random.Generator, height: int, width: int, size: float) -> np.ndarray:
    """Slow smooth noise over a field, float32 [height, width], mean 0, deviation about 1."""
    rows, columns = max(4, round(height / size) + 3), max(4, round(width / size) + 3)
    coarse = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
    margin_y, margin_x = 1.2 * rows / (rows + 2), 1.2 * columns / (columns + 2)
    box = (margin_x / 2, margin_y / 2, columns - margin_x / 2, rows - margin_y / 2)
    smooth = np.array(coarse.resize((width, height), Image.Resampling.BICUBIC, box=box))
    return 1.4 * smooth


def _stamp(layer: np.ndarray, y: float, x: float, paint: np.ndarray) -> None:
    """Add `paint` [3, h, w] to `layer` [3, H, W] with its middle at (y, x), cut at the border."""
    height, width = layer.shape[1:]
    top, left = round(y) - paint.shape[1] // 2, round(x) - paint.shape[2] // 2
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + paint.shape[1]), min(width, left + paint.shape[2])
    if y0 < y1 and x0 < x1:
        layer[:, y0:y1, x0:x1] += paint[:, y0 - top : y1 - top, x0 - left : x1 - left]


def _blob(
    rng: np.random.Generator, size: float, stretch: float, softness: float
) -> tuple[np.ndarray, np.ndarray]:
    """An irregular spot of about `size` pixels across: cover [h, w] in 0..1 and its grain."""
    half = int(np.ceil(0.8 * size * max(stretch, 1 / stretch) + 2 * softness)) + 2
    axis = np.arange(-half, half + 1, dtype=np.float32)
    turn = rng.uniform(0, np.pi)
    y, x = axis[:, None], axis[None]
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    wobble = grains(rng, y.shape[:1] + x.shape[1:], max(0.8, size / 7))
    distance = np.hypot(u / stretch, v * stretch) / (size / 2)
    cover = smooth_step((1 - distance + 0.16 * wobble) * size / (4 * softness) + 0.5)
    return cover.astype(np.float32), wobble


def add_debris(
    rng: np.random.Generator, style: FieldStyle, layer: np.ndarray, scale: float
) -> None:
    """Add ghosts, smudges, strands, platelets and specks to absorbances [3, H, W], in place."""
    height, width = layer.shape[1:]
    share = height * width / (1200 * 1600) / scale**2
    strength = float(np.clip(style.cell_density[1], 0.3, 1.0))

    def many(mean: float) -> range:
        return range(int(rng.poisson(mean * share)))

    def spot() -> tuple[float, float]:
        return float(rng.uniform(0, height)), float(rng.uniform(0, width))

    for _ in many(style.ghosts):
        cover, grain = _blob(rng, style.diameter * rng.uniform(0.9, 2.2), rng.uniform(0.8, 1.2), 4)
        edge = cover * (1 - cover) * 4
        tone = style.cell_density / style.cell_density[1] if rng.random() < 0.6 else MAGENTA
        faint = rng.uniform(-0.015, 0.04) * cover + rng.uniform(0, 0.03) * edge
        paint = np.asarray(tone, np.float32)[:, None, None] * (faint * (1 + 0.3 * grain))
        _stamp(layer, *spot(), (strength * paint).astype(np.float32))
    for _ in many(style.smudges):
        size = style.diameter * rng.uniform(0.6, 2.6)
        cover, _ = _blob(rng, size, rng.uniform(0.7, 1.4), size / 12)
        coarse = grains(rng, cover.shape, size / 14)
        fine = grains(rng, cover.shape, 2.2 * scale)
        body = np.clip(0.35 + 0.3 * coarse + 0.15 * fine, 0, 1.5) * cover
        tone = (MAGENTA if rng.random() < 0.75 else PURPLE)[:, None, None]
        _stamp(layer, *spot(), np.float32(strength * rng.uniform(0.1, 0.8)) * tone * body)
    for _ in many(style.strands):
        size = rng.uniform(14, 50) * scale
        cover, _ = _blob(rng, size, rng.uniform(1.5, 2.6), 2.5 * scale)
        wisps = smooth_step(grains(rng, cover.shape, 3.0 * scale) - 0.2)
        tone = (MAGENTA * rng.uniform(0.6, 1.0))[:, None, None].astype(np.float32)
        _stamp(layer, *spot(), np.float32(rng.uniform(0.08, 0.35)) * tone * (cover * wisps))
    for _ in many(style.platelets):
        size = rng.uniform(11, 30) * scale
        cover, grain = _blob(rng, size, rng.uniform(0.85, 1.25), 1.8 * scale)
        tone = (MAGENTA if rng.random() < 0.6 else PURPLE)[:, None, None]
        body = cover * np.clip(1 + 0.4 * grain, 0.2, 2)
        _stamp(layer, *spot(), np.float32(strength * rng.uniform(0.3, 1.3)) * tone * body)
    for _ in many(style.specks):
        size = rng.uniform(2.5, 7) * (1 + 2 * (rng.random() < 0.06)) * scale
        cover, _ = _blob(rng, size, rng.uniform(0.7, 1.4), rng.uniform(0.8, 2.0) * scale)
        tone = (CHROMATIN if rng.random() < 0.5 else PURPLE)[:, None, None]
        dark = rng.uniform(0.05, 0.3) if rng.random() < 0.8 else rng.uniform(0.3, 1.3)
        _stamp(layer, *spot(), np.float32(dark) * tone * cover)


def add_haze(rng: np.random.Generator, style: FieldStyle, layer: np.ndarray) -> None:
    """Add plasma, and in thick smears the unsharp shade of cells above and below the focus."""
    height, width = layer.shape[1:]
    tone = (style.cell_density / style.cell_density[1]).astype(np.float32)[:, None, None]
    shade = clouds(rng, height, width, 2.5 * style.diameter)
    layer += np.float32(0.35 * style.haze) * tone * np.logaddexp(0, 2 * shade)
    if style.haze > 0.05:
        for _ in range(int(rng.poisson(0.25 * style.count))):
            size = style.diameter * rng.uniform(0.8, 1.3)
            cover, _ = _blob(rng, size, rng.uniform(0.85, 1.15), size * rng.uniform(0.2, 0.5))
            paint = np.float32(style.haze * style.cell_density[1] * rng.uniform(0.3, 1.3)) * cover
            _stamp(layer, rng.uniform(0, height), rng.uniform(0, width), tone * paint)
    plasma = clouds(rng, height, width, 0.35 * style.diameter)
    layer += np.float32(rng.uniform(0.002, 0.008)) * plasma


def add_texture(rng: np.random.Generator, style: FieldStyle, layer: np.ndarray) -> None:
    """Make the stain of absorbances [3, H, W] uneven, in place, as dried hemoglobin is."""
    height, width = layer.shape[1:]
    uneven = clouds(rng, height, width, max(3.0, 0.06 * style.diameter))
    uneven += clouds(rng, height, width, max(3.0, 0.15 * style.diameter))
    layer *= 1 + np.float32(0.7 * style.texture) * uneven


def expose(rng: np.random.Generator, style: FieldStyle, layer: np.ndarray) -> np.ndarray:
    """Turn absorbances [3, H, W] into a photograph uint8 [H, W, 3]: focus, lamp, lens, camera."""
    height, width = layer.shape[1:]
    soft = np.stack([gaussian_filter(band, style.focus, truncate=3) for band in layer])
    if style.focus_drift > 0:
        softer = [gaussian_filter(band, style.focus + style.focus_drift, truncate=3)
                  for band in layer]  # fmt: skip
        mix = smooth_step(0.5 + 0.6 * clouds(rng, height, width, 0.8 * max(height, width)))
        for band, other in zip(soft, softer, strict=True):
            band += mix * (other - band)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    slope = rng.normal(0, style.shading, 2).astype(np.float32)
    center = rng.normal(0, 0.25, 2).astype(np.float32)
    lamp = 1 + slope[0] * y + slope[1] * x
    lamp = lamp - np.float32(style.vignette / 2) * ((y - center[0]) ** 2 + (x - center[1]) ** 2)
    lamp = lamp + np.float32(0.3 * style.shading) * clouds(rng, height, width, 500)
    fringe = rng.uniform(-1, 1, (3, 2)) * style.color_fringe
    fringe[1] = 0
    light = np.empty((height, width, 3), dtype=np.float32)
    for band in range(3):
        view = soft[band]
        if np.abs(fringe[band]).max() > 0.05:
            view = _shifted(view, fringe[band])
        tint = 1 + np.float32(rng.normal(0, 0.3 * style.shading)) * (x * slope[1] + y)
        light[..., band] = np.float32(style.background[band]) * lamp * tint * np.exp(-view)
    light += _sensor_noise(rng, style, light)
    ceiling = 253 if style.stain == "bleached violet" else 255
    picture = Image.fromarray(np.clip(np.rint(light), 0, ceiling).astype(np.uint8))
    if style.sharpening > 0:
        radius = 1.5 + style.sharpening / 100
        picture = picture.filter(ImageFilter.UnsharpMask(radius, int(style.sharpening), 2))
    image = np.array(picture)
    if style.scale_bar:
        _draw_scale_bar(image)
    return image


def _shifted(band: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Move a band by a fraction of pixels, as a lens does that bends colors differently."""
    for axis, distance in enumerate(offset):
        whole = int(np.floor(distance))
        part = np.float32(distance - whole)
        size = band.shape[axis]
        near = np.clip(np.arange(size) + whole, 0, size - 1)
        far = np.clip(near + 1, 0, size - 1)
        band = (1 - part) * band.take(near, axis) + part * band.take(far, axis)
    return band


def _sensor_noise(rng: np.random.Generator, style: FieldStyle, light: np.ndarray) -> np.ndarray:
    height, width = light.shape[:2]
    grain = gaussian_filter(
        rng.standard_normal((height, width), dtype=np.float32), style.grain, truncate=3
    )
    # Sharpening follows and lifts the noise again.
    strength = style.noise / (1 + style.sharpening / 90)
    grain *= np.float32(strength * 2 * np.sqrt(np.pi) * style.grain)
    noise = np.repeat(grain[..., None], 3, axis=2)
    for band in range(3):
        noise[..., band] += np.float32(0.4 * strength) * clouds(rng, height, width, 3.0) / 1.4
    # A camera's tone curve lifts the noise of dark pixels, and blue has the least light.
    noise *= 1 + np.float32(1.4) * np.clip(1 - light / style.background.max(), 0, 1)
    noise[..., 2] *= np.float32(1.25)
    return noise


def _draw_scale_bar(image: np.ndarray) -> None:
    height, width = image.shape[:2]
    length, y, x = width // 7, height - height // 30, width - width // 40
    image[y : y + 3, x - length : x] = 40
    image[y - 5 : y + 8, x - length : x - length + 2] = 40
    image[y - 5 : y + 8, x - 2 : x] = 40
