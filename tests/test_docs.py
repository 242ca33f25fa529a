"""Documents: links lead somewhere, every public module and every setting has its place.

`make docs` looks at the same with MkDocs; here the texts are read alone, which is quick.
"""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest

from mrcnn.config import Config
from rbc import RBCConfig
from tests.test_architecture import PUBLIC

ROOT = Path(__file__).resolve().parents[1]


def hook(name: str) -> ModuleType:
    """A module of docs/hooks, which is no package."""
    path = ROOT / "docs" / "hooks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


outside = hook("outside_files")
configuration = hook("configuration")

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "notebooks/*.md",
        "notebooks/*.ipynb",
        "weights/**/*.md",
        "benchmarks/*.md",
    )
    for path in ROOT.glob(pattern)
)


def anchors_of(markdown: str) -> set[str]:
    """Anchors of the headings that are the same where the tree is shown and in the site."""
    without_code = re.sub(r"^(```+|~~~+).*?^\1", "", markdown, flags=re.M | re.S)
    anchors = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", without_code, re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        kept = re.sub(r"[^\w\s-]", "", text).strip()
        in_tree, in_site = re.sub(r"\s", "-", kept), re.sub(r"[-\s]+", "-", kept)
        if in_tree == in_site:
            anchors.add(in_tree)
    return anchors


def problems_of_links(file: str, markdown: str) -> list[str]:
    """One line for each relative link of a document that leads nowhere."""
    problems = []
    for link in outside.links_in(markdown):
        parts = urlsplit(link)
        target = outside.target_of(link, file)
        if target is not None and not (ROOT / target).exists():
            problems.append(f"{file}: {link}: there is no {target}")
        elif not parts.scheme and parts.fragment and (target or file).endswith(".md"):
            text = markdown if target is None else outside.content_of(target)
            if parts.fragment not in anchors_of(text):
                problems.append(f"{file}: {link}: {target or file} has no such heading")
        elif link.startswith("/"):
            problems.append(f"{file}: {link}: from the root of a machine")
    for written in re.findall(r"^\[[^\]]+\]: .*|<(?:img|a) [^>]*>", markdown, re.M):
        if "data:image" not in written:
            problems.append(f"{file}: {written}: write [text](target), which is looked at")
    return problems


def test_documents_are_found():
    assert {"README.md", "docs/index.md", "docs/api/model.md", "weights/rbc/README.md"} <= set(
        DOCUMENTS
    )


@pytest.mark.parametrize("file", DOCUMENTS)
def test_links_lead_somewhere(file):
    assert problems_of_links(file, outside.content_of(file)) == []


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("../mrcnn/nothing.py", "there is no mrcnn/nothing.py"),
        ("nothing.md", "there is no docs/nothing.md"),
        ("../../elsewhere/README.md", "there is no ../elsewhere/README.md"),
        ("evaluation.md#nothing", "docs/evaluation.md has no such heading"),
        ("#nothing", "docs/training.md has no such heading"),
        ("#in-code", "docs/training.md has no such heading"),
        ("#a-b", "docs/training.md has no such heading"),
        ("/etc/hosts", "from the root of a machine"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(link, problem):
    text = f"# Here\n\n## A - b\n\n```\n# In code\n```\n\n[a]({link})\n"
    assert problems_of_links("docs/training.md", text) == [f"docs/training.md: {link}: {problem}"]


@pytest.mark.parametrize(
    "link",
    [
        "../mrcnn/config.py",
        "evaluation.md#cocos-average-precision-and-matterports",
        "#this-and-that-one",
        "https://arxiv.org/abs/1703.06870#nothing",
        "../notebooks",
    ],
)
def test_a_link_that_leads_somewhere_is_no_problem(link):
    text = f"## This `and` [that](evaluation.md) one\n\n[a]({link}) `[b](no.md)`\n"
    assert problems_of_links("docs/training.md", text) == []


@pytest.mark.parametrize("text", ["[a][1]\n\n[1]: no.md", '<img src="no.png">', '<a href="no">'])
def test_links_of_other_forms_are_refused(text):
    (problem,) = problems_of_links("docs/training.md", text)
    assert "write [text](target)" in problem


def test_every_public_module_is_in_the_reference():
    shown = {}
    for page in (ROOT / "docs" / "api").glob("*.md"):
        for module in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.M):
            assert importlib.util.find_spec(module) is not None, f"{page.name} names {module}"
            shown.setdefault(module.split(".")[1], page.stem)
    assert set(shown) == PUBLIC
    assert all(room == page for room, page in shown.items())


PAGES = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *(ROOT / "notebooks").glob("*.ipynb")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_readers_are_taught_public_modules_only(page):
    # With something of the module: a page may say that others are not for programs.
    named = set(re.findall(r"\bmrcnn\.(\w+)\.\w+", page.read_text(encoding="utf-8")))
    assert {name for name in named if (ROOT / "mrcnn" / name).is_dir()} <= PUBLIC


@pytest.mark.parametrize(
    ("file", "config"), [("mrcnn/config.py", Config), ("samples/rbc/rbc.py", RBCConfig)]
)
def test_every_setting_is_read_from_its_source(file, config):
    source = (ROOT / file).read_text(encoding="utf-8")
    settings = configuration.settings_of(source, config.__name__)
    names = [setting.name for setting in settings]
    assert sorted(names) == sorted(name for name in vars(config) if name.isupper())
    for setting in settings:
        if not setting.value.startswith(("np.", "{", "1 + ")):
            assert ast.literal_eval(setting.value) == getattr(config, setting.name)


def test_every_setting_is_explained():
    settings = configuration.settings_of(
        (ROOT / "mrcnn" / "config.py").read_text(encoding="utf-8"), "Config"
    )
    assert [setting.name for setting in settings if not setting.meaning] == []
    assert [setting.name for setting in settings if not setting.group] == []
    # A function, which is asked for only where BACKBONE is one.
    free = [s.name for s in settings if not configuration.allowed_values(s.name)]
    assert free == ["COMPUTE_BACKBONE_SHAPE"]


def test_the_configuration_page_has_the_tables():
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    page = configuration.with_tables(text)
    assert "<!--" not in page
    for config in (Config, RBCConfig):
        for name in (name for name in vars(config) if name.isupper()):
            assert f'<tr id="{name}"><td><code>{name}</code></td>' in page


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("NUM_CLASSES", "a whole number of at least 1"),
        ("NORMALIZATION", "one of 'batch', 'group'"),
        ("SEED", "None or a whole number from 0 to 2147483647"),
    ],
)
def test_what_is_allowed_is_what_the_check_says(name, allowed):
    assert configuration.allowed_values(name) == allowed
