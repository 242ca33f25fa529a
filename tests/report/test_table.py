"""A table, and what it is as Markdown and CSV."""

import csv
import io
import math

import pytest

from mrcnn.report.figures import figure, percent, signed, with_interval
from mrcnn.report.table import Column, Name, Row, Share, Table, stacked
from mrcnn.report.table_text import csv_text, markdown_table, write_csv


def table(**settings) -> Table:
    columns = [
        Column("image"), Column("segmented", group="at 0.7", plain=">=0.7"),
        Column("F1", figure), Column("share", percent), Column("note"),
    ]  # fmt: skip
    rows = [
        Row([Name("a|b"), 3, 0.5, 0.25, ""]),
        Row([Name("c"), Share(1, 4, False), math.nan, None, 'x, "y"'], is_strong=True),
    ]
    return Table(columns, rows, **settings)


def test_markdown_is_aligned():
    made = Table([Column("a"), Column("bcd")], [Row(["long | one", 1])])
    assert markdown_table(made) == (
        "| a           | bcd |\n| ----------- | --: |\n| long \\| one |   1 |"
    )


def test_what_is_not_defined_is_a_dash_in_markdown_and_nothing_in_csv(tmp_path):
    lines = markdown_table(table()).splitlines()
    assert lines[0].split() == "| image | >=0.7 | F1 | share | note |".split()
    assert lines[2].split() == "| a\\|b | 3 | 0.500 | 25.0 % | |".split()
    assert lines[3].split() == '| c | 1 | - | - | x, "y" |'.split()
    text = csv_text(table())
    assert list(csv.reader(io.StringIO(text))) == [
        ["image", ">=0.7", "F1", "share", "note"],
        ["a|b", "3", "0.500", "25.0 %", ""],
        ["c", "1", "", "", 'x, "y"'],
    ]
    write_csv(tmp_path / "a.csv", table())
    assert (tmp_path / "a.csv").read_bytes() == text.encode("utf-8-sig")


def test_a_row_names_its_group():
    made = Table([Column("COCO"), Column("AP")], [Row(["any", 1], group="mask")])
    assert markdown_table(made).splitlines()[-1].split() == "| mask, any | 1 |".split()


def test_values_are_written_as_they_are():
    made = Table.of_values(["a", "b"], iter([[1, "0.50"], [2.5, None]]))
    assert csv_text(made) == "a,b\n1,0.50\n2.5,\n"


def test_tables_are_stacked():
    first = Table([Column("class"), Column("F1", figure)], [Row([Name("large"), 0.5])])
    second = Table(first.columns, [Row([Name("large"), 0.25], is_strong=True)])
    below = stacked([first, second], [">=0.7", ">=0.9"])
    assert [row.cells for row in below.rows] == [["large >=0.7", 0.5], ["large >=0.9", 0.25]]
    assert [type(row.cells[0]) for row in below.rows] == [Name, Name]
    assert [row.is_strong for row in below.rows] == [False, True]
    assert [row.cells[0] for row in stacked([first], [""]).rows] == ["large"]
    beside = stacked([first, second], ["0.7", "0.9"], "confidence")
    assert [column.title for column in beside.columns] == ["confidence", "class", "F1"]
    assert (below.row_heads, beside.row_heads) == (1, 2)
    assert [row.cells for row in beside.rows] == [["0.7", "large", 0.5], ["0.9", "large", 0.25]]


def test_columns_become_rows():
    made = Table([Column("at"), Column("F1", figure), Column("AP", percent)], [Row(["x", 0.5, 1])])
    turned = made.transposed("figure", ["value"])
    assert [column.title for column in turned.columns] == ["figure", "value"]
    assert [row.cells for row in turned.rows] == [["F1", "0.500"], ["AP", "100.0 %"]]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (figure(None), "-"),
        (figure(-0.5), "-0.500"),
        (percent(math.nan), "-"),
        (percent(1.0075), "100.8 %"),
        (signed(-1.5), "-1.50"),
        (signed(0), "+0.00"),
        (with_interval((0.5, 0.25, 0.75)), "0.500 (0.250 to 0.750)"),
        (with_interval((0.5, None, 0.75)), "0.500"),
        (with_interval((None, None, None)), "-"),
    ],
)
def test_figures_as_text(shown, text):
    assert shown == text
