"""How one smear was stained, spread, photographed: the choices that all cells of a field share.

Colors are absorbances (optical densities): a pixel shows `background * exp(-absorbance)`, so
stain layers that lie over each other simply add. The ranges were measured on public malaria smear
fields (BBBC041); every range is widened a little, because the next slide is always different.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stain:
    """The range of looks of one kind of preparation; pairs are (lowest, highest)."""

    name: str
    weight: float
    background: tuple[float, float, float]
    green: tuple[float, float]
    red_to_green: tuple[float, float]
    blue_to_green: tuple[float, float]
    pallor: tuple[float, float]
    noise: tuple[float, float]
    crenated: tuple[float, float] = (0.0, 0.1)
    pointed: tuple[float, float] = (0.0, 0.15)
    pressed: tuple[float, float] = (0.0, 0.6)
    vignette: tuple[float, float] = (0.0, 0.05)
    ring: tuple[float, float] = (0.0, 0.2)
    haze: tuple[float, float] = (0.0, 0.02)


STAINS = (
    Stain("bleached violet", 5, (259, 259, 259), (0.55, 1.15), (0.72, 0.98), (0.30, 0.55),
          (0.45, 0.92), (1.5, 2.4), vignette=(0.0, 0.01)),
    Stain("blue violet", 5, (231, 231, 234), (0.75, 1.2), (0.85, 1.0), (0.48, 0.64),
          (0.3, 0.88), (1.8, 2.8)),
    Stain("teal", 4, (229, 228, 224), (0.42, 0.72), (0.98, 1.2), (0.68, 0.85),
          (0.05, 0.7), (3.0, 6.0), ring=(0.05, 0.35)),
    Stain("maroon", 4, (230, 231, 226), (0.95, 1.6), (0.6, 0.82), (0.55, 0.78),
          (0.4, 0.92), (1.8, 2.9), pressed=(0.0, 1.0), ring=(0.1, 0.5)),
    Stain("slate", 4, (230, 231, 229), (0.65, 1.3), (0.95, 1.08), (0.54, 0.72),
          (-0.2, 0.25), (1.8, 2.6), pointed=(0.0, 0.55), pressed=(0.3, 1.0)),
    Stain("deep blue", 5, (234, 236, 232), (0.7, 1.25), (1.05, 1.3), (0.46, 0.66),
          (0.0, 0.7), (1.5, 2.6), crenated=(0.15, 0.9)),
    Stain("blue on yellow", 2, (233, 238, 222), (0.8, 1.25), (1.1, 1.3), (0.5, 0.68),
          (-0.1, 0.4), (1.8, 2.6), crenated=(0.1, 0.8), pointed=(0.0, 0.3)),
    Stain("gray", 2, (228, 230, 223), (0.45, 0.9), (0.95, 1.1), (0.82, 0.97),
          (-0.1, 0.45), (2.0, 3.0), pointed=(0.0, 0.3)),
    Stain("dim", 2, (152, 151, 146), (0.16, 0.42), (0.8, 1.3), (0.45, 0.75),
          (-0.05, 0.5), (0.7, 1.2), vignette=(0.08, 0.28), pressed=(0.3, 1.0)),
    Stain("thick", 2, (215, 220, 226), (0.9, 1.6), (1.0, 1.15), (0.6, 0.78),
          (-0.1, 0.5), (1.8, 3.0), crenated=(0.0, 0.5), haze=(0.08, 0.35)),
    Stain("unusual", 4, (232, 230, 230), (0.35, 1.7), (0.45, 1.35), (0.3, 1.05),
          (-0.2, 0.85), (0.8, 5.0), crenated=(0.0, 0.6), pointed=(0.0, 0.4),
          vignette=(0.0, 0.15), haze=(0.0, 0.1)),
)  # fmt: skip

# Fields of several kinds of cells are stained for them, by Wright or Wright and Giemsa. Measured on
# the red cells of four laboratories (TXL-PBC: BCCD and BCD, PBC, Raabin-WBC).
DIFFERENTIAL_STAINS = (
    Stain("pale pink", 2, (200, 203, 197), (0.2, 0.38), (0.35, 0.52), (0.5, 0.75),
          (0.2, 0.75), (1.0, 2.0)),
    Stain("cream", 1, (255, 229, 203), (0.3, 0.48), (0.62, 0.72), (0.56, 0.66),
          (0.1, 0.7), (0.8, 1.6)),
    Stain("rose", 1, (219, 187, 172), (0.45, 0.75), (0.6, 0.85), (0.38, 0.6),
          (0.0, 0.6), (1.0, 2.0)),
)  # fmt: skip


@dataclass(frozen=True)
class FieldStyle:
    """Everything that the cells of one field share. Lengths are pixels, angles radians.

    Attributes:
        stain: name of the preparation, one of `STAINS` or `DIFFERENTIAL_STAINS`.
        background: float64 [3], RGB of the empty slide, may exceed 255 (an overexposed field).
        cell_density: float64 [3], RGB absorbance of a cell at full thickness.
        diameter: median cell diameter.
        diameter_spread: standard deviation of the logarithm of the diameters.
        count: how many cells to place, including those that the border cuts.
    """

    stain: str
    background: np.ndarray
    cell_density: np.ndarray
    diameter: float
    diameter_spread: float
    count: int
    density_spread: float
    pallor: float
    pallor_size: float
    rim_width: float
    ring: float
    crenated: float
    pointed: float
    folded: float
    irregularity: float
    elongation: float
    direction: float
    alignment: float
    clumping: float
    pressed: float
    overlap: float
    occlusion: float
    patchiness: float
    texture: float
    infected: float
    platelets: float
    specks: float
    strands: float
    ghosts: float
    smudges: float
    haze: float
    pink_edges: float
    vignette: float
    shading: float
    focus: float
    focus_drift: float
    blurred_cells: float
    color_fringe: float
    sharpening: float
    noise: float
    grain: float
    scale_bar: bool
    # Share of the cells that lie on the one before, as coins of a stack do.
    stacked: float = 0.0
    # Absorbance of a dense nucleus, RGB, in fields of several kinds of cells.
    nucleus: tuple[float, float, float] = (0.0, 0.0, 0.0)


def drawn_stain(rng: np.random.Generator, stains: Sequence[Stain]) -> Stain:
    """One of the stains, by their weights."""
    weights = np.array([stain.weight for stain in stains], dtype=float)
    return stains[rng.choice(len(stains), p=weights / weights.sum())]


def sample_style(
    rng: np.random.Generator, height: int, width: int, cell_diameter: float
) -> FieldStyle:
    """Draw the look of one field.

    Args:
        rng: source of all randomness.
        height, width: size of the field in pixels.
        cell_diameter: median diameter in pixels over many fields; one field's own median differs
            from it by up to a fifth.
    """

    def between(limits: tuple[float, float]) -> float:
        return float(rng.uniform(*limits))

    def sometimes(chance: float, low: float, high: float, otherwise: float = 0.0) -> float:
        value = rng.uniform(low, high)
        return float(value) if rng.random() < chance else otherwise

    stain = drawn_stain(rng, STAINS)
    scale = cell_diameter / 105.0
    green = between(stain.green)
    diameter = cell_diameter * float(np.clip(rng.lognormal(0.04, 0.09), 0.82, 1.2))
    # Measured: 50 to 126 cells, median 64, in a field of 1200 x 1600 with cells of 105 pixels.
    count = float(np.clip(rng.lognormal(np.log(74), 0.34), 50, 135))
    count *= height * width / (1200 * 1600) / scale**2
    tint = rng.normal(0.0, 2.0, 3) + rng.normal(0.0, 3.0)
    return FieldStyle(
        stain=stain.name,
        background=np.array(stain.background) + tint,
        cell_density=green * np.array([between(stain.red_to_green), 1.0,
                                       between(stain.blue_to_green)]),
        diameter=diameter,
        diameter_spread=between((0.035, 0.09)) + sometimes(0.2, 0.0, 0.06),
        count=max(1, round(count)),
        density_spread=between((0.04, 0.14)),
        pallor=between(stain.pallor),
        pallor_size=between((0.4, 0.7)),
        rim_width=between((4.5, 9.0)) * scale,
        ring=between(stain.ring),
        crenated=between(stain.crenated) if rng.random() < 0.7 else 0.02,
        pointed=between(stain.pointed) if rng.random() < 0.7 else 0.01,
        folded=between((0.05, 0.5)),
        irregularity=between((0.5, 1.8)),
        elongation=between((0.05, 0.15)) + sometimes(0.2, 0.0, 0.2),
        direction=between((0.0, 2 * np.pi)),
        alignment=sometimes(0.3, 0.5, 1.0),
        clumping=between((0.05, 0.65)),
        pressed=between(stain.pressed),
        overlap=between((0.05, 0.55)),
        occlusion=sometimes(0.6, 0.1, 0.6),
        patchiness=sometimes(0.35, 0.3, 1.0),
        texture=between((0.015, 0.06)),
        infected=between((0.0, 0.05)),
        platelets=sometimes(0.6, 0.0, 10.0),
        specks=sometimes(0.7, 0.0, 120.0),
        strands=sometimes(0.25, 5.0, 90.0),
        ghosts=sometimes(0.4, 1.0, 9.0),
        smudges=sometimes(0.25, 0.5, 3.0),
        haze=between(stain.haze),
        pink_edges=sometimes(0.15, 0.2, 1.0),
        vignette=between(stain.vignette),
        shading=between((0.0, 0.014)) + sometimes(0.2, 0.0, 0.03),
        focus=(between((0.5, 1.2)) + sometimes(0.25, 0.2, 2.0)) * max(scale, 0.5),
        focus_drift=sometimes(0.35, 0.8, 3.0) * max(scale, 0.5),
        blurred_cells=sometimes(0.35, 0.0, 0.1),
        color_fringe=sometimes(0.6, 0.0, 1.6) * max(scale, 0.5),
        sharpening=sometimes(0.5, 20.0, 100.0),
        noise=between(stain.noise),
        grain=between((0.7, 1.25)),
        scale_bar=bool(stain.name == "teal" and rng.random() < 0.5),
    )  # fmt: skip
