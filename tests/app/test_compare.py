"""Counts of a run against counts by hand, and tables that cannot be compared."""

import pytest
from PIL import Image

from mrcnn.app.application import Application
from mrcnn.app.counts import write_counts
from mrcnn.config import Config
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.report.tally import Counting
from mrcnn.report.words import Words
from tests.app import test_counts

WORDS = Words(program="cells", object="cell", objects="cells", image="field", images="fields")


class Cells(Config):
    CLASS_NAMES = test_counts.NAMES


APPLICATION = Application(
    "cells", Cells, AnnotatedDataset, words=WORDS, counting=Counting("red", ("white",))
)
BOXES, CLASSES = test_counts.BOXES, test_counts.CLASSES


@pytest.fixture
def compare(tmp_path, capsys, monkeypatch):
    """Compares a table with a run of three pictures."""
    monkeypatch.setattr(test_counts, "NAMES", (*test_counts.NAMES, "sickle"))
    run = tmp_path / "run"
    run.mkdir()
    pictures = [
        ("in/a.png", BOXES, CLASSES),
        ("in/b.png", BOXES[:4], CLASSES[:4]),
        ("in/c.png", BOXES[:3], CLASSES[:3]),
    ]
    test_counts.run_of(run, pictures)
    write_counts(APPLICATION, run)

    def given(text, *arguments):
        counts = tmp_path / "counts.csv"
        counts.write_bytes(text if isinstance(text, bytes) else text.encode())
        words = ["compare", counts, "--results", run, *arguments]
        status = APPLICATION.main([str(word) for word in words])
        return status, capsys.readouterr(), run / "compare"

    return given


def test_counts_of_all_kinds_by_names_as_people_write_them(compare):
    status, said, out = compare(
        "Field;Cells;whole;Frame Count;white;red;sickles;comment\n"
        "a.png;5;4;5;1;6;1;blurred\n"
        "in/b.png;5;3;3;0;4;;\n"
        "C;3;3;3,5;0;3;0;\n"
    )
    assert status == 0, said.err
    rows = {row["counted"]: row for row in test_counts.read(out / "agreement.csv")}
    assert list(rows) == ["cells", "whole", "frame_count", "white", "red", "sickle"]
    # 6, 4, 3 found.
    assert (rows["cells"]["pictures"], rows["cells"]["bias"]) == ("3", "0")
    assert float(rows["cells"]["sd"]) == 1
    assert float(rows["cells"]["limit_high"]) == pytest.approx(1.96)
    assert float(rows["frame_count"]["bias"]) == pytest.approx(-0.1667, abs=1e-3)
    for kind in ("white", "red"):
        assert (rows[kind]["bias"], rows[kind]["sd"]) == ("0", "0")
    # A class that was found nowhere, in the two pictures in which it was looked for.
    assert (rows["sickle"]["pictures"], rows["sickle"]["bias"]) == ("2", "-0.5")
    differences = test_counts.read(out / "differences.csv")
    assert len(differences) == 3 * 5 + 2
    assert differences[0] == {
        "image": "in/a.png", "counted": "cells", "by_hand": "5", "detect": "6", "difference": "1",
    }  # fmt: skip
    with Image.open(out / "bland_altman.png") as picture:
        assert picture.size[1] > picture.size[0]
        assert len(picture.convert("RGB").getcolors(10**6)) > 20
    assert "cells: by hand 4.3, detect 4.3 in the mean of 3 fields; bias +0.00" in said.out
    assert "2 fields are few" in said.out
    assert "not compared, for the results have none: comment" in said.out


@pytest.mark.parametrize("name", ["in/a", "/blood/mine/in/a.png", "D:\\cells\\in\\A.PNG"])
@pytest.mark.parametrize("start", ["", "\ufeff", "sep=;\r\n"])
def test_paths_of_pictures_and_what_spreadsheets_put_before_a_table(compare, name, start):
    status, said, out = compare(f'{start}image;cells\r\n"{name}";"6,5";\r\n;;\r\n')
    assert status == 0, said.err
    (row,) = test_counts.read(out / "agreement.csv")
    assert (row["mean_by_hand"], row["mean_detect"]) == ("6.5", "6")
    assert "Warning: 1 field alone: the limits are not known." in said.out


def test_columns_between_tabs(compare):
    status, _, out = compare("image\tcells\twhole\na\t6\t4\n")
    assert status == 0
    assert [row["counted"] for row in test_counts.read(out / "agreement.csv")] == ["cells", "whole"]


def test_some_pictures_alone_and_another_folder(compare, tmp_path):
    status, said, _ = compare("image,cells\na,6\n", "--out", tmp_path / "other")
    assert status == 0
    assert "2 fields of the run are not in the table" in said.out
    (row,) = test_counts.read(tmp_path / "other" / "agreement.csv")
    assert (row["bias"], row["sd"], row["limit_low"]) == ("0", "", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: expected is a line of titles"),
        ("image,cells\n", "has no line with counts"),
        ("image,cells\na,\n", "there is no count in any of its columns"),
        ("cells,whole\n3,4\n", "no column names the pictures. It has the columns 'cells', 'whole'"),
        ("image,parasites\na,1\n", "none of its columns, 'image', 'parasites', is counted in the"),
        ("image,cells,Cell\na,1,1\n", "two columns count 'cells'"),
        ("image,cells\na,many\n", "line 2, 'cells': 'many' is no count"),
        ("image,cells\n\n,\na,many\n", "line 4, 'cells': 'many' is no count"),
        ("image,cells\na,-1\n", "'-1' is no count, a number of at least 0"),
        ("image,cells\nx.png,1\n", "line 2: the picture 'x.png' is not among the results"),
        ("image,cells\na,1\nin/a.png,2\n", "line 3: the picture 'in/a.png' is there twice"),
        ("image,cells\n" + "x,1\n" * 9, "and 4 more"),
        ('image,cells\n"a,1\n', "is no valid CSV"),
        ("image,cells\na,3,5\n", "line 2: 3 values, but 2 titles. A number with a decimal comma"),
        ('image,cells\na,"1,061"\n', "'1,061' may be 1061 or 1.061"),
        ("image,cells\nother/a.png,1\n", "the picture 'other/a.png' is not among the results"),
        ("image,cells\na,1\n".encode("utf-16"), "is not UTF-8 text"),
        (b"PK\x03\x04\xff\x00", "is not UTF-8 text"),
    ],
)
def test_bad_tables_are_told(compare, text, message):
    status, said, out = compare(text)
    assert status == 2
    assert "counts.csv" in said.err and message in said.err
    assert not out.exists() or not list(out.iterdir())


def test_a_folder_without_a_run(compare, tmp_path):
    status, said, _ = compare("image,cells\na,1\n", "--results", tmp_path)
    assert status == 2
    assert "this is not the folder of a run" in said.err
