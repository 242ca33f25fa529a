"""What an application calls its objects, filled into texts."""

from mrcnn.report.words import Words

CELLS = Words("rbc.py", object="cell", objects="cells", image="field", images="fields")


def test_nouns_with_articles_and_capitals():
    text = "{An_object} in {an_image}; {Objects} of all {images}. `{program} check`"
    assert CELLS(text) == "A cell in a field; Cells of all fields. `rbc.py check`"
    assert Words()(text) == "An object in an image; Objects of all images. `mrcnn check`"


def test_other_braces_stay():
    assert Words()("{a,b} and {unknown} in /tmp/{x}") == "{a,b} and {unknown} in /tmp/{x}"


def test_numbers_have_their_noun():
    assert CELLS.counted(1) == "1 cell"
    assert CELLS.counted(0) == "0 cells"
    assert CELLS.counted(2, "image") == "2 fields"
    assert CELLS.counted(1200) == "1,200 cells"


def test_decimals_of_a_language():
    words = Words(language="id")
    assert (words.decimal, words.plain(0.25), words.plain(1600), words.number(1234.5, 1)) == (
        ",", "0,25", "1600", "1.234,5",
    )  # fmt: skip
    assert (CELLS.decimal, CELLS.plain(0.25)) == (".", "0.25")
