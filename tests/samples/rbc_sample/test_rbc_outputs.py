"""Result folders and file names."""

import pytest

from mrcnn.errors import MrcnnError
from rbc_outputs import prepare_folder, unique_names


def test_names_are_different_even_without_case():
    names = unique_names(["a/cells.png", "b/cells.jpg", "c/Cells.tif", "a/x.png"])
    assert names == ["cells", "cells_2", "Cells_3", "x"]


def test_a_made_up_name_never_takes_one_that_is_there():
    names = unique_names(["a/x.png", "b/x.png", "a/x_2.png"])
    assert names == ["x", "x_3", "x_2"]


def test_folder_is_made(tmp_path):
    assert prepare_folder(tmp_path / "a" / "b").is_dir()


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(MrcnnError, match=r"file.*cannot write results.*--out"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(MrcnnError, match="cannot write results"):
        prepare_folder(tmp_path / "file" / "below")
