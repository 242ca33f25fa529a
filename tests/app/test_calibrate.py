"""Microscopes: calibrated from a picture, kept in the user's folder, and used by `detect`."""

import json
from types import SimpleNamespace

import pytest
from PIL import Image

from mrcnn.app.main import APPLICATION
from mrcnn.app.microscopes import choose_scale, microscopes_folder
from mrcnn.errors import ConfigError
from tests.measure.test_ruling import stage_micrometer


@pytest.fixture
def calibrate(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))

    def run(*words):
        status = APPLICATION.main(["calibrate", *map(str, words)])
        return status, capsys.readouterr()

    return run


def options(**given):
    return SimpleNamespace(**{"microscope": None, "pixel_size": None, "size_limits": None} | given)


def test_a_stage_micrometer_tells_pixels_and_light(calibrate, tmp_path):
    image = stage_micrometer(40.0, 0)
    image[..., 2] = image[..., 2] // 2
    Image.fromarray(image).save(tmp_path / "stage.png")
    status, said = calibrate("lab 1", tmp_path / "stage.png", "--division", 10)
    assert status == 0 and "about 20 lines" in said.out
    assert '--microscope "lab 1"' in said.out
    path = tmp_path / "settings" / "mrcnn" / "microscopes" / "lab 1.json"
    assert str(path) in said.out
    content = json.loads(path.read_text())
    assert content["pixel_size_um"] == pytest.approx(0.25, rel=0.005)
    given = options(microscope="lab 1")
    choose_scale(given)
    assert given.pixel_size == content["pixel_size_um"]
    assert given.white_level == pytest.approx((220, 220, 110), abs=2)
    # What is given for this run counts.
    given = options(microscope="lab 1", pixel_size=0.5)
    choose_scale(given)
    assert given.pixel_size == 0.5


def test_the_size_of_a_pixel_as_given_or_as_the_file_tells_it(calibrate, tmp_path):
    empty = Image.new("RGB", (60, 40), (255, 240, 230))
    empty.save(tmp_path / "empty.png")
    status, said = calibrate("a", tmp_path / "empty.png", "--pixel-size", 0.07)
    assert status == 0 and "0.07 micrometers" in said.out and "shorter exposure" in said.out
    empty.save(tmp_path / "sized.png", dpi=(254000, 254000))
    status, said = calibrate("a", tmp_path / "sized.png")
    assert status == 0 and "0.1 micrometers" in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a"], "does not tell how large its pixels are"),
        (["a", "--division", "10"], "no lines of a stage micrometer"),
        (["a", "--division", "10", "--pixel-size", "1"], "give one"),
        (["a", "--division", "0,1"], "is not a number above 0; numbers here have a point: 0.1"),
        (["../a", "--pixel-size", "1"], "cannot be the name of a microscope"),
    ],
)
def test_what_cannot_be_is_refused(calibrate, tmp_path, words, message):
    Image.new("RGB", (60, 40), (200, 200, 200)).save(tmp_path / "empty.png")
    status, said = calibrate(words[0], tmp_path / "empty.png", *words[1:])
    assert status == 2 and "usage" not in said.err and message in said.err
    assert not microscopes_folder().exists()


def test_a_distance_of_lines_that_no_stage_has(calibrate, tmp_path):
    Image.fromarray(stage_micrometer(40.0, 0)).save(tmp_path / "stage.png")
    status, said = calibrate("a", tmp_path / "stage.png", "--division", 1e9)
    assert status == 2 and "is not a size of pixels from 0.001 to 1000 micrometers" in said.err
    assert not microscopes_folder().exists()


def test_unknown_and_damaged_microscopes(calibrate, tmp_path):
    with pytest.raises(ConfigError, match="None was calibrated yet"):
        choose_scale(options(microscope="a"))
    microscopes_folder().mkdir(parents=True)
    (microscopes_folder() / "b.json").write_text('{"pixel_size_um": -1}')
    with pytest.raises(ConfigError, match=r"Known are b\."):
        choose_scale(options(microscope="a"))
    with pytest.raises(ConfigError, match="Calibrate the microscope again"):
        choose_scale(options(microscope="b"))


def test_limits_of_size_have_an_order():
    with pytest.raises(ConfigError, match="must be less than the second"):
        choose_scale(options(size_limits=[8, 6]))
