"""Names of results."""

from mrcnn.app.names import unique_names


def test_names_are_different_even_without_case():
    names = unique_names(["a/cells.png", "b/cells.jpg", "c/Cells.tif", "a/x.png"])
    assert names == ["cells", "cells_2", "Cells_3", "x"]


def test_a_made_up_name_never_takes_one_that_is_there():
    names = unique_names(["a/x.png", "b/x.png", "a/x_2.png"])
    assert names == ["x", "x_3", "x_2"]
