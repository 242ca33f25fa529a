"""The process that tries inputs; `benchmarks.fuzz` starts it, watches it and replaces it.

    python -m benchmarks.fuzz_worker KIND SEED FIRST LAST FOLDER

An input is in the folder `input` while it is read, and is moved to `failed` if it fails. On a line
each is said what came of an input and which is next ("accepted 17") and, in JSON, why one failed,
and now and then times and memory.
"""

import contextlib
import io
import json
import os
import random
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MEMORY_BYTES = 1 << 30
SECONDS = 1.0
_TOLD_EVERY = 200
# Formats of annotations besides those of VIA and COCO, made in `fuzz_formats.py`.
FORMATS = ("labelme", "geojson", "xml", "tables", "imagej", "labels", "yolo")
KINDS = ("via", "coco", *FORMATS, "weights", "settings", "planted")

Input = tuple[str, bytes]


class Kind:
    """How inputs of a kind are made and tried.

    Attributes:
        make: from a random state and the input's number to the name and the content of a file.
        read: reads the file; what it raises is judged.
    """

    def __init__(
        self,
        make: Callable[[random.Random, int], Input],
        read: Callable[[Path, random.Random], Any],
    ) -> None:
        self.make, self.read = make, read


def kind_of(name: str, folder: Path) -> Kind:
    """Everything that is needed for inputs of a kind; takes seconds for weights."""
    if name in ("via", "coco"):
        return _annotations(name)
    if name in FORMATS:
        return _formats(name)
    if name == "weights":
        return _weights(folder)
    if name == "settings":
        return _settings()
    return _planted()


def _annotations(name: str) -> Kind:
    from benchmarks import fuzz_json
    from mrcnn.errors import DataError
    from mrcnn.formats import locate_image, read_annotations, read_coco, read_via

    seeds = fuzz_json.via_seeds() if name == "via" else fuzz_json.coco_seeds()
    bombs = fuzz_json.via_bombs() if name == "via" else fuzz_json.coco_bombs()

    def read(path: Path, rng: random.Random) -> None:
        classes = rng.choice([None, ["large", "normal", "small"], ["cell"]])
        problems = rng.choice([None, []])
        aliases = {"besar": "large"} if classes != ["cell"] else None
        attribute = rng.choice([None, None, "name"])
        reader = rng.choice([read_via, read_annotations] + ([read_coco] if name == "coco" else []))
        options = {"class_names": classes, "class_aliases": aliases, "problems": problems}
        if reader is not read_coco:
            options["attribute"] = attribute
        images = reader(path, **options)
        for image in images[:20]:
            if not len(image.polygons) == len(image.class_names) == len(image.region_numbers):
                raise AssertionError("lists of different lengths")
            with contextlib.suppress(DataError):
                found = locate_image(path.parent, image.filename)
                if path.parent.resolve() not in found.resolve().parents:
                    raise AssertionError(f"{found} is outside of {path.parent}")

    return Kind(lambda rng, _: ("via.json", fuzz_json.changed_json(seeds, rng, bombs)), read)


def _formats(name: str) -> Kind:
    from PIL import Image

    from benchmarks import fuzz_formats
    from mrcnn.errors import DataError
    from mrcnn.formats import locate_image, read_annotations

    seeds = fuzz_formats.seeds(name)

    def read(path: Path, rng: random.Random) -> None:
        image = path.parent / fuzz_formats.IMAGE
        if not image.exists():
            Image.new("RGB", (50, 40)).save(image)
        if name == "yolo":
            (path.parent / "data.yaml").write_text(fuzz_formats.names_of_classes())
            path = path.parent
        classes = rng.choice([None, ["large", "normal", "small"], ["cell"]])
        problems = rng.choice([None, []])
        for found in read_annotations(path, classes, problems=problems):
            lists = (found.class_names, found.region_numbers, found.is_box)
            if any(len(each) != len(found.polygons) for each in lists):
                raise AssertionError("lists of different lengths")
            for polygon in found.polygons:
                if polygon.ndim != 2 or polygon.shape[1] != 2 or polygon.dtype != np.float64:
                    raise AssertionError(f"an outline of {polygon.dtype}, {polygon.shape}")
                if not (np.abs(polygon) <= 4e6).all():
                    raise AssertionError("an outline that is nowhere")
            with contextlib.suppress(DataError):
                locate_image(image.parent, found.filename)

    return Kind(lambda rng, _: fuzz_formats.changed(name, rng, seeds), read)


def _weights(folder: Path) -> Kind:
    from benchmarks import fuzz_weights

    model = fuzz_weights.build_model()
    files = fuzz_weights.seeds(model, folder)
    return Kind(
        lambda rng, _: fuzz_weights.changed_weights(files, rng),
        lambda path, rng: fuzz_weights.load(model, path, rng),
    )


def _settings() -> Kind:
    from benchmarks import fuzz_json
    from mrcnn.app.settings import read_settings
    from mrcnn.weights.settings import CONFIG_FILE, settings_text
    from rbc import APPLICATION

    seeds = [
        json.loads(settings_text(APPLICATION.make_config(extra))) for extra in ({}, {"SEED": 3})
    ]

    def read(path: Path, rng: random.Random) -> None:
        settings = read_settings(path.with_name("weights.h5"))
        APPLICATION.make_config(settings).to_dict()

    bombs = fuzz_json.settings_bombs()
    return Kind(lambda rng, _: (CONFIG_FILE, fuzz_json.changed_json(seeds, rng, bombs)), read)


def _planted() -> Kind:
    """A reader with known faults, which must be reported: of ten inputs, six are bad."""
    from mrcnn.errors import DataError

    def read(path: Path, rng: random.Random) -> None:
        fault = json.loads(path.read_bytes())
        if fault == 0:
            raise KeyError("planted")
        if fault == 1:
            while True:
                pass
        if fault == 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        if fault == 3:
            bytearray(2 * MEMORY_BYTES)
        if fault == 4:
            end = time.process_time() + SECONDS + 0.2
            while time.process_time() < end:
                pass
        if fault == 5:
            raise DataError("planted, and as it should be")
        if fault == 6:
            try:
                bytearray(2 * MEMORY_BYTES)
            except MemoryError as error:
                raise DataError("planted, and not as it should be") from error

    return Kind(lambda _, number: ("a.json", str(number % 10).encode()), read)


# --- Trying --------------------------------------------------------------------------------------


def limit_memory() -> None:
    """Let this process have a gibibyte more than it has, where the system can."""
    try:
        import resource
    except ImportError:
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def peak_bytes() -> int:
    """The most memory that this process had at a time; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def try_input(kind: Kind, path: Path, rng: random.Random) -> tuple[str, str]:
    """Read a file; returns what came of it, and of a failure what is to be told."""
    from mrcnn.errors import MrcnnError

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            kind.read(path, rng)
    except MrcnnError as error:
        if _for_want_of_memory(error):
            return "failure", traceback.format_exc()
        return type(error).__name__, ""
    except BaseException:
        return "failure", traceback.format_exc()
    return "accepted", ""


def _for_want_of_memory(error: BaseException | None) -> bool:
    """Whether the package's own error stands for one that says that there is no more memory."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def main(arguments: list[str]) -> int:
    name, seed, first, last, folder = arguments
    warnings.simplefilter("ignore")
    inputs, failed = Path(folder, "input"), Path(folder, "failed")
    for part in (inputs, failed):
        part.mkdir(parents=True, exist_ok=True)
    for path in inputs.iterdir():
        path.unlink()
    kind = kind_of(name, Path(folder))
    before = peak_bytes()
    limit_memory()
    slowest = (0.0, -1)
    result = "start"
    for number in range(int(first), int(last)):
        rng = random.Random(f"{name} {seed} {number}")
        file, content = kind.make(rng, number)
        path = inputs / file
        path.write_bytes(content)
        print(result, number, flush=True)
        start = time.process_time()
        result, told = try_input(kind, path, rng)
        seconds = time.process_time() - start
        if result != "failure" and seconds > SECONDS:
            result, told = "failure", f"took {seconds:.2f} s"
        slowest = max(slowest, (seconds, number))
        if result != "failure":
            path.unlink()
        else:
            path.replace(failed / f"{number}_{file}")
            print(json.dumps({"failed": number, "why": told}), flush=True)
        if result == "failure" or number % _TOLD_EVERY == 0 or number == int(last) - 1:
            memory = [before, peak_bytes()]
            print(json.dumps({"slowest": slowest, "memory": memory}), flush=True)
    print(result, last, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
