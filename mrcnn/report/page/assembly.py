"""The report of `evaluate` as one page that needs nothing else and fetches nothing."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError
from mrcnn.files import is_newer
from mrcnn.report.evaluation_files import SCHEMA_VERSION
from mrcnn.report.page.gallery import PageField, gallery_data, point_name
from mrcnn.report.page.html import (
    Markup,
    content_hash,
    element,
    embedded_json,
    escape,
    join,
    lookup,
)
from mrcnn.report.page.report import Report
from mrcnn.report.page.sections import SECTIONS
from mrcnn.report.words import Words

_SOURCES = Path(__file__).parent


def _source(name: str) -> Markup:
    return Markup((_SOURCES / name).read_text(encoding="utf-8").strip())


def _script(words: Words) -> Markup:
    """The page's script, which names the objects here and there."""
    forms = words.forms()
    return Markup(re.sub(r"\{\{(\w+)\}\}", lambda match: forms[match[1]], _source("page.js")))


def _switch(report: Report) -> Markup:
    """Choice of the operating point, where there is more than one."""
    if len(report.points) < 2:
        return Markup("")
    choices = [
        element(
            "label",
            element(
                "input",
                type="radio",
                name="operating-point",
                value=index,
                checked=index == report.chosen,
            ),
            element("span", point_name(min_confidence).removeprefix("confidence ")),
        )
        for index, min_confidence in enumerate(report.confidences)
    ]
    fieldset = element(
        "fieldset", element("legend", "Confidence"), element("div", *choices, class_="choices")
    )
    return element("form", fieldset, class_="switch", id="operating-points", hidden=True)


def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which nothing runs or loads but what the page brings."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src {content_hash(style)}",
            f"script-src {content_hash(script)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _heading(summary: dict[str, Any], report: Report) -> str:
    """One line for the window's title and for search."""
    fields = lookup(report.points[0], "images") or []
    subset = summary.get("subset")
    number = report.words.counted(len(fields), "image")
    return f"{report.words.title}: evaluation on {number}" + (f" of {subset}" if subset else "")


def report_page(
    summary: dict[str, Any], fields: Sequence[PageField], words: Words | None = None
) -> str:
    """A page with all figures of an evaluation, its charts and the fields to look at.

    Everything is inside: no address is fetched, by the page's own Content-Security-Policy either.
    Names from files are text and never markup.

    Args:
        summary: parsed summary.json; parts that are None or missing are left out of the page.
        fields: pictures for the gallery; empty for none.
        words: what objects and images are called; `Words()` by default.

    Returns:
        HTML, to be written as UTF-8.

    Raises:
        DataError: a summary of an earlier schema version or without an operating point, or fields
            that do not fit it. Of a later version a warning tells.
    """
    words = words or Words()
    version = summary.get("schema_version")
    if version != SCHEMA_VERSION and not (
        isinstance(version, int) and is_newer("summary", version, SCHEMA_VERSION)
    ):
        raise DataError(
            f"summary: schema_version {version!r}, expected {SCHEMA_VERSION}. Run "
            f"`{words.program} evaluate` again to write a new one."
        )
    if not summary.get("operating_points"):
        raise DataError("summary: no operating point, nothing to report. Give --min-conf.")
    report = Report(summary, fields, words)
    sections = [made for make in SECTIONS if (made := make(report)) is not None]
    links = [
        element("li", element("a", section.title, href=f"#{section.ident}")) for section in sections
    ]
    style, script = _source("page.css"), _script(words)
    data = gallery_data(
        report.fields, report.confidences, report.classes, report.border == "ignore", report.chosen
    )
    heading = _heading(summary, report)
    parts = {
        "policy": escape(_policy(style, script)),
        "title": escape(heading),
        "heading": escape(heading),
        "style": style,
        "switch": _switch(report),
        "contents": join(links),
        "sections": join(section.markup() for section in sections),
        "data": embedded_json(data),
        "script": script,
    }
    # In one pass: what is filled in is never searched for names again.
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _source("page.html"))
    return page + "\n"
