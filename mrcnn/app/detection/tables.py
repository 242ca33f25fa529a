"""The tables of a run: they grow with each picture, and are made anew in their order at the end."""

import contextlib
import csv
import io
import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from pathlib import Path

from mrcnn.app.counts import SUMMARY
from mrcnn.errors import OutputError
from mrcnn.files import atomic_write
from mrcnn.report.detection_files import DetectedImage, objects_table, summary_table
from mrcnn.report.table import Table
from mrcnn.report.table_text import csv_rows, write_csv
from mrcnn.report.words import Words


class Tables:
    """The table of objects and the one of pictures.

    Args:
        out: folder of the run.
        words: what objects are called.
        class_names: of classes 1, 2, ...
        with_micrometers: whether the size of pixels is given.
        has_limits: whether sizes are compared with limits.
        counted: see `summary_table`.
    """

    def __init__(
        self,
        out: Path,
        words: Words,
        class_names: Sequence[str],
        with_micrometers: bool,
        has_limits: bool = False,
        counted: Sequence[bool] | None = None,
    ) -> None:
        self.objects = out / f"{words.objects}.csv"
        self.summary = out / SUMMARY
        self._words = words
        self._class_names = class_names
        self._with_micrometers, self._has_limits = with_micrometers, has_limits
        self._counted = counted

    def append(self, image: DetectedImage) -> None:
        """Take the next picture; one that could not be used is a line of `summary.csv`.

        Raises:
            OutputError: the disk is full. The tables have all pictures before then.
        """
        if not image.problem:
            _append(self.objects, self._of_objects([image], image.measured))
        _append(self.summary, self._of_images([image], with_total=False))

    def rebuild(
        self,
        images: Iterable[DetectedImage],
        others: Iterable[DetectedImage],
        measured: Sequence[str],
        *,
        with_total: bool = True,
    ) -> None:
        """Write both with all pictures.

        Args:
            images: all pictures; gone over once.
            others: the same ones again.
            measured: names of the columns that the application measures.
            with_total: whether the last line is that of all images; more pictures may follow else.

        Raises:
            OutputError: they cannot be written; they are as they were then.
        """
        objects = self._of_objects(images, measured)
        atomic_write(self.objects, lambda file: write_csv(file, objects))
        summary = self._of_images(others, with_total=with_total)
        atomic_write(self.summary, lambda file: write_csv(file, summary))

    def _of_objects(self, images: Iterable[DetectedImage], measured: Sequence[str]) -> Table:
        return objects_table(images, self._with_micrometers, measured, self._has_limits)

    def _of_images(self, images: Iterable[DetectedImage], *, with_total: bool) -> Table:
        return summary_table(
            images, self._class_names, self._words, self._counted, with_total=with_total
        )


def _append(path: Path, table: Table) -> None:
    """Append the rows of a table to its file, all or none; a new file has the titles first."""
    length = path.stat().st_size if path.exists() else 0
    rows = csv_rows(table)
    if length:
        next(rows)
    try:
        with open(path, "ab") as file:
            if not length:
                file.write(BOM_UTF8)
            # Few rows at a time: a slide has a million.
            buffer = io.StringIO(newline="")
            writer = csv.writer(buffer, lineterminator="\n")
            for row in rows:
                writer.writerow(row)
                if buffer.tell() > 2**16:
                    file.write(_emptied(buffer))
            file.write(_emptied(buffer))
    except OSError as error:
        with contextlib.suppress(OSError):
            os.truncate(path, length)
        raised = OutputError(
            f"{path}: cannot be written ({error.strerror or error}). It has all that was found "
            "before."
        )
        raised.errno = error.errno
        raise raised from error


def _emptied(buffer: io.StringIO) -> bytes:
    content = buffer.getvalue().encode("utf-8", "backslashreplace")
    buffer.seek(0)
    buffer.truncate()
    return content
