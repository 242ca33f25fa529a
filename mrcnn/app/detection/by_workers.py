"""`detect` with worker processes: each writes the files of its pictures, and tells so."""

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrcnn.app.detection.finishing import NO_ROOM, finish
from mrcnn.app.detection.parts import part_file, read_part
from mrcnn.app.detection.picture import Finished, PictureWriter
from mrcnn.app.detection.stream import Input, Task, detect_all, why
from mrcnn.app.detection.tiles_by_workers import File, TilesByWorkers
from mrcnn.app.engine.choice import Needed, needed_by, note_needed
from mrcnn.app.engine.dask_engine import DaskEngine
from mrcnn.app.engine.job import Job
from mrcnn.app.export import Exporter
from mrcnn.app.methods import Method
from mrcnn.app.quality import Doubt
from mrcnn.errors import MrcnnError, OutputError

DETECT_ONE = f"{__name__}:detect_one"


@dataclass(frozen=True)
class Reply:
    """What a worker tells of a picture; its result is in the folder of the run.

    Attributes:
        doubts, notes, left_out: see `Finished`.
        needed: see `mrcnn.app.engine.choice.needed_by`.
        is_large: it has none yet, since its tiles are tasks of their own.
    """

    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    needed: Needed = field(default_factory=dict)
    is_large: bool = False


def detect_one(job: Job, task: Task, shown: str, out: str, in_the_way: frozenset[Path]) -> Reply:
    """In a worker: detect in one picture and write what is written of it.

    Args:
        job: of this process.
        task: the picture.
        shown: how tables and messages name it.
        out: folder of the results.
        in_the_way: inputs that lie there.
    """
    application, options, method = job.made()
    names = list(method.class_names)
    folder = Path(out)
    exporter = Exporter(options, folder, names)
    writer = PictureWriter(
        application, options, folder, names, exporter, {task.path: shown}, in_the_way
    )
    ((given, seen),) = detect_all(method.finder, [task], options.page, options.channels)
    if given.is_large:
        return Reply(is_large=True)
    with job.beside_the_network():
        finished = finish(writer, method.finder, given, seen)
    return Reply(finished.doubts, finished.notes, finished.left_out, needed_by(method))


def detect_by_workers(
    engine: DaskEngine, tasks: list[Task], writer: PictureWriter, method: Method
) -> Generator[tuple[Input, Finished]]:
    """Each picture with its result, in the order in which they are done.

    Large pictures follow after all others, one after the other, each with its tiles as tasks. This
    process puts together what workers saw in them.

    Args:
        engine: gives them to workers.
        tasks: the pictures.
        writer: knows the folder of the results, which workers see under the same path.
        method: of this process; its limits are told what those of the workers needed.

    Raises:
        OutputError: there is no room for more.
    """
    out = writer.out.absolute()
    in_the_way = frozenset(path for path in writer.inputs if path.parent == out)
    given = ((_absolute(task), writer.shown[task.path], str(out), in_the_way) for task in tasks)
    by_number = {task.number: task for task in tasks}
    large = []
    for (sent, *_), reply in engine.run(DETECT_ONE, given):
        task = by_number[sent.number]
        if isinstance(reply, Reply) and reply.is_large:
            large.append(task)
            continue
        yield Input(*task), _finished(task, reply, writer, method)
    options = writer.options
    for task in large:
        file = File(task.path.absolute(), options.page, options.channels)
        picture = Input(*task, is_large=True)
        tiles = TilesByWorkers(engine, file)
        yield picture, finish(writer, method.finder, picture, None, tiles)


def _absolute(task: Task) -> Task:
    """Another process may be in another folder."""
    return task._replace(path=task.path.absolute())


def _finished(task: Task, reply: Any, writer: PictureWriter, method: Method) -> Finished:
    if isinstance(reply, OSError) and reply.errno in NO_ROOM:
        raise reply
    if isinstance(reply, OutputError):
        raise reply
    if isinstance(reply, Exception):
        problem = str(reply) if isinstance(reply, MrcnnError) else why(task.path, reply)
        return writer.failed(Input(*task, problem=problem))
    part = read_part(part_file(writer.out, task.name))
    if part is None:
        raise OutputError(
            f"{part_file(writer.out, task.name)} is not there: a worker has written it, so the "
            f"workers do not see the folder {writer.out.absolute()} of this machine. Give one with "
            "--out that all machines share."
        )
    note_needed(method, reply.needed)
    return Finished(part, None, reply.doubts, reply.notes, reply.left_out)
