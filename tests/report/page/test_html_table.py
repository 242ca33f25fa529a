"""A table as a part of the page."""

import re
import xml.etree.ElementTree as ElementTree

import jinja2
import pytest

from mrcnn.report.figures import figure, percent
from mrcnn.report.page.rendering import ENVIRONMENT, html_table, svg
from mrcnn.report.page.shapes import shape
from mrcnn.report.table import Column, Name, Row, Share, Table

HOSTILE = '<b onclick="x">&\'\x00'


def parsed(table: Table, **settings) -> ElementTree.Element:
    return ElementTree.fromstring(html_table(table, **settings))


def texts(element: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in element.iter("tr")]


def test_names_are_text_and_may_be_links():
    table = Table([Column(Name(HOSTILE))], [Row([Name(HOSTILE)]), Row([Name("a")])], HOSTILE)
    made = parsed(table, links={"a": "#field-1", HOSTILE: '"x'})
    shown = HOSTILE.replace("\x00", "\ufffd")
    assert texts(made) == [[shown], [shown], ["a"]]
    assert made.attrib["aria-label"] == shown and made.attrib["tabindex"] == "0"
    assert [link.attrib["href"] for link in made.iter("a")] == ['"x', "#field-1"]
    # Kept from changing the direction of the text around them.
    assert len(list(made.iter("bdi"))) == 3


def test_figures_are_set_with_true_signs_and_a_dash():
    columns = [Column("mean IoU", figure), Column("share", percent), Column("at", str)]
    table = Table(columns, [Row([-0.5, 0.25, ">=0.7"], is_strong=True), Row([None, None, ""])])
    made = parsed(table)
    assert texts(made)[0] == ["Mean IoU", "Share", "At"]
    assert texts(made)[1:] == [["−0.500", "25.0\u202f%", "≥\u00a00.7"], ["–", "–", ""]]
    assert [row.get("class") for row in made.iter("tr")] == [None, "total", None]


def test_heads_say_what_they_stand_for():
    columns = [
        Column("image"), Column("true"), Column("found", group="at 0.7"),
        Column("missed", group="at 0.7"), Column("found", group="at 0.9"),
    ]  # fmt: skip
    made = parsed(Table(columns, [Row([Name("a"), 1, 2, 3, 4])], row_heads=2))
    above, below, row = made.iter("tr")
    heads = [(h.text, h.get("scope"), h.get("colspan"), h.get("rowspan")) for h in above]
    assert heads == [
        ("Image", "col", None, "2"), ("True", "col", None, "2"),
        ("At 0.7", "colgroup", "2", None), ("At 0.9", "col", None, None),
    ]  # fmt: skip
    assert [head.text for head in below] == ["Found", "Missed", "Found"]
    assert [(cell.tag, cell.get("scope")) for cell in row] == [("th", "row")] * 2 + [
        ("td", None)
    ] * 3


def test_rows_in_common_have_a_head():
    rows = [
        Row(["any", 1], group="mask"),
        Row([Name("large"), 2], group="mask"),
        Row(["any", 3], group="box"),
    ]
    made = parsed(Table([Column("COCO"), Column("AP")], rows), class_="narrow")
    bodies = [[row[0].text or "large" for row in body] for body in made.iter("tbody")]
    assert bodies == [["Mask", "any", "large"], ["Box", "any"]]
    assert {head.get("colspan") for head in made.iter("th") if head.get("scope") == "rowgroup"} == {
        "2"
    }
    assert made.find("table").attrib["class"] == "narrow"


def test_a_share_is_shaded():
    shares = [Share(3, 4, True), Share(1, 4, False), Share(0, 0, False)]
    made = parsed(Table([Column(str(n)) for n in range(4)], [Row(["large", *shares])]))
    cells = list(made.iter("td"))
    assert [cell.attrib["class"] for cell in cells] == ["shade-4 diagonal", "shade-1", "shade-0"]
    assert [re.sub(r"\s", " ", "".join(cell.itertext())) for cell in cells] == [
        "3 75 %", "1 25 %", "0 –",
    ]  # fmt: skip


def test_a_drawing_escapes_its_texts():
    made = ElementTree.fromstring(
        svg(shape("g", shape("title", HOSTILE), None, class_="a", x=None))
    )
    assert made[0].text == HOSTILE.replace("\x00", "\ufffd") and made.attrib == {"class": "a"}


def test_a_template_that_asks_for_what_is_not_there_fails():
    with pytest.raises(jinja2.UndefinedError, match="policy"):
        ENVIRONMENT.get_template("page.html").render(sections=[], confidences=[])


def test_titles_of_many_columns_may_break():
    made = Table([Column("field"), Column("segmented"), Column("unmatched")], [])
    assert "Seg\u00admented" in html_table(made, "wide many")
    assert "Segmented" in html_table(made, "wide")
