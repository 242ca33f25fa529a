"""`Project`: the folder with pictures, what was found in them, corrections and models."""

import json
import os
import re
import shutil
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mrcnn.app.names import shown_path, unique_names
from mrcnn.errors import DataError, OutputError
from mrcnn.files import make_writable_folder
from mrcnn.pictures import IMAGE_SUFFIXES
from mrcnn.serve.corrections import Corrections
from mrcnn.serve.jobs import Jobs
from mrcnn.serve.journal import Journal
from mrcnn.serve.limits import MOST_PICTURES, open_checked
from mrcnn.serve.results import Result

# What names of files cannot have, on Windows more than elsewhere.
_FOREIGN = re.compile(r'[/\\<>:"|?*]' if os.name == "nt" else r"[/\\]")
# Pictures whose objects are kept in memory.
_MOST_OPEN = 8


class Project:
    """A folder that the page keeps all in. Any thread may use it.

    Args:
        folder: is made if it is missing.

    Attributes:
        folder: whole path.
        pictures: folder of the image files, and of the VIA file that is written from corrections.
        models: folder of trainings.
        scratch: folder of what is only needed for a while.
        jobs: what is to be detected in.

    Raises:
        OutputError: it cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = make_writable_folder(folder.absolute())
        self.pictures = make_writable_folder(self.folder / "pictures")
        self.models = self.folder / "models"
        self.scratch = self.folder / "scratch"
        self._results = make_writable_folder(self.folder / "results")
        self._journals = make_writable_folder(self.folder / "corrections")
        self._removed = self.folder / "removed"
        try:
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.scratch.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.scratch}: cannot be made ({error.strerror}).") from error
        self.jobs = Jobs(self.folder / "project.sqlite")
        self._lock = threading.RLock()
        self._open: OrderedDict[str, tuple[Result, Corrections]] = OrderedDict()

    def close(self) -> None:
        """Close its files."""
        self.jobs.close()

    # --- Pictures ----------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The pictures, sorted."""
        with os.scandir(self.pictures) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".")
                and entry.name.lower().endswith(IMAGE_SUFFIXES)
                and entry.is_file(follow_symlinks=False)
            )

    def all_paths(self) -> list[Path]:
        """The files of all pictures."""
        return [self.pictures / name for name in self.names()]

    def path(self, name: str) -> Path:
        """The file of a picture.

        Raises:
            UnknownPictureError: there is none of this name, whatever else it may name.
        """
        path = self.pictures / name
        is_plain = path.parent == self.pictures and name not in ("", ".", "..")
        if not is_plain or "\0" in name or "\\" in name or name.startswith("."):
            raise UnknownPictureError(f"The project has no picture {shown_path(name)[:100]!r}.")
        if not name.lower().endswith(IMAGE_SUFFIXES) or path.is_symlink() or not path.is_file():
            raise UnknownPictureError(f"The project has no picture {shown_path(name)[:100]!r}.")
        return path

    def add(self, content: Path, name: str) -> str:
        """Take a file into the project, by its name or one that is free.

        Args:
            content: the file, which is moved or linked from where it is.
            name: that it came with, of which only the last part counts.

        Returns:
            the name that it has now.

        Raises:
            DataError: it is no image, or one that is too large, or there are too many.
            OutputError: it cannot be written.
        """
        last = name.replace("\\", "/").rpartition("/")[2].lstrip(".")
        suffix = Path(last).suffix
        if suffix.lower() not in IMAGE_SUFFIXES:
            raise DataError(
                f"{shown_path(last)[:100]!r} is no image by its name: expected are "
                f"{', '.join(IMAGE_SUFFIXES)}."
            )
        open_checked(content, shown_path(last)).close()
        with self._lock:
            present = self.names()
            if len(present) >= MOST_PICTURES:
                raise DataError(
                    f"The project has {len(present)} pictures, the most that the page keeps. Start "
                    "another one with --project."
                )
            # Of one stem, whatever the suffix: results and tables are called after it.
            taken = [Path(each).stem for each in present]
            stem = _FOREIGN.sub("_", next(iter(unique_names([last], taken))))
            target = self.pictures / f"{stem}{suffix}"
            try:
                _link_or_copy(content, target)
            except OSError as error:
                raise OutputError(f"{target}: cannot be written ({error.strerror}).") from error
        return target.name

    def remove(self, name: str) -> None:
        """Take a picture out of the project; its files go to the folder `removed`.

        Raises:
            UnknownPictureError: there is none.
            OutputError: it cannot be moved.
        """
        with self._lock:
            moved = [self.path(name), self._result_file(name), self._journal_file(name)]
            try:
                now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
                folder = self._removed / now
                folder.mkdir(parents=True)
                for path in moved:
                    if path.exists():
                        path.rename(folder / path.name)
            except OSError as error:
                raise OutputError(f"{name}: cannot be removed ({error.strerror}).") from error
            self._open.pop(name, None)
            self.jobs.forget(name)

    # --- What was found, and corrected -------------------------------------------------------

    def _result_file(self, name: str) -> Path:
        return self._results / f"{name}.json"

    def _journal_file(self, name: str) -> Path:
        return self._journals / f"{name}.jsonl"

    def store(self, name: str, result: Result) -> None:
        """Keep what was detected in a picture; corrections of an earlier detection are set aside.

        Raises:
            OutputError: it cannot be written.
        """
        with self._lock:
            result.write(self._result_file(name))
            self._open.pop(name, None)
            self.summarize(name)

    def opened(self, name: str) -> tuple[Result, Corrections] | None:
        """What was detected in a picture, and corrected; None before that.

        Hold `editing` while it is used.

        Raises:
            UnknownPictureError: there is no such picture.
            DataError: a file of it is damaged.
        """
        self.path(name)
        with self._lock:
            if name not in self._open:
                result = Result.read(self._result_file(name))
                if result is None:
                    return None
                journal = Journal(self._journal_file(name), result.name)
                self._open[name] = (
                    result,
                    Corrections(
                        journal, result.size, result.cells, result.class_names, result.confidence
                    ),
                )
            self._open.move_to_end(name)
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return self._open[name]

    def editing(self) -> threading.RLock:
        """The lock of all that is corrected."""
        return self._lock

    def change(
        self, name: str, act: Callable[[Corrections, str], dict[str, Any]], after: int | None
    ) -> dict[str, Any]:
        """Do something to the objects of a picture.

        Args:
            name: of the picture.
            act: does it, with the time.
            after: how many acts the page knows of; None does not care.

        Returns:
            what `Corrections.do` does, and the `number` of acts, `can_undo`, `can_redo`.

        Raises:
            BehindError: there were others.
            DataError: it cannot be done, or nothing was detected yet.
            OutputError: it cannot be kept, and is not done.
        """
        with self._lock:
            opened = self.opened(name)
            if opened is None:
                raise DataError("Nothing was detected in this picture yet: wait for it.")
            _, corrections = opened
            if after is not None and after != corrections.number:
                raise BehindError("The picture was changed elsewhere: it is shown anew.")
            # Worked out when a list asks: of a slide that takes longer than the act. It goes before
            # the act is kept, so that no kill leaves one of an earlier state.
            self.jobs.forget_summary(name)
            done = act(corrections, datetime.now(UTC).isoformat(timespec="seconds"))
            return {**done, **acts_of(corrections)}

    def summarize(self, name: str) -> dict[str, Any]:
        """Work out what lists tell of a picture, and keep it."""
        with self._lock:
            opened = self.opened(name)
            told: dict[str, Any] = {}
            if opened is not None:
                result, corrections = opened
                kept = corrections.kept()
                scores = [cell["score"] for cell in kept if cell["score"] is not None]
                unsure = sum(1 - score for score in scores) / max(len(scores), 1)
                told = {
                    "size": list(result.size),
                    "counts": dict(Counter(cell["class"] for cell in kept)),
                    "doubts": result.doubts,
                    "doubt": round(len(result.doubts) + unsure, 4),
                    "corrected": corrections.is_corrected,
                    "model": result.model,
                }
            self.jobs.store_summary(name, json.dumps(told))
            return told

    def summaries(self) -> dict[str, dict[str, Any]]:
        """What lists tell of all pictures, by their names; empty of those not detected in yet."""
        stored = self.jobs.summaries()
        told = {}
        for name in self.names():
            if name in stored:
                told[name] = json.loads(stored[name])
                continue
            try:
                told[name] = self.summarize(name)
            except DataError as error:
                told[name] = {"problem": str(error)}
        return told


class UnknownPictureError(DataError):
    """The project has no such picture."""


class BehindError(DataError):
    """Somebody else has changed it meanwhile."""


def acts_of(corrections: Corrections) -> dict[str, Any]:
    """What a page has to know of the acts so far."""
    return {
        "number": corrections.number,
        "can_undo": corrections.can_undo,
        "can_redo": corrections.can_redo,
        "corrected": corrections.is_corrected,
    }


def link_all(paths: Iterable[Path], folder: Path) -> None:
    """Have files in another folder as well, without copying them where that goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        _link_or_copy(path, folder / path.name)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # Another disk, or a file system without links.
        shutil.copyfile(source, target)
