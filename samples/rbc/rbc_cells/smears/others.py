"""White cells, platelets and stacks of red cells, for fields whose kinds of cells are annotated."""

from dataclasses import replace

import numpy as np

from rbc_cells.smears.shapes import ANGLES, Cell, Patch
from rbc_cells.smears.staining import CHROMATIN, MAGENTA, PURPLE, grains, smooth_step
from rbc_cells.smears.styles import FieldStyle

WHITE, PLATELET = "white", "platelet"
# Mean numbers in a field of 1200 x 1600 pixels with cells of 105: more than in blood, since a field
# without them teaches nothing of them.
_WHITE_CELLS, _PLATELETS = 1.6, 7.0
# Of fields with stacks of red cells (rouleaux), and the most cells of a field that continue one.
_STACKED_FIELDS, _MOST_STACKED = 0.2, 0.7


def style_of_kinds(rng: np.random.Generator, style: FieldStyle) -> FieldStyle:
    """A field's style without platelets that nobody outlines, and some with stacks."""
    stacked = float(rng.uniform(0.2, _MOST_STACKED)) if rng.random() < _STACKED_FIELDS else 0.0
    return replace(style, platelets=0.0, stacked=stacked)


def _rough_disc(rng: np.random.Generator, radius: float, roughness: float) -> np.ndarray:
    angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    shape = np.ones(ANGLES)
    for wave in range(2, 7):
        size = rng.normal(0, roughness) * (2 / wave)
        shape = shape * (1 + size * np.cos(wave * angles + rng.uniform(0, 2 * np.pi)))
    return shape * radius / np.sqrt(np.mean(shape**2))


def _cells(
    rng: np.random.Generator, style: FieldStyle, size: tuple[int, int], kind: str
) -> list[Cell]:
    """Cells of one kind anywhere in a field."""
    height, width = size
    mean = _WHITE_CELLS if kind == WHITE else _PLATELETS
    share = height * width / (1200 * 1600) * (105 / style.diameter) ** 2
    sizes = (0.6, 1.05) if kind == WHITE else (0.1, 0.2)
    cells: list[Cell] = []
    for _ in range(int(rng.poisson(mean * share))):
        radius = style.diameter * float(rng.uniform(*sizes))
        outline = _rough_disc(rng, radius, 0.02 if kind == WHITE else 0.07)
        y, x = (float(rng.uniform(-0.5 * radius, side + 0.5 * radius)) for side in size)
        if all(np.hypot(y - other.y, x - other.x) > radius + other.reach for other in cells):
            cells.append(Cell(y, x, radius, outline, kind, False))
    return cells


def white_cells(rng: np.random.Generator, style: FieldStyle, height: int, width: int) -> list[Cell]:
    """The white cells of a field, which lie behind red ones and give them no room."""
    return _cells(rng, style, (height, width), WHITE)


def platelets(rng: np.random.Generator, style: FieldStyle, height: int, width: int) -> list[Cell]:
    """The platelets of a field, which lie in front: some of them on red cells."""
    return _cells(rng, style, (height, width), PLATELET)


def other_absorbance(rng: np.random.Generator, style: FieldStyle, patch: Patch) -> np.ndarray:
    """Absorbance of one whole white cell or platelet, float32 [3, h, w]."""
    paint = _white if patch.cell.kind == WHITE else _platelet
    return paint(rng, patch, float(np.clip(style.cell_density[1], 0.3, 1.2))).astype(np.float32)


def _platelet(rng: np.random.Generator, patch: Patch, strength: float) -> np.ndarray:
    cover = smooth_step(np.maximum(patch.body, 0) / (0.35 * patch.cell.radius))
    grain = grains(rng, cover.shape, max(0.7, 0.22 * patch.cell.radius))
    tone = MAGENTA if rng.random() < 0.6 else PURPLE
    body = cover * np.clip(1 + 0.4 * grain, 0.2, 2)
    return strength * rng.uniform(0.5, 1.3) * tone[:, None, None] * body


def _white(rng: np.random.Generator, patch: Patch, strength: float) -> np.ndarray:
    """A pale body, with grains in some cells, around a dark nucleus of one to five lobes."""
    radius = patch.cell.radius
    cover = smooth_step(np.maximum(patch.body, 0) / (0.08 * radius))
    fine = grains(rng, cover.shape, 0.04 * radius)
    tone = MAGENTA if rng.random() < 0.3 else PURPLE
    pale = rng.uniform(0.15, 0.5) * (1 + rng.uniform(0.05, 0.5) * fine)
    nucleus = np.clip(_nucleus(rng, patch), 0, 1) * cover
    clots = 1 + 0.2 * grains(rng, cover.shape, 0.1 * radius) + 0.08 * fine
    dark = rng.uniform(1.0, 2.0) * np.clip(clots, 0.4, 1.8)
    dye = CHROMATIN if rng.random() < 0.5 else PURPLE
    body = cover * (1 - nucleus) * np.clip(pale, 0.03, None)
    return strength * (tone[:, None, None] * body + dye[:, None, None] * (nucleus * dark))


def _nucleus(rng: np.random.Generator, patch: Patch) -> np.ndarray:
    """How much of each pixel is nucleus, float [h, w]."""
    cell = patch.cell
    y = ((np.arange(patch.rows.start, patch.rows.stop) - cell.y) / cell.radius)[:, None]
    x = ((np.arange(patch.columns.start, patch.columns.stop) - cell.x) / cell.radius)[None]
    lobes = int(rng.choice([1, 1, 2, 3, 4, 5]))
    # One round lobe fills most of the cell; several lie along an arc.
    size = rng.uniform(0.6, 0.88) if lobes == 1 else rng.uniform(0.28, 0.4)
    reach = rng.uniform(0, 0.12) if lobes == 1 else rng.uniform(0.3, 0.5)
    turn, bend = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.2)
    wobble = 0.06 * grains(rng, patch.body.shape, 0.15 * cell.radius)
    result = np.zeros(patch.body.shape)
    for lobe in range(lobes):
        angle = turn + bend * lobe + rng.normal(0, 0.1)
        away = np.hypot(y - reach * np.sin(angle), x - reach * np.cos(angle))
        result = np.maximum(result, smooth_step((size - away + wobble) / 0.1 + 0.5))
    return result
