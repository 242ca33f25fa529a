"""A run of `detect`: pictures in their turn, and in the end tables and a report."""

import contextlib
import signal
import sys
import threading
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.counts import write_counts
from mrcnn.app.detection.by_workers import detect_by_workers
from mrcnn.app.detection.finishing import finish
from mrcnn.app.detection.folder import ResultFolder
from mrcnn.app.detection.page import REPORT, write_report
from mrcnn.app.detection.picture import Finished, PictureWriter
from mrcnn.app.detection.record import begun_record
from mrcnn.app.detection.results import Plan, Results, Total
from mrcnn.app.detection.stream import Input, Later, detect_all, open_all
from mrcnn.app.detection.tables import Tables
from mrcnn.app.engine.choice import engine_of
from mrcnn.app.engine.dask_engine import DaskEngine
from mrcnn.app.export import Exporter
from mrcnn.app.finding import limit_warnings
from mrcnn.app.inputs import Inputs, common_folder
from mrcnn.app.messages import tell_failed
from mrcnn.app.methods import Method
from mrcnn.app.names import on_one_line, shown_path
from mrcnn.app.progress import Progress, progress_of
from mrcnn.app.quality import warning
from mrcnn.app.told import count_line
from mrcnn.errors import LimitWarning, OutputError
from mrcnn.report.detection_files import DetectedImage

# Pictures that are measured, drawn and written while the network is at the next ones: as many as
# are predicted at the same time, and no fewer than these. More threads would take the processors
# from it. One more may wait.
_WRITERS = 2
# How a worker makes its own model.
_CHOOSE = "mrcnn.app.methods:choose_detector"


def run(
    application: Application,
    options: Any,
    inputs: Inputs,
    out: Path,
    chosen: Callable[[], Method],
    several: int,
) -> int:
    """Detect in all images; the exit status.

    Args:
        application, options: see `mrcnn.app.detect.run`.
        inputs: the images.
        out: folder of the results, reserved for this run.
        chosen: waits for what finds the objects, or raises what is wrong with it.
        several: in how many images it detects at the same time.
    """
    words, paths = application.words, inputs.paths
    shown = _shown(paths, options.anonymous)
    folder = ResultFolder(out, words)
    resume = options.resume and folder.holds_results
    earlier = folder.earlier_parts() if resume else []
    plan = Plan(paths, shown, options.anonymous, earlier, out)
    folder.check(options, [task.name for task in plan.tasks])
    folder.tidy()
    method = chosen()
    class_names = list(method.class_names)
    exporter = Exporter(options, out, class_names)
    has_limits, has_size = options.size_limits is not None, options.pixel_size is not None
    is_counted = application.is_counted(class_names)
    tables = Tables(out, words, class_names, has_size, has_limits, is_counted)
    others = [
        DetectedImage(image=shown_path(text), name="", problem=reason)
        for text, reason in inputs.problems
    ]
    record = begun_record(application, options, method)
    results = Results(folder, plan, tables, exporter, record, others)
    files = frozenset(path.absolute() for path in paths)
    writer = PictureWriter(application, options, out, class_names, exporter, shown, files)
    by = method.weights or f"--method {method.name}"
    print(f"Detecting in {application.words.counted(len(paths), 'image')} with {by}")
    if options.out is None:
        print(f"Results: {out}")
    for line in inputs.passed_over:
        print(f"passed over: {on_one_line(line)}")
    if plan.done:
        print(f"{plan.done} of {len(paths)} images are done already")
    keeps_earlier = options.overwrite and folder.holds_results
    if not keeps_earlier:
        results.begin(paths, resume=resume)
    # What a limit costs is said at the end, of all images.
    warnings.simplefilter("ignore", LimitWarning)
    work = _Work(results, writer, method, plan, len(paths))
    state = "stopped"
    try:
        with (
            _signals_interrupt(),
            engine_of(application, options, method, _CHOOSE) as engine,
            progress_of(len(paths), plan.done, words.objects) as progress,
        ):
            work.go_through(progress, engine, several)
            if engine is not None:
                # What a worker that was lost had begun to write.
                folder.tidy()
        state = "finished"
    except KeyboardInterrupt:
        state = "interrupted"
        raise KeyboardInterrupt(
            f"interrupted: {plan.done + work.done} of {len(paths)} images are done and kept in "
            f"{out}; the same command with --resume goes on"
        ) from None
    finally:
        if state != "finished" and results.begun:
            # A full disk has no room for tables made anew; those that have grown so far stay.
            with contextlib.suppress(OutputError):
                results.finish(state)
                write_counts(application, out, options.group)
                write_report(application, out, options.language)
        if state == "stopped" and results.begun:
            done = plan.done + work.done
            print(
                f"Stopped: {done} of {len(paths)} images are done and kept in {out}. Once the "
                "reason is mended, the same command with --resume goes on.",
                file=sys.stderr,
            )
    if not results.begun:
        print(f"Nothing could be used: the results in {out} are as they were.")
        return tell_failed([*(each.problem for each in others), *work.problems])
    total = results.finish(state)
    counted = write_counts(application, out, options.group)
    write_report(application, out, options.language)
    return _tell(application, method, total, len(paths), out, work.left_out, counted)


class _Work:
    """Detects in one picture after the other, and has each written meanwhile.

    Attributes:
        done: pictures that are written.
        left_out: a line for each picture that a file which was asked for does not have.
        problems: why pictures could not be used, while nothing is written yet.
    """

    def __init__(
        self, results: Results, writer: PictureWriter, method: Method, plan: Plan, total: int
    ) -> None:
        self.done = 0
        self.left_out: list[str] = []
        self.problems: list[str] = []
        self._results, self._writer, self._method = results, writer, method
        self._plan, self._total = plan, total
        # Before the first that can be used.
        self._held: list[Input] = []
        self._queue: deque[tuple[Input, Future[Finished]]] = deque()

    def go_through(self, progress: Progress, engine: DaskEngine | None, several: int) -> None:
        """Work until the last picture is written.

        Args:
            progress: is told of each picture.
            engine: has workers for that; without it this process does all.
            several: in how many pictures the network detects at the same time.

        Raises:
            OutputError: there is no room for more; what was written before is whole.
        """
        if engine is not None:
            self._give_away(progress, engine)
            return
        options = self._writer.options
        stream = detect_all(self._method.finder, self._plan.tasks, options.page, options.channels)
        writers = max(_WRITERS, several)
        with (
            contextlib.closing(stream) as found,
            ThreadPoolExecutor(writers, thread_name_prefix="write") as pool,
        ):
            try:
                for given, seen in found:
                    self._submit(pool, given, seen, progress)
                    self._take(progress, writers + 1)
                self._take(progress)
            except BaseException:
                # What the network has found is written: a few pictures, in a second.
                with contextlib.suppress(Exception):
                    self._take(progress)
                raise

    def _give_away(self, progress: Progress, engine: DaskEngine) -> None:
        """Have workers do what this process does else."""
        options, tasks = self._writer.options, self._plan.tasks
        if not self._results.begun:
            # Workers write at once, so it is told before whether one can be used.
            for given, _ in open_all(tasks, options.page, options.channels):
                if not given.problem:
                    break
                self.problems.append(given.problem)
                progress.advance(0)
            else:
                return
            self._results.begin([task.path for task in tasks], resume=False)
        done = detect_by_workers(engine, tasks, self._writer, self._method)
        with contextlib.closing(done) as found:
            for given, finished in found:
                self._tell(given, finished, progress)

    def _submit(
        self, pool: ThreadPoolExecutor, given: Input, seen: Later | None, progress: Progress
    ) -> None:
        is_usable = seen is not None or given.is_large
        if not self._results.begun:
            if not is_usable:
                self.problems.append(given.problem)
                self._held.append(given)
                progress.advance(0)
                return
            self._results.begin([task.path for task in self._plan.tasks], resume=False)
            for held in self._held:
                self._results.take(self._writer.failed(held))
        if given.is_large:
            # It has the network to itself, and tells how far it is.
            self._take(progress)
            done: Future[Finished] = Future()
            done.set_result(finish(self._writer, self._method.finder, given, None))
            self._queue.append((given, done))
            return
        self._queue.append(
            (given, pool.submit(finish, self._writer, self._method.finder, given, seen))
        )

    def _take(self, progress: Progress, waiting: int = 0) -> None:
        """Take what is written into the tables, in order, until so many others wait."""
        while self._queue and (len(self._queue) > waiting or self._queue[0][1].done()):
            given, future = self._queue.popleft()
            self._tell(given, future.result(), progress)

    def _tell(self, given: Input, finished: Finished, progress: Progress) -> None:
        self._results.take(finished)
        self.done += 1
        self.left_out += finished.left_out
        image = finished.part.image
        shown = image.image
        at = f"[{given.number}/{self._total}] {shown}"
        if image.problem:
            progress.note(f"{at}: cannot be used")
            progress.advance(0)
            return
        counts = count_line(
            self._writer.application, self._method.class_names, Counter(image.class_names)
        )
        progress.line(f"{at}: {counts}{_of_scale(image)}")
        for note in finished.notes:
            progress.note(f"  {shown}: {note}")
        if finished.doubts:
            progress.note(f"  {warning(shown, finished.doubts)}")
        progress.advance(len(image.rows))


def _shown(paths: Iterable[Path], anonymous: bool) -> dict[Path, str]:
    """How pictures are named: as they were given, or from the folder that holds them all."""
    if not anonymous:
        return {path: shown_path(path) for path in paths}
    folder = common_folder(paths)
    return {
        path: shown_path(
            path.resolve().relative_to(folder).as_posix() if folder.is_absolute() else path.name
        )
        for path in paths
    }


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """While the block runs, the end of a session or of a batch job is as Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = ("SIGTERM", "SIGHUP")
    earlier = {}
    # Signals are the main thread's; what a caller ignores, such as nohup, stays ignored.
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
            if signal.getsignal(number) is signal.SIG_DFL:
                earlier[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _tell(
    application: Application,
    method: Method,
    total: Total,
    given: int,
    out: Path,
    left_out: list[str],
    counted: list[str],
) -> int:
    """What a run came to; the exit status."""
    words = application.words
    for line in left_out:
        print(f"Warning: {line}")
    if method.limits is not None:
        for line in limit_warnings(method.limits, total.limited, words):
            print(line)
    if total.doubtful:
        verb = "is" if total.doubtful == 1 else "are"
        of_all = f"{total.doubtful} of {words.counted(given, 'image')}"
        print(f"{of_all} {verb} doubtful: see `quality` in summary.csv.")
    for line in counted:
        print(line)
    print(f"{count_line(application, method.class_names, total.classes)}; results: {out}")
    print(f"Report: {out / REPORT}")
    return tell_failed(total.problems)


def _of_scale(found: DetectedImage) -> str:
    """For the line of an image: for which size of objects it was shown, and who says so."""
    # An estimate that found nothing is borne out by nothing.
    if found.scale_source == "settings" or (found.scale_source == "estimate" and not found.rows):
        return ""
    source = {"diameter": "given", "pixel-size": "by the size of pixels", "estimate": "estimated"}
    return f" (diameter {found.diameter:.0f} pixels, {source[found.scale_source]})"
