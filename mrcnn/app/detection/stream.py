"""Image files in their turn, with what was found in each; one that fails stops no other."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrcnn.app.finding import Finder, Found
from mrcnn.app.large_pictures import is_large
from mrcnn.app.methods import BaselineFinder
from mrcnn.app.names import shown_path, unique_names
from mrcnn.errors import DataError, MrcnnError
from mrcnn.inference.tiles import TooManyTiles
from mrcnn.pictures import Picture, open_picture
from mrcnn.pictures.pixel_size import PixelSize

# Gives what was found in an image when it is called, in any thread.
Later = Callable[[], Found]


class Task(NamedTuple):
    """An image file that is to be detected in.

    Attributes:
        number: from 1, among all that were given.
        path: of the file.
        name: stem of its results.
    """

    number: int
    path: Path
    name: str


def numbered(paths: Sequence[Path]) -> list[Task]:
    """All files of a run that begins."""
    named = zip(paths, unique_names(paths), strict=True)
    return [Task(number, path, name) for number, (path, name) in enumerate(named, start=1)]


@dataclass(frozen=True)
class Input:
    """An image file in its turn.

    Attributes:
        number, path, name: see `Task`.
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


def why(path: Path, error: Exception) -> str:
    """Why an image cannot be used, for a person: what was raised on purpose says so itself."""
    text = str(error)
    if isinstance(error, MrcnnError):
        return text
    # Not foreseen: the kind of the error is all that may be known.
    return f"{shown_path(path)}: {type(error).__name__}{f': {text}' if text else ''}"


def open_all(
    tasks: Iterable[Task], page: int | None = None, channels: tuple[int, ...] | None = None
) -> Iterator[tuple[Input, None]]:
    """Every file, opened and not read, with why it cannot be used.

    Args:
        tasks: the files.
        page, channels: see `detect_all`.
    """
    for task in tasks:
        try:
            with open_picture(task.path, page=page, channels=channels):
                yield Input(*task), None
        except Exception as error:
            yield Input(*task, problem=why(task.path, error)), None


def detect_all(
    finder: Finder | BaselineFinder,
    tasks: Iterable[Task],
    page: int | None = None,
    channels: tuple[int, ...] | None = None,
) -> Generator[tuple[Input, Later | None]]:
    """Every file with what gives what was found in it, in order; None where that is not known yet.

    One file is read ahead, while the network works. Large pictures are not read, and nothing is
    found in those with a problem: whatever goes wrong with one is its `problem`.

    Args:
        finder: finds objects in images.
        tasks: the files.
        page, channels: which ones to take of each file, see `open_picture`.
    """
    remaining = iter(tasks)
    while True:
        turn = _Turn(finder, page, channels)
        try:
            yield from turn.through(remaining)
            return
        except Exception:
            # One of those that were taken; which of them, each alone will tell.
            held = list(turn.waiting)
        for given in held:
            yield from _alone(finder, given, page, channels)


def _alone(
    finder: Finder | BaselineFinder,
    given: Input,
    page: int | None,
    channels: tuple[int, ...] | None,
) -> Iterator[tuple[Input, Later | None]]:
    if given.image is None:
        yield given, None
        return
    turn = _Turn(finder, page, channels)
    try:
        yield from list(turn.through(iter([Task(given.number, given.path, given.name)])))
    except Exception as error:
        yield replace(given, image=None, problem=why(given.path, error)), None


class _Turn:
    """One stream of the network; what it raises ends it.

    Attributes:
        waiting: files that were taken and not given back yet.
    """

    def __init__(
        self,
        finder: Finder | BaselineFinder,
        page: int | None,
        channels: tuple[int, ...] | None,
    ) -> None:
        self.waiting: deque[Input] = deque()
        self._finder, self._page, self._channels = finder, page, channels

    def through(self, tasks: Iterator[Task]) -> Iterator[tuple[Input, Later | None]]:
        waiting = self.waiting
        for found in self._finder.find_later(self._readable(tasks), self._failed):
            while waiting[0].image is None:
                yield waiting.popleft(), None
            yield waiting.popleft(), found
        while waiting:
            yield waiting.popleft(), None

    def _readable(self, tasks: Iterator[Task]) -> Iterator[Picture]:
        for task in tasks:
            try:
                with open_picture(task.path, page=self._page, channels=self._channels) as picture:
                    if is_large(picture, self._finder.predictor):
                        self.waiting.append(Input(*task, is_large=True))
                        continue
                    image = picture.pixels()
                    notes, size = picture.notes, picture.pixel_size
            except Exception as error:
                self.waiting.append(Input(*task, problem=why(task.path, error)))
                continue
            self.waiting.append(Input(*task, image, notes=notes, pixel_size=size))
            yield Picture.of(image, name=str(task.path), pixel_size=size)

    def _failed(self, error: DataError) -> None:
        number = 0
        while self.waiting[number].image is None:
            number += 1
        is_large = isinstance(error, TooManyTiles)
        problem = "" if is_large else str(error)
        self.waiting[number] = replace(
            self.waiting[number], image=None, problem=problem, is_large=is_large
        )
