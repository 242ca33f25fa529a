"""The report of a run of `detect`: made of its tables, for all of its pictures."""

import json
import re

import numpy as np
import pytest
from PIL import Image

import mrcnn.app.detection.page
from mrcnn.app.detection.page import MOST_CARDS, is_shown, page_file, write_report
from mrcnn.errors import DataError
from tests.app.large_slides import APPLICATION, slide


@pytest.fixture
def pictures(tmp_path):
    """Three small pictures, of which two are the same, and a file that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, seed in (("a", 1), ("b", 1), ("c", 3)):
        Image.fromarray(slide(150, seed=seed)).save(folder / f"{name}.png")
    (folder / "bad.png").write_text("no picture")
    return folder


def names_on(page: str) -> list[str]:
    return re.findall(r"<h3><bdi>(.*?)</bdi></h3>", page)


def test_a_run_has_a_report(detect, pictures, capsys):
    status, out = detect(pictures, "--diameter", 24)
    assert status == 2
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"Report: {out / 'report.html'}" in capsys.readouterr().out
    assert names_on(page) == ["a.png", "b.png", "c.png"]
    assert "counted twice, since it is the same as" in page
    assert "bad.png" in page and "Objects: 3 images" in page
    fields = [json.loads(each) for each in re.findall(r'"field-data">(.*?)</script>', page)]
    assert [len(field["detections"]) for field in fields] == [9, 9, 9]
    sizes = {each["size"] for each in fields[0]["detections"]} if fields[0]["detections"][0].get(
        "size") else set()  # fmt: skip
    assert not sizes


def test_a_run_that_goes_on_has_all_pictures_on_its_page(detect, pictures):
    detect(pictures / "a.png", "--diameter", 24)
    (pictures / "bad.png").unlink()
    status, out = detect(pictures, "--diameter", 24, "--resume", "--language", "id")
    assert status == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert names_on(page) == ["a.png", "b.png", "c.png"]
    assert '<html lang="id">' in page


def test_overwriting_removes_what_was_kept(detect, pictures):
    _, out = detect(pictures, "--diameter", 24)
    assert page_file(out, "c").exists() and not page_file(out, "bad").exists()
    detect(pictures / "a.png", "--diameter", 24, "--overwrite")
    assert page_file(out, "a").exists() and not page_file(out, "c").exists()
    assert names_on((out / "report.html").read_text(encoding="utf-8")) == ["a.png"]


def test_a_long_run_shows_the_doubtful_and_the_first(detect, pictures, monkeypatch):
    assert is_shown(MOST_CARDS, False) and not is_shown(MOST_CARDS + 1, False)
    assert is_shown(10**6, True)
    (pictures / "bad.png").unlink()
    Image.fromarray(slide(150, seed=3)).save(pictures / "0.png")
    for name in ("b", "c"):
        (pictures / f"{name}.png").unlink()
    for name, level in (("dark", 0), ("gray", 90)):
        Image.fromarray(np.full((150, 150, 3), level, np.uint8)).save(pictures / f"{name}.png")
    monkeypatch.setattr(mrcnn.app.detection.page, "MOST_CARDS", 2)
    monkeypatch.setattr(mrcnn.app.detection.page, "MOST_LINES", 2)
    _, out = detect(pictures, "--diameter", 24)
    page = (out / "report.html").read_text(encoding="utf-8")
    # The first is well, and comes after those that are not.
    assert names_on(page) == ["dark.png", "gray.png"]
    assert "Of 4 images 2 are here" in page


def test_one_that_repeats_another_is_named_however_late_it_comes(detect, pictures, monkeypatch):
    (pictures / "bad.png").unlink()
    (pictures / "a.png").rename(pictures / "z.png")
    monkeypatch.setattr(mrcnn.app.detection.page, "MOST_CARDS", 1)
    monkeypatch.setattr(mrcnn.app.detection.page, "MOST_LINES", 2)
    _, out = detect(pictures, "--diameter", 24)
    page = (out / "report.html").read_text(encoding="utf-8")
    (listed,) = re.findall(r'<section id="doubts".*?</section>', page, flags=re.S)
    assert re.search(r"z\.png.*?counted twice, since it is the same as.*?b\.png", listed, re.S)
    assert "c.png" not in listed


def test_what_was_kept_and_is_damaged_is_told(detect, pictures):
    _, out = detect(pictures, "--diameter", 24)
    page_file(out, "a").write_text('{"picture": 1}')
    with pytest.raises(DataError, match=r"a\.page\.json is not what `detect` keeps"):
        write_report(APPLICATION, out)


@pytest.mark.parametrize(
    ("kind", "ending", "format_"), [("png", ".png", "PNG"), ("webp", ".webp", "WEBP")]
)
def test_the_overlay_has_the_format_that_is_asked_for(detect, pictures, kind, ending, format_):
    _, out = detect(pictures / "a.png", "--diameter", 24, "--overlay-format", kind)
    with Image.open(out / f"a_overlay{ending}") as overlay:
        assert overlay.format == format_ and overlay.width == 150
    assert not (out / "a_overlay.jpg").exists()
    with (
        Image.open(out / "a_labels_preview.png") as preview,
        Image.open(out / "a_labels.png") as labels,
    ):
        seen = np.asarray(preview.convert("RGB")).any(axis=-1)
        np.testing.assert_array_equal(seen, np.asarray(labels) > 0)
