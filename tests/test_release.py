"""What is released: the citation, and where the tests are run."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_workflow_tries_the_versions_that_are_offered():
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"python: \[(.*)\]", text)
    offered = [
        found[1]
        for line in PROJECT["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (\d\.\d+)", line))
    ]
    assert json.loads(f"[{listed}]") == offered
    extras = re.search(r'-e "\.\[(.*)\]"', text)[1].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    assert (ROOT / ".ci" / "run").is_file() and "run: .ci/run" in text


def test_the_citation_is_of_this_version():
    from mrcnn import __version__

    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", text, re.MULTILINE)[1] == __version__
    for name in ("cff-version", "message", "title", "authors"):
        assert re.search(rf"^{name}:", text, re.MULTILINE)


def test_each_file_of_others_is_listed_with_its_license():
    listed = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    files = [path for path in (ROOT / "mrcnn").rglob("vendor/*") if path.name != "README.md"]
    assert files
    licenses = [path for path in files if path.name.endswith(".LICENSE.txt")]
    assert {path.relative_to(ROOT).as_posix() for path in licenses} <= set(PROJECT["license-files"])
    for path in files:
        assert path.relative_to(ROOT).as_posix() in listed
        project = path.name.split(".")[0]
        assert path.with_name(f"{project}.LICENSE.txt") in licenses
