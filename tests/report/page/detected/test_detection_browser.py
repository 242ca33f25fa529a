"""The report of `detect` in a browser: what is drawn, and when."""

from dataclasses import replace

import pytest

from mrcnn.report.page.detected import Card, detection_page
from rbc import WORDS
from tests.detection_runs import line, make_run, shown


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens a page; at the end nothing may have been logged or thrown."""
    opened, complaints = [], []

    def open_(html, width=1280):
        path = tmp_path / "report.html"
        path.write_text(html, encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 700})
        page.set_default_timeout(5000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        opened.append(page)
        page.goto(path.as_uri())
        return page

    yield open_
    for page in opened:
        page.close()
    assert complaints == []


def visible(page, selector: str) -> int:
    script = "all => all.filter(one => getComputedStyle(one).display !== 'none').length"
    return page.locator(selector).evaluate_all(script)


def test_classes_are_layers(open_page):
    page = open_page(detection_page(make_run(), WORDS))
    outlines = "#field-1 .stage .outline"
    assert visible(page, outlines) == 3
    strokes = page.locator(f"{outlines}.prediction").evaluate_all(
        "all => all.map(one => getComputedStyle(one).stroke)"
    )
    # In the order of the objects: the classes 1, 2 and 1.
    assert strokes[0] == strokes[2] != strokes[1]
    for layer, left in (("class-1", 2), ("cut", 1), ("class-2", 0)):
        page.locator(f"#layers [data-layer={layer}]").click()
        assert visible(page, outlines) == left
    page.locator("#layers [data-layer=class-2]").click()
    page.locator("#field-1 .next-error").click()
    note = " ".join(page.locator("#note").inner_text().split())
    assert note == "Cell 2 Score 0.500 Class small Diameter 2.26 µm"
    page.keyboard.press("1")
    assert visible(page, outlines) == 2


def test_what_is_cut_says_so(open_page):
    page = open_page(detection_page(make_run(), WORDS))
    page.locator("#field-1 .cell.cut").focus()
    note = " ".join(page.locator("#note").inner_text().split())
    assert note.startswith("Cut by the border: cell 3 Score 0.950 Class large")
    assert note.endswith("Shape target Infected no")


@pytest.mark.parametrize("width", [1280, 400])
def test_an_enlarged_picture_lies_in_the_window(open_page, width):
    page = open_page(detection_page(make_run(), WORDS), width)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    page.locator("#field-2 .enlarge").click()
    page.keyboard.press("n")
    top, bottom, left, right = page.evaluate(
        """() => {
            const frame = document.querySelector("#field-2 .frame").getBoundingClientRect();
            return [frame.top, frame.bottom, frame.left, frame.right];
        }"""
    )
    bars = page.locator("#layers").bounding_box()
    assert bars["y"] + bars["height"] <= top + 1 and bottom <= 701
    assert left >= 0 and right <= width
    cell = page.evaluate("document.activeElement.getBoundingClientRect().toJSON()")
    assert top <= cell["top"] and cell["bottom"] <= bottom
    assert left <= cell["left"] and cell["right"] <= right


def test_of_many_pictures_those_are_drawn_that_are_looked_at(open_page):
    names = [f"{number}.png" for number in range(40)]
    cards = [Card(name, shown) for name in names]
    run = replace(make_run(), pictures=[line(name) for name in names], cards=cards, total=40)
    page = open_page(detection_page(run, WORDS))
    assert page.locator(".overlay").count() == 0
    page.evaluate("document.querySelector('#field-21').scrollIntoView()")
    page.locator("#field-21 .overlay").wait_for(state="attached")
    assert 1 < page.locator(".overlay").count() < 30
    # On paper all are.
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".overlay").count() == 40
