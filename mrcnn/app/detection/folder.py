"""The folder of a run of `detect`: nothing that is in it is lost without being asked for."""

import contextlib
import csv
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrcnn.app.commands import DETECT
from mrcnn.app.counts import SUMMARY, count_files
from mrcnn.app.detection.page import REPORT, page_files
from mrcnn.app.detection.parts import PARTS, Part, part_files, read_part
from mrcnn.app.detection.record import RUN_FILE, is_run, read_record
from mrcnn.app.export import COCO_FILE, ENDINGS, VIA_FILE
from mrcnn.errors import ConfigError, OutputError
from mrcnn.files import InUseError, alone, remove_leftovers
from mrcnn.report.words import Words

if TYPE_CHECKING:
    from mrcnn.app.application import Application

_LOCK = ".detect.lock"


def choose_folder(application: "Application", options: Any) -> Path:
    """Where the results go; without `--out` to a new folder, or to the last one to go on with."""
    if options.out is not None:
        return options.out
    base = application.results(DETECT)
    if options.resume and (earlier := [path for path in _folders(base) if is_run(path)]):
        return max(earlier, key=lambda path: path.name)
    stamp = time.strftime("%Y%m%dT%H%M%S")
    path, number = base / stamp, 1
    while path.exists():
        number += 1
        path = base / f"{stamp}_{number}"
    return path


@contextlib.contextmanager
def reserved(out: Path) -> Iterator[None]:
    """Be the only run that writes to a folder.

    Raises:
        OutputError: another one does.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(alone(out / _LOCK))
        except InUseError as error:
            raise OutputError(
                f"{out}: {error} is writing its results there. Wait, or give another --out."
            ) from None
        yield


class ResultFolder:
    """What was in the folder before a run, and what becomes of it.

    Args:
        out: the folder, which exists.
        words: name the tables.
    """

    def __init__(self, out: Path, words: Words) -> None:
        self.out = out
        self._tables = [out / f"{words.objects}.csv", out / SUMMARY]
        self._counts = [out / name for name in (*count_files(words), REPORT)]
        self._program = words.program

    @property
    def holds_results(self) -> bool:
        """Whether a run has written here."""
        return is_run(self.out) or any(path.exists() for path in self._tables)

    def check(self, options: Any, names: Collection[str]) -> None:
        """Nothing is overwritten by accident.

        Args:
            options: `overwrite`, `resume`, and which files are asked for.
            names: stems of the results that are to be written.

        Raises:
            ConfigError: there is something, and neither option was given.
        """
        if options.overwrite and options.resume:
            raise ConfigError("--overwrite begins anew and --resume goes on: give one of them.")
        if (self.out / RUN_FILE).exists() and not is_run(self.out):
            raise ConfigError(
                f"{self.out / RUN_FILE} is the record of something else than `detect`. Give "
                "another folder with --out."
            )
        if options.resume and self.holds_results and not is_run(self.out):
            raise ConfigError(
                f"{self.out}: its results have no {RUN_FILE}, so they cannot be gone on with. "
                "--overwrite replaces them, another --out leaves them."
            )
        if options.overwrite or (options.resume and is_run(self.out)):
            return
        if self.holds_results:
            raise ConfigError(
                f"{self.out} holds the results of an earlier run. --resume goes on with that run, "
                "--overwrite replaces it, another --out leaves it alone."
            )
        if there := self._in_the_way(options, names):
            raise ConfigError(
                f"{there} is there already, and the results would be written over it. --overwrite "
                "does that; or give another --out."
            )

    def earlier_parts(self) -> list[Part]:
        """The results that are there to go on with."""
        return [part for file in part_files(self.out) if (part := read_part(file)) is not None]

    def record(self) -> dict[str, Any]:
        """What the earlier run says of itself."""
        return read_record(self.out)

    def tidy(self) -> None:
        """Remove the temporary files of a run that was killed; only while it is reserved."""
        remove_leftovers(self.out, "")
        remove_leftovers(self.out / PARTS, "")

    def clear(self, inputs: Iterable[Path]) -> None:
        """Remove the results of the earlier run, and nothing else.

        Args:
            inputs: files that stay, whatever they are called.
        """
        kept = {path.resolve() for path in inputs}
        files = [*self._tables, *self._counts, self.out / VIA_FILE, self.out / COCO_FILE]
        for part in self.earlier_parts():
            files += [self.out / name for name in part.files]
        if not is_run(self.out):
            files += [
                self.out / f"{name}{ending}"
                for name in _names_in(self.out / SUMMARY)
                for ending in ENDINGS
            ]
        # What says that these are results goes last.
        for path in [*files, self.out / RUN_FILE]:
            # Names come from a file: none leads out of the folder.
            if path.parent == self.out and path.resolve() not in kept:
                with contextlib.suppress(IsADirectoryError):
                    path.unlink(missing_ok=True)
        for path in [*part_files(self.out), *page_files(self.out)]:
            path.unlink(missing_ok=True)
        # A person may have put something else there.
        with contextlib.suppress(OSError):
            (self.out / PARTS).rmdir()

    def _in_the_way(self, options: Any, names: Collection[str]) -> Path | None:
        there = {path.name.casefold(): path for path in self.out.iterdir()}
        asked = ((options.via, VIA_FILE), (options.coco, COCO_FILE))
        shared = [name for is_asked, name in asked if is_asked]
        for name in [*(path.name for path in self._counts), *shared]:
            if path := there.get(name.casefold()):
                return path
        for name in names:
            for ending in ENDINGS:
                if path := there.get(f"{name}{ending}".casefold()):
                    return path
        return None


def _folders(base: Path) -> list[Path]:
    return [path for path in base.iterdir() if path.is_dir()] if base.is_dir() else []


def _names_in(summary: Path) -> list[str]:
    """The stems in the table of an earlier version."""
    try:
        with open(summary, newline="", encoding="utf-8-sig", errors="replace") as file:
            names = [row.get("name") or "" for row in csv.DictReader(file)]
    except (OSError, csv.Error):
        return []
    return [name for name in names if name and "/" not in name and "\\" not in name]
