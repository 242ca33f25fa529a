"""The report of `detect`: what it says, what it leaves out, and that no name breaks out of it."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from mrcnn.report.languages import in_language
from mrcnn.report.page.detected import (
    Card,
    DetectedPicture,
    DetectionRun,
    detected_picture,
    detection_page,
)
from mrcnn.report.page.detected import picture as picture_module
from rbc import WORDS
from tests.detection_runs import HOSTILE, found, line, make_run, share, shown, size, slide


@pytest.fixture
def run() -> DetectionRun:
    """A run with two pictures, one of them doubtful."""
    return make_run()


def text_of(page: str) -> str:
    body = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body)).replace("\u202f", " ")


def fields_of(page: str) -> list[dict]:
    found = re.findall(r'class="field-data">(.*?)</script>', page)
    return [json.loads(each) for each in found]


def test_the_figures_are_told(run):
    text = text_of(detection_page(run, WORDS))
    assert "Red blood cells: 2 fields" in text
    assert "Whole cells 2 1 more cut by the border" in text and "Fields 2 1 doubtful" in text
    assert "In the counting frame 2 95 % interval 0 to 7" in text
    assert "Parasitemia 50.0 % 95 % interval 10.0 to 90.0" in text
    assert "Mean diameter 33.1 px CV 12.3 %" in text
    assert "2 whole cells and 1 at the border were found in 2 fields." in text
    assert "1 field of them are doubtful" in text or "1 field of them" in text
    assert "Too few cells are counted for a report of this slide." in text
    assert "1 of the inputs could not be used." in text
    assert "the field is not sharp" in text and "bad.png: not an image" in text
    assert "large 2 3 66.7 20.0 90.0" in text
    assert "in the counting frame 2 (0 to 7)" in text
    # In no line there is a value.
    assert "mm²" not in text
    assert "3 cells: 2 whole, 1 cut by the border" in text


def test_a_chart_has_a_bar_for_each_bin_that_holds_something(run):
    page = detection_page(run, WORDS)
    assert page.count('class="bar sizes"') == 2
    assert "4 cells; the highest bar is that from 20 to 21 px." in page


def test_several_slides_have_a_line_each(run):
    run = replace(
        run,
        slides=[slide("s1"), slide("s2")],
        shares=[share("s1"), share("s2")],
        histogram=[size(20, 3, "s1"), size(30, 1, "s2")],
        pictures=[line("b.png", slide="s1"), line(HOSTILE, slide="s2")],
    )
    page = detection_page(run, WORDS)
    text = text_of(page)
    assert "Slides 2" in text and "s1 2 2 1 2 (0 to 7) 33.1 ± – 12.3" in text
    assert "Too few cells are counted for a report of s1, s2." in text
    assert page.count('role="img"') == 2


def test_what_is_known_of_an_object_goes_to_the_page(run):
    fields = fields_of(detection_page(run, WORDS))
    assert [field["name"] for field in fields] == ["b.png", HOSTILE]
    first, second, cut = fields[0]["detections"]
    assert fields[0]["columns"] == ["Shape", "Infected"]
    assert (first["told"], second.get("told"), cut["told"]) == (
        ["burr", "yes"], None, ["target", "no"],
    )  # fmt: skip
    assert (first["kind"], second["kind"], cut["kind"]) == ("class-1", "class-2", "cut")
    assert [each["color"] for each in (first, second, cut)] == [1, 2, 1]
    assert [each["unsure"] for each in (first, second, cut)] == [False, True, False]
    assert [each["number"] for each in (first, second, cut)] == [1, 2, 3]
    # Of a square of 40 pixels the circle of its area: 45.1 pixels of 0.1 micrometers.
    assert first["size"] == "4.51 µm" and first["diameter"] == 45.1
    assert first["outline"].startswith("M") and first["at"] == [40.0, 40.0]


def test_no_name_becomes_markup(run):
    page = detection_page(run, WORDS)
    assert "onerror=1>" not in page and "&lt;img src=x" in page
    assert "{object}.png" in page


def test_of_many_pictures_it_says_what_is_not_here(run):
    page = text_of(detection_page(replace(run, total=900), WORDS))
    assert "Of 900 fields 2 are here, the doubtful ones and the first; the tables" in page
    assert "Of 900 fields 2 are here, the doubtful ones and the first; all have" in page


def test_a_run_without_pictures_has_a_page(run):
    empty = DetectionRun([], ["large"], [], [], [], [], [], 0, 0, run.problems)
    text = text_of(detection_page(empty, WORDS))
    assert "bad.png: not an image" in text and "The fields" not in text


def test_a_kept_picture_is_read_again():
    made = shown()
    again = DetectedPicture.of_plain(json.loads(json.dumps(made.plain())))
    assert again == made
    assert again.picture.startswith("data:image/jpeg;base64,")


def test_too_many_objects_are_drawn(run, monkeypatch):
    monkeypatch.setattr(picture_module, "_MOST_OUTLINES", 2)
    made = shown()
    assert made.cells == [] and made.picture != shown(picture="").picture
    page = text_of(detection_page(replace(run, cards=[Card("b.png", lambda: made)]), WORDS))
    assert "too many to point at" in page


def test_objects_have_the_numbers_of_the_label_image():
    image = np.full((120, 160, 3), 200, np.uint8)
    made = detected_picture(image, found(), ["large", "small"], numbers=[4, 5, 9])
    assert [cell["number"] for cell in made.cells] == [4, 5, 9]


@pytest.mark.parametrize(
    ("language", "count", "whole", "mean"),
    [("en", "12,345", "1,234", "33.1 px"), ("id", "12.345", "1.234", "33,1 px")],
)
def test_numbers_are_written_as_the_language_does(run, language, count, whole, mean):
    many = {**slide(), "whole": "1234", "frame_count": "12345.0"}
    run = replace(run, total=2000, slides=[many], shares=[{**share(), "count": "1234"}])
    text = text_of(detection_page(run, in_language(WORDS, language)))
    for told in (whole, count, mean):
        assert f" {told} " in text
    assert "1234" not in text and "12345" not in text and " 2000 " not in text
