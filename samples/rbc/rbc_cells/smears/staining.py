"""How much light the inside of a cell takes away: central pallor, folds, crenation, parasites."""

import numpy as np
from scipy.ndimage import gaussian_filter

from rbc_cells.smears.shapes import Cell, Patch
from rbc_cells.smears.styles import FieldStyle

# Absorbance, relative to green, of the azure and eosin that parasites and platelets take up.
MAGENTA = np.array([0.42, 1.0, 0.30], dtype=np.float32)
PURPLE = np.array([0.72, 1.0, 0.42], dtype=np.float32)
CHROMATIN = np.array([0.85, 1.0, 0.55], dtype=np.float32)


def smooth_step(value: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, and a smooth rise between."""
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)


def grains(rng: np.random.Generator, shape: tuple[int, int], size: float) -> np.ndarray:
    """Smooth noise, float32 of `shape`, mean about 0 and deviation about 1, bumps of `size`."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    return gaussian_filter(noise, size, truncate=3) * np.float32(2 * np.sqrt(np.pi) * size)


def _frame(patch: Patch, turn: float, shift: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the patch's pixels about the cell's center, turned, in cell radii."""
    cell = patch.cell
    y = (np.arange(patch.rows.start, patch.rows.stop) - cell.y).astype(np.float32)[:, None]
    x = (np.arange(patch.columns.start, patch.columns.stop) - cell.x).astype(np.float32)[None]
    y, x = y / cell.radius, x / cell.radius
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return c * x + s * y - shift[0], c * y - s * x - shift[1]


def _thickness(rng: np.random.Generator, style: FieldStyle, patch: Patch) -> np.ndarray:
    """Relative thickness of the hemoglobin layer, about 1 in the rim, float32 [h, w]."""
    cell: Cell = patch.cell
    depth = np.maximum(patch.body, 0)
    turn = rng.uniform(0, 2 * np.pi)
    u, v = _frame(patch, turn, tuple(rng.normal(0, 0.07, 2)))
    pallor = float(np.clip(style.pallor + rng.normal(0, 0.14), -0.25, 0.9))
    size = style.pallor_size * rng.uniform(0.75, 1.25)
    if cell.kind == "plain" or (cell.kind == "crenated" and rng.random() < 0.6):
        pallor = rng.uniform(-0.15, 0.1)
    power = rng.uniform(1.5, 4.5)
    flat = rng.uniform(0.72, 1.0)
    if cell.kind == "slit":
        pallor, flat, power = max(pallor, 0.3), rng.uniform(0.2, 0.45), 2.2
        v = v + rng.uniform(-0.5, 0.5) * u * u
    hollow = np.exp(-((np.hypot(u, v / flat) / size) ** power))
    if cell.kind == "target":
        hollow -= 0.75 * np.exp(-((np.hypot(u, v) / (0.4 * size)) ** 2))
    inside = 1 - pallor * hollow
    if cell.kind == "fold":
        # One side of the cell is turned over: twice the layer, with a sharp edge.
        edge = u - rng.uniform(-0.15, 0.5) + rng.uniform(-0.6, 0.6) * v * v
        inside += rng.uniform(0.15, 0.55) * smooth_step(edge / 0.08 + 0.5)
        inside -= rng.uniform(0, 0.4) * np.exp(-(((edge + 0.12) / 0.12) ** 2)) * (np.abs(v) < 0.9)
    elif cell.kind == "ridge":
        line = v + rng.uniform(-0.4, 0.4) * u * u
        inside += rng.uniform(0.2, 0.6) * np.exp(-((line / rng.uniform(0.06, 0.14)) ** 2))
    elif cell.kind == "crenated":
        coarse = grains(rng, patch.body.shape, rng.uniform(0.11, 0.18) * cell.radius)
        fine = grains(rng, patch.body.shape, rng.uniform(0.04, 0.08) * cell.radius)
        inside += rng.uniform(0.05, 0.22) * coarse + rng.uniform(0.02, 0.14) * fine
        if rng.random() < 0.5:
            # Spikes that point at the viewer show as dark spots.
            blots = smooth_step((coarse + 0.4 * fine - rng.uniform(0.3, 1.1)) / 0.5)
            inside += rng.uniform(0.1, 0.5) * blots
    else:
        # Few cells are lit and dried evenly: a slow slope from side to side.
        inside += rng.normal(0, 0.05) * u + rng.normal(0, 0.05) * v
    width = style.rim_width * rng.uniform(0.85, 1.2)
    ring = style.ring * np.exp(-(((depth / width - 1.6) / 0.9) ** 2))
    # The layer begins steeply, as a rounded rim does, and is full after `width` pixels.
    along = np.clip(depth / width, 0, 1)
    rim = 0.5 * smooth_step(along) + 0.5 * np.sqrt(along * (2 - along))
    return rim * np.clip(inside + ring, 0.08, 2.2)


def _parasite(
    rng: np.random.Generator, patch: Patch, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Absorbance [3, h, w] of a parasite, and how much of the host's own color stays, [h, w]."""
    cell = patch.cell
    body = smooth_step(np.maximum(patch.body, 0) / (0.12 * cell.radius))
    shift = tuple(rng.normal(0, 0.28, 2))
    u, v = _frame(patch, rng.uniform(0, 2 * np.pi), shift)
    if cell.kind == "ring":
        distance = np.hypot(u, v)
        size = rng.uniform(0.12, 0.24)
        circle = np.exp(-(((distance - size) / 0.045) ** 2))
        dot = np.exp(-((np.hypot(u - size, v) / rng.uniform(0.05, 0.09)) ** 2))
        paint = strength * body * (0.5 * PURPLE[:, None, None] * circle)
        paint = paint + strength * body * 1.4 * CHROMATIN[:, None, None] * dot
        return paint, np.ones_like(body)
    # A grown parasite fills much of the cell with granular purple and dark pigment.
    coarse = grains(rng, body.shape, 0.13 * cell.radius)
    fine = grains(rng, body.shape, 0.035 * cell.radius)
    reach = rng.uniform(0.5, 1.3)
    mass = smooth_step((reach - np.hypot(u, v * rng.uniform(0.8, 1.5)) + 0.12 * coarse) / 0.35)
    wash = rng.uniform(0.15, 0.6) * (1 + 0.25 * fine)
    cloud = mass * np.clip(0.75 + 0.3 * coarse + 0.3 * fine, 0.1, 2.2)
    pigment = mass * smooth_step((fine + 0.6 * coarse - rng.uniform(0.9, 1.7)) / 0.5)
    tone = MAGENTA if rng.random() < 0.6 else PURPLE
    paint = (
        strength
        * body
        * (
            0.5 * wash * MAGENTA[:, None, None]
            + rng.uniform(0.5, 1.4) * cloud * tone[:, None, None]
            + rng.uniform(0.6, 1.4) * pigment * CHROMATIN[:, None, None]
        )
    )
    return paint, (1 - rng.uniform(0.35, 0.8) * mass) * np.float32(rng.uniform(0.25, 0.8))


def cell_absorbance(rng: np.random.Generator, style: FieldStyle, patch: Patch) -> np.ndarray:
    """Absorbance of one whole cell, parts behind others included, float32 [3, h, w]."""
    density = style.cell_density * rng.lognormal(0, style.density_spread)
    density = density * rng.lognormal(0, 0.012, 3)
    thickness = _thickness(rng, style, patch)
    paint = np.zeros((3, *thickness.shape), dtype=np.float32)
    if patch.cell.kind in ("ring", "schizont"):
        strength = float(np.clip(1.3 * style.cell_density[1], 0.4, 1.5))
        paint, stays = _parasite(rng, patch, strength)
        thickness = thickness * stays
    paint = paint + density.astype(np.float32)[:, None, None] * thickness
    if style.pink_edges > 0 and rng.random() < 0.6:
        seam = np.exp(
            -(((patch.body - 0.05 * patch.cell.radius) / (0.05 * patch.cell.radius)) ** 2)
        )
        strength = 0.6 * style.pink_edges * style.cell_density[1]
        paint = paint + np.float32(strength) * MAGENTA[:, None, None] * seam
    if rng.random() < style.blurred_cells:
        softness = rng.uniform(0.05, 0.16) * patch.cell.radius
        paint = gaussian_filter(paint, (0, softness, softness), truncate=3, mode="nearest")
    return paint
