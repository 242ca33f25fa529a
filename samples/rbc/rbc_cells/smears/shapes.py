"""Outlines of red cells, where they lie in the field, and which part of each can be seen.

A cell is a closed curve in polar form around its center. Its depth at a pixel is the approximate
distance to that curve, positive inside, so that touching, pressing and overlapping are simple
operations on depths, and the visible outline is the zero level found between the pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from skimage.measure import approximate_polygon, find_contours

from rbc_cells.smears.styles import FieldStyle

ANGLES = 360
# A cell that shows less than this of its surface beside others is not worth an outline.
LEAST_VISIBLE = 0.42
LEAST_INSIDE_FIELD = 0.15


@dataclass
class Cell:
    """One cell: center and polar outline in pixels; kind names what its inside looks like.

    Two pressed cells that meet flatten against each other with a thin gap between; any other two
    lie one over the other.
    """

    y: float
    x: float
    radius: float
    outline: np.ndarray
    kind: str
    pressed: bool

    def __post_init__(self) -> None:
        slope = (np.roll(self.outline, -1) - np.roll(self.outline, 1)) * (ANGLES / (4 * np.pi))
        self.steepness = slope / self.outline
        self.reach = float(self.outline.max())

    def extent(self, angle: float) -> float:
        """Distance in pixels from the center to the outline in the direction `angle`."""
        return float(self.outline[int(angle / (2 * np.pi) * ANGLES) % ANGLES])

    def depth(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Distance in pixels to the outline, float32 [len(rows), len(columns)], inside positive."""
        dy = (rows - self.y).astype(np.float32)[:, None]
        dx = (columns - self.x).astype(np.float32)[None, :]
        distance = np.hypot(dy, dx)
        position = np.arctan2(dy, dx) * np.float32(ANGLES / (2 * np.pi)) % ANGLES
        lower = position.astype(np.int32)
        part = position - lower
        lower %= ANGLES
        upper = (lower + 1) % ANGLES
        outline = self.outline.astype(np.float32)
        steepness = self.steepness.astype(np.float32)
        edge = outline[lower] * (1 - part) + outline[upper] * part
        lean = steepness[lower] * (1 - part) + steepness[upper] * part
        # Along a steep part of the outline the radial distance overstates the true one.
        lean *= np.clip(distance / edge * 2 - 1, 0, 1)
        return (edge - distance) / np.sqrt(1 + lean * lean)


@dataclass
class Patch:
    """The rectangle of the field around one cell, with the cell's depths in it.

    Attributes:
        cell: the cell itself.
        rows, columns: slices of the field that the rectangle covers.
        body: float32 [h, w], depth of the whole cell, pressed by its neighbors.
        visible: float32 [h, w], depth of the part that no cell in front covers.
        polygon: float64 [K, 2], outline of the visible part in (y, x) pixels.
    """

    cell: Cell
    rows: slice
    columns: slice
    body: np.ndarray
    visible: np.ndarray
    polygon: np.ndarray


def _bump(angles: np.ndarray, center: float, width: float, power: float) -> np.ndarray:
    away = np.abs((angles - center + np.pi) % (2 * np.pi) - np.pi)
    return np.exp(-((away / width) ** power))


def sample_cell(rng: np.random.Generator, style: FieldStyle) -> Cell:
    """Draw one cell of the field's kind, centered at the origin."""
    angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    radius = style.diameter / 2 * float(np.clip(rng.lognormal(0, style.diameter_spread), 0.6, 1.4))
    if rng.random() < 0.05:
        radius *= rng.uniform(0.65, 0.92)
    turn = rng.uniform(0, 2 * np.pi)
    if rng.random() < style.alignment:
        turn = style.direction + rng.normal(0, 0.25)
    shortening = 1 - min(0.45, abs(rng.normal(style.elongation, 0.07)))
    shape = 1 / np.hypot(np.cos(angles - turn), np.sin(angles - turn) / shortening)
    for wave in range(2, 8):
        size = rng.normal(0, 0.016 * style.irregularity) * (2 / wave)
        shape = shape * (1 + size * np.cos(wave * angles + rng.uniform(0, 2 * np.pi)))
    if rng.random() < 0.25 * style.irregularity:
        for _ in range(rng.integers(1, 4)):
            # A straight side: no point may lie beyond a chord.
            toward = np.cos(angles - rng.uniform(0, 2 * np.pi))
            chord = rng.uniform(0.78, 0.95)
            limit = np.where(toward > 0.2, chord / np.maximum(toward, 0.2), 9.0)
            shape = -np.log(np.exp(-24 * shape) + np.exp(-24 * limit)) / 24
    kind = "disc"
    draw = rng.random()
    if draw < style.crenated:
        kind = "crenated"
        spikes = int(rng.integers(9, 19))
        height = rng.uniform(0.04, 0.13)
        shape = shape * rng.uniform(0.84, 0.95)
        for spike in range(spikes):
            center = (spike + rng.normal(0, 0.18)) * 2 * np.pi / spikes
            shape = shape + height * rng.uniform(0.4, 1.4) * _bump(
                angles, center, rng.uniform(0.28, 0.42) * 2 * np.pi / spikes, 1.6
            )
    elif draw < style.crenated + style.pointed:
        tips = rng.integers(1, 3)
        for tip in range(tips):
            shape = shape + rng.uniform(0.08, 0.4) * _bump(
                angles, turn + tip * np.pi + rng.normal(0, 0.2), rng.uniform(0.12, 0.35), 1.2
            )
    elif rng.random() < 0.07 * style.irregularity:
        shape = shape - rng.uniform(0.1, 0.35) * _bump(
            angles, rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.6), 2.0
        )
    if kind == "disc":
        draw = rng.random()
        if draw < style.folded:
            kind = str(rng.choice(["slit", "fold", "ridge", "target"], p=[0.35, 0.4, 0.15, 0.1]))
        elif draw < style.folded + 0.08:
            kind = "plain"
    if rng.random() < style.infected:
        kind = str(rng.choice(["ring", "schizont"], p=[0.35, 0.65]))
        if kind == "schizont":
            radius *= rng.uniform(0.95, 1.25)
    shape *= radius / np.sqrt(np.mean(shape**2))
    return Cell(0.0, 0.0, radius, shape, kind, bool(rng.random() < style.pressed))


def _gaps(cell: Cell, others: list[Cell]) -> np.ndarray:
    """Pixels between the outline of `cell` and of each other, below 0 where they overlap."""
    if not others:
        return np.empty(0)
    dy = np.array([other.y for other in others]) - cell.y
    dx = np.array([other.x for other in others]) - cell.x
    toward = (np.arctan2(dy, dx) / (2 * np.pi) * ANGLES).astype(int)
    outlines = np.stack([other.outline for other in others])
    theirs = outlines[np.arange(len(others)), (toward + ANGLES // 2) % ANGLES]
    return np.hypot(dy, dx) - cell.outline[toward % ANGLES] - theirs


def place_cells(
    rng: np.random.Generator,
    style: FieldStyle,
    height: int,
    width: int,
    behind: Sequence[Cell] = (),
) -> list[Cell]:
    """Scatter the field's cells, some alone and some in clumps; later cells lie in front.

    Args:
        rng: source of all randomness.
        style: of the field.
        height, width: of the field in pixels.
        behind: cells that are there already; they come first in the result, and others hardly
            lie over them.
    """
    cells: list[Cell] = list(behind)
    typical = style.diameter / 2
    # Clumps follow a few soft centers when a field is patchy.
    centers = rng.uniform((0, 0), (height, width), (int(rng.integers(2, 6)), 2))
    spread = 0.35 * max(height, width)
    failures = 0
    count = style.count + len(cells)
    while len(cells) < count and failures < 60 * style.count:
        cell = sample_cell(rng, style)
        if style.stacked and len(cells) > len(behind) and rng.random() < style.stacked:
            host = cells[-1]
            angle = style.direction + rng.normal(0, 0.12)
            reach = style.diameter * rng.uniform(0.45, 0.7)
            cell.y, cell.x = host.y + reach * np.sin(angle), host.x + reach * np.cos(angle)
            closest = -2.0 * typical
        elif cells and rng.random() < style.clumping:
            host = cells[int(rng.integers(len(cells)))]
            angle = rng.uniform(0, 2 * np.pi)
            reach = host.extent(angle) + cell.extent(angle + np.pi)
            if cell.pressed and host.pressed:
                reach *= rng.uniform(0.9, 1.02)
            else:
                reach *= 1 - style.overlap * rng.uniform(0.0, 1.0) ** 0.7
            cell.y = host.y + reach * np.sin(angle)
            cell.x = host.x + reach * np.cos(angle)
            closest = -1.3 * style.overlap * typical
        else:
            cell.y = rng.uniform(-0.9 * typical, height + 0.9 * typical)
            cell.x = rng.uniform(-0.9 * typical, width + 0.9 * typical)
            nearest = np.hypot(*(centers - (cell.y, cell.x)).T).min() / spread
            if rng.random() < style.patchiness * min(1.0, nearest):
                failures += 1
                continue
            closest = 0.03 * typical
        inside = (-0.9 * typical < cell.y < height + 0.9 * typical) and (
            -0.9 * typical < cell.x < width + 0.9 * typical
        )
        gaps = _gaps(cell, cells)
        flat = np.array([cell.pressed and other.pressed for other in cells], dtype=bool)
        limits = np.where(flat, max(closest, -0.2 * typical), closest)
        limits[: len(behind)] = max(closest, -0.08 * typical)
        if not inside or (gaps < limits).any() or (gaps < -0.15 * typical).sum() > 3:
            failures += 1
            continue
        cells.append(cell)
    return cells


def _shared(first: Patch, other: Cell) -> tuple[slice, slice, np.ndarray, np.ndarray] | None:
    """The part of a patch that another cell can reach, with its row and column numbers."""
    reach = other.reach + 2
    top = max(first.rows.start, int(np.floor(other.y - reach)))
    bottom = min(first.rows.stop, int(np.ceil(other.y + reach)) + 1)
    left = max(first.columns.start, int(np.floor(other.x - reach)))
    right = min(first.columns.stop, int(np.ceil(other.x + reach)) + 1)
    if top >= bottom or left >= right:
        return None
    rows = slice(top - first.rows.start, bottom - first.rows.start)
    columns = slice(left - first.columns.start, right - first.columns.start)
    return rows, columns, np.arange(top, bottom), np.arange(left, right)


def overlapping_slices(
    first: Patch, second: Patch
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where two patches cover the same pixels: row and column slices into each (maybe empty)."""
    mine, theirs = [], []
    for a, b in ((first.rows, second.rows), (first.columns, second.columns)):
        start, stop = max(a.start, b.start), min(a.stop, b.stop)
        stop = max(start, stop)
        mine.append(slice(start - a.start, stop - a.start))
        theirs.append(slice(start - b.start, stop - b.start))
    return (mine[0], mine[1]), (theirs[0], theirs[1])


def _outline_polygon(patch: Patch, height: int, width: int) -> tuple[np.ndarray, float] | None:
    """The outer curve of the visible part, in (y, x) pixels, and its share of all visible area."""
    padded = np.pad(patch.visible, 1, constant_values=-1.0)
    curves = [curve for curve in find_contours(padded, 0.0) if len(curve) >= 4]
    if not curves:
        return None
    sizes = [abs(np.dot(c[:-1, 0], c[1:, 1]) - np.dot(c[1:, 0], c[:-1, 1])) / 2 for c in curves]
    largest = int(np.argmax(sizes))
    curve = curves[largest] + (patch.rows.start - 1, patch.columns.start - 1)
    curve = np.clip(curve, 0, (height - 1, width - 1))
    curve = np.round(approximate_polygon(curve, 0.35), 1)[:-1]
    curve = curve[(curve != np.roll(curve, 1, axis=0)).any(axis=1)]
    if len(curve) < 3:
        return None
    return curve, sizes[largest] / max(sum(sizes), 1e-9)


def visible_patches(cells: list[Cell], height: int, width: int) -> list[Patch]:
    """Find what can be seen of each cell, and leave out the cells that hardly show.

    Args:
        cells: all placed cells, the ones behind first.
        height, width: size of the field in pixels.

    Returns:
        One patch for each cell that shows, in the order of `cells`.
    """
    kept: list[tuple[int, Patch]] = []
    for index in range(len(cells) - 1, -1, -1):
        cell = cells[index]
        reach = cell.reach + 8
        rows = slice(max(0, int(cell.y - reach)), min(height, int(cell.y + reach) + 2))
        columns = slice(max(0, int(cell.x - reach)), min(width, int(cell.x + reach) + 2))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        body = cell.depth(np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop))
        patch = Patch(cell, rows, columns, body, body, np.empty((0, 2)))
        gaps = _gaps(cell, cells)
        for other in np.flatnonzero(gaps < 6):
            if other == index or not (cell.pressed and cells[other].pressed):
                continue
            area = _shared(patch, cells[other])
            if area is None:
                continue
            theirs = cells[other].depth(area[2], area[3])
            mine = body[area[0], area[1]]
            body[area[0], area[1]] = np.minimum(mine, (mine - theirs) / 2 - 0.6)
        whole = int((body > 0).sum())
        if whole < LEAST_INSIDE_FIELD * np.pi * cell.radius**2 or body.max() < 2.5:
            continue
        patch.visible = body.copy()
        for front_index, front in kept:
            if gaps[front_index] > 6 or (cell.pressed and front.cell.pressed):
                continue
            mine, theirs = overlapping_slices(patch, front)
            patch.visible[mine] = np.minimum(patch.visible[mine], -front.body[theirs])
        if (patch.visible > 0).sum() < LEAST_VISIBLE * whole or patch.visible.max() < 2.5:
            continue
        outline = _outline_polygon(patch, height, width)
        # A cell cut in two by others has no single outline.
        if outline is None or outline[1] < 0.97:
            continue
        patch.polygon = outline[0]
        kept.append((index, patch))
    return [patch for _, patch in reversed(kept)]
