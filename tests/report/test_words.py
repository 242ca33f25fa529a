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
