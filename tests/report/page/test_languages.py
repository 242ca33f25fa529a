"""Reports in Indonesian: nothing that a page says lacks a string."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mrcnn.report.languages import LANGUAGES, in_language, strings
from mrcnn.report.page import report_page
from mrcnn.report.page import texts as evaluation_texts
from mrcnn.report.page.decimals import with_decimal_commas
from mrcnn.report.page.detected import detection_page
from mrcnn.report.page.detected import texts as detected_texts
from rbc import WORDS
from tests.detection_runs import make_run


class Asked(dict):
    """The strings, and which ones were asked for."""

    def __init__(self, strings) -> None:
        super().__init__(strings)
        self.missed: set[str] = set()

    def get(self, key, default=None):
        if key not in self:
            self.missed.add(key)
        return super().get(key, default)


class Text(HTMLParser):
    """What a page shows and reads out; names are left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self._open = "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.text += " ".join(
            value for name, value in attributes if name in ("aria-label",) and value
        ) + " "  # fmt: skip
        if tag in ("script", "style", "bdi", "kbd"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data):
        if not self._open:
            self.text += data + " "


def pages(words, summary, fields) -> list[str]:
    run = make_run()
    run = replace(
        run,
        total=900,
        pictures=[{**line, "warning": ""} for line in run.pictures],
        facts=[(words("Method"), words.named("Mask R-CNN"))],
        problems=[("bad.png", "\u2026")],
    )
    one = {**summary, "operating_points": summary["operating_points"][:1], "sweep": None}
    first = replace(fields[0], pairs=fields[0].pairs[:1], iou=fields[0].iou[:1])
    second = replace(fields[1], pairs=fields[1].pairs[:1], iou=fields[1].iou[:1])
    return [
        detection_page(run, words),
        report_page(summary, fields, words),
        report_page(one, [first, second], words),
    ]


# Abbreviations, and what is not to be translated.
KEPT = re.compile(r"[^A-Za-z]*|[A-Z]+[\dA-Z]*\+?|AP@t|IoU ≥|R²|\{\w+\}|.*\.png.*|.*hacked.*|blur")


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_text_has_a_string(language, summary, fields):
    words = in_language(WORDS, language)
    asked = Asked(words.strings)
    made = pages(replace(words, strings=asked), summary, fields)
    own = set(words.strings.values())
    missed = {
        text
        for text in asked.missed
        if not KEPT.fullmatch(text) and text not in own and not _is_made(text)
    }
    assert missed == set()
    assert all(f'<html lang="{language}">' in page for page in made)


def _is_made(text: str) -> bool:
    """Made of strings already, or one that is taken apart before it is looked up."""
    return any(
        re.search(rf"\b{word}\b", text)
        for word in ("pada", "dari", "sel", "sampai", "bidang", "terbaik", "selang", "terpotong")
    ) or bool(re.search(r"(at confidence ≥ [\d.]+|^best \w+|± SB)$", text))


def test_no_english_is_left(summary, fields):
    made = pages(in_language(WORDS, "id"), summary, fields)
    said = " ".join(Text(page).text for page in made)
    english = {"the", "and", "with", "cells", "field", "fields", "found", "missed", "whole", "are",
               "is", "to", "of", "border", "count", "image", "which", "than", "true"}  # fmt: skip
    assert english & set(re.findall(r"[a-z]+", said.lower())) == set()


def test_decimals_have_a_comma(summary, fields):
    for page in pages(in_language(WORDS, "id"), summary, fields):
        assert re.findall(r"(?<![\w./])\d+\.\d{1,2}(?!\w)", Text(page).text) == []
        assert '"decimal":","' in page
    assert re.search(r"0,\d{3}\b", Text(page).text)
    english = report_page(summary, fields, WORDS)
    assert re.search(r"0\.\d{3}\b", Text(english).text) and '"decimal":"."' in english


def test_only_figures_get_a_comma():
    page = (
        "<style>a{width:1.5em}</style><p aria-label='x' data-at=\"0.7\">0.957 (-0.5), v1.2.3, "
        'a1.5</p><bdi>2.5.png</bdi><b aria-label="at 0.7">≥ 0.7.</b><script>x = 0.5 < 1</script>'
    )
    made = with_decimal_commas(page)
    assert made == page.replace("0.957 (-0.5)", "0,957 (-0,5)").replace(
        '"at 0.7">≥ 0.7.', '"at 0,7">≥ 0,7.'
    )


def test_the_explanations_have_strings():
    """Also those that no page of these tests shows."""
    known = strings("id")
    for module in (detected_texts, evaluation_texts):
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            texts = value.values() if isinstance(value, dict) else value
            for text in [texts] if isinstance(texts, str) else texts:
                assert text in known, text


def test_strings_ask_for_what_the_english_text_gives():
    """An article may be left out, and a capital be another."""

    def names(text: str) -> set[str]:
        return {name.lower().removeprefix("an_").removeprefix("a_")
                for name in re.findall(r"\{(\w+)\}", text)}  # fmt: skip

    for english, other in strings("id").items():
        assert other
        nouns = {"object", "objects", "image", "images", "class_term"}
        assert names(english) - nouns == names(other) - nouns, english
        assert names(other) & nouns <= {"object", "objects", "image", "images", "class_term"}


def test_english_stays():
    assert in_language(WORDS, None) is WORDS and in_language(WORDS, "en") is WORDS
    words = in_language(WORDS, "id")
    assert words("{An_object} in {an_image}") == "Sel in bidang"
    assert words.counted(2, "image") == "2 bidang" and words.program == WORDS.program
    assert words.named("{object}.png") == "{object}.png"
