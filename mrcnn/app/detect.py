"""`detect`: outlines, label images and measurements of the objects in images."""

import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.app.application import Application
from mrcnn.app.export import Exporter
from mrcnn.app.finding import Finder, Found, limit_warnings
from mrcnn.app.inputs import LABELS, MANY_LABELS, OVERLAY, common_folder, expand_inputs
from mrcnn.app.large_pictures import detect_large, is_large
from mrcnn.app.methods import BaselineFinder, choose_detector
from mrcnn.app.names import unique_names
from mrcnn.app.quality import OK, Doubt, column, judge, warning
from mrcnn.drawing.results import overlay_picture
from mrcnn.errors import DataError, LimitWarning
from mrcnn.files import atomic_write, make_writable_folder
from mrcnn.formats.label_images import write_label_image
from mrcnn.inference.tiles import TooManyTiles
from mrcnn.instances import Instances
from mrcnn.instances.stored_masks import MaskFile
from mrcnn.pictures import Picture, open_picture
from mrcnn.pictures.pixel_size import PixelSize
from mrcnn.report.detection_files import (
    DetectedImage,
    LateRows,
    iterate_rows,
    object_rows,
    objects_table,
    summary_csv,
)
from mrcnn.report.table_text import write_csv


def visible_objects(instances: Instances) -> tuple[Instances, np.ndarray]:
    """Leave out objects that better ones cover completely; a label without a pixel is no label.

    Returns:
        the objects, and their label image, uint16 [H, W], or int32 of more than 65,535.
    """
    labels = instances.label_image()
    shown = np.bincount(labels.ravel(), minlength=len(instances) + 1)[1:] > 0
    if not shown.all():
        # What is covered completely has no pixel to give back: the others stay as they are.
        instances = instances.take(np.flatnonzero(shown))
        labels = instances.label_image()
    return instances, labels


def write_labels(out: Path, name: str, instances: Instances, labels: np.ndarray) -> None:
    """Write a label image: a PNG of 16 bits, or a TIFF of 32 where there are more objects.

    Args:
        out: folder of the file.
        name: stem of its name.
        instances: objects 1, 2, ... of `labels`, by falling score.
        labels: see `visible_objects`.
    """
    if labels.dtype == np.uint16:
        atomic_write(out / f"{name}{LABELS}", Image.fromarray(labels).save)
    else:
        write_label_image(out / f"{name}{MANY_LABELS}", [instances])


@dataclass
class Detection:
    """Detects in one file after the other, writes its pictures, and keeps what tables need.

    Attributes:
        application, options: what was asked for.
        out: folder of the results.
        class_names: of classes 1, 2, ...
        results: one entry an image.
        measured: names of the columns that the application measures.
        files: what is open until the tables are written.
    """

    application: Application
    options: Any
    out: Path
    class_names: list[str]
    results: list[DetectedImage] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    files: ExitStack = field(default_factory=ExitStack)

    def add(
        self,
        image: np.ndarray,
        found: Found,
        path: Path,
        name: str,
        pixel_size: PixelSize | None = None,
    ) -> tuple[Found, list[Doubt]]:
        """Write the pictures of an image and take its rows for the tables.

        Args:
            image: uint8 [H, W, 3].
            found: in it.
            path: of its file.
            name: stem of its pictures.
            pixel_size: as the file tells it.

        Returns:
            what can be seen, and why to doubt it.
        """
        told_size = None if pixel_size is None else pixel_size.side
        instances, labels = visible_objects(found.instances)
        told = set(instances.columns)
        instances = self.application.measure(
            image, instances, self.options, class_names=tuple(self.class_names)
        )
        self.measured = [column for column in instances.columns if column not in told]
        overlay = overlay_picture(image, instances, self.class_names)
        atomic_write(self.out / f"{name}{OVERLAY}", lambda file: overlay.save(file))
        write_labels(self.out, name, instances, labels)
        rows = object_rows(
            str(path),
            name,
            instances,
            labels,
            self.class_names,
            self.options.pixel_size,
            self.measured,
            told_size,
        )
        found = replace(found, instances=instances)
        return self._kept(path, name, found, rows, image, told_size)

    def add_large(
        self, picture: Picture, finder: Finder, path: Path, name: str
    ) -> tuple[Found, list[Doubt]]:
        """Detect in a picture that is not held as a whole; write it and take its rows.

        Args:
            picture: is read a region at a time.
            finder: detects.
            path, name: see `add`.

        Returns:
            see `add`.

        Raises:
            DataError: see `detect_large`.
        """
        with ExitStack() as opened:
            masks = opened.enter_context(MaskFile(self.out))
            found, labels, visible, measured, small = detect_large(
                finder, picture, self.out, name, masks
            )
            # What fails takes no room any more; else the tables need it.
            self.files.push(opened.pop_all())
        self.measured = measured
        told_size = None if picture.pixel_size is None else picture.pixel_size.side
        rows = partial(
            iterate_rows,
            str(path),
            name,
            found.instances,
            labels,
            visible,
            self.class_names,
            self.options.pixel_size,
            measured,
            told_size,
        )
        return self._kept(path, name, found, LateRows(len(labels), rows), small, told_size)

    def _kept(
        self,
        path: Path,
        name: str,
        found: Found,
        rows: "list[list] | LateRows",
        image: np.ndarray,
        told_size: float | None,
    ) -> tuple[Found, list[Doubt]]:
        names = tuple(self.class_names)
        doubts = judge(self.application, image, found, self.options, class_names=names)
        ids = found.instances.class_ids
        self.results.append(
            DetectedImage(
                image=str(path),
                name=name,
                size=found.instances.image_shape,
                rows=rows,
                class_names=[self.class_names[class_id - 1] for class_id in ids],
                diameter=found.diameter,
                scale_source=found.scale_source,
                quality=column(doubts),
                pixel_size=self.options.pixel_size or told_size,
            )
        )
        return found, doubts

    def write_tables(self) -> None:
        """Write the tables of objects and of images."""
        words = self.application.words
        table = objects_table(self.results, self.options.pixel_size is not None, self.measured)
        atomic_write(self.out / f"{words.objects}.csv", lambda file: write_csv(file, table))
        atomic_write(self.out / "summary.csv", summary_csv(self.results, self.class_names, words))


@dataclass(frozen=True)
class Input:
    """An image file in its turn.

    Attributes:
        number: from 1.
        path: of the file.
        name: stem of its pictures.
        image: uint8 [H, W, 3], or None where it cannot be read or is too large to be.
        problem: why it cannot be used.
        notes: what of the file was not taken or was changed.
        is_large: it is to be detected in by tiles that are read one after the other.
        pixel_size: as the file tells it.
    """

    number: int
    path: Path
    name: str
    image: np.ndarray | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()
    is_large: bool = False
    pixel_size: PixelSize | None = None


def detect_all(
    finder: Finder | BaselineFinder,
    paths: Sequence[Path],
    page: int | None = None,
    channels: tuple[int, ...] | None = None,
) -> Iterator[tuple[Input, Found | None]]:
    """Every file with what was found in it, in order; None where that is not known yet.

    One file is read ahead, while the network works. Large pictures are not read, and nothing is
    found in those with a problem.

    Args:
        finder: finds objects in images.
        paths: of the files.
        page, channels: which ones to take of each file, see `open_picture`.
    """
    waiting: deque[Input] = deque()

    def readable() -> Iterator[Picture]:
        for number, (path, name) in enumerate(zip(paths, unique_names(paths), strict=True), 1):
            try:
                with open_picture(path, page=page, channels=channels) as picture:
                    if is_large(picture, finder.predictor):
                        waiting.append(Input(number, path, name, is_large=True))
                        continue
                    image = picture.pixels()
                    notes, size = picture.notes, picture.pixel_size
            except DataError as error:
                waiting.append(Input(number, path, name, problem=str(error)))
                continue
            waiting.append(Input(number, path, name, image, notes=notes, pixel_size=size))
            yield Picture.of(image, name=str(path), pixel_size=size)

    def failed(error: DataError) -> None:
        number = 0
        while waiting[number].image is None:
            number += 1
        is_large = isinstance(error, TooManyTiles)
        problem = "" if is_large else str(error)
        waiting[number] = replace(waiting[number], image=None, problem=problem, is_large=is_large)

    for found in finder.find_many(readable(), failed):
        while waiting[0].image is None:
            yield waiting.popleft(), None
        yield waiting.popleft(), found
    for other in waiting:
        yield other, None


def run(application: Application, options: Any) -> int:
    """Detect in all images; returns the exit status, 2 when one of them could not be read."""
    words = application.words
    inputs = expand_inputs(options.images)
    paths = inputs.paths
    out = make_writable_folder(options.out)
    method = choose_detector(application, options)
    finder, class_names = method.finder, list(method.class_names)
    exporter = Exporter(options, out, class_names)
    by = method.weights or f"--method {method.name}"
    print(f"Detecting in {len(paths)} images with {by}")
    for line in inputs.passed_over:
        print(f"passed over: {line}")
    folder = common_folder(paths)
    detection = Detection(application, options, out, class_names)
    detection.results += [
        DetectedImage(image=text, name="", problem=reason) for text, reason in inputs.problems
    ]
    limited = []
    # What a limit costs is said at the end, of all images.
    warnings.simplefilter("ignore", LimitWarning)
    with detection.files:
        for given, seen in detect_all(finder, paths, options.page, options.channels):
            at, path = f"[{given.number}/{len(paths)}]", given.path
            given, found, doubts = _added(detection, finder, given, seen)
            if found is None:
                detection.results.append(
                    DetectedImage(image=str(path), name=given.name, problem=given.problem)
                )
                print(f"{at} {path}: cannot be used", flush=True)
                continue
            shown = path.resolve().relative_to(folder) if folder.is_absolute() else path
            exporter.add(shown.as_posix(), path, given.name, found.instances)
            if found.limit_reached:
                limited.append(str(path))
            count = len(found.instances)
            print(f"{at} {path}: {count} {words.objects}{_of_scale(found)}", flush=True)
            for note in given.notes:
                print(f"  {path}: {note}")
            if doubts:
                print(f"  {warning(str(path), doubts)}", flush=True)
        exporter.finish(folder)
        detection.write_tables()
    for line in exporter.left_out:
        print(f"Warning: {line}")
    if method.limits is not None:
        for line in limit_warnings(method.limits, limited, words):
            print(line)
    doubtful = sum(result.quality != OK for result in detection.results)
    if doubtful:
        print(f"{doubtful} of {len(paths)} images are doubtful: see `quality` in summary.csv.")
    count = sum(len(result.rows) for result in detection.results)
    print(f"{count} {words.objects}; results: {out}")
    return _tell_failed(detection.results)


def _added(
    detection: Detection, finder: Finder | BaselineFinder, given: Input, found: Found | None
) -> tuple[Input, Found | None, list[Doubt]]:
    """The file with its notes or problem, what can be seen in it, and why to doubt that."""
    options = detection.options
    if given.image is not None and found is not None:
        added = detection.add(given.image, found, given.path, given.name, given.pixel_size)
        return given, *added
    if not given.is_large or isinstance(finder, BaselineFinder):
        return given, None, []
    try:
        with open_picture(given.path, page=options.page, channels=options.channels) as picture:
            found, doubts = detection.add_large(picture, finder, given.path, given.name)
            return replace(given, notes=picture.notes), found, doubts
    except DataError as error:
        return replace(given, problem=str(error)), None, []


def _of_scale(found: Found) -> str:
    """For the line of an image: for which size of objects it was shown, and who says so."""
    if found.scale_source == "settings":
        return ""
    source = {"diameter": "given", "pixel-size": "by the size of pixels", "estimate": "estimated"}
    return f" (diameter {found.diameter:.0f} pixels, {source[found.scale_source]})"


def _tell_failed(results: Iterable[DetectedImage]) -> int:
    """List what could not be used on stderr; the exit status."""
    failed = [result for result in results if result.problem]
    if not failed:
        return 0
    print(f"\n{len(failed)} of the inputs could not be used:", file=sys.stderr)
    for result in failed:
        print(f"  {result.problem}", file=sys.stderr)
    return 2
