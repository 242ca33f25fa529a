"""HTML and SVG built from Python, safe by default: every text is escaped unless it is `Markup`."""

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

MISSING = "–"

# Control characters, which HTML forbids or which make a browser read on elsewhere.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


class Markup(str):
    """Text that is HTML already, made by `element` and never from a file."""


def clean(text: Any) -> str:
    """Text that can be written as UTF-8 and stand in HTML; what cannot shows as a code or as �."""
    encodable = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return _FORBIDDEN.sub("\ufffd", encodable)


def escape(content: Any) -> Markup:
    """HTML of any content: None is nothing, `Markup` stays, all else is escaped text."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    return Markup(html.escape(clean(content), quote=True))


def join(parts: Iterable[Any]) -> Markup:
    """Parts one after the other, each escaped unless it is `Markup`."""
    return Markup("".join(map(escape, parts)))


def unbroken(text: str) -> str:
    """Text in which no line ends between a number and its sign or unit."""
    text = re.sub(r"(?<=\d) (?=%|px)", "\u202f", text)
    return re.sub(r"(?<=[≥>]) (?=[\d.])", "\u00a0", text)


_VOID = frozenset({"img", "input", "br"})


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """An element of HTML or SVG.

    Args:
        tag: its name.
        children: escaped unless they are `Markup`; None is left out.
        attributes: a trailing underscore is dropped and the others become hyphens (`class_`,
            `aria_label`). True gives a bare attribute, None and False give none.
    """
    written = ""
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        written += f" {name}" if value is True else f' {name}="{escape(value)}"'
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(children)}</{tag}>")


def name_text(name: Any) -> Markup:
    """A name from outside, kept from changing the direction of the text around it."""
    return element("bdi", name)


def embedded_json(value: Any) -> Markup:
    """JSON that can stand within a script element, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def content_hash(text: str) -> str:
    """Source of a Content-Security-Policy that allows exactly this inline script or style."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


# Figures ------------------------------------------------------------------------------------


def number(value: Any) -> float | None:
    """The value as a finite float; None for what is not defined."""
    if value is None:
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def lookup(tree: Any, *keys: Any) -> Any:
    """The value behind keys of nested dictionaries; None where one of them is missing."""
    for key in keys:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree


def figure(value: Any, digits: int = 3) -> str:
    """0.957, with a true minus below zero, or a dash."""
    value = number(value)
    return MISSING if value is None else f"{value:.{digits}f}".replace("-", "\u2212")


def percent(value: Any, digits: int = 1) -> str:
    """95.7 %, or a dash."""
    value = number(value)
    # A narrow space that does not break.
    return MISSING if value is None else f"{100 * value:.{digits}f}\u202f%"


def signed(value: Any, digits: int = 1) -> str:
    """+1.5 or −0.3 with a true minus, or a dash."""
    value = number(value)
    if value is None:
        return MISSING
    text = f"{value:+.{digits}f}"
    # No sign before a rounded zero.
    return text[1:] if not float(text) else text.replace("-", "\u2212")


def count(value: Any) -> str:
    """Whole numbers without decimals, means with one, or a dash."""
    value = number(value)
    if value is None:
        return MISSING
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def confidence(value: Any) -> str:
    """0.7 of a threshold, at most four digits."""
    value = number(value)
    return MISSING if value is None else f"{value:.4g}"


def interval(ends: Sequence[Any] | None, show: Callable[[Any], str] = figure) -> str:
    """0.941 to 0.978, or nothing where there is no interval."""
    if ends is None or len(ends) != 2 or any(number(end) is None for end in ends):
        return ""
    return f"{show(ends[0])} to {show(ends[1])}"


# Tables -------------------------------------------------------------------------------------


def cell(content: Any, tag: str = "td", **attributes: Any) -> Markup:
    """A cell of a table."""
    return element(tag, content, **attributes)


def column_head(content: Any, columns: int = 1, rows: int = 1) -> Markup:
    """Head of one column, or of several with heads of their own below."""
    return cell(
        content,
        "th",
        scope="colgroup" if columns > 1 else "col",
        colspan=columns if columns > 1 else None,
        rowspan=rows if rows > 1 else None,
        class_="group" if columns > 1 else None,
    )


def row_head(content: Any, **attributes: Any) -> Markup:
    """First cell of a row, which names it."""
    return cell(content, "th", scope="row", **attributes)


def row(*cells: Any, **attributes: Any) -> Markup:
    """A row; what is no `Markup` becomes a plain cell."""
    made = (part if isinstance(part, Markup) else cell(part) for part in cells)
    return element("tr", *made, **attributes)


def table(
    caption: Any,
    head: Sequence[Markup],
    bodies: Sequence[Sequence[Markup]],
    class_: str = "",
) -> Markup:
    """A table that scrolls in a box of its own where the screen is narrow.

    Args:
        caption: what it holds.
        head: rows of column heads.
        bodies: groups of rows, with a line between groups.
        class_: further class of the table.
    """
    content = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", *head),
        *(element("tbody", *rows) for rows in bodies if rows),
        class_=class_ or None,
    )
    # A box that scrolls must be reached by keyboard, and so needs a name.
    label = re.sub(r"<[^>]*>", "", caption) if isinstance(caption, Markup) else caption
    label = html.unescape(label)
    return element("div", content, class_="scroll", role="region", tabindex=0, aria_label=label)
