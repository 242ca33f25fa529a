"""White cells, platelets and stacks of red cells, for fields whose kinds of cells are annotated.

Sizes and densities are relative to the red cells of a field, and were measured on the white cells
and platelets of four laboratories (TXL-PBC: 389 and 271, medians and the middle 80 % of each).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rbc_cells.smears.shapes import ANGLES, Cell, Patch
from rbc_cells.smears.staining import grains, smooth_step
from rbc_cells.smears.styles import DIFFERENTIAL_STAINS, FieldStyle, drawn_stain

PLATELET = "platelet"
# Mean numbers in a field of 1200 x 1600 pixels with cells of 105: more than in blood, since a field
# without them teaches nothing of them.
_WHITE_CELLS, _PLATELETS = 1.6, 7.0
# Of fields with stacks of red cells (rouleaux), and the most cells of a field that continue one.
_STACKED_FIELDS, _MOST_STACKED = 0.2, 0.7
# Of fields that are stained as for a differential count.
_DIFFERENTIAL_FIELDS = 0.5
# What the looks of their stain decide besides colors.
_DRAWN = ("pallor", "noise", "crenated", "pointed", "pressed", "vignette", "ring", "haze")

# A nucleus absorbs so many times the green that the rim of the field's red cells absorbs, at most
# so much or the least of that, and this much red of the green. Of blue a pale one gives more than
# the slide, since cameras saturate colors; a dense one absorbs some.
_NUCLEUS_TO_RED, _DENSEST, _RED_TO_GREEN = (2.3, 6.5), 2.6, (0.32, 0.62)
_BLUE_OF_PALE, _BLUE_OF_DENSE, _PALE, _DENSE = -0.1, 0.2, 0.7, 1.8

# Platelets: the diameter over that of red cells, median and the middle 80 % .31 to .49; the green
# of their denser half over that of a nucleus.
_PLATELET_DIAMETER, _PLATELET_SPREAD, _PLATELET_DENSITY = 0.38, 0.17, (0.25, 0.75)
_PLATELETS_ON_RED, _PLATELETS_IN_GROUPS = 0.15, 0.12


@dataclass(frozen=True)
class WhiteKind:
    """One kind of white cell; pairs are (lowest, highest), lengths in radii of the cell.

    Attributes:
        share: of the white cells of blood.
        diameter: over that of the field's red cells.
        lobes: of the nucleus, along an arc.
        size, reach, bend: of a lobe, of the arc's radius, and of the angle from lobe to lobe.
        neck: width of what joins two lobes, over that of the lobes.
        eosin, azure: how much of each of the dyes is in the cytoplasm.
        density: green that the cytoplasm absorbs over that of the nucleus.
        granules: size of its grains, and how much they vary the density.
        roughness: of the outline.
    """

    share: float
    diameter: tuple[float, float]
    lobes: tuple[int, int]
    size: tuple[float, float]
    reach: tuple[float, float]
    bend: tuple[float, float]
    neck: float
    eosin: float
    azure: float
    density: tuple[float, float]
    granules: tuple[float, float]
    roughness: float


WHITE_KINDS = {
    "neutrophil": WhiteKind(0.5, (1.65, 2.15), (3, 5), (0.25, 0.33), (0.28, 0.48), (0.9, 1.4),
                            0.3, 0.4, 0.1, (0.12, 0.3), (0.03, 0.25), 0.02),
    "lymphocyte": WhiteKind(0.27, (1.25, 1.65), (1, 1), (0.74, 0.87), (0.0, 0.1), (0.0, 0.0),
                            0.0, 0.0, 0.8, (0.16, 0.38), (0.06, 0.15), 0.02),
    "monocyte": WhiteKind(0.12, (1.75, 2.3), (3, 4), (0.33, 0.4), (0.34, 0.44), (0.7, 0.95),
                          1.0, 0.0, 0.5, (0.16, 0.34), (0.05, 0.2), 0.04),
    "eosinophil": WhiteKind(0.11, (1.75, 2.15), (2, 2), (0.36, 0.44), (0.38, 0.46), (1.5, 2.4),
                            0.3, 1.0, 0.0, (0.28, 0.48), (0.035, 0.3), 0.02),
}  # fmt: skip


def style_of_kinds(rng: np.random.Generator, style: FieldStyle) -> FieldStyle:
    """A field's style with a stain of nuclei, without platelets that nobody outlines.

    Some fields have stacks, and some are stained as for a differential count.
    """
    stacked = float(rng.uniform(0.2, _MOST_STACKED)) if rng.random() < _STACKED_FIELDS else 0.0
    if rng.random() < _DIFFERENTIAL_FIELDS:
        style = _differential(rng, style)
    least, most = (style.cell_density[1] * ratio for ratio in _NUCLEUS_TO_RED)
    green = float(max(least, min(_DENSEST, rng.uniform(least, most))))
    red = rng.uniform(*_RED_TO_GREEN)
    blue = np.interp(green, (_PALE, _DENSE), (_BLUE_OF_PALE, _BLUE_OF_DENSE))
    blue = float(blue + rng.normal(0, 0.03))
    return replace(
        style, platelets=0.0, stacked=stacked, nucleus=(green * red, green, green * blue)
    )


def _differential(rng: np.random.Generator, style: FieldStyle) -> FieldStyle:
    """The style in a stain for a differential count, of blood without malaria."""
    stain = drawn_stain(rng, DIFFERENTIAL_STAINS)
    color = np.array([rng.uniform(*stain.red_to_green), 1.0, rng.uniform(*stain.blue_to_green)])
    drawn = {name: float(rng.uniform(*getattr(stain, name))) for name in _DRAWN}
    return replace(
        style,
        stain=stain.name,
        background=np.array(stain.background) + rng.normal(0, 3.0) + rng.normal(0, 2.0, 3),
        cell_density=rng.uniform(*stain.green) * color,
        infected=0.0,
        scale_bar=False,
        **drawn,
    )


def _rough_disc(rng: np.random.Generator, radius: float, roughness: float) -> np.ndarray:
    angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    shape = np.ones(ANGLES)
    for wave in range(2, 7):
        size = rng.normal(0, roughness) * (2 / wave)
        shape = shape * (1 + size * np.cos(wave * angles + rng.uniform(0, 2 * np.pi)))
    return shape * radius / np.sqrt(np.mean(shape**2))


def _number(
    rng: np.random.Generator, style: FieldStyle, height: int, width: int, mean: float
) -> int:
    return int(rng.poisson(mean * height * width / (1200 * 1600) * (105 / style.diameter) ** 2))


def white_cells(rng: np.random.Generator, style: FieldStyle, height: int, width: int) -> list[Cell]:
    """The white cells of a field, apart from each other; red ones hardly lie over them."""
    shares = np.array([kind.share for kind in WHITE_KINDS.values()])
    cells: list[Cell] = []
    for _ in range(_number(rng, style, height, width, _WHITE_CELLS)):
        name = str(rng.choice(list(WHITE_KINDS), p=shares / shares.sum()))
        kind = WHITE_KINDS[name]
        radius = style.diameter / 2 * float(rng.uniform(*kind.diameter))
        outline = _rough_disc(rng, radius, kind.roughness)
        y, x = (float(rng.uniform(-0.5 * radius, side + 0.5 * radius)) for side in (height, width))
        cell = Cell(y, x, radius, outline, name, False)
        if all(_apart(cell, other) for other in cells):
            cells.append(cell)
    return cells


def _apart(cell: Cell, other: Cell) -> bool:
    return bool(np.hypot(cell.y - other.y, cell.x - other.x) > cell.reach + other.reach)


def platelets(
    rng: np.random.Generator, style: FieldStyle, height: int, width: int, cells: Sequence[Cell]
) -> list[Cell]:
    """The platelets of a field: most between its cells, a few on them, some beside another."""
    found: list[Cell] = []
    for _ in range(_number(rng, style, height, width, _PLATELETS)):
        spread = float(np.clip(rng.lognormal(0, _PLATELET_SPREAD), 0.65, 2.0))
        radius = style.diameter / 2 * _PLATELET_DIAMETER * spread
        cell = Cell(0.0, 0.0, radius, _rough_disc(rng, radius, 0.045), PLATELET, False)
        on_red, grouped = rng.random(2) < (_PLATELETS_ON_RED, _PLATELETS_IN_GROUPS)
        for _ in range(30):
            cell.y, cell.x = rng.uniform(
                -0.5 * radius, (height + 0.5 * radius, width + 0.5 * radius)
            )
            if grouped and found:
                angle, reach = rng.uniform(0, 2 * np.pi), found[-1].reach + 1.05 * cell.reach
                cell.y = found[-1].y + reach * np.sin(angle)
                cell.x = found[-1].x + reach * np.cos(angle)
            if all(_apart(cell, other) for other in (*found, *([] if on_red else cells))):
                found.append(cell)
                break
    return found


def other_absorbance(rng: np.random.Generator, style: FieldStyle, patch: Patch) -> np.ndarray:
    """Absorbance of one whole white cell or platelet, float32 [3, h, w]."""
    paint = _platelet if patch.cell.kind == PLATELET else _white
    return paint(rng, patch, np.array(style.nucleus)).astype(np.float32)


def _tone(nucleus: np.ndarray, eosin: float, azure: float) -> np.ndarray:
    """Absorbance [3, 1, 1] over green of a mixture of what dyes nuclei, eosin and free azure.

    Eosin absorbs green and some blue, azure red as well as green.
    """
    red, _, blue = nucleus / nucleus[1]
    red = red * (1 - 0.35 * eosin) + 0.35 * azure
    return np.array([red, 1.0, blue + 0.3 * eosin + 0.1 * azure])[:, None, None]


def _platelet(rng: np.random.Generator, patch: Patch, nucleus: np.ndarray) -> np.ndarray:
    """Dark granules in the middle of a pale body, whose edge is soft."""
    depth = np.maximum(patch.body, 0) / patch.cell.radius
    grain = grains(rng, depth.shape, max(0.7, 0.13 * patch.cell.radius))
    granules = np.clip(1 + rng.uniform(0.1, 0.5) * grain, 0, 2)
    body = 0.1 * smooth_step(depth / 0.3) + smooth_step(depth / 0.9) * granules
    tone = _tone(nucleus, 0.0, rng.uniform(0, 0.9))
    return rng.uniform(*_PLATELET_DENSITY) * nucleus[1] * tone * body


def _white(rng: np.random.Generator, patch: Patch, nucleus: np.ndarray) -> np.ndarray:
    """Cytoplasm with grains around a nucleus of clotted chromatin."""
    radius, kind = patch.cell.radius, WHITE_KINDS[patch.cell.kind]
    cover = smooth_step(np.maximum(patch.body, 0) / (0.07 * radius))
    lobes = _nucleus(rng, kind, patch) * cover
    clots, fine = (grains(rng, cover.shape, size * radius) for size in (0.09, 0.035))
    chromatin = rng.uniform(0.92, 1.08) * np.clip(1 + 0.13 * clots + 0.1 * fine, 0.4, 1.4)
    size, contrast = kind.granules
    grain = grains(rng, cover.shape, size * radius)
    body = rng.uniform(*kind.density) * np.clip(1 + contrast * grain, 0.2, 2)
    cytoplasm = nucleus[1] * _tone(nucleus, kind.eosin, kind.azure) * (cover * (1 - lobes) * body)
    return cytoplasm + nucleus[:, None, None] * (lobes * chromatin)


def _nucleus(rng: np.random.Generator, kind: WhiteKind, patch: Patch) -> np.ndarray:
    """How much of each pixel is nucleus, float [h, w]: lobes along an arc, joined by necks."""
    cell = patch.cell
    y = ((np.arange(patch.rows.start, patch.rows.stop) - cell.y) / cell.radius)[:, None]
    x = ((np.arange(patch.columns.start, patch.columns.stop) - cell.x) / cell.radius)[None]
    count = int(rng.integers(kind.lobes[0], kind.lobes[1] + 1))
    angles = rng.uniform(0, 2 * np.pi) + rng.uniform(*kind.bend) * np.arange(count)
    angles = angles + rng.normal(0, 0.12, count)
    reach = rng.uniform(*kind.reach) * rng.uniform(0.9, 1.1, count)
    middles = np.stack([reach * np.sin(angles), reach * np.cos(angles)], axis=1)
    middles = middles + rng.normal(0, 0.07, 2)
    sizes = rng.uniform(*kind.size) * rng.uniform(0.9, 1.1, count)
    depth = np.full(patch.body.shape, -1.0)
    for middle, size in zip(middles, sizes, strict=True):
        depth = np.maximum(depth, size - np.hypot(y - middle[0], x - middle[1]))
    for number in range(count - 1):
        (y0, x0), (dy, dx) = middles[number], middles[number + 1] - middles[number]
        along = np.clip(((y - y0) * dy + (x - x0) * dx) / (dy * dy + dx * dx), 0, 1)
        width = kind.neck * sizes[number : number + 2].mean()
        depth = np.maximum(depth, width - np.hypot(y - y0 - along * dy, x - x0 - along * dx))
    wobble = 0.04 * grains(rng, depth.shape, 0.15 * cell.radius)
    return smooth_step((depth + wobble) / 0.07 + 0.5)
