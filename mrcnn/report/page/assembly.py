"""The report of `evaluate` as one page that needs nothing else and fetches nothing."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError
from mrcnn.files import is_newer
from mrcnn.report.evaluation_files import SCHEMA_VERSION
from mrcnn.report.evaluation_tables import point_name
from mrcnn.report.figures import lookup
from mrcnn.report.page.decimals import with_decimal_commas
from mrcnn.report.page.gallery import PageField, gallery_data
from mrcnn.report.page.rendering import ENVIRONMENT, embedded_json
from mrcnn.report.page.report import Report, Section
from mrcnn.report.page.sections import SECTIONS
from mrcnn.report.page.translation import translated
from mrcnn.report.words import Words

_SOURCES = Path(__file__).parent


def _source(name: str) -> str:
    return (_SOURCES / name).read_text(encoding="utf-8").strip()


def content_hash(text: str) -> str:
    """Source of a Content-Security-Policy that allows exactly this inline script or style."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


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
    words = report.words
    text = (
        "{title}: evaluation on {number} of {subset}"
        if subset
        else "{title}: evaluation on {number}"
    )
    return words(text, title=words.named(words.title), number=number, subset=subset)


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
    data = gallery_data(
        report.fields,
        report.confidences,
        report.classes,
        report.border == "ignore",
        report.chosen,
        words,
    )
    page = rendered_page(
        _heading(summary, report), sections, data, words, report.confidences, report.chosen
    )
    # The figures are those of summary.json and of table.md, which every program can read.
    return with_decimal_commas(page) if words.decimal == "," else page


def rendered_page(
    heading: str,
    sections: Sequence[Section],
    data: dict[str, Any],
    words: Words,
    confidences: Sequence[float | None] = (),
    chosen: int = 0,
    style: str = "",
) -> str:
    """The page around its sections.

    Args:
        heading: one line for the window's title and for search.
        sections: from the top down.
        data: what page.js needs.
        words: of which language the texts are.
        confidences: of the operating points; with several there is a choice.
        chosen: the one that is shown first.
        style: further rules of CSS.
    """
    style = "\n".join(filter(None, (_source("page.css"), style)))
    script = _source("page.js")
    page = ENVIRONMENT.get_template("page.html").render(
        policy=_policy(style, script),
        language=words.language,
        words=words,
        heading=heading,
        style=style,
        confidences=confidences,
        choices=[point_name(value).removeprefix("confidence ") for value in confidences],
        chosen=chosen,
        sections=[replace(section, data=translated(section.data, words)) for section in sections],
        data=embedded_json(data),
        script=script,
    )
    return page + "\n"
