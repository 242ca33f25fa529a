"""What the benchmark of tiles counts."""

import json

import numpy as np
import pytest

import mrcnn.app.large_pictures
from benchmarks import tiles, tiles_command, tiles_slide
from mrcnn.instances import Instances


def test_fields_side_by_side():
    fields = [np.arange(6).reshape(2, 3), np.arange(6, 12).reshape(2, 3)]
    picture = tiles.mosaic(fields, 2)
    assert picture.tolist() == [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11],
                                [2, 1, 0, 8, 7, 6], [5, 4, 3, 11, 10, 9]]  # fmt: skip
    assert tiles.mosaic(fields[:1], 2)[2:, :3].tolist() == [[3, 4, 5], [0, 1, 2]]


def test_partners_are_counted_both_ways():
    one = Instances.from_boxes((50, 50), [(0, 0, 10, 10), (20, 20, 40, 40)], [1, 1])
    other = Instances.from_boxes(
        (50, 50), [(0, 0, 10, 10), (20, 20, 40, 32), (45, 45, 50, 50)], [1, 1, 1]
    )
    figures = tiles.agreement(one, other)
    assert (figures["there"], figures["there_half"]) == (0.5, 1.0)
    assert (figures["back"], figures["back_half"]) == (1 / 3, 2 / 3)
    assert "| 2 / 3 | 50.00 % | 33.33 % |" in tiles.agreement_table([("tiles", figures)])


def test_a_slide_is_the_same_wherever_it_is_read():
    slide = tiles_slide.Slide(700)
    whole = slide.pixels()
    assert slide.discs == 25 and whole.shape == (700, 700, 3)
    for y, x, height, width in ((0, 0, 5, 700), (130, 60, 200, 311), (699, 699, 1, 1)):
        expected = whole[y : y + height, x : x + width]
        np.testing.assert_array_equal(slide.region(y, x, height, width), expected)


def test_a_small_slide_from_the_command_line(tmp_path, capsys):
    assert (
        tiles.main(["--only", "slide", "--slide", "2600", "--json", str(tmp_path / "a.json")]) == 0
    )
    found = json.loads((tmp_path / "a.json").read_text())["slide"]
    assert (found["discs"], found["lost"], found["twice"], found["tiles"]) == (400, 0, 0, 4)
    assert '"lost": 0' in capsys.readouterr().out


def test_what_needs_a_data_set_asks_for_it(capsys):
    with pytest.raises(SystemExit) as stop:
        tiles.main(["--only", "crowd"])
    assert stop.value.code == 2 and "--dataset" in capsys.readouterr().err


def test_a_small_slide_through_detect(monkeypatch, capsys):
    monkeypatch.setattr(mrcnn.app.large_pictures, "MOST_PIXELS", 10**6)
    found = tiles_command.follow_command(2200)
    assert (found["status"], found["discs"], found["lost"], found["twice"]) == (0, 289, 0, 0)
    assert set(found["files_mib"]) == {
        "cells.csv", "fields.csv", "histogram.csv", "parts", "report.html", "run.json",
        "shares.csv", "slide_labels.tif", "slide_overlay.jpg", "slides.csv", "summary.csv",
    }  # fmt: skip
    assert found["memory_mib"] > 0
    assert "detected in by 4 tiles" in capsys.readouterr().out
