"""`rbc.py detect`: outlines, label images and measurements of the cells in images."""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.app.export import Exporter
from mrcnn.app.names import unique_names
from mrcnn.app.threshold import chosen_confidences
from mrcnn.drawing.results import overlay_picture
from mrcnn.errors import DataError, LimitWarning
from mrcnn.files import atomic_write, make_writable_folder
from mrcnn.instances import Instances
from mrcnn.pictures import read_image
from mrcnn.report.detection_files import ImageCells, cell_rows, cells_csv, summary_csv
from rbc_model import Cells, detect_cells, limit_warnings, load_trained_model, trained_weights

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
OVERLAY, LABELS = "_overlay.png", "_labels.png"


def expand_inputs(inputs: list[str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Image files behind the arguments; folders give their images, sorted by name.

    A file that is reached twice counts once. Results of an earlier run in a folder (a
    `NAME_overlay.png` or `NAME_labels.png` beside an image NAME) are left out.

    Returns:
        the paths, and (input, reason) for inputs that give no image.
    """
    paths: dict[Path, Path] = {}
    problems = []
    for text in inputs:
        given = Path(text)
        if given.is_dir():
            found = sorted(
                path
                for path in given.iterdir()
                if path.suffix.lower() in IMAGE_SUFFIXES
                and not path.name.startswith(".")
                and path.is_file()
            )
            stems = {path.stem for path in found}
            found = [path for path in found if not _is_earlier_result(path, stems)]
            if not found:
                problems.append(
                    (text, f"{text}: no image in this folder ({', '.join(IMAGE_SUFFIXES)})")
                )
        else:
            found = [given]
        for path in found:
            paths.setdefault(path.resolve(), path)
    return list(paths.values()), problems


def common_folder(paths: list[Path]) -> Path:
    """The innermost folder that holds all files; the names in VIA and COCO files start there."""
    try:
        return Path(os.path.commonpath([path.resolve().parent for path in paths]))
    except ValueError:
        # No path, or paths on several drives.
        return Path()


def _is_earlier_result(path: Path, stems: set[str]) -> bool:
    return any(
        path.name.endswith(ending) and path.name.removesuffix(ending) in stems
        for ending in (OVERLAY, LABELS)
    )


def _label_image(image_shape: tuple[int, ...], cells: Cells) -> np.ndarray:
    masks = Instances(image_shape[:2], cells.boxes, cells.crops, cells.class_ids)
    return masks.label_image()


def visible_cells(image_shape: tuple[int, ...], cells: Cells) -> tuple[Cells, np.ndarray]:
    """Leave out cells that better ones cover completely; a label without a pixel is no label.

    Returns:
        the cells, and their label image, uint16 [H, W].
    """
    labels = _label_image(image_shape, cells)
    shown = np.bincount(labels.ravel(), minlength=len(cells) + 1)[1:] > 0
    if not shown.all():
        # What is covered completely has no pixel to give back: the others stay as they are.
        cells = cells.take(np.flatnonzero(shown))
        labels = _label_image(image_shape, cells)
    return cells, labels


def detect_image(
    model: Any, path: Path, name: str, out: Path, options: Any
) -> tuple[ImageCells, Cells]:
    """Detect in one file and write its two pictures.

    Raises:
        DataError: the file cannot be read as an image.
    """
    image = read_image(path)
    class_names = list(model.config.CLASS_NAMES)
    cells = detect_cells(model, image, options.max_overlap, options.size_class, options.outline)
    cells, labels = visible_cells(image.shape, cells)
    overlay = overlay_picture(image, cells.boxes, cells.crops, cells.class_ids, class_names)
    atomic_write(out / f"{name}{OVERLAY}", overlay.save)
    atomic_write(out / f"{name}{LABELS}", Image.fromarray(labels).save)
    rows = cell_rows(str(path), name, cells, labels, class_names, options.pixel_size)
    found = ImageCells(
        image=str(path),
        name=name,
        size=image.shape[:2],
        rows=rows,
        class_names=[class_names[class_id - 1] for class_id in cells.class_ids],
    )
    return found, cells


def run(options: Any) -> int:
    """Detect in all images; returns the exit status, 2 when one of them could not be read."""
    paths, problems = expand_inputs(options.images)
    out = make_writable_folder(options.out)
    weights = trained_weights(options)
    (min_confidence,) = chosen_confidences([options.min_conf], weights)
    model = load_trained_model(options, weights, min_confidence)
    exporter = Exporter(options, out, model.config.CLASS_NAMES)
    print(f"Detecting in {len(paths)} images with {weights}")
    folder = common_folder(paths)
    results = [ImageCells(image=text, name="", problem=reason) for text, reason in problems]
    limited = []
    # What a limit costs is said at the end, of all images.
    warnings.simplefilter("ignore", LimitWarning)
    for number, (path, name) in enumerate(zip(paths, unique_names(paths), strict=True), start=1):
        try:
            result, cells = detect_image(model, path, name, out, options)
        except DataError as error:
            results.append(ImageCells(image=str(path), name=name, problem=str(error)))
            print(f"[{number}/{len(paths)}] {path}: cannot be read", flush=True)
            continue
        results.append(result)
        shown = path.resolve().relative_to(folder) if folder.is_absolute() else path
        found = Instances(result.size, cells.boxes, cells.crops, cells.class_ids, cells.scores)
        exporter.add(shown.as_posix(), path, name, found)
        if cells.limit_reached:
            limited.append(str(path))
        print(f"[{number}/{len(paths)}] {path}: {len(cells)} cells", flush=True)
    exporter.finish(folder)
    atomic_write(out / "cells.csv", cells_csv(results, options.pixel_size is not None))
    atomic_write(out / "summary.csv", summary_csv(results, model.config.CLASS_NAMES))
    for line in limit_warnings(model.limits, limited):
        print(line)
    print(f"{sum(len(result.rows) for result in results)} cells; results: {out}")
    failed = [result for result in results if result.problem]
    if failed:
        print(f"\n{len(failed)} of the inputs could not be used:", file=sys.stderr)
        for result in failed:
            print(f"  {result.problem}", file=sys.stderr)
        return 2
    return 0
