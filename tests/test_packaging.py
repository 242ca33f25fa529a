"""What is installed, what is declared, and the set-up that the Makefile does by itself."""

import ast
import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from mrcnn.app import main
from mrcnn.app.application import Application
from rbc import APPLICATION
from tests.forking.python import EAGERLY

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Import names that differ from the names of their distributions.
DISTRIBUTIONS = {
    "skimage": "scikit-image",
    "PIL": "pillow",
    "imgaug": "imaug",
    "cv2": "opencv-python",
}

MAKE = shutil.which("make")
needs_make = pytest.mark.skipif(MAKE is None, reason="make is not installed")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution(requirement: str) -> str:
    return canonical(re.match(r"[\w.-]+", requirement).group())


def constraints() -> dict[str, str]:
    lines = (ROOT / "requirements" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pins}


def third_party_imports(folder: str) -> set[str]:
    sources = list((ROOT / folder).rglob("*.py"))
    own = {path.stem for path in (ROOT / "samples").rglob("*.py")} | {path.stem for path in sources}
    own |= {path.parent.name for path in (ROOT / "samples").rglob("__init__.py")}
    own |= {"mrcnn", "samples", "tests", "benchmarks", "notebooks"}
    found = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    return {
        canonical(DISTRIBUTIONS.get(name, name)) for name in found - own - sys.stdlib_module_names
    }


def test_the_package_and_the_sample_import_only_declared_libraries():
    declared = {distribution(requirement) for requirement in PROJECT["dependencies"]}
    names = ("jax", "napari", "onnx", "openvino", "scale", "serve", "slides", "torch")
    optional = [each for name in names for each in PROJECT["optional-dependencies"][name]]
    assert third_party_imports("mrcnn") <= declared | set(map(distribution, optional))
    assert third_party_imports("samples") <= declared


def test_what_is_needed_without_tensorflow_is_all_the_rest():
    text = (ROOT / "requirements" / "without-tensorflow.txt").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if not line.startswith("#")]
    tensorflow, *others = PROJECT["dependencies"]
    assert distribution(tensorflow) == "tensorflow" and listed == others


def test_the_tests_import_only_declared_libraries():
    declared = {distribution(requirement) for requirement in PROJECT["dependencies"]}
    for extra in ("dev", "jax", "onnx", "openvino", "serve", "torch"):
        extras = PROJECT["optional-dependencies"][extra]
        declared |= {distribution(requirement) for requirement in extras}
    assert third_party_imports("tests") <= declared


def test_the_documentation_imports_only_declared_libraries():
    extra = PROJECT["optional-dependencies"]["docs"]
    assert third_party_imports("docs") <= {distribution(requirement) for requirement in extra}


def test_every_direct_dependency_has_a_tested_version():
    direct = list(PROJECT["dependencies"])
    for extra in ("dev", "docs", "jax", "onnx", "openvino", "scale", "serve", "slides", "torch"):
        direct += PROJECT["optional-dependencies"][extra]
    missing = {distribution(requirement) for requirement in direct} - set(constraints())
    # The build tool is the newest one in every build; it is not part of what is tested.
    assert missing == {"setuptools"}


def test_torch_is_pinned_to_one_release():
    assert re.fullmatch(r"\d+\.\d+\.\d+", constraints()["torch"])


def test_every_folder_with_sources_is_a_package():
    folders = {path.parent for path in (ROOT / "mrcnn").rglob("*.py")}
    assert [str(path) for path in folders if not (path / "__init__.py").exists()] == []


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_requested_backends_are_installed(backend):
    requested = os.environ.get("MRCNN_TEST_BACKENDS", "").split()
    if backend not in requested:
        pytest.skip(f"{backend} was not asked for (MRCNN_TEST_BACKENDS, set by make test)")
    assert importlib.util.find_spec(backend) is not None


def test_the_check_of_a_submission_runs_the_make_targets():
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert 'make test BACKENDS="tensorflow jax torch"\nmake lint\nmake docs\n' in text
    assert os.name != "posix" or script.stat().st_mode & stat.S_IXUSR


def commands_in(text: str, program: str = "rbc") -> list[list[str]]:
    """Calls of a program in a text, installed or as a script, each as its arguments."""
    joined = re.sub(r"\\\n\s*", " ", text)
    called = rf"(?:samples/{program}/{program}\.py|^ *(?:\S+/)?{program}) +([a-z].*)"
    return [shlex.split(line, comments=True) for line in re.findall(called, joined, re.M)]


def dry_run(target: str) -> str:
    """What a target would do, with the variables that stand in the Makefile."""
    chosen = ("MAKE", "MFLAGS", "DEMO_", "BACKENDS", "KERAS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(chosen)}
    command = [MAKE, "--no-print-directory", "-n", target]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def parses(arguments: list[str], application: Application = APPLICATION) -> bool:
    try:
        with contextlib.redirect_stdout(None), contextlib.redirect_stderr(io.StringIO()):
            application.parse(arguments)
    except SystemExit as end:
        return end.code == 0
    return True


def test_commands_of_the_readme_are_understood():
    commands = commands_in((ROOT / "README.md").read_text(encoding="utf-8"))
    named = {command[0] for command in commands}
    assert named == {"smears", "train", "evaluate", "detect", "compare", "pack", "check"}
    assert [command for command in commands if not parses(command)] == []
    assert not parses(["evaluate", "--min-conf", "1.5"])
    assert not parses(["evaluate", "--size-class", "learned"], main.APPLICATION)


DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "weights" / "rbc" / "README.md"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.stem for path in DOCUMENTS])
def test_commands_of_the_documents_are_understood(path):
    commands = commands_in(path.read_text(encoding="utf-8"))
    assert [command for command in commands if not parses(command)] == []


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, ROOT / "README.md"], ids=[*(path.stem for path in DOCUMENTS), "readme"]
)
def test_commands_for_objects_of_any_kind_are_understood(path):
    commands = commands_in(path.read_text(encoding="utf-8"), "mrcnn")
    assert [command for command in commands if not parses(command, main.APPLICATION)] == []


def test_the_documents_have_commands():
    assert commands_in((ROOT / "README.md").read_text(encoding="utf-8"), "mrcnn")
    assert sum(len(commands_in(path.read_text(encoding="utf-8"))) for path in DOCUMENTS) > 5


@needs_make
@pytest.mark.parametrize(
    "target, steps",
    [("demo", ["smears", "evaluate"]), ("demo-train", ["smears", "train", "evaluate"])],
)
def test_the_demo_is_the_same_in_makefile_and_readme(target, steps):
    demo = commands_in(dry_run(target))
    assert [command[0] for command in demo] == steps
    assert [command for command in demo if not parses(command)] == []
    page = commands_in((ROOT / "docs" / "install.md").read_text(encoding="utf-8"))
    assert [command for command in demo if command not in page] == []


def run_example(python: str, document: Path, folder: Path) -> str:
    """What the Python example of a document prints; paths in it are those of the folder."""
    (example,) = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.S)
    for written, smaller in SMALLER.items():
        example = example.replace(written, smaller)
    (folder / "example.py").write_text(example, encoding="utf-8")
    command = [python, "-c", EAGERLY, "example.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_example_of_the_readme_runs(forked_python, tmp_path):
    Image.new("RGB", (160, 120), "pink").save(tmp_path / "my_smear.jpg")
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    printed = run_example(forked_python, ROOT / "README.md", tmp_path)
    assert re.search(r"^\d+ cells; masks: \(120, 160, \d+\)\n$", printed), printed


# The training example, made small enough for a test.
SMALLER = {
    "STEPS_PER_EPOCH = 100": "STEPS_PER_EPOCH = 1",
    "VALIDATION_STEPS = 5": "VALIDATION_STEPS = 1",
    "IMAGE_MAX_DIM = 512": "IMAGE_MAX_DIM = 128",
    "epochs=20": "epochs=1",
}


def test_the_training_example_runs(forked_python, tmp_path):
    example = ROOT / "docs" / "your-data.md"
    assert all(written in example.read_text(encoding="utf-8") for written in SMALLER)
    square = {"name": "rect", "x": 20, "y": 30, "width": 40, "height": 50}
    for subset, names in {"train": ["a.jpg", "b.jpg"], "val": ["y.jpg"]}.items():
        folder = tmp_path / "my_cells" / subset
        folder.mkdir(parents=True)
        images = {}
        for name in names:
            Image.new("RGB", (160, 120), "pink").save(folder / name)
            regions = [{"shape_attributes": square, "region_attributes": {}}]
            images[name] = {"filename": name, "size": 1, "regions": regions, "file_attributes": {}}
        (folder / "via_region_data.json").write_text(json.dumps(images))
    printed = run_example(forked_python, example, tmp_path)
    assert re.search(r"\(120, 160, \d+\)\n$", printed), printed


@needs_make
def test_make_refreshes_the_notebooks():
    assert "notebooks/refresh.py" in dry_run("notebooks")


@needs_make
def test_make_lint_checks_style_and_types():
    steps = ["-m ruff check .", "-m ruff format --check .", "-m mypy"]
    assert [
        step for step in steps if not re.search(rf"python {step}$", dry_run("lint"), re.M)
    ] == []


def test_the_hooks_of_a_commit_need_nothing_but_the_environment():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (.+)", text) == ["local"]
    entries = re.findall(r"entry: (.+)", text)
    assert [entry.split()[:3] for entry in entries] == [
        [".venv/bin/python", "-m", tool] for tool in ("ruff", "ruff", "mypy")
    ]
    assert re.findall(r"language: (.+)", text) == ["system"] * len(entries)


@needs_make
def test_make_builds_the_documentation():
    # Not with --quiet, which silences the warnings that --strict counts.
    assert re.search(r"-m mkdocs build --strict$", dry_run("docs"), re.M)


class Folder:
    """A folder with the project's Makefile, and a PATH of chosen interpreters only.

    The interpreters are small shell scripts: these tests are about what the Makefile does when one
    of them fails, which a real one does not do on demand.
    """

    def __init__(self, path: Path):
        self.path = path
        self.bin = path / "bin"
        self.bin.mkdir()
        for name in ("sh", "make", "mkdir", "touch", "cksum", "rm"):
            (self.bin / name).symlink_to(shutil.which(name))
        self.project = path / "a folder with spaces"
        (self.project / "requirements").mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "setup.py", "requirements/constraints.txt"):
            shutil.copy(ROOT / name, self.project / name)

    def interpreter(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!{shutil.which('sh')}\n{script}\n")
        path.chmod(0o755)
        return path

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=self.project,
            env={"PATH": str(self.bin), **environment},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


BROKEN = "echo 'command not found' >&2; exit 127"
REAL = f'exec {shlex.quote(sys.executable)} "$@"'


@needs_make
def test_an_interpreter_that_does_not_run_is_passed_over(folder):
    folder.interpreter("python3", BROKEN)
    folder.interpreter("python3.13", BROKEN)
    folder.interpreter("python3.12", REAL)
    folder.interpreter("python", BROKEN)
    assert folder.make("which-python").stdout == "python3.12\n"


@needs_make
def test_an_unsuitable_version_is_passed_over(folder):
    # The condition that the Makefile asks about, under another version.
    pretend = "import sys; sys.version_info = (3, 10, 0); exec(sys.argv.pop(1))"
    folder.interpreter("python3", f'shift; {shlex.quote(sys.executable)} -c "{pretend}" "$@"')
    folder.interpreter("python", REAL)
    assert folder.make("which-python").stdout == "python\n"
    folder.interpreter("python3", REAL)
    assert folder.make("which-python").stdout == "python3\n"


@needs_make
def test_the_named_interpreter_comes_first(folder):
    folder.interpreter("python3", REAL)
    chosen = folder.interpreter("my-python", REAL)
    assert folder.make("which-python", PYTHON=str(chosen)).stdout == f"{chosen}\n"
    assert folder.make("which-python", f"PYTHON={chosen}").stdout == f"{chosen}\n"
    result = folder.make("which-python", PYTHON="/nowhere/python")
    assert result.stdout == "python3\n"
    assert "PYTHON=/nowhere/python does not run" in result.stderr


@needs_make
def test_without_an_interpreter_it_says_what_to_install(folder):
    folder.interpreter("python3", BROKEN)
    result = folder.make("test")
    assert result.returncode != 0
    assert "Install Python 3.11, 3.12 or 3.13" in result.stderr
    assert not (folder.project / ".venv").exists()


@needs_make
def test_an_unknown_backend_is_refused(folder):
    result = folder.make("test", "BACKENDS=theano")
    assert result.returncode != 0
    assert "Unknown: theano" in result.stderr


# Makes an environment whose interpreter writes down what it is asked for; pip fails on demand.
RECORDING = """
case "$*" in
  *"-m venv"*)
    rm -rf .venv; mkdir -p .venv/bin
    echo '#!/bin/sh' > .venv/bin/python
    echo 'echo "$*" >> calls.txt' >> .venv/bin/python
    echo 'case "$*" in *"pip install"*) exit ${PIP_STATUS:-0};; esac' >> .venv/bin/python
    chmod +x .venv/bin/python;;
esac
"""


@needs_make
def test_a_set_up_is_done_once_and_a_failed_one_again(folder):
    (folder.bin / "chmod").symlink_to(shutil.which("chmod"))
    folder.interpreter("python3", RECORDING)
    calls = folder.project / "calls.txt"

    def installations(*arguments: str, **environment: str) -> list[str]:
        calls.write_text("")
        folder.make(*arguments, **environment)
        return re.findall(r"-m pip install .*", calls.read_text())

    pip = "-m pip install --disable-pip-version-check -c requirements/constraints.txt -e "
    assert folder.make("test", PIP_STATUS="1").returncode != 0
    assert installations("test") == [pip + ".[dev,jax]"]
    assert installations("test") == []
    assert installations("test", "BACKENDS=tensorflow jax torch") == [pip + ".[dev,jax,torch]"]
    assert installations("demo") == [pip + "."]
    assert installations("demo") == []
    assert installations("demo", KERAS_BACKEND="torch") == [pip + ".[torch]"]
    assert installations("docs") == [pip + ".[docs]"]
    assert installations("lint") == [pip.removesuffix("-e ") + "ruff mypy numpy"]

    # Another version of a library, another folder, an interpreter that has gone: set up again.
    os.utime(folder.project / "requirements" / "constraints.txt")
    assert installations("demo") == [pip + "."]
    folder.project = folder.project.rename(folder.path / "moved")
    calls = folder.project / "calls.txt"
    assert installations("demo") == [pip + "."]
    (folder.project / ".venv" / "bin" / "python").unlink()
    assert installations("demo") == [pip + "."]
    assert installations("demo") == []


@needs_make
def test_clean_keeps_what_runs_produced(folder):
    (folder.bin / "find").symlink_to(shutil.which("find"))
    kept = ["results/demo/table.csv", "logs/a/b.h5", "datasets/demo/a.png", "weights/mine.h5"]
    for name in [*kept, ".venv/bin/python", "mrcnn/__pycache__/a.pyc"]:
        (folder.project / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.project / name).touch()
    for name in ("samples", "tests"):
        (folder.project / name).mkdir()
    assert folder.make("clean").returncode == 0
    assert all((folder.project / name).exists() for name in kept)
    assert not (folder.project / ".venv").exists()
    assert not (folder.project / "mrcnn" / "__pycache__").exists()
