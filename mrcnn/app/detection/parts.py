"""The result of each picture in a file of its own, written in one step.

They are what a run has, however it ends: tables and files of all pictures are made of
these, and `--resume` leaves out what is there.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.inference.prediction_json import instances_of, plain_instances
from mrcnn.instances import Instances
from mrcnn.report.detection_files import DetectedImage, LateRows

PARTS = "parts"
_ENDING = ".jsonl"
_VERSION = 1


@dataclass(frozen=True)
class Source:
    """Which file a result is of.

    Attributes:
        path: whole, or of an anonymous run the one that is shown.
        bytes: size of the file.
        modified: when its content was last changed, nanoseconds.
    """

    path: str
    bytes: int = 0
    modified: int = 0

    @classmethod
    def of(cls, path: Path, shown: str) -> "Source":
        """The file as it is now; a folder or a missing file has no size."""
        try:
            told = path.stat()
        except (OSError, ValueError):
            return cls(shown)
        return cls(shown, told.st_size if path.is_file() else 0, told.st_mtime_ns)


@dataclass(frozen=True)
class Part:
    """The result of one picture, without its rows.

    Attributes:
        file: that holds it.
        number: of the picture among those of its run.
        source: of what.
        image: what tables have of it; its rows are read when they are gone over.
        files: names of its pictures and other files in the folder of the run.
    """

    file: Path
    number: int
    source: Source
    image: DetectedImage
    files: tuple[str, ...] = ()

    def instances(self) -> Instances:
        """The objects, where the part was written with them.

        Raises:
            DataError: it was not.
        """
        for number, line in enumerate(_lines(self.file)):
            if number == len(self.image.rows) + 1:
                return instances_of(json.loads(line))
        raise DataError(f"{self.file}: has no outlines.")


def write_part(part: Part, instances: Instances | None = None) -> Part:
    """Write the result of a picture.

    Args:
        part: goes to its `file`.
        instances: the objects, for files that hold all pictures.

    Returns:
        the same, with rows that are read from its file.

    Raises:
        OutputError: it cannot be written.
    """
    image = replace(part.image, rows=[], class_names=[])
    counts: dict[str, int] = {}
    for name in part.image.class_names:
        counts[name] = counts.get(name, 0) + 1
    told = {key: value for key, value in asdict(image).items() if key not in _NOT_TOLD}
    count = len(part.image.rows)
    head = {
        "schema_version": _VERSION,
        "number": part.number,
        "source": asdict(part.source),
        "picture": told,
        "counts": counts,
        "rows": count,
        "files": list(part.files),
    }

    def write(path: Path) -> None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(head) + "\n")
            for row in part.image.rows:
                file.write(json.dumps(row, default=_plain) + "\n")
            if instances is not None:
                # What is measured stands in the rows.
                outlined = instances.replaced(columns={})
                file.write(json.dumps(plain_instances(outlined)) + "\n")

    atomic_write(part.file, write)
    return replace(part, image=replace(part.image, rows=_late_rows(part.file, count)))


_NOT_TOLD = ("rows", "class_names")


def read_part(file: Path) -> Part | None:
    """The result in a file; None for one that is damaged, or that another version wrote."""
    try:
        head = json.loads(next(_lines(file)))
        if head["schema_version"] != _VERSION:
            return None
        told = head["picture"]
        known = {each.name for each in fields(DetectedImage)} - {*_NOT_TOLD}
        values: dict[str, Any] = {
            # JSON has lists alone.
            name: tuple(value) if isinstance(value, list) else value
            for name, value in told.items()
            if name in known
        }
        image = DetectedImage(
            **values,
            rows=_late_rows(file, head["rows"]),
            class_names=[name for name, count in head["counts"].items() for _ in range(count)],
        )
        return Part(file, head["number"], Source(**head["source"]), image, tuple(head["files"]))
    except (OSError, ValueError, LookupError, TypeError, StopIteration, RecursionError):
        return None


def part_file(out: Path, name: str) -> Path:
    """Where the result of the picture `name` is in the folder of a run."""
    return out / PARTS / f"{name}{_ENDING}"


def part_files(out: Path) -> list[Path]:
    """All that are in the folder of a run, sorted by name."""
    folder = out / PARTS
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.endswith(_ENDING) and not path.name.startswith(".")
    )


def _lines(file: Path) -> Iterator[str]:
    with open(file, encoding="utf-8") as opened:
        yield from opened


def _late_rows(file: Path, count: int) -> LateRows:
    return LateRows(count, lambda: _rows(file, count))


def _rows(file: Path, count: int) -> Iterator[list]:
    for number, line in enumerate(_lines(file)):
        if number > count:
            return
        if number:
            yield json.loads(line)


def _plain(value: Any) -> Any:
    """A number of NumPy as one of Python, which tables show alike."""
    return value.item()
