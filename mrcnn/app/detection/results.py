"""The results of a run of `detect`: what it has at any moment, and what its end makes whole."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from mrcnn.app.detection.folder import ResultFolder
from mrcnn.app.detection.parts import Part, Source, part_file, read_part
from mrcnn.app.detection.picture import Finished
from mrcnn.app.detection.record import check_goes_on, now, store_record
from mrcnn.app.detection.stream import Task
from mrcnn.app.detection.tables import Tables
from mrcnn.app.export import MOST_OUTLINES, Exporter
from mrcnn.app.inputs import common_folder
from mrcnn.app.names import shown_path, unique_names
from mrcnn.app.quality import OK
from mrcnn.instances import Instances
from mrcnn.report.detection_files import DetectedImage


@dataclass
class Total:
    """What a run came to.

    Attributes:
        pictures: how many there are.
        objects: in all of them.
        classes: how many of them are of which class.
        doubtful: pictures with doubts.
        limited: names of those in which the model returned as many detections as it may.
        problems: why pictures could not be used.
        sources: how many pictures have their scale from where.
        diameters: of the objects by those scales, pixels.
    """

    pictures: int = 0
    objects: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    doubtful: int = 0
    limited: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    sources: Counter[str] = field(default_factory=Counter)
    diameters: list[float] = field(default_factory=list)

    def add(self, image: DetectedImage) -> None:
        """Count one more picture."""
        self.pictures += 1
        if image.problem:
            self.problems.append(image.problem)
            return
        self.objects += len(image.rows)
        self.classes.update(image.class_names)
        self.doubtful += image.quality != OK
        self.sources[image.scale_source] += 1
        if image.limit_reached:
            self.limited.append(image.image)
        if image.diameter is not None:
            self.diameters.append(image.diameter)


class Plan:
    """Which pictures a run has, and which of them are still to be done.

    Args:
        paths: of all that were given.
        shown: how each is named, by its path.
        anonymous: whether results name pictures by that alone.
        earlier: what the run that goes on has.
        out: its folder.

    Attributes:
        tasks: what is to be done.
        done: how many of the given pictures are done.
        order: names of all pictures in the order of the tables, those first that were given to the
            earlier run alone.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        shown: Mapping[Path, str],
        anonymous: bool,
        earlier: Sequence[Part],
        out: Path,
    ) -> None:
        keys = {path: shown[path] if anonymous else str(path.absolute()) for path in paths}
        known = {part.source.path: part for part in earlier}
        names = self._names(paths, keys, known)
        self.tasks = []
        for number, path in enumerate(paths, start=1):
            part = known.get(keys[path])
            if part is None or not _is_done(part, Source.of(path, keys[path]), out):
                self.tasks.append(Task(number, path, names[path]))
        self.done = len(paths) - len(self.tasks)
        given = set(keys.values())
        others = [part for part in earlier if part.source.path not in given]
        others.sort(key=lambda part: part.number)
        self.order = [*(part.image.name for part in others), *(names[path] for path in paths)]

    @staticmethod
    def _names(
        paths: Sequence[Path], keys: Mapping[Path, str], known: Mapping[str, Part]
    ) -> dict[Path, str]:
        """Those that pictures have already stay."""
        if not known:
            return dict(zip(paths, unique_names(paths), strict=True))
        taken = [part.image.name for part in known.values()]
        new = [path for path in paths if keys[path] not in known]
        # As of a run that was not interrupted, if there is no reason against that.
        names = dict(zip(paths, unique_names(paths), strict=True))
        used = {name.casefold() for name in taken}
        if any(names[path].casefold() in used for path in new):
            names |= dict(zip(new, unique_names(new, taken), strict=True))
        return names | {path: known[keys[path]].image.name for path in paths if keys[path] in known}


def _is_done(part: Part, source: Source, out: Path) -> bool:
    """Whether a picture was detected in, is the same still, and has its files."""
    if part.image.problem or part.source != source:
        return False
    return all((out / name).exists() for name in part.files)


class Results:
    """What is written of all pictures.

    Args:
        folder: of the run.
        plan: its pictures.
        tables: of it.
        exporter: of files of other programs.
        record: see `begun_record`.
        others: rows of `summary.csv` for what gave no picture.

    Attributes:
        begun: whether anything was written; earlier results are as they were until then.
    """

    def __init__(
        self,
        folder: ResultFolder,
        plan: Plan,
        tables: Tables,
        exporter: Exporter,
        record: dict[str, Any],
        others: Sequence[DetectedImage],
    ) -> None:
        self.begun = False
        self._folder, self._plan, self._tables = folder, plan, tables
        self._exporter, self._record, self._others = exporter, record, list(others)

    def begin(self, inputs: Sequence[Path], *, resume: bool) -> None:
        """Make the folder ready for the first picture.

        Args:
            inputs: files that are never removed.
            resume: go on with what is there; else it is removed.

        Raises:
            ConfigError: what is there was made with something else.
            OutputError: the folder cannot be written to.
        """
        sessions, command = [], self._record["command"]
        if resume:
            earlier = self._folder.record()
            check_goes_on(earlier, self._record, self._folder.out)
            sessions = [each for each in earlier.get("sessions", []) if isinstance(each, dict)]
            self._record = {**self._record, "command": earlier.get("command")}
        else:
            self._folder.clear(inputs)
        session = {"command": command, "began": now(), "state": "running"}
        self._record["sessions"] = [*sessions, session]
        part_file(self._folder.out, "x").parent.mkdir(exist_ok=True)
        store_record(self._folder.out, self._record)
        if resume:
            # What is done again comes to the tables when it is done, and the total at the end.
            self._rebuild({task.name for task in self._plan.tasks}, with_total=False)
        self.begun = True

    def take(self, finished: Finished) -> None:
        """Add a picture, whose own files are written, to the tables.

        Raises:
            OutputError: the disk is full.
        """
        self._tables.append(finished.part.image)

    def finish(self, state: str) -> Total:
        """Write tables and files of all pictures, and what the run was.

        Args:
            state: "finished", or what ended it.

        Raises:
            OutputError: they cannot be written.
        """
        self._rebuild()
        total = Total()
        for image in self._images():
            total.add(image)
        self._export()
        self._record["sessions"][-1] |= {"ended": now(), "state": state}
        self._record |= {
            "pictures": total.pictures,
            "failed": len(total.problems),
            "objects": total.objects,
            "scale": {
                "sources": dict(total.sources),
                "median_diameter_px": median(total.diameters) if total.diameters else None,
            },
        }
        store_record(self._folder.out, self._record)
        return total

    def _parts(self, without: Collection[str] = ()) -> Iterator[Part]:
        for name in self._plan.order:
            if name in without:
                continue
            part = read_part(part_file(self._folder.out, name))
            if part is not None:
                yield part

    def _images(self, without: Collection[str] = ()) -> Iterator[DetectedImage]:
        yield from self._others
        for part in self._parts(without):
            yield part.image

    def _rebuild(self, without: Collection[str] = (), *, with_total: bool = True) -> None:
        measured = next((image.measured for image in self._images(without) if image.measured), ())
        self._tables.rebuild(
            self._images(without), self._images(without), measured, with_total=with_total
        )

    def _export(self) -> None:
        if not self._exporter.wants_all:
            return
        parts = [part for part in self._parts() if not part.image.problem]
        paths = [Path(part.source.path) for part in parts]
        folder = common_folder(paths) if all(path.is_absolute() for path in paths) else None
        names = {}
        for part, path in zip(parts, paths, strict=True):
            inside = part.source.path
            if folder is not None and folder.is_absolute():
                inside = path.resolve().relative_to(folder).as_posix()
            names[shown_path(inside)] = part
        few = {name: part for name, part in names.items() if len(part.image.rows) <= MOST_OUTLINES}
        sizes = {name: part.source.bytes for name, part in names.items()}
        self._exporter.write_all(_Stored(names), sizes, _Stored(few), folder)


class _Stored(Mapping[str, Instances]):
    """The objects of pictures, read when they are asked for."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts

    def __getitem__(self, name: str) -> Instances:
        return self._parts[name].instances()

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
