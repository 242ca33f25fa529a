"""Matterport's API, name by name: nothing may be missing, no parameter or default may differ."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

LIST = Path(__file__).parent / "golden" / "matterport_api.md"
NOTHING = inspect.Parameter.empty


class Entry(NamedTuple):
    """One line of the list: a name of a module, or a member of one of its classes."""

    module: str
    owner: str | None
    kind: str
    name: str
    text: str


def entries(text: str) -> list[Entry]:
    """All entries of the list."""
    found, module, owner = [], "", None
    for line in text.splitlines():
        if match := re.match(r"## `([\w.]+)`", line):
            module, owner = match[1], None
        elif match := re.match(r"- class `(\w+)`", line):
            owner = match[1]
            found.append(Entry(module, None, "class", owner, ""))
        elif match := re.match(r"( *)- `(\w+)(\(.*\))`$", line):
            owner = owner if match[1] else None
            found.append(Entry(module, owner, "function", match[2], match[3]))
        elif match := re.match(r"  - `(\w+) = (.*)`$", line):
            found.append(Entry(module, owner, "value", match[1], match[2]))
        elif match := re.match(r"  - `(\w+)` \(property\)$", line):
            found.append(Entry(module, owner, "property", match[1], ""))
        elif line.startswith(("-", "  -")):
            raise AssertionError(f"not understood: {line}")
    return found


def value_of(node: ast.expr) -> Any:
    return eval(compile(ast.Expression(node), "the list", "eval"), {"np": np})


def listed_parameters(text: str) -> list[inspect.Parameter]:
    arguments = ast.parse(f"def f{text}: pass").body[0].args
    defaults = [NOTHING] * (len(arguments.args) - len(arguments.defaults))
    defaults += [value_of(node) for node in arguments.defaults]
    parameters = [
        inspect.Parameter(argument.arg, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
        for argument, default in zip(arguments.args, defaults, strict=True)
    ]
    for variable, kind in (
        (arguments.vararg, inspect.Parameter.VAR_POSITIONAL),
        (arguments.kwarg, inspect.Parameter.VAR_KEYWORD),
    ):
        if variable is not None:
            parameters.append(inspect.Parameter(variable.arg, kind))
    return parameters


def differences(listed: list[inspect.Parameter], function: Any) -> list[str]:
    """What a caller of the listed function would notice.

    More parameters are allowed where no caller can meet them by accident: by keyword, with a
    default.
    """
    found = list(inspect.signature(function).parameters.values())
    extra = [
        parameter
        for parameter in found
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is not NOTHING
    ]
    found = [parameter for parameter in found if parameter not in extra]
    listed = [parameter.replace(annotation=NOTHING) for parameter in listed]
    found = [parameter.replace(annotation=NOTHING) for parameter in found]
    return [] if listed == found else [f"{[*map(str, found)]} instead of {[*map(str, listed)]}"]


ENTRIES = entries(LIST.read_text(encoding="utf-8"))


def test_the_list_is_read_whole():
    kinds = [entry.kind for entry in ENTRIES]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "class": 9, "function": 111, "value": 45, "property": 1,
    }  # fmt: skip
    assert len({entry.module for entry in ENTRIES}) == 5


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: ".".join(filter(None, e[:2])) + "." + e[3])
def test_name_parameters_and_defaults(entry):
    place = importlib.import_module(entry.module)
    if entry.owner is not None:
        place = getattr(place, entry.owner)
    found = inspect.getattr_static(place, entry.name)
    if entry.kind == "class":
        assert inspect.isclass(found)
    elif entry.kind == "property":
        assert isinstance(found, property)
    elif entry.kind == "value":
        expected = value_of(ast.parse(entry.text, mode="eval").body)
        assert type(found) is type(expected)
        np.testing.assert_equal(found, expected)
    else:
        assert differences(listed_parameters(entry.text), found) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(a, b): ...",
        "def f(a, *, b=1): ...",
        "def f(a, b=2): ...",
        "def f(a, c=1): ...",
        "def f(b=1, a=0): ...",
        "def f(a, b=1, c=None): ...",
        "def f(a, b=1, *, c): ...",
        "def f(a, b=1, **c): ...",
    ],
)
def test_a_difference_is_noticed(source):
    names: dict[str, Any] = {}
    exec(source, names)
    assert differences(listed_parameters("(a, b=1)"), names["f"])


def test_a_further_keyword_is_no_difference():
    names: dict[str, Any] = {}
    exec("def f(a: int, b: int = 1, *, c: str = '') -> None: ...", names)
    assert differences(listed_parameters("(a, b=1)"), names["f"]) == []
