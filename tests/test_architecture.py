"""The rules of the house: who may import whom, how long a file may be, what no file may say.

Sources are parsed, not imported, so the rules hold for code that no test runs. Each rule is also
tried on made-up sources that break it.
"""

import ast
import graphlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 450
# Loose modules in the hall of the package.
MOST_MODULES = 11

# What each room of mrcnn/ may import from the others. Arrows point one way: a room that is not
# named here has no rule yet, which is an error as well.
BASE = {"errors", "files"}
ROOMS = {
    "errors": set(),
    "files": {"errors"},
    "config_checks": {"errors"},
    "config": {"errors", "config_checks", "ops"},
    "instances": {"errors"},
    "pictures": {"errors"},
    "formats": BASE | {"instances", "pictures"},
    "ops": {"errors"},
    "weights": BASE | {"config"},
    "nets": BASE | {"config", "ops", "weights"},
    "data": BASE | {"config", "formats", "instances", "ops", "pictures"},
    "runs": BASE,
    "evaluation": BASE | {"instances"},
    "inference": BASE
    | {"config", "data", "instances", "nets", "ops", "pictures", "runs", "weights"},
    "deploy": BASE | {"config", "inference", "instances", "nets", "ops", "weights"},
    "training": BASE | {"config", "data", "evaluation", "inference", "nets", "ops", "runs"},
    "drawing": BASE | {"data", "evaluation", "instances"},
    "measure": BASE | {"instances"},
    "report": BASE | {"drawing", "evaluation", "instances", "measure"},
}
# What is built on a model: the model knows nothing of it.
ABOVE = {"deploy", "drawing", "evaluation", "formats", "measure", "report"}
ROOMS["mask_rcnn"] = {*ROOMS, "matterport"} - ABOVE
ROOMS["matterport"] = {*ROOMS} - {"mask_rcnn"}
# The front doors, which client programs import, may use every room but not each other.
FRONT_DOORS = ("utils", "model", "visualize", "parallel_model")
ROOMS |= {door: {*ROOMS} for door in FRONT_DOORS}
# The command line uses what is behind the front doors.
ROOMS["app"] = {*ROOMS} - {*FRONT_DOORS, "matterport"}
# The local page is built on the command line, which imports it when it is asked for.
ROOMS["serve"] = {*ROOMS["app"], "app"}
ROOMS["napari_plugin"] = {*ROOMS["app"], "app"}
ROOMS["__main__"] = {"app"}
# `import mrcnn` stays light.
ROOMS["__init__"] = {"errors"}

# What programs on top of the package may use.
PUBLIC = {
    "app",
    "config",
    *FRONT_DOORS,
    "data",
    "deploy",
    "drawing",
    "evaluation",
    "formats",
    "inference",
    "instances",
    "measure",
    "napari_plugin",
    "pictures",
    "report",
    "runs",
    "training",
    "weights",
    "errors",
    "files",
}

# The tensor libraries are reached through keras alone, except in these files.
BACKENDS = {"tensorflow", "jax", "jaxlib", "torch"}
BACKEND_SPECIFIC_FILES = {
    "mrcnn/deploy/end_to_end/tensorflow_graph.py",
    "mrcnn/deploy/saved_model.py",
    "mrcnn/deploy/tracing.py",
    "mrcnn/nets/any_shape.py",
    "mrcnn/nets/eager.py",
    "mrcnn/nets/sharing.py",
    "mrcnn/training/distribution.py",
    "mrcnn/training/optimizer.py",
    "mrcnn/training/replicas.py",
}

# Other libraries that a room may import; a room that is not here may import any declared one.
LIBRARIES = {
    "ops": {"keras", "numpy"},
    "evaluation": {"numpy", "scipy", "skimage", "faster_coco_eval"},
    "instances": {"numpy", "scipy", "skimage"},
    "measure": {"numpy", "scipy", "skimage"},
    "report": {"numpy", "PIL", "jinja2", "shapely"},
    "formats": {"numpy", "PIL", "shapely", "roifile", "tifffile"},
    "pictures": {"numpy", "PIL", "tifffile", "zarr"},
    "runs": set(),
    "errors": set(),
    "files": {"filelock"},
    "__init__": set(),
    "config": {"numpy"},
    "config_checks": {"numpy"},
    **{door: set() for door in FRONT_DOORS},
}


class Import(NamedTuple):
    module: str
    line: int


def imports_of(source: str, package: str) -> Iterator[Import]:
    """Every module that a source imports, in full: inside functions, relative, or by name.

    Args:
        source: Python source text.
        package: the package that relative imports start from, such as "mrcnn.ops".
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - (node.level - 1)]
                base = ".".join([*parents, base] if base else parents)
            if base == "mrcnn":
                # `from mrcnn import model` imports a room, `from mrcnn import __version__` none.
                for alias in node.names:
                    yield Import(f"mrcnn.{alias.name}", node.lineno)
            else:
                yield Import(base, node.lineno)
        elif isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            first = node.args[0]
            if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield Import(str(first.value), node.lineno)


def room_of(module: str) -> str:
    """The part after "mrcnn": `mrcnn.ops.boxes` -> "ops", `mrcnn` -> "__init__"."""
    return [*module.split("."), "__init__"][1]


def is_dunder(name: str) -> bool:
    """Whether this is a name of the package itself, such as `__version__`."""
    return name.startswith("__") and name != "__init__"


def problems_of_package_file(path: str, source: str) -> list[str]:
    """Imports of a file of mrcnn/ that its room may not make. `path` is relative, with slashes."""
    parts = path.removesuffix(".py").split("/")
    room = room_of(".".join(parts))
    package = ".".join(parts[:-1])
    if room not in ROOMS:
        return [f"{path}: {room} has no rule in ROOMS; decide what it may import"]
    problems = []
    for module, line in imports_of(source, package):
        top = module.split(".")[0]
        where = f"{path}:{line}: {room} imports {module}"
        if top == "mrcnn":
            target = room_of(module)
            if target not in ROOMS[room] | {room} and not is_dunder(target):
                problems.append(f"{where}; of mrcnn it may import {sorted(ROOMS[room])}")
        elif top == "samples" or top.startswith(("rbc", "nuclei")):
            problems.append(f"{where}; the package does not know its samples")
        elif top in BACKENDS:
            if path not in BACKEND_SPECIFIC_FILES:
                problems.append(f"{where}; use keras.ops")
        elif (
            room in LIBRARIES and top not in sys.stdlib_module_names and top not in LIBRARIES[room]
        ):
            problems.append(f"{where}; of other libraries it may import {sorted(LIBRARIES[room])}")
    return problems


def problems_of_sample_file(path: str, source: str) -> list[str]:
    """Imports of a sample that are not the public API."""
    problems = []
    for module, line in imports_of(source, ""):
        top = module.split(".")[0]
        target = room_of(module)
        if top in BACKENDS:
            problems.append(f"{path}:{line}: imports {module}; samples run on every backend")
        if top == "mrcnn" and target not in PUBLIC | {"__init__"} and not is_dunder(target):
            problems.append(f"{path}:{line}: imports {module}, which is not public API")
    return problems


# Written in pieces, so that this file does not contain what it forbids.
FORBIDDEN_TEXT = re.compile(
    "|".join(
        [
            r"(?<![\w.])/" + r"(work|root|opt|home|tmp/w)/",
            "sys" + r"\.path\.(append|insert|extend)",
            "sys" + r"\.path\s*(=|\[|\+=)",
        ]
    )
)
# It stands for an interpreter, which makes the import path of each program.
MAKES_IMPORT_PATH = "tests/forking/server.py"
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".cfg", ".ini", ".yml", ".yaml", ".ipynb", ""}


def problems_of_text(path: str, text: str) -> list[str]:
    """Paths of one machine, and changes of the import path."""
    return [
        f"{path}:{number}: {found.group()!r}"
        for number, line in enumerate(text.splitlines(), start=1)
        if (found := FORBIDDEN_TEXT.search(line))
        and not (path == MAKES_IMPORT_PATH and found.group().startswith("sys"))
    ]


def project_files() -> list[Path]:
    """Files of the project: what git knows or would add; else everything in its folders."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        files = [ROOT / name for name in listed.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path for path in ROOT.glob("*") if path.is_file()]
        folders = "mrcnn samples tests benchmarks notebooks requirements weights .ci"
        for folder in folders.split():
            files += (ROOT / folder).rglob("*")
    return [path for path in files if path.is_file() and path.suffix in TEXT_SUFFIXES]


FILES = project_files()
SOURCES = [path for path in FILES if path.suffix == ".py"]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def in_folder(folder: str) -> list[Path]:
    return [path for path in SOURCES if relative(path).startswith(folder + "/")]


def test_files_are_found():
    names = {relative(path) for path in FILES}
    assert {"mrcnn/errors.py", "README.md", "Makefile", ".ci/run", "setup.py"} <= names
    assert not any(name.startswith(".venv") for name in names)


@pytest.mark.parametrize("path", in_folder("mrcnn"), ids=relative)
def test_rooms_import_only_what_they_may(path):
    assert problems_of_package_file(relative(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", in_folder("samples"), ids=relative)
def test_samples_use_the_public_api(path):
    assert problems_of_sample_file(relative(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=relative)
def test_notebooks_use_the_public_api(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert problems_of_sample_file(relative(path), "\n".join(code)) == []


def test_the_types_of_the_public_api_are_checked():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert settings["files"] == ["mrcnn"]
    assert not any("ignore_errors" in override for override in settings["overrides"])


def test_the_rooms_have_an_order():
    """Somebody who reads them in this order never meets a room that comes later."""
    order = list(graphlib.TopologicalSorter(ROOMS).static_order())
    for earlier, later in (
        ("errors", "ops"),
        ("ops", "nets"),
        ("nets", "training"),
        ("inference", "mask_rcnn"),
        ("training", "mask_rcnn"),
        ("mask_rcnn", "app"),
    ):
        assert order.index(earlier) < order.index(later)


# Rooms that need no network, so that another runtime can take the place of Keras, and their files
# that do.
KERAS_FREE = ["instances", "pictures", "formats", "evaluation", "measure", "report", "drawing"]
KERAS_FREE += ["inference", "app", "runs", "config", "serve", "napari_plugin"]
WITH_KERAS = {"mrcnn.inference.keras_runner", "mrcnn.app.callbacks"}
IMPORT_WITHOUT_KERAS = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"keras", "tensorflow", "jax", "torch"}:
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Blocked())
for room in sys.argv[1].split():
    package = importlib.import_module(f"mrcnn.{room}")
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"mrcnn.{room}."):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            print(module.name, error)
"""


def test_rooms_that_need_no_network_import_without_keras():
    command = [sys.executable, "-c", IMPORT_WITHOUT_KERAS, " ".join(KERAS_FREE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert {name: found[name] for name in found.keys() - WITH_KERAS} == {}


def test_one_file_of_the_inference_knows_keras():
    for path in in_folder("mrcnn/inference"):
        modules = [found.module for found in imports_of(path.read_text(encoding="utf-8"), "")]
        if path.stem != "keras_runner":
            assert [module for module in modules if re.match(r"keras|mrcnn\.nets", module)] == []


def test_no_file_is_too_long():
    lengths = {relative(p): len(p.read_text(encoding="utf-8").splitlines()) for p in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_the_hall_is_short():
    assert len(list((ROOT / "mrcnn").glob("*.py"))) <= MOST_MODULES


def test_no_file_names_a_machine_or_changes_the_import_path():
    problems = []
    for path in FILES:
        problems += problems_of_text(relative(path), path.read_text(encoding="utf-8"))
    assert problems == []


def test_exceptions_are_in_use():
    assert FORBIDDEN_TEXT.search((ROOT / MAKES_IMPORT_PATH).read_text(encoding="utf-8"))
    for name in BACKEND_SPECIFIC_FILES:
        modules = imports_of((ROOT / name).read_text(encoding="utf-8"), "")
        assert {found.module.split(".")[0] for found in modules} & BACKENDS, name


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("mrcnn/ops/boxes.py", "from mrcnn.nets.fpn import FPN", "mrcnn.nets.fpn"),
        ("mrcnn/ops/boxes.py", "from mrcnn import config", "mrcnn.config"),
        ("mrcnn/ops/boxes.py", "from ..nets import fpn", "mrcnn.nets"),
        ("mrcnn/ops/boxes.py", "from .. import nets", "mrcnn.nets"),
        ("mrcnn/ops/boxes.py", "import scipy.ndimage", "scipy.ndimage"),
        ("mrcnn/ops/boxes.py", "def f():\n    import tensorflow as tf", "tensorflow"),
        ("mrcnn/nets/rpn.py", "import torch.nn", "torch.nn"),
        ("mrcnn/nets/rpn.py", "from jax import numpy", "jax"),
        ("mrcnn/nets/rpn.py", "import importlib\nimportlib.import_module('jax')", "jax"),
        ("mrcnn/nets/rpn.py", "__import__('tensorflow')", "tensorflow"),
        ("mrcnn/nets/rpn.py", "from mrcnn.training.losses import x", "mrcnn.training.losses"),
        ("mrcnn/nets/rpn.py", "from mrcnn import data", "mrcnn.data"),
        ("mrcnn/formats/via.py", "import mrcnn.nets.resnet", "mrcnn.nets.resnet"),
        ("mrcnn/formats/via.py", "from mrcnn.utils import resize", "mrcnn.utils"),
        ("mrcnn/data/loader.py", "from mrcnn.model import MaskRCNN", "mrcnn.model"),
        ("mrcnn/evaluation/ap.py", "import keras", "keras"),
        ("mrcnn/evaluation/ap.py", "from mrcnn.data import x", "mrcnn.data"),
        ("mrcnn/inference/paste.py", "from mrcnn.evaluation import x", "mrcnn.evaluation"),
        ("mrcnn/inference/paste.py", "from mrcnn.training import x", "mrcnn.training"),
        ("mrcnn/utils.py", "from mrcnn.model import log", "mrcnn.model"),
        ("mrcnn/model.py", "from samples.rbc import rbc", "samples.rbc"),
        ("mrcnn/model.py", "import rbc_cells", "rbc_cells"),
        ("mrcnn/model.py", "if TYPE_CHECKING:\n    import torch", "torch"),
        ("mrcnn/__init__.py", "from mrcnn.model import MaskRCNN", "mrcnn.model"),
        ("mrcnn/__init__.py", "import keras", "keras"),
        ("mrcnn/newroom/a.py", "", "newroom"),
    ],
)
def test_a_forbidden_import_is_found(path, source, found):
    (problem,) = problems_of_package_file(path, source)
    assert path in problem
    assert found in problem


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("mrcnn/ops/boxes.py", "import math\nfrom keras import ops\nfrom . import nms"),
        ("mrcnn/ops/boxes.py", "from mrcnn.ops.nms import x\nfrom mrcnn.errors import ConfigError"),
        ("mrcnn/nets/rpn.py", "from ..ops.boxes import x\nfrom .fpn import y\nimport keras"),
        ("mrcnn/data/rpn_targets.py", "from mrcnn.ops.anchors import x\nimport scipy"),
        ("mrcnn/model.py", "import mrcnn.training.trainer, mrcnn.inference, mrcnn.mask_rcnn"),
        ("mrcnn/utils.py", "from mrcnn.weights.published import download_trained_weights"),
        ("mrcnn/model.py", "from mrcnn import __version__, errors"),
    ],
)
def test_an_allowed_import_is_no_problem(path, source):
    assert problems_of_package_file(path, source) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from mrcnn.nets.resnet import resnet", "mrcnn.nets.resnet"),
        ("from mrcnn import ops", "mrcnn.ops"),
        ("def f():\n    import torch", "torch"),
    ],
)
def test_a_sample_behind_the_public_api_is_found(source, found):
    (problem,) = problems_of_sample_file("samples/rbc/rbc.py", source)
    assert found in problem
    allowed = "from mrcnn.model import MaskRCNN\nimport rbc_cells\nfrom mrcnn.data import Dataset"
    assert problems_of_sample_file("samples/rbc/rbc.py", allowed) == []


@pytest.mark.parametrize(
    "text",
    [
        "data = '/" + "work/shared/data'",
        "see /" + "home/anna/mrcnn",
        "sys" + ".path.append('..')",
        "sys" + ".path = []",
        "sys" + ".path[:0] = ['..']",
    ],
)
def test_forbidden_text_is_found(text):
    assert problems_of_text("a.py", "x = 1\n" + text) == [
        f"a.py:2: {FORBIDDEN_TEXT.search(text).group()!r}"
    ]
    assert (
        problems_of_text("a.py", "print(sys" + ".path)\nx = net/ro" + "ot/a  # ../wo" + "rk/b")
        == []
    )
