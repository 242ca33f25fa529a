"""Guides: what they quote is what the program says, what they show compiles and has its names.

Concepts, deployment and troubleshooting are written by hand; here they are held against the source,
without importing anything that is heavy.
"""

import ast
import re
import textwrap
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest

from mrcnn.config import Config
from rbc import RBCConfig

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ["concepts", "deployment", "troubleshooting"]
FIGURES = sorted((ROOT / "docs" / "images").glob("*.svg"))
# What begins a message in a guide; other blocks hold commands and code.
MESSAGE = re.compile(r"[A-Z][a-z]+Error: |In |Image |An image |IMAGE_|There |logs/")
# A message is told by so many characters that are the same in each of its cases.
FIXED = 30


def guide(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def fenced(text: str, language: str) -> list[str]:
    """Blocks of a language, those inside of lists as well; empty for blocks without one."""
    blocks: list[tuple[str, list[str]]] = []
    is_open = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            is_open = not is_open
            if is_open:
                blocks.append((line.strip("` "), []))
        elif is_open:
            blocks[-1][1].append(line)
    assert not is_open
    return [textwrap.dedent("\n".join(lines)) for name, lines in blocks if name == language]


@cache
def templates() -> list[list[str]]:
    """The parts, in their order, that are the same in each case of a text of the package."""
    found = []
    for path in (ROOT / "mrcnn").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        texts = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
        joined = {id(part) for parts in texts for part in parts}
        texts += [[node] for node in nodes if id(node) not in joined]
        for parts in texts:
            fixed = [part.value for part in parts if isinstance(part, ast.Constant)]
            if all(isinstance(value, str) for value in fixed):
                # What is logged has its values at %s.
                pieces = [piece for value in fixed for piece in re.split("%[sdr]", value)]
                found.append([" ".join(piece.split()) for piece in pieces])
    return found


def is_message(quote: str) -> bool:
    """Whether a quotation is a case of a text of the package, or its beginning before "..."."""
    for parts in templates():
        start = fixed = 0
        for part in parts:
            at = quote.find(part, start)
            if at < 0:
                break
            start, fixed = at + len(part), fixed + len(part)
        else:
            at = 0
        if fixed >= FIXED and (at >= 0 or quote.endswith("...")):
            return True
    return False


QUOTES = [" ".join(block.split()) for block in fenced(guide("troubleshooting"), "")]
QUOTES = [quote for quote in QUOTES if MESSAGE.match(quote) and "cuda" not in quote]


def test_messages_are_quoted():
    assert len(QUOTES) >= 12


@pytest.mark.parametrize("quote", QUOTES, ids=[quote[:40] for quote in QUOTES])
def test_a_quoted_message_is_that_of_the_source(quote):
    assert is_message(quote)


@pytest.mark.parametrize(
    "quote",
    [
        "DataError: the picture has a wrong shape, use another one and begin again from there.",
        "In 14 of the 15 steps of epoch 1 something happened, and the weights were thrown away.",
    ],
)
def test_a_message_that_nothing_says_is_found(quote):
    assert not is_message(quote)


def names_of(module: str) -> set[str] | None:
    """What a module of the project defines or imports; None for modules of others."""
    for folder in (ROOT, ROOT / "samples" / "rbc"):
        path = folder.joinpath(*module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                break
        else:
            continue
        names = set()
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Assign):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        return names
    assert not module.startswith(("mrcnn", "rbc")), f"there is no {module}"
    return None


@pytest.mark.parametrize("name", GUIDES)
def test_code_of_the_guides_compiles_and_finds_its_imports(name):
    blocks = fenced(guide(name), "python")
    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                names = names_of(node.module)
                assert names is None or {alias.name for alias in node.names} <= names, block
            if isinstance(node, ast.ClassDef):
                for line in node.body:
                    for target in getattr(line, "targets", ()):
                        assert not target.id.isupper() or hasattr(Config, target.id), target.id


@pytest.mark.parametrize("name", GUIDES)
def test_settings_of_the_guides_are_there(name):
    prose = re.sub(r"^ *```.*?^ *```$", "", guide(name), flags=re.M | re.S)
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z0-9]+)+)\b", prose))
    variables = {
        n
        for n in named
        if n.startswith(
            ("TF_", "CUDA_", "XLA_", "XDG_", "KERAS_", "RESOURCE_", "OMP_", "OPENBLAS_")
        )
    }
    assert {n for n in named - variables if not hasattr(RBCConfig, n)} == set()


@pytest.mark.parametrize("path", FIGURES, ids=[path.stem for path in FIGURES])
def test_a_figure_is_small_names_itself_and_needs_nothing_else(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 8000
    root = ET.fromstring(text)
    assert [child.tag.rpartition("}")[2] for child in root][:2] == ["title", "desc"]
    assert all(child.text for child in root[:2])
    assert not re.search(r"href|<image|<script|@import", text)
    # Its own ground, so that it can be read on a light and on a dark page.
    ground = next(child for child in root if child.tag.endswith("rect"))
    assert ground.get("fill", "").startswith("#f")
    assert any(f"images/{path.name}" in guide(name) for name in GUIDES)
