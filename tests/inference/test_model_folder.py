"""The folder of a model: which settings, which weights."""

import hashlib
import json
import re

import pytest

from mrcnn.errors import ConfigError, WeightsError
from mrcnn.inference.model_folder import read_model_folder, weights_text
from mrcnn.weights.settings import CONFIG_FILE, settings_text
from tests.inference.bright_spots import SpotsConfig


@pytest.fixture
def folder(tmp_path):
    """A folder with settings, and with files: `folder("a.h5")`."""

    def make(*names, name="Spots"):
        config = SpotsConfig.from_dict({"NAME": name})
        (tmp_path / CONFIG_FILE).write_text(settings_text(config))
        for file in names:
            (tmp_path / file).write_bytes(b"weights")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["spots.h5"], "spots.h5"),
        (["other.h5"], "other.h5"),
        (["a.h5", "b.h5", "spots.h5", "mask_rcnn_spots_0003.h5"], "spots.h5"),
        (["best.h5", "mask_rcnn_spots_0002.h5", "mask_rcnn_spots_0010.h5"],
         "mask_rcnn_spots_0010.h5"),
    ],
)  # fmt: skip
def test_the_weights_that_are_meant(folder, names, chosen):
    config, weights = read_model_folder(folder(*names))
    assert weights.name == chosen
    assert config.to_dict() == SpotsConfig.from_dict({"NAME": "Spots"}).to_dict()


def test_weights_can_be_named_and_settings_changed(folder):
    path = folder("best.h5", "mask_rcnn_spots_0002.h5")
    config, weights = read_model_folder(str(path), "best.h5", DETECTION_MIN_CONFIDENCE=0.25)
    assert weights == path / "best.h5" and config.DETECTION_MIN_CONFIDENCE == 0.25


@pytest.mark.parametrize("name", ["Spots", None])
def test_weights_that_are_not_there_or_not_clear(folder, name):
    with pytest.raises(WeightsError, match="found none"):
        read_model_folder(folder(name=name))
    with pytest.raises(WeightsError, match=r"found 'a\.h5', 'b\.h5'.*weights='FILE\.h5'"):
        read_model_folder(folder("a.h5", "b.h5", name=name))
    with pytest.raises(WeightsError, match=r"c\.h5: no such weights file"):
        read_model_folder(folder(), "c.h5")


def test_settings_that_are_not_there_or_cannot_work(folder, tmp_path):
    with pytest.raises(ConfigError, match=rf"{re.escape(CONFIG_FILE)}: there is no such file"):
        read_model_folder(tmp_path)
    with pytest.raises(ConfigError, match="there is no such file"):
        read_model_folder(tmp_path / "nowhere")
    folder("spots.h5")
    with pytest.raises(ConfigError, match="IMAGE_RESIZE_MODE"):
        read_model_folder(tmp_path, IMAGE_RESIZE_MODE="fold")
    with pytest.raises(ConfigError, match="'lower' is not the name of a setting"):
        read_model_folder(tmp_path, lower=1)
    (tmp_path / CONFIG_FILE).write_text(json.dumps({"__init__": 1}))
    with pytest.raises(ConfigError, match=CONFIG_FILE):
        read_model_folder(tmp_path)


def test_weights_are_told_by_name_and_checksum(tmp_path):
    path = tmp_path / "spots.h5"
    path.write_bytes(b"some weights")
    checksum = hashlib.sha256(b"some weights").hexdigest()
    assert weights_text(path) == f"spots.h5 (sha256 {checksum[:12]})"
    with pytest.raises(WeightsError, match=r"away\.h5: cannot be read"):
        weights_text(tmp_path / "away.h5")
