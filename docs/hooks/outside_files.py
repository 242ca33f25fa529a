"""MkDocs hook: files of the project that lie outside of docs/ become pages of the site.

Documents link to other files of the tree by relative paths, such as `../mrcnn/config.py`, which
work wherever the tree is shown. Here each file that is linked to, and each that the navigation
names under `project/`, is made a page: Markdown as it is, notebooks with their outputs, sources as
listings. Links are changed to lead there. Pages that would ask another host for something are an
error.
"""

import base64
import json
import logging
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs"
# Where the pages of outside files go.
PROJECT = "project"
# What a notebook printed: looks unlike code, and has no button to copy it.
PRINTED = "{ .text .output .no-copy }"
LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".yml": "yaml", ".txt": "text"}
# The names MkDocs logs under, so that --strict counts what is found here.
LOG = logging.getLogger("mkdocs.hooks.outside_files")

# [text](target "title") and ![text](target); a code span or a fenced block is matched first.
_CODE_OR_LINK = re.compile(
    r"(?P<fence>^(?P<mark>```+|~~~+).*?^(?P=mark)\s*?$)"
    r"|(?P<span>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<before>\]\()(?P<target>[^()\s]+)(?P<after>(?:\s+\"[^\"]*\")?\))",
    re.M | re.S,
)
# What makes a browser fetch something, with an address of another host.
_FETCHES = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|link(?=[^>]*rel=\"?(?:stylesheet|preload|icon))"
    r")\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)",
    re.I,
)


def links_in(markdown: str) -> Iterator[str]:
    """Targets of the links and pictures of a text, those in code left out."""
    for match in _CODE_OR_LINK.finditer(markdown):
        if match["target"]:
            yield match["target"]


def change_links(markdown: str, change: Callable[[str], str]) -> str:
    """The text with `change` applied to the target of each link that is not in code."""

    def replaced(match: re.Match) -> str:
        if not match["target"]:
            return match[0]
        return match["before"] + change(match["target"]) + match["after"]

    return _CODE_OR_LINK.sub(replaced, markdown)


def target_of(link: str, file: str) -> str | None:
    """The file that a link leads to, from the root of the tree; None for addresses and anchors.

    Args:
        link: as it is written, with or without an anchor.
        file: the file that it is in, from the root of the tree.
    """
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path or link.startswith("/"):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), parts.path))


def is_project_file(file: str) -> bool:
    """Whether there is such a file in the tree."""
    return not file.startswith("..") and (ROOT / file).is_file()


def page_of(file: str) -> str:
    """Source path in the site of a file, given from the root of the tree."""
    if file.startswith(f"{DOCS}/"):
        return file.removeprefix(f"{DOCS}/")
    return f"{PROJECT}/{file}" if file.endswith(".md") else f"{PROJECT}/{file}.md"


def file_of(page: str) -> str:
    """The inverse of `page_of`, for pages that are there."""
    if not page.startswith(f"{PROJECT}/"):
        return f"{DOCS}/{page}"
    file = page.removeprefix(f"{PROJECT}/")
    listing = file.removesuffix(".md")
    return listing if Path(listing).suffix in (*LANGUAGES, ".ipynb") else file


def content_of(file: str) -> str:
    """A file of the tree as Markdown."""
    path = ROOT / file
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    if path.suffix == ".ipynb":
        return _notebook(json.loads(text))
    language = LANGUAGES.get(path.suffix, "text")
    listing = _fence(text, f'{language} linenums="1"')
    return f"---\nsearch:\n  exclude: true\n---\n\n# {file}\n\n{listing}\n"


def outside_files(documents: Iterable[str], named: Iterable[str]) -> tuple[list[str], list[str]]:
    """Files outside of docs/ that become pages, and what is wrong with links to them.

    Args:
        documents: pages in docs/, from the root of the tree.
        named: files that become pages in any case.

    Returns:
        the files, sorted: those named, and those that documents and they lead to, over any number
        of links; a line for each link that leads to no file.
    """
    found, problems = set(named), []
    waiting = [*documents, *found]
    while waiting:
        file = waiting.pop()
        if not file.endswith((".md", ".ipynb")):
            continue
        for link in links_in(content_of(file)):
            target = target_of(link, file)
            if target is None or target.startswith(f"{DOCS}/") or target in found:
                continue
            if not is_project_file(target):
                problems.append(f"{file} links to {target}, which is no file of the project.")
                continue
            found.add(target)
            waiting.append(target)
    return sorted(found), sorted(problems)


def _fence(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{text.rstrip()}\n{marks}"


def _notebook(notebook: dict) -> str:
    blocks = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            blocks.append(source)
        elif cell["cell_type"] == "code" and source.strip():
            blocks.append(_fence(source, "python"))
            blocks += [_output(output) for output in cell["outputs"]]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _output(output: dict) -> str:
    """The richest form of an output that a page can show."""
    if "text" in output:
        return _fence("".join(output["text"]), PRINTED)
    data = output.get("data", {})
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            code = base64.b64encode(base64.b64decode("".join(data[kind]))).decode()
            return f'<img alt="Output of the cell above" src="data:{kind};base64,{code}">'
    if "text/html" in data:
        # One line for each, or Markdown takes what is indented for code.
        lines = "".join(data["text/html"]).splitlines()
        return f'<div class="output">{" ".join(line.strip() for line in lines)}</div>'
    return _fence("".join(data["text/plain"]), PRINTED) if "text/plain" in data else ""


# --- What MkDocs calls -----------------------------------------------------------------------


def on_files(files, config):
    """Add a page for each outside file that the navigation or a page leads to."""
    from mkdocs.structure.files import File, InclusionLevel

    in_navigation = set(_pages_of(config.nav))
    documents = [f"{DOCS}/{file.src_uri}" for file in files if file.is_documentation_page()]
    named = [file_of(page) for page in in_navigation if page.startswith(f"{PROJECT}/")]
    # MkDocs itself tells what the navigation names and is not there.
    found, problems = outside_files(documents, filter(is_project_file, named))
    for problem in problems:
        LOG.warning(problem)
    for file in found:
        page = page_of(file)
        level = InclusionLevel.INCLUDED if page in in_navigation else InclusionLevel.NOT_IN_NAV
        files.append(File.generated(config, page, content=content_of(file), inclusion=level))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lead links to outside files to their pages."""
    here = page.file.src_uri
    file = file_of(here)

    def changed(link: str) -> str:
        target = target_of(link, file)
        if target is None:
            return link
        anchor = f"#{urlsplit(link).fragment}" if urlsplit(link).fragment else ""
        return posixpath.relpath(page_of(target), posixpath.dirname(here) or ".") + anchor

    return change_links(markdown, changed)


def on_post_page(output, page, config):
    """Look for what a browser would fetch from another host."""
    for address in _FETCHES.findall(output):
        LOG.warning(f"{page.file.src_uri}: the page asks another host for {address}.")
    return output


def _pages_of(nav) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        nav = list(nav.values())
    if isinstance(nav, list):
        for item in nav:
            yield from _pages_of(item)
