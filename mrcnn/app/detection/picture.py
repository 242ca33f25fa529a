"""What `detect` writes of one picture: overlay, label image, measurements, other formats."""

import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.app.application import Application
from mrcnn.app.detection.overlay import write_overlay
from mrcnn.app.detection.page import is_shown, keep_picture, page_file
from mrcnn.app.detection.parts import Part, Source, part_file, write_part
from mrcnn.app.detection.stream import Input
from mrcnn.app.export import ENDINGS, Exporter
from mrcnn.app.finding import Finder, Found
from mrcnn.app.large_pictures import Elsewhere, detect_large
from mrcnn.app.quality import Doubt, column, judge
from mrcnn.app.result_files import LABELS, MANY_LABELS, PREVIEW
from mrcnn.drawing.label_preview import label_preview
from mrcnn.drawing.results import PNG_LEVEL, outlines_of, overlay_picture
from mrcnn.files import atomic_write
from mrcnn.formats.label_images import write_label_image
from mrcnn.instances import Instances
from mrcnn.instances.overlap import labeled_pixels
from mrcnn.instances.stored_masks import MaskFile
from mrcnn.pictures import Picture
from mrcnn.report.detection_files import DetectedImage, LateRows, iterate_rows, object_rows
from mrcnn.report.page.detected import detected_picture

# Of labels nothing but long runs of equal pixels can be made shorter.
_LABELS_SAVED: dict[str, Any] = {"compress_level": PNG_LEVEL, "compress_type": zlib.Z_RLE}


def visible_objects(instances: Instances) -> tuple[Instances, np.ndarray]:
    """Leave out objects that better ones cover completely; a label without a pixel is no label.

    Returns:
        the objects, and their label image, uint16 [H, W], or int32 of more than 65,535.
    """
    labels = instances.label_image()
    shown = labeled_pixels(instances.boxes, labels) > 0
    if not shown.all():
        # What is covered completely has no pixel to give back: the others stay as they are.
        instances = instances.take(np.flatnonzero(shown))
        labels = instances.label_image()
    return instances, labels


def write_labels(out: Path, name: str, instances: Instances, labels: np.ndarray) -> str:
    """Write a label image: a PNG of 16 bits, or a TIFF of 32 where there are more objects.

    Args:
        out: folder of the file.
        name: stem of its name.
        instances: objects 1, 2, ... of `labels`, by falling score.
        labels: see `visible_objects`.

    Returns:
        the name of the file.
    """
    if labels.dtype == np.uint16:
        file = f"{name}{LABELS}"
        atomic_write(out / file, partial(Image.fromarray(labels).save, **_LABELS_SAVED))
    else:
        file = f"{name}{MANY_LABELS}"
        write_label_image(out / file, [instances])
    return file


def _write_preview(out: Path, name: str, labels: np.ndarray) -> str:
    """Write what a person can see of a label image, all of which looks black; the file's name."""
    file = f"{name}{PREVIEW}"
    atomic_write(out / file, partial(label_preview(labels).save, **_LABELS_SAVED))
    return file


@dataclass(frozen=True)
class Finished:
    """A picture that is written.

    Attributes:
        part: its result.
        found: what can be seen in it; None where it could not be used.
        doubts: why to doubt that.
        notes: what of the file was not taken or was changed.
        left_out: a line for each file that was asked for and does not have it.
    """

    part: Part
    found: Found | None = None
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class PictureWriter:
    """Writes the results of one picture after the other; several threads may use it at once.

    Attributes:
        application, options: what was asked for.
        out: folder of the results.
        class_names: of classes 1, 2, ...
        exporter: of files of other programs.
        shown: how tables and messages name each file.
        inputs: all files, absolute.
    """

    application: Application
    options: Any
    out: Path
    class_names: Sequence[str]
    exporter: Exporter
    shown: dict[Path, str]
    inputs: frozenset[Path]

    def add(self, given: Input, found: Found) -> Finished:
        """Write the results of an image.

        Args:
            given: with its pixels.
            found: in it.

        Raises:
            OutputError: they cannot be written.
        """
        image = given.image
        assert image is not None
        source = self._source(given)
        told_size = None if given.pixel_size is None else given.pixel_size.side
        instances, labels = visible_objects(found.instances)
        told = set(instances.columns)
        instances = self.application.measure(
            image, instances, self.options, class_names=tuple(self.class_names)
        )
        measured = tuple(column for column in instances.columns if column not in told)
        traced = outlines_of(instances.boxes, instances.crops)
        overlay = overlay_picture(
            image, instances, self.class_names, has_legend=True, traced=traced
        )
        files = [
            write_overlay(self.out, given.name, overlay, self.options.overlay_format),
            write_labels(self.out, given.name, instances, labels),
            _write_preview(self.out, given.name, labels),
        ]
        rows = object_rows(
            self.shown[given.path],
            given.name,
            instances,
            labels,
            self.class_names,
            self.options.pixel_size,
            measured,
            told_size,
            self.options.size_limits,
        )
        found = replace(found, instances=instances)
        return self._kept(
            given, source, found, rows, measured, image, files, told_size, traced=traced
        )

    def add_large(
        self, given: Input, picture: Picture, finder: Finder, elsewhere: Elsewhere | None = None
    ) -> Finished:
        """Detect in a picture that is not held as a whole, and write its results.

        Args:
            given: the file.
            picture: is read a region at a time.
            finder, elsewhere: see `detect_large`.

        Raises:
            DataError: see `detect_large`.
            OutputError: they cannot be written.
        """
        source = self._source(given)
        with ExitStack() as opened:
            masks = opened.enter_context(MaskFile(self.out))
            found, labels, visible, measured, small, overlay = detect_large(
                finder, picture, self.out, given.name, masks, elsewhere
            )
            told_size = None if picture.pixel_size is None else picture.pixel_size.side
            make_rows = partial(
                iterate_rows,
                self.shown[given.path],
                given.name,
                found.instances,
                labels,
                visible,
                self.class_names,
                self.options.pixel_size,
                measured,
                told_size,
                self.options.size_limits,
            )
            rows = LateRows(len(labels), make_rows)
            files = [overlay, f"{given.name}{MANY_LABELS}"]
            kept = self._kept(
                given, source, found, rows, tuple(measured), small, files, told_size, labels
            )
            # Its masks end here.
            return replace(kept, found=replace(found, instances=found.instances.take([])))

    def failed(self, given: Input) -> Finished:
        """Note that a file cannot be used, and why; nothing else is left of it.

        Raises:
            OutputError: not even that can be written.
        """
        page_file(self.out, given.name).unlink(missing_ok=True)
        for ending in ENDINGS:
            path = self.out / f"{given.name}{ending}"
            # An input may be called like a result.
            if path.absolute() not in self.inputs:
                path.unlink(missing_ok=True)
        shown = self.shown[given.path]
        problem = given.problem.replace(str(given.path), shown)
        image = DetectedImage(image=shown, name=given.name, problem=problem)
        file = part_file(self.out, given.name)
        part = Part(file, given.number, self._source(given), image)
        write_part(part)
        return Finished(part, notes=given.notes)

    def _source(self, given: Input) -> Source:
        anonymous = self.options.anonymous
        shown = self.shown[given.path] if anonymous else str(given.path.absolute())
        return Source.of(given.path, shown)

    def _kept(
        self,
        given: Input,
        source: Source,
        found: Found,
        rows: "list[list] | LateRows",
        measured: tuple[str, ...],
        image: np.ndarray,
        files: list[str],
        told_size: float | None,
        numbers: np.ndarray | None = None,
        traced: Sequence[Sequence[np.ndarray]] | None = None,
    ) -> Finished:
        names = tuple(self.class_names)
        doubts = judge(self.application, image, found, self.options, class_names=names)
        exported, left_out = self.exporter.write_files(
            self.shown[given.path], given.name, found.instances
        )
        told = DetectedImage(
            image=self.shown[given.path],
            name=given.name,
            size=found.instances.image_shape,
            rows=rows,
            class_names=[self.class_names[class_id - 1] for class_id in found.instances.class_ids],
            diameter=found.diameter,
            scale_source=found.scale_source,
            quality=column(doubts),
            measured=measured,
            limit_reached=found.limit_reached,
            pixel_size=self.options.pixel_size or told_size,
        )
        self._keep_shown(given, told, found.instances, image, bool(doubts), numbers, traced)
        file = part_file(self.out, given.name)
        part = Part(file, given.number, source, told, (*files, *exported))
        part = write_part(part, found.instances if self.exporter.wants_all else None)
        return Finished(part, found, tuple(doubts), given.notes, tuple(left_out))

    def _keep_shown(
        self,
        given: Input,
        told: DetectedImage,
        instances: Instances,
        image: np.ndarray,
        is_doubtful: bool,
        numbers: np.ndarray | None,
        traced: Sequence[Sequence[np.ndarray]] | None,
    ) -> None:
        """Keep what the report shows of a picture, if it may be there."""
        if not is_shown(given.number, is_doubtful):
            page_file(self.out, given.name).unlink(missing_ok=True)
            return
        columns = ("shape", *(column for column, _ in self.application.counting.rates))
        shown = detected_picture(
            image, instances, self.class_names, columns, told.pixel_size, numbers, traced
        )
        keep_picture(self.out, given.name, shown)
