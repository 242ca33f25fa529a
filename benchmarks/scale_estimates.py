"""How near the diameter that `detect` tells is to the true one, over several kinds of pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from skimage.measure import regionprops

from benchmarks.scale import fields, resized, spread, truth_of
from mrcnn.instances import Instances
from mrcnn.pictures import read_image

# Fields of `val` are shown so much smaller.
_FACTORS = (0.25, 0.6, 1)
# Rendered: (height, width) of the field and diameter of its cells.
_RENDERED = (
    ((1200, 1600), 105), ((1200, 1600), 60), ((1200, 1600), 200), ((480, 640), 45),
    ((480, 640), 90), ((360, 360), 75), ((960, 1280), 30), ((2400, 3200), 210),
)  # fmt: skip
_FIELDS_OF_EACH = 4
# A region with one center in it that fills so much of its convex hull is one cell.
_ONE_CELL = 0.94
# A median of fewer cells is none.
_FEWEST = 3


def measure_estimates(find: Any, data: Path, most: int) -> dict[str, Any]:
    """The diameter that was used over the true median.

    Args:
        find: a `Finder`.
        data: folder of `rbc` and `chula`.
        most: pictures of Chula.
    """
    parts = {"val": _val(data), "chula": _chula(data, most), "rendered": _rendered()}
    results: dict[str, Any] = {}
    for name, pictures in parts.items():
        ratios = []
        for of_picture, image, true in pictures:
            ratio = (find.find(image).diameter or 0) / true
            ratios.append(ratio)
            if not 0.85 < ratio < 1.15:
                print(f"{name} {of_picture}: {ratio:.2f} of {true:.0f} pixels", flush=True)
        results[name] = spread(ratios)
    return results


# Name, pixels and true median diameter of a picture.
_Pictures = Iterator[tuple[str, np.ndarray, float]]


def _val(data: Path) -> _Pictures:
    for name, image, polygons in fields(data / "rbc" / "val"):
        true = median_diameter(truth_of(polygons, 1.0, image.shape))
        for factor in _FACTORS:
            yield f"{name} x {factor:g}", resized(image, factor), true * factor


def _rendered() -> _Pictures:
    from rbc_cells.smears.rendering import render_field

    for (height, width), diameter in _RENDERED:
        for number in range(_FIELDS_OF_EACH):
            field = render_field(19, number, height, width, diameter)
            truth = truth_of(field.polygons, 1.0, field.image.shape)
            name = f"{height} x {width}, {diameter} pixels, number {number}"
            yield name, field.image, median_diameter(truth)


def _chula(data: Path, most: int) -> _Pictures:
    """Its centers tell cells but no sizes: these are those of stained regions that are one cell."""
    from rbc_cells.watershed import watershed_cells

    paths = sorted((data / "chula").glob("*.jpg"))
    for path in paths[:: max(1, len(paths) // most)][:most]:
        image = read_image(path)
        centers = np.loadtxt(path.with_suffix(".txt"), ndmin=2)[:, :2]
        found = single_cells(watershed_cells(image, ["cell"]), centers)
        if len(found) >= _FEWEST:
            yield path.name, image, median_diameter(found)


def single_cells(regions: Instances, centers: np.ndarray) -> Instances:
    """The regions that are convex and have one of the centers (x, y) in them."""
    kept = []
    for row, (box, crop) in enumerate(zip(regions.boxes, regions.crops, strict=True)):
        x, y = np.round(centers - box[[1, 0]]).astype(int).T
        inside = (y >= 0) & (y < crop.shape[0]) & (x >= 0) & (x < crop.shape[1])
        count = np.count_nonzero(crop[y[inside], x[inside]])
        if count == 1 and regionprops(crop.astype(np.uint8))[0].solidity >= _ONE_CELL:
            kept.append(row)
    return regions.take(np.array(kept, int))


def median_diameter(truth: Instances) -> float:
    """Of circles of the areas of those that the border does not cut."""
    whole = truth.areas()[~truth.touches_border()]
    return float(np.median(np.sqrt(4 / np.pi * whole)))
