"""What is handed on: source distribution, the wheel that is built from it, and changelog."""

import importlib
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(
    r'^__version__ = "(.+)"$', (ROOT / "mrcnn" / "__init__.py").read_text(encoding="utf-8"), re.M
).group(1)
MODEL = ROOT / "weights" / "rbc"
MODEL_FILES = {
    "rbc.h5", "shapes.h5", "infection.json", "config.json", "min_confidence.json", "run.json",
}  # fmt: skip
MODEL_FILES |= {"README.md", "LICENSE.txt", "rbc.graph.zip", "shapes.graph.zip"}
# The second model has no shapes and no infection of its own.
OPEN_FILES = {"rbc-open.h5", "rbc-open.graph.zip", "README.md", "LICENSE.txt", "config.json"}
OPEN_FILES |= {"min_confidence.json", "run.json"}
ALL_MODEL_FILES = {f"rbc/{name}" for name in MODEL_FILES}
ALL_MODEL_FILES |= {f"rbc-open/{name}" for name in OPEN_FILES}


def files_of(folder: str, start: Path = ROOT) -> set[str]:
    """Files below a folder as paths from `start`, without what Python keeps for itself."""
    paths = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {path.relative_to(start).as_posix() for path in paths if path.suffix != ".pyc"}


# The classes that everything else is built on.
HINGES = ("Instances", "Picture", "Predictor", "Run", "Application")

SOURCES = files_of("mrcnn")
SAMPLE = {"rbc.py"} | files_of("samples/rbc/rbc_cells", ROOT / "samples" / "rbc")


@pytest.fixture(scope="module")
def wheel(wheel_file):
    with zipfile.ZipFile(wheel_file) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def test_the_models_are_whole_and_small():
    paths = [path for name in ("rbc", "rbc-open") for path in (ROOT / "weights" / name).iterdir()]
    assert {f"{path.parent.name}/{path.name}" for path in paths} == ALL_MODEL_FILES
    assert sum(path.stat().st_size for path in paths) < 40e6


def test_the_source_distribution_is_what_the_wheel_needs(sdist):
    names = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    names = {name for name in names if not name.startswith("mrcnn_keras3.egg-info/")}
    needed = SOURCES | {f"samples/rbc/{name}" for name in SAMPLE}
    needed |= {f"weights/{name}" for name in ALL_MODEL_FILES}
    needed |= {"README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"}
    assert names == needed | {"pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in"}
    assert sdist.name == f"mrcnn_keras3-{VERSION}"


def test_the_wheel_holds_package_sample_and_model_and_nothing_else(wheel):
    models = {f"mrcnn/weights/models/{name}" for name in ALL_MODEL_FILES}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == SOURCES | SAMPLE | models
    assert wheel.read("mrcnn/weights/models/rbc/rbc.h5") == (MODEL / "rbc.h5").read_bytes()


def test_a_wheel_without_the_model_is_not_built(sdist, tmp_path):
    (tmp_path / "setup.py").write_text((sdist / "setup.py").read_text(encoding="utf-8"))
    (tmp_path / "a.py").touch()
    command = [sys.executable, "setup.py", "--quiet", "build_py"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode != 0
    assert "rbc: the model that a wheel holds is not there" in result.stderr


def test_the_wheel_says_what_the_project_says(wheel, metadata):
    # The names that programs import are other projects' on the package index.
    assert metadata["Name"] == "mrcnn-keras3"
    assert metadata["Version"] == VERSION
    assert set(metadata["Requires-Python"].split(",")) == {">=3.11", "<3.14"}
    assert set(metadata.get_all("Provides-Extra")) == {
        "gpu",
        "jax",
        "torch",
        "slides",
        "onnx",
        "openvino",
        "serve",
        "scale",
        "napari",
        "dev",
        "docs",
    }
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text("utf-8").strip()
    (name,) = [name for name in wheel.namelist() if name.endswith("/entry_points.txt")]
    commands = wheel.read(name).decode().split("\n")
    assert [line for line in commands if " = " in line] == [
        "mrcnn = mrcnn.app.main:main",
        "rbc = rbc:main",
        "mrcnn-keras3 = mrcnn.napari_plugin:napari.json",
    ]


def test_code_and_weights_have_a_license_each(wheel, metadata):
    assert metadata["License-Expression"] == (
        "MIT AND CC-BY-NC-SA-3.0 AND BSD-3-Clause AND CC-BY-4.0 AND Apache-2.0"
    )
    viewer = "mrcnn/serve/page/vendor/openseadragon.LICENSE.txt"
    models = ["weights/rbc/LICENSE.txt", "weights/rbc-open/LICENSE.txt"]
    assert metadata.get_all("License-File") == ["LICENSE", *models, viewer]
    texts = {name for name in wheel.namelist() if ".dist-info/licenses/" in name}
    assert {name.partition("/licenses/")[2] for name in texts} == set(
        metadata.get_all("License-File")
    )
    assert (MODEL / "LICENSE.txt").read_text("utf-8").startswith("CC-BY-NC-SA-3.0, not for comm")


def test_the_wheel_can_be_imported_on_its_own(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = "import mrcnn, mrcnn.config, importlib.metadata as m; print(mrcnn.__file__, "
    code += "mrcnn.__version__, m.version('mrcnn-keras3'))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    path, *versions = result.stdout.split()
    assert Path(path).is_relative_to(tmp_path)
    assert versions == [VERSION, VERSION]


def test_the_page_of_a_report_has_its_templates_in_the_wheel(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = "from mrcnn.report.page.rendering import ENVIRONMENT as e, TEMPLATES; print(TEMPLATES); "
    code += "print(*(e.get_template(name).name for name in e.list_templates()))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    place, names = result.stdout.splitlines()
    assert Path(place).is_relative_to(tmp_path)
    held = files_of("mrcnn/report/page/templates", ROOT / "mrcnn/report/page/templates")
    assert set(names.split()) == held and len(held) > 10


def test_the_version_stands_in_one_place():
    written = re.escape(VERSION)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in"):
        assert not re.search(written, (ROOT / name).read_text(encoding="utf-8")), name


def test_the_changelog_begins_with_this_version():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert re.fullmatch(rf"{re.escape(VERSION)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", headings[0])


def is_module(path: str) -> bool:
    """Whether a dotted path is a module or a package of the project."""
    places = [folder.joinpath(*path.split(".")) for folder in (ROOT, ROOT / "samples" / "rbc")]
    return any(
        (place / "__init__.py").is_file() or place.with_suffix(".py").is_file() for place in places
    )


def test_the_changelog_tells_where_modules_are_now():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    table = re.search(r"^\| before \| now \|\n.*\n((?:\|.*\n)+)", text, re.M).group(1)
    sides = zip(*(row.split("|")[1:3] for row in table.splitlines()), strict=True)
    before, now = (re.findall(r"`(\w+(?:\.\w+)*)`", "".join(side)) for side in sides)
    assert len(before) > 50
    assert [name for name in before if is_module(name)] == []
    classes = {name for name in now if re.search(r"\.[A-Z]\w+$", name)}
    classes |= set(re.findall(r"^- `(mrcnn[\w.]+\.[A-Z]\w+)`: ", text, re.M))
    assert {name.rpartition(".")[2] for name in classes} == set(HINGES)
    for name in classes:
        module, _, kept = name.rpartition(".")
        assert hasattr(importlib.import_module(module), kept), name
    assert [name for name in now if name not in classes and not is_module(name)] == []


# On the index these names are other projects'.
FROM_THE_INDEX = re.compile(r"pip3? +(install|download|wheel)\b[^`\n]*[ \"'](mrcnn|rbc)(?![\w./-])")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("pip install mrcnn", True),
        ("python -m pip install -U 'mrcnn[jax]'", True),
        ("pip install --find-links wheels rbc", True),
        ("pip install mrcnn==0.1", True),
        ("pip install .", False),
        ("pip install dist/mrcnn_keras3-0.1.0-py3-none-any.whl", False),
        ("pip install ./mrcnn", False),
        ("pip install mrcnn/", False),
        ("the wheel of `pip install .` has mrcnn", False),
    ],
)
def test_an_installation_of_another_project_is_found(line, found):
    assert bool(FROM_THE_INDEX.search(line)) is found


def test_nothing_says_to_install_another_project():
    folders = "docs mrcnn samples benchmarks notebooks weights".split()
    files = [*ROOT.glob("*"), *(path for name in folders for path in (ROOT / name).rglob("*"))]
    texts = [path for path in files if path.suffix in (".md", ".py", ".ipynb", ".toml", "")]
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in texts
        if path.is_file()
        for match in FROM_THE_INDEX.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
