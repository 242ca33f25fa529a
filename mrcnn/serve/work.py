"""`Work`: the project's jobs, put through the detector one after the other."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from time import monotonic
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.detection.stream import why
from mrcnn.errors import DataError
from mrcnn.pictures import Picture
from mrcnn.serve.detection import detect
from mrcnn.serve.detector import BusyError, Detector, Model
from mrcnn.serve.events import Events
from mrcnn.serve.jobs import DONE, FAILED, RUNNING, Job
from mrcnn.serve.limits import MOST_WHOLE_PIXELS, open_checked
from mrcnn.serve.project import Project
from mrcnn.serve.results import Result

# Seconds between two events about the parts of a large picture.
_BETWEEN = 1.0
# Around a region: pixels at least, and diameters of an object.
_MARGIN, _OBJECTS_BESIDE = 64, 2


class Work:
    """Detects in the pictures of a project; what waited when the server ended goes on.

    Args:
        application, options: of `detect`.
        detector: the queue into the network.
        project: has the jobs, and keeps what is found.
        events: is told of every job that changes, and of every picture.
    """

    def __init__(
        self,
        application: Application,
        options: Any,
        detector: Detector,
        project: Project,
        events: Events,
    ) -> None:
        self._application, self._options = application, options
        self._detector, self._project, self._events = detector, project, events
        self._lock = threading.Lock()
        self._futures: dict[int, Future[None]] = {}
        # How many acts there were on the picture of a job when it was asked for.
        self._known: dict[int, int] = {}
        for job in project.jobs.open():
            self._submit(job)

    def add(self, picture: str, region: Sequence[int] | None = None) -> Job:
        """Have a picture detected in, or a region (y, x, height, width) of it.

        Raises:
            UnknownPictureError: there is no such picture.
            DataError: the region is not in it.
            BusyError: too much waits.
        """
        path = self._project.path(picture)
        if region is not None:
            with open_checked(path) as opened:
                y, x, height, width = region
                rows, columns = opened.shape
                if not (0 <= y < y + height <= rows and 0 <= x < x + width <= columns):
                    raise DataError(f"The region is not inside the {rows} x {columns} pixels.")
                if height * width > MOST_WHOLE_PIXELS:
                    raise DataError(
                        f"The region has {height} x {width} pixels, more than the "
                        f"{MOST_WHOLE_PIXELS} that are detected in at once. Choose a smaller one, "
                        "or the whole picture."
                    )
        known = self._acts(picture)
        job = self._project.jobs.add(picture, ",".join(map(str, region or ())))
        self._known[job.number] = known
        try:
            self._submit(job)
        except BusyError:
            self._project.jobs.cancel(job.number)
            raise
        self._tell(job.number)
        return job

    def add_new(self, picture: str) -> Job | None:
        """Have a picture detected in that has just come; a slide waits for what is asked of it.

        Raises:
            UnknownPictureError: there is no such picture.
            BusyError: too much waits.
        """
        with open_checked(self._project.path(picture)) as opened:
            height, width = opened.shape
        # All of it takes many minutes, and a part is often enough.
        return None if height * width > MOST_WHOLE_PIXELS else self.add(picture)

    def cancel(self, number: int) -> bool:
        """Cancel a job; what runs already is not kept. False where it has ended."""
        is_cancelled = self._project.jobs.cancel(number)
        with self._lock:
            future = self._futures.get(number)
        if future is not None:
            future.cancel()
        if is_cancelled:
            self._tell(number)
        return is_cancelled

    def _submit(self, job: Job) -> None:
        with self._lock:
            future = self._detector.submit(partial(self._do, job))
            self._futures[job.number] = future
        future.add_done_callback(partial(self._ended, job))

    def _do(self, job: Job, model: Model) -> None:
        jobs = self._project.jobs
        if not jobs.begin(job.number):
            return
        self._tell(job.number)
        path = self._project.path(job.picture)
        # After a restart it is as if it was asked for now.
        known = self._known.pop(job.number, self._acts(job.picture))
        with open_checked(path) as picture:
            if job.region:
                self._do_region(job, model, picture)
            else:
                found = self._detect(job, model, picture)
                if self._is_wanted(job):
                    self._store(job.picture, Result.of(found, model), known)
        # Only what is kept is done: after a kill it begins anew.
        jobs.end(job.number, DONE)

    def _acts(self, picture: str) -> int:
        """How many acts there were on a picture."""
        with self._project.editing():
            try:
                opened = self._project.opened(picture)
            except DataError:
                # A damaged result is in nobody's way.
                return 0
            return 0 if opened is None else opened[1].number

    def _store(self, picture: str, result: Result, known: int) -> None:
        """Keep a result, unless somebody has corrected the earlier one meanwhile."""
        with self._project.editing():
            if self._acts(picture) != known:
                raise DataError(
                    "It was corrected while it was detected in anew, so the corrections stay. "
                    "Detect anew to set them aside."
                )
            self._project.store(picture, result)

    def _detect(self, job: Job, model: Model, picture: Picture) -> Any:
        parts, told = 0, monotonic()

        def check() -> None:
            nonlocal parts, told
            if not self._is_wanted(job):
                raise _CancelledError
            parts += 1
            if monotonic() - told >= _BETWEEN:
                told = monotonic()
                self._events.publish("progress", {"picture": job.picture, "parts": parts})

        return detect(
            self._application, self._options, model, picture, self._project.scratch, check
        )

    def _do_region(self, job: Job, model: Model, picture: Picture) -> None:
        y, x, height, width = map(int, job.region.split(","))
        opened = self._project.opened(job.picture)
        scale = {} if opened is None else opened[0].scale
        margin = max(_MARGIN, round(_OBJECTS_BESIDE * (scale.get("diameter_px") or 0)))
        # With what lies around it, so that nothing at its border is cut.
        rows, columns = picture.shape
        top, left = max(y - margin, 0), max(x - margin, 0)
        bottom, right = min(y + height + margin, rows), min(x + width + margin, columns)
        part = Picture.of(
            picture.region(top, left, bottom - top, right - left),
            name=picture.name,
            pixel_size=picture.pixel_size,
        )
        found = self._detect(job, model, part)
        cells = [moved(cell, top, left) for cell in [*found.cells, *found.weak]]
        if not self._is_wanted(job):
            return
        if self._project.opened(job.picture) is None:
            # The rest of the picture has nothing yet.
            empty = Result.of(found, model)
            self._project.store(
                job.picture, Result(**{**vars(empty), "size": (rows, columns), "cells": []})
            )
        region = (y, x, height, width)
        self._project.change(
            job.picture,
            lambda corrections, at: corrections.add_detected(cells, region, at),
            None,
        )

    def _is_wanted(self, job: Job) -> bool:
        """Whether a job that runs was not cancelled meanwhile."""
        now = self._project.jobs.job(job.number)
        return now is not None and now.state == RUNNING

    def _ended(self, job: Job, future: Future[None]) -> None:
        with self._lock:
            self._futures.pop(job.number, None)
            self._known.pop(job.number, None)
        if future.cancelled():
            return
        error = future.exception()
        if error is not None and not isinstance(error, _CancelledError):
            path = self._project.pictures / job.picture
            problem = why(path, error) if isinstance(error, Exception) else str(error)
            problem = problem.replace(f"{path.parent}/", "")
            jobs = self._project.jobs
            # It may have failed before it began, as where there is no model.
            jobs.begin(job.number)
            jobs.end(job.number, FAILED, problem)
        self._tell(job.number)

    def _tell(self, number: int) -> None:
        job = self._project.jobs.job(number)
        if job is not None:
            self._events.publish("job", job.plain())


class _CancelledError(Exception):
    """Somebody has cancelled the job that runs."""


def moved(cell: dict[str, Any], dy: int, dx: int) -> dict[str, Any]:
    """An object of a region, in pixels of the picture; its exact mask is that of the region."""
    y1, x1, y2, x2 = cell["box"]
    told = {key: value for key, value in cell.items() if key != "mask"}
    outline = [[x + dx, y + dy] for x, y in cell["outline"]]
    return {**told, "box": [y1 + dy, x1 + dx, y2 + dy, x2 + dx], "outline": outline}
