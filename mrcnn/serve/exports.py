"""What is counted in the pictures of a project, as files of other programs."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.detection.picture import visible_objects
from mrcnn.drawing.palette import class_color, in_units
from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.formats import write_coco, write_geojson, write_imagej, write_via
from mrcnn.instances import Instances, run_length
from mrcnn.instances.overlap import labeled_pixels
from mrcnn.report.detection_files import (
    DetectedImage,
    iterate_rows,
    objects_table,
    summary_table,
)
from mrcnn.report.table_text import write_csv
from mrcnn.serve.limits import MOST_WHOLE_PIXELS, open_checked
from mrcnn.serve.project import Project
from mrcnn.serve.results import Result

CSV, SUMMARY, VIA, COCO, GEOJSON, IMAGEJ = "csv", "summary", "via", "coco", "geojson", "imagej"
FORMATS = (CSV, SUMMARY, VIA, COCO, GEOJSON, IMAGEJ)
# Beside the pictures, where VIA and `train` look for it.
VIA_FILE = "via_region_data.json"


def instances_of(cells: Sequence[Mapping[str, Any]], result: Result) -> Instances:
    """The objects that count, with masks; those that a person made have a score of 1.

    Args:
        cells: as `Corrections.kept` gives them.
        result: of the picture.
    """
    names = {name: number for number, name in enumerate(result.class_names, start=1)}
    boxes: list[Any] = [None] * len(cells)
    crops: list[Any] = [None] * len(cells)
    drawn = [number for number, cell in enumerate(cells) if "mask" not in cell]
    outlines = outlines_of([cells[number] for number in drawn])
    # All at once; each tells by its class which one it is.
    filled = Instances.from_polygons(outlines, drawn, result.size)
    for box, crop, number in zip(filled.boxes, filled.crops, filled.class_ids, strict=True):
        boxes[number], crops[number] = box, crop
    for number, cell in enumerate(cells):
        if "mask" in cell:
            counts = run_length.decompress(cell["mask"])
            boxes[number], crops[number] = run_length.decode(counts, result.size)
    for number, crop in enumerate(crops):
        if crop is None:
            # An outline between the middles of pixels.
            y1, x1, y2, x2 = boxes[number] = cells[number]["box"]
            crops[number] = np.ones((y2 - y1, x2 - x1), bool)
    scores = [1.0 if cell["score"] is None else cell["score"] for cell in cells]
    ids = [names[cell["class"]] for cell in cells]
    return Instances(result.size, np.array(boxes).reshape(-1, 4), crops, ids, scores)


def outlines_of(cells: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
    """The polygon float [K, 2] of (y, x) of each object."""
    return [np.array(cell["outline"], float)[:, ::-1] for cell in cells]


def counted(project: Project, name: str) -> tuple[Result, list[dict[str, Any]], Instances]:
    """What counts in a picture, as plain values and with masks.

    Raises:
        UnknownPictureError: there is no such picture.
        DataError: nothing was detected in it yet.
    """
    with project.editing():
        opened = project.opened(name)
        if opened is None:
            raise DataError(f"{name}: nothing was detected in this picture yet.")
        result, corrections = opened
        cells = corrections.kept()
    return result, cells, instances_of(cells, result)


def write_corrections(
    project: Project,
    names: Iterable[str],
    path: Path,
    aliases: Mapping[str, str] | None = None,
    classes: Sequence[str] | None = None,
) -> list[str]:
    """Write a VIA file of pictures that were corrected, as VIA and `train` read it.

    Args:
        project: has them.
        names: of pictures.
        path: of the file.
        aliases: other names of `classes`.
        classes: that the file has; by default those of the pictures.

    Returns:
        the pictures that are in it.

    Raises:
        OutputError: it cannot be written.
    """
    images: dict[str, Instances] = {}
    outlines: dict[str, list[np.ndarray]] = {}
    sizes: dict[str, int] = {}
    class_names: tuple[str, ...] = ()
    for name in names:
        with project.editing():
            opened = project.opened(name)
            if opened is None or not opened[1].is_corrected:
                continue
            result, corrections = opened
            cells = corrections.kept()
        if classes is not None:
            cells = [{**cell, "class": _renamed(cell["class"], aliases, classes)} for cell in cells]
            result = replace(result, class_names=tuple(classes))
        outlines[name] = outlines_of(cells)
        # A person has looked at them: no score is more than another. Masks are not asked for.
        ids = [result.class_names.index(cell["class"]) + 1 for cell in cells]
        boxes = np.array([cell["box"] for cell in cells]).reshape(-1, 4)
        images[name] = Instances.from_boxes(result.size, boxes, ids)
        sizes[name] = project.path(name).stat().st_size
        class_names = class_names or result.class_names
    if images:
        write_via(
            path,
            images,
            class_names,
            sizes=sizes,
            project_name=project.folder.name,
            outlines=outlines,
        )
    return list(images)


def _renamed(name: str, aliases: Mapping[str, str] | None, classes: Sequence[str]) -> str:
    known = (aliases or {}).get(name, name) if name not in classes else name
    if known not in classes:
        raise DataError(f"The model that is to learn has no class {name!r}: {', '.join(classes)}.")
    return known


class Exports:
    """Writes files of other programs.

    Args:
        application, options: of `detect`.
        project: has the pictures.
    """

    def __init__(self, application: Application, options: Any, project: Project) -> None:
        self._application, self._options, self._project = application, options, project

    def write(self, kind: str, names: Sequence[str], folder: Path) -> Path:
        """Write a file of some pictures.

        Args:
            kind: one of `FORMATS`.
            names: of the pictures; those not detected in yet are left out of several.
            folder: takes the file.

        Returns:
            the file: a ZIP archive where a format has one for each picture and there are several.

        Raises:
            DataError: there is no such format, or nothing to write.
            OutputError: it cannot be written.
        """
        if kind not in FORMATS:
            raise DataError(f"{kind!r} is no format: expected is one of {', '.join(FORMATS)}.")
        if kind in (GEOJSON, IMAGEJ):
            return self._one_each(kind, names, folder)
        found = list(self._counted(names))
        if not found:
            raise DataError("Nothing was detected yet.")
        class_names = found[0][1].class_names
        if kind in (CSV, SUMMARY):
            return self._table(kind, found, folder)
        images = {name: instances for name, _, _, instances in found}
        if kind == VIA:
            sizes = {name: self._project.path(name).stat().st_size for name in images}
            path = folder / VIA_FILE
            outlines = {name: outlines_of(cells) for name, _, cells, _ in found}
            write_via(path, images, class_names, sizes=sizes, outlines=outlines)
        else:
            path = folder / "coco.json"
            write_coco(path, images, class_names)
        return path

    def _counted(
        self, names: Sequence[str]
    ) -> Iterable[tuple[str, Result, list[dict[str, Any]], Instances]]:
        for name in names:
            try:
                yield name, *counted(self._project, name)
            except DataError:
                if len(names) == 1:
                    raise

    def _one_each(self, kind: str, names: Sequence[str], folder: Path) -> Path:
        write: Any = write_geojson if kind == GEOJSON else write_imagej
        ending = ".geojson" if kind == GEOJSON else "_rois.zip"
        files = []
        for name, result, _, instances in self._counted(names):
            path = folder / f"{Path(name).stem}{ending}"
            numbers = range(1, len(result.class_names) + 1)
            colors = [in_units(class_color(number)) for number in numbers]
            write(path, instances, result.class_names, colors)
            files.append(path)
        if not files:
            raise DataError("Nothing was detected yet.")
        if len(names) == 1:
            return files[0]
        archive = folder / f"{kind}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            for path in files:
                opened.write(path, path.name)
        return archive

    def _table(
        self, kind: str, found: Sequence[tuple[str, Result, Any, Instances]], folder: Path
    ) -> Path:
        words = self._application.words
        class_names = found[0][1].class_names
        # Large pictures are measured without their pixels, and so are all in one table with them.
        with_pixels = all(_is_small(result) for _, result, *_ in found)
        images = [
            self._told(name, result, instances, kind == CSV, with_pixels)
            for name, result, _, instances in found
        ]
        measured = next((image.measured for image in images if image.measured), ())
        has_size = self._options.pixel_size is not None
        if kind == CSV:
            table = objects_table(images, has_size, measured, self._options.size_limits is not None)
            path = folder / f"{words.objects}.csv"
        else:
            is_counted = self._application.is_counted(class_names)
            table = summary_table(images, class_names, words, is_counted)
            path = folder / "summary.csv"
        atomic_write(path, lambda file: write_csv(file, table))
        return path

    def _told(
        self, name: str, result: Result, instances: Instances, with_rows: bool, with_pixels: bool
    ) -> DetectedImage:
        """What the tables of `detect` have of a picture, from what is counted now."""
        measured: tuple[str, ...] = ()
        rows: list[list] = []
        pixel_size = result.scale.get("pixel_size_um")
        if with_rows:
            if _is_small(result):
                instances, labels = visible_objects(instances)
                visible = labeled_pixels(instances.boxes, labels)
            else:
                # A label image would fill the memory.
                visible = instances.areas()
            if with_pixels:
                instances, measured = self._measured(name, instances, result.class_names)
            options, numbers = self._options, range(1, len(instances) + 1)
            rows = list(
                iterate_rows(
                    name, Path(name).stem, instances, numbers, visible, result.class_names,
                    options.pixel_size, measured, pixel_size, options.size_limits,
                )
            )  # fmt: skip
        return DetectedImage(
            image=name,
            name=Path(name).stem,
            size=result.size,
            rows=rows,
            class_names=[result.class_names[number - 1] for number in instances.class_ids],
            diameter=result.scale.get("diameter_px"),
            scale_source=result.scale.get("source", "settings"),
            quality=";".join(doubt["reason"] for doubt in result.doubts) or "ok",
            measured=measured,
            pixel_size=pixel_size,
        )

    def _measured(
        self, name: str, instances: Instances, class_names: Sequence[str]
    ) -> tuple[Instances, tuple[str, ...]]:
        told = set(instances.columns)
        with open_checked(self._project.path(name)) as picture:
            instances = self._application.measure(
                picture.pixels(), instances, self._options, class_names=tuple(class_names)
            )
        return instances, tuple(column for column in instances.columns if column not in told)


def _is_small(result: Result) -> bool:
    return result.size[0] * result.size[1] <= MOST_WHOLE_PIXELS


def written_in_scratch(exports: Exports, kind: str, names: Sequence[str], scratch: Path) -> Path:
    """A file of an export in a folder of its own, which whoever sends it removes."""
    folder = Path(tempfile.mkdtemp(prefix="export-", dir=scratch))
    try:
        return exports.write(kind, names, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
