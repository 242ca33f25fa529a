"""Synthetic fields of stained blood smears with exact outlines, for when no data set is at hand.

`render_field` makes one field, `render_dataset` a folder that looks like an annotated data set:
`train/` and `val/`, each with JPEG images and `via_region_data.json` (VGG Image Annotator 2,
plain annotation export, region attribute `name`). A field depends on the seed and its own number
alone, so the same call gives the same bytes, however many other fields are made.
"""

import io
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.formats import via_project
from mrcnn.instances import Instances
from rbc_cells.kinds import PLATELET, WHITE
from rbc_cells.sizes import measured_class_ids
from rbc_cells.smears import others
from rbc_cells.smears.scene import add_debris, add_haze, add_texture, expose
from rbc_cells.smears.shapes import place_cells, visible_patches
from rbc_cells.smears.staining import cell_absorbance
from rbc_cells.smears.styles import sample_style
from rbc_cells.ways import SIZES, UNDEFINED

CLASS_NAMES = SIZES
KIND_NAMES = {**dict.fromkeys(others.WHITE_KINDS, WHITE), others.PLATELET: PLATELET}
ANNOTATION_NAME = "via_region_data.json"
JPEG_QUALITY = 90
SMALLEST_SIDE = 64


@dataclass(frozen=True)
class RenderedField:
    """One synthetic field.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        polygons: one float64 [K, 2] of (y, x) pixels for each cell, the outline of what can be
            seen of it; points lie in 0..H-1 and 0..W-1, a tenth of a pixel apart at least.
        class_names: "large", "normal", "small" or "undefined" for each red cell; fields of several
            kinds have "white blood cell" and "platelet" as well.
        stain: name of the kind of preparation that the field imitates.
    """

    image: np.ndarray
    polygons: list[np.ndarray]
    class_names: list[str]
    stain: str


def polygon_area(polygon: np.ndarray) -> float:
    """Area in square pixels of a polygon, [K, 2] of (y, x)."""
    y, x = polygon[:, 0], polygon[:, 1]
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def size_classes(polygons: list[np.ndarray], height: int, width: int) -> list[str]:
    """Name the size class of each cell of one field; see `rbc_cells.sizes.measured_class_ids`.

    Args:
        polygons: each float [K, 2] of (y, x) in pixels; "undefined" is one that holds no pixel.
        height, width: of the field in pixels.
    """
    cells = Instances.from_polygons(polygons, np.arange(len(polygons)), (height, width))
    names = [UNDEFINED] * len(polygons)
    found = measured_class_ids(cells.boxes, cells.crops, cells.image_shape, CLASS_NAMES)
    for number, class_id in zip(cells.class_ids, found, strict=True):
        names[number] = CLASS_NAMES[class_id - 1]
    return names


def render_field(
    seed: int,
    index: int,
    height: int = 1200,
    width: int = 1600,
    cell_diameter: float = 105.0,
    kinds: bool = False,
) -> RenderedField:
    """Render field number `index` of the endless series that belongs to `seed`.

    Args:
        seed, index: whole numbers from 0; together they decide everything about the field.
        height, width: size of the image in pixels, at least 64.
        cell_diameter: median cell diameter in pixels over many fields; the number of cells
            follows from it and from the size of the field (about 75 at the defaults).
        kinds: have white cells and platelets with outlines too, and in some fields stacks of red
            cells. The field is another one than without.

    Raises:
        DataError: a value is out of its range.
    """
    if seed < 0 or index < 0:
        raise DataError(f"seed {seed} and field number {index} must not be below 0")
    if min(height, width) < SMALLEST_SIDE:
        raise DataError(
            f"a field of {height} x {width} pixels is too small; give at least {SMALLEST_SIDE}"
        )
    if not 10 <= cell_diameter <= 1000:
        raise DataError(f"cell_diameter {cell_diameter} must lie between 10 and 1000 pixels")
    # One source for each step: a change in one leaves the draws of the others as they are.
    style_rng, layout_rng, cell_rng, dirt_rng, camera_rng = (
        np.random.default_rng([seed, index, step]) for step in range(5)
    )
    style = sample_style(style_rng, height, width, cell_diameter)
    kinds_rng = np.random.default_rng([seed, index, 5])
    white = []
    if kinds:
        style = others.style_of_kinds(kinds_rng, style)
        white = others.white_cells(kinds_rng, style, height, width)
    cells = place_cells(layout_rng, style, height, width, white)
    if kinds:
        cells += others.platelets(kinds_rng, style, height, width, cells)
    patches = visible_patches(cells, height, width)
    layer = np.zeros((3, height, width), dtype=np.float32)
    add_haze(dirt_rng, style, layer)
    add_debris(dirt_rng, style, layer, cell_diameter / 105.0)
    for patch in patches:
        area = (slice(None), patch.rows, patch.columns)
        layer[area] *= 1 - np.float32(style.occlusion) * np.clip(patch.body / 4, 0, 1)
        paint = others.other_absorbance if patch.cell.kind in KIND_NAMES else cell_absorbance
        layer[area] += paint(cell_rng, style, patch)
    add_texture(camera_rng, style, layer)
    image = expose(camera_rng, style, layer)
    polygons = [patch.polygon for patch in patches]
    names = [KIND_NAMES.get(patch.cell.kind, "") for patch in patches]
    red = [polygon for polygon, name in zip(polygons, names, strict=True) if not name]
    sizes = iter(size_classes(red, height, width))
    return RenderedField(image, polygons, [name or next(sizes) for name in names], style.stain)


def is_validation_field(index: int, validation_fraction: float) -> bool:
    """Whether field `index` belongs to `val`; it does not depend on how many fields there are.

    The second field is the first one to go to `val`, the others follow evenly spaced.
    """
    if validation_fraction <= 0:
        return False
    count_before, count = (
        math.floor(1 + (last - 1) * validation_fraction + 1e-9) for last in (index - 1, index)
    )
    return count > count_before


def _encode(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return buffer.getvalue()


def _via_entry(name: str, size: int, field: RenderedField, attributes: dict) -> dict:
    """The image in VIA's plain export, which is the part of a project that tells of images."""
    known = (*CLASS_NAMES, WHITE, PLATELET)
    class_ids = [1 + known.index(class_name) for class_name in field.class_names]
    boxes = [
        (*np.floor(polygon.min(axis=0)), *(np.floor(polygon.max(axis=0)) + 1))
        for polygon in field.polygons
    ]
    project = via_project(
        {name: Instances.from_boxes(field.image.shape, boxes, class_ids)},
        known,
        sizes={name: size},
        outlines={name: field.polygons},
    )
    (entry,) = project["_via_img_metadata"].values()
    return {**entry, "file_attributes": attributes}


def _foreign(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} {why}; nothing there was changed. Choose an empty or new folder for rendered "
        "smears, or repeat the call that made this one (same number of fields, seed and sizes)"
    )


def _check_folder(folder: Path, expected: dict[str, dict]) -> None:
    """Raise DataError if `folder` holds anything that a call with `expected` would not write.

    Args:
        folder: `train` or `val`.
        expected: for each image file name the file attributes that its annotation gets.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise _foreign(folder, "is a file, not a folder")
    for path in sorted(folder.iterdir()):
        # Names that begin with a dot are left over when a write was cut off.
        if path.name not in expected and path.name != ANNOTATION_NAME and path.name[0] != ".":
            raise _foreign(path, "is not one of the files to be rendered")
    annotations = folder / ANNOTATION_NAME
    if not annotations.exists():
        return
    try:
        entries = json.loads(annotations.read_text(encoding="utf-8"))
        held = {entry["filename"]: entry["file_attributes"] for entry in entries.values()}
    except (ValueError, KeyError, TypeError, AttributeError):
        held = None
    if held != expected:
        raise _foreign(annotations, "describes other fields than those to be rendered")


def _write_or_compare(path: Path, content: bytes) -> None:
    if not path.exists():
        atomic_write(path, content)
    elif path.read_bytes() != content:
        raise _foreign(path, "holds something else than what would be rendered")


def render_dataset(
    directory: str | os.PathLike,
    fields: int = 20,
    seed: int = 0,
    height: int = 1200,
    width: int = 1600,
    cell_diameter: float = 105.0,
    validation_fraction: float = 0.2,
    progress: Callable[[int, int], None] | None = None,
    kinds: bool = False,
) -> None:
    """Render an annotated data set: `train` and `val` below `directory`.

    Each holds JPEG images and `via_region_data.json`. Files are written one by one and whole; a
    call that was cut off can simply be repeated, and a repeated call changes nothing.

    Args:
        directory: folder to make or to complete.
        fields: how many fields in all.
        seed: whole number from 0; another seed gives other fields.
        height, width: size of the images in pixels, at least 64.
        cell_diameter: median cell diameter in pixels, as in `render_field`.
        validation_fraction: share of the fields that goes to `val`, from 0 to 0.5; a field keeps
            its place whatever the number of fields.
        progress: called with (fields done, fields in all) after each field.
        kinds: as in `render_field`.

    Raises:
        DataError: a value is out of its range, or the folder holds files that this call would not
            write the same; those are never touched.
    """
    if not 0 <= validation_fraction <= 0.5:
        raise DataError(f"validation_fraction {validation_fraction} must lie between 0 and 0.5")
    least = 2 if validation_fraction > 0 else 1
    if fields < least:
        raise DataError(
            f"{fields} fields are too few; give at least {least}, so that no part is empty"
        )
    places: list[tuple[int, str, str]] = []
    expected: dict[str, dict[str, dict]] = {"train": {}, "val": {}}
    for index in range(fields):
        subset = "val" if is_validation_field(index, validation_fraction) else "train"
        name = f"smear_{index:04d}.jpg"
        places.append((index, subset, name))
        expected[subset][name] = {"seed": str(seed), "field": str(index)}
        if kinds:
            expected[subset][name]["kinds"] = "yes"
    if validation_fraction == 0:
        del expected["val"]
    root = Path(directory)
    entries: dict[str, dict[int, dict]] = {subset: {} for subset in expected}
    try:
        for subset, images in expected.items():
            _check_folder(root / subset, images)
        # Fields that are there already come first: a difference shows before anything is written.
        places.sort(key=lambda place: not (root / place[1] / place[2]).exists())
        for done, (index, subset, name) in enumerate(places, start=1):
            field = render_field(seed, index, height, width, cell_diameter, kinds)
            content = _encode(field.image)
            _write_or_compare(root / subset / name, content)
            entries[subset][index] = _via_entry(name, len(content), field, expected[subset][name])
            if progress is not None:
                progress(done, fields)
        for subset, found in entries.items():
            ordered = [found[index] for index in sorted(found)]
            annotations = {f"{entry['filename']}{entry['size']}": entry for entry in ordered}
            text = json.dumps(annotations) + "\n"
            _write_or_compare(root / subset / ANNOTATION_NAME, text.encode())
    except OSError as error:
        raise DataError(f"{root}: cannot write rendered smears there: {error}") from error
