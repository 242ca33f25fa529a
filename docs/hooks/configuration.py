"""MkDocs hook: tables of all settings, made from the sources when the site is built.

`docs/configuration.md` has a comment such as `<!-- settings: mrcnn/config.py Config -->` where the
tables of a class go. They are read from the text of the class: a setting is an assignment to a name
in capitals, its meaning the comment above it or behind it, and `# --- Title ---` begins a table.
What is allowed comes from `Config` itself, which says so when it refuses a value.
"""

import ast
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrcnn.config import Config
from mrcnn.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
BASE = ("mrcnn/config.py", "Config")

_MARKER = re.compile(r"^<!-- settings: (\S+) (\w+) -->$", re.M)
_TITLE = re.compile(r"-{3,} (.+?) -{3,}")
# Code in the comments: what stands in backticks or quotes, settings, Python's constants, losses.
_CODE = re.compile(
    r"`[^`]+`|\"\w+\"|'\w+'|\b[A-Z]+(?:_[A-Z]+)+\b|\b(?:BACKBONE|None|True|False|\w+_loss)\b"
)


@dataclass(frozen=True)
class Setting:
    """A setting as it stands in a source.

    Attributes:
        name: of the attribute.
        value: as it is written.
        meaning: its comment, "" where it has none.
        group: the title above it, "" before the first.
    """

    name: str
    value: str
    meaning: str
    group: str


def settings_of(source: str, class_name: str) -> list[Setting]:
    """The settings of a class in the text of a module, in their order.

    Raises:
        ValueError: there is no such class, or it has no settings.
    """
    found = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == class_name
    ]
    if not found:
        raise ValueError(f"there is no class {class_name}")
    body = found[0].body
    nodes = {node.lineno: node for node in body}
    begin = body[0].end_lineno if ast.get_docstring(found[0]) else found[0].lineno
    lines = source.splitlines()
    settings: list[Setting] = []
    group, comment = "", []
    for number in range(begin + 1, found[0].end_lineno + 1):
        line = lines[number - 1].strip()
        if line.startswith("#"):
            text = line.removeprefix("#").strip()
            title = _TITLE.fullmatch(text)
            group, comment = (title[1], []) if title else (group, [*comment, text])
            continue
        node = nodes.get(number)
        for name in _names_set_by(node):
            # Positions of ast count bytes.
            behind = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode().strip()
            meaning = " ".join([*comment, behind.removeprefix("#").strip()]).strip()
            value = ast.get_source_segment(source, node.value)
            settings.append(Setting(name, value, meaning, group))
        comment = []
    if not settings:
        raise ValueError(f"class {class_name} has no settings")
    return settings


def _names_set_by(node: ast.stmt | None) -> list[str]:
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        targets = node.targets if isinstance(node, ast.Assign) else []
    return [item.id for item in targets if isinstance(item, ast.Name) and item.id.isupper()]


def allowed_values(name: str) -> str:
    """What `Config` says of a setting that is given a value of no use; "" if it takes any."""
    try:
        type("Probe", (Config,), {name: object()})()
    except ConfigError as error:
        return "; ".join(re.findall(rf"^  {name} is .*?: must be (.*)\.$", str(error), re.M))
    return ""


def tables_of(file: str, class_name: str) -> str:
    """Markdown with a table for each group of settings of a class.

    Args:
        file: the module, from the root of the tree.
        class_name: `Config`, or a class derived from it, whose values are shown with those that
            they are in the place of.
    """
    settings = settings_of((ROOT / file).read_text(encoding="utf-8"), class_name)
    if (file, class_name) == BASE:
        head, row_of = ("Setting", "Default", "Meaning"), _row_of_base
    else:
        base = settings_of((ROOT / BASE[0]).read_text(encoding="utf-8"), BASE[1])
        values = {setting.name: setting.value for setting in base}
        head = ("Setting", "Value", "Why")

        def row_of(setting: Setting) -> list[str]:
            return _row_of_derived(setting, values)

    blocks = []
    for group in dict.fromkeys(setting.group for setting in settings):
        blocks += [f"### {group}"] if group else []
        blocks.append(_table(head, [row_of(item) for item in settings if item.group == group]))
    return "\n\n".join(blocks)


def _row_of_base(setting: Setting) -> list[str]:
    meaning = _sentence(setting.meaning)
    if allowed := allowed_values(setting.name):
        meaning += f'<br><span class="aside">{_sentence(allowed)}</span>'
    return [setting.name, _code(_plain(setting.value)), meaning]


def _row_of_derived(setting: Setting, base: dict[str, str]) -> list[str]:
    value = _code(_plain(setting.value))
    replaced = base.get(setting.name, setting.value)
    if replaced != setting.value:
        value += f'<br><span class="aside">instead of {_code(_plain(replaced))}</span>'
    return [setting.name, value, _sentence(setting.meaning)]


def _plain(value: str) -> str:
    """An array is shown as its values."""
    return re.sub(r"^np\.array\((.*)\)$", r"\1", value)


def _code(text: str) -> str:
    return f"<code>{html.escape(text, quote=False)}</code>"


def _sentence(text: str) -> str:
    """HTML of a comment, with a capital and a full stop, and what is code as code."""
    parts, end = [], 0
    for match in _CODE.finditer(text):
        parts.append(html.escape(text[end : match.start()], quote=False))
        parts.append(_code(match[0].strip("`").replace("'", '"')))
        end = match.end()
    parts.append(html.escape(text[end:], quote=False))
    joined = "".join(parts)
    joined = joined[:1].upper() + joined[1:]
    return joined if joined[-1:] in ("", ".") else f"{joined}."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; a row starts with the name of its setting and can be linked to by it."""
    lines = ['<div class="settings"><table>', "<thead><tr>"]
    lines += [f"<th>{title}</th>" for title in head]
    lines += ["</tr></thead>", "<tbody>"]
    for name, value, meaning in rows:
        # On a narrow screen, without columns, the style sheet writes the head before the value.
        cells = f'<td>{_code(name)}</td><td data-head="{head[1]}">{value}</td><td>{meaning}</td>'
        lines.append(f'<tr id="{name}">{cells}</tr>')
    return "\n".join([*lines, "</tbody>", "</table></div>"])


def with_tables(markdown: str) -> str:
    """The text with tables in the place of its markers.

    Raises:
        ValueError: a marker names a class that is not there, or has no settings.
        OSError: a marker names a file that cannot be read.
    """
    return _MARKER.sub(lambda match: tables_of(match[1], match[2]), markdown)


# --- What MkDocs calls -----------------------------------------------------------------------


def on_page_markdown(markdown, page, config, files):
    """Put the tables in."""
    return with_tables(markdown)
