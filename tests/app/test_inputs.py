"""Which files the arguments of `detect` stand for, and which are passed over by name."""

from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from mrcnn.app.detection.stream import detect_all, numbered
from mrcnn.app.finding import Found
from mrcnn.app.inputs import common_folder, expand_inputs
from mrcnn.app.option_types import channel_numbers
from mrcnn.instances import Instances
from mrcnn.pictures import IMAGE_SUFFIXES
from rbc import APPLICATION


def test_a_folder_gives_its_images_and_lists_the_others(tmp_path):
    taken = [f"{number:02}{suffix}" for number, suffix in enumerate(IMAGE_SUFFIXES)]
    taken += ["UPPER.JPG", "field_overlay.png"]
    for name in [*taken, "notes.txt", "f.heic", "g.czi", "h.nd2", "i.lif", ".hidden.jpg", ".x"]:
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    inputs = expand_inputs([str(tmp_path)])
    assert [path.name for path in inputs.paths] == sorted(taken)
    assert inputs.problems == []
    told = dict(line.removeprefix(f"{tmp_path}/").split(": ", 1) for line in inputs.passed_over)
    assert list(told) == ["f.heic", "folder.jpg", "g.czi", "h.nd2", "i.lif", "notes.txt"]
    assert told["notes.txt"] == "not an image by its name"
    assert told["folder.jpg"] == "a folder, which is not searched"
    assert told["f.heic"].startswith("HEIC files are not read. Convert it to JPEG or PNG")
    for name in ("g.czi", "h.nd2", "i.lif"):
        assert "save it as OME-TIFF" in told[name]


def test_earlier_results_are_neither_images_nor_passed_over(tmp_path):
    results = ("_overlay.png", "_overlay.jpg", "_overlay.webp", "_labels.png", "_labels.tif")
    for ending in (*results, "_labels_preview.png"):
        (tmp_path / f"a{ending}").touch()
    for name in ("a.jpg", "b_labels.png"):
        (tmp_path / name).touch()
    inputs = expand_inputs([str(tmp_path)])
    assert [path.name for path in inputs.paths] == ["a.jpg", "b_labels.png"]
    assert inputs.passed_over == []


def test_a_file_that_is_reached_twice_counts_once(tmp_path):
    (tmp_path / "a.jpg").touch()
    named = str(tmp_path / "a.jpg")
    assert expand_inputs([named, str(tmp_path), named]).paths == [Path(named)]


def test_a_folder_without_images_is_a_problem(tmp_path):
    (tmp_path / "a.txt").touch()
    inputs = expand_inputs([str(tmp_path)])
    ((text, reason),) = inputs.problems
    assert text == str(tmp_path) and reason.startswith(f"{tmp_path}: no image in this folder (.bmp")
    assert len(inputs.passed_over) == 1


def test_common_folder(tmp_path):
    (tmp_path / "x").mkdir()
    assert common_folder([tmp_path / "a.png", tmp_path / "x" / "b.png"]) == tmp_path.resolve()
    assert common_folder([]) == Path()


def test_page_and_channels_are_options_of_detect():
    options = APPLICATION.parse(["detect", "a.tif", "--page", "2", "--channels", "3,2,1"])
    assert (options.page, options.channels) == (2, (3, 2, 1))
    options = APPLICATION.parse(["detect", "a.tif"])
    assert (options.page, options.channels) == (None, None)
    assert channel_numbers("4") == (4,)


@pytest.mark.parametrize("text", ["", "0", "1,2", "1,2,3,4", "r,g,b", "1.5"])
def test_channels_that_are_none(text, capsys):
    with pytest.raises(SystemExit):
        APPLICATION.parse(["detect", "a.tif", "--channels", text])
    assert "neither a channel nor three of them" in capsys.readouterr().err


class EchoFinder:
    def __init__(self):
        self.seen = []

    predictor = None

    def find_later(self, images, failed=None):
        for image in images:
            self.seen.append((image.name, image.pixel_size))
            yield partial(Found, Instances.empty(image.shape))


def test_the_page_is_taken_and_noted(tmp_path):
    pages = [Image.new("RGB", (4, 4), color) for color in ("black", "red", "blue")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "b.png")
    paths = [tmp_path / "a.tif", tmp_path / "b.png"]
    (stack, _), (single, _) = detect_all(EchoFinder(), numbered(paths), page=2, channels=(3, 2, 1))
    assert stack.image[0, 0].tolist() == [0, 0, 255]
    note = "page 2 of 3 was read, the others were left out; --page takes another"
    assert stack.notes == (note,)
    assert single.problem == f"Cannot read the image {paths[1]}: it has no page 2: it has 1 page."


def test_the_size_of_pixels_and_the_name_go_with_the_image(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", dpi=(101600, 50800))
    finder = EchoFinder()
    assert len(list(detect_all(finder, numbered([tmp_path / "a.png"])))) == 1
    ((name, size),) = finder.seen
    assert name == str(tmp_path / "a.png")
    assert (size.y, size.x) == pytest.approx((0.5, 0.25), rel=1e-3)
