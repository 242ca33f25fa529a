"""Values beside weights that cannot work, or are made to do harm, are refused by name."""

import json

import numpy as np
import pytest

from mrcnn.app.settings import read_settings
from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.weights.settings import CONFIG_FILE, settings_text
from rbc import APPLICATION, RBCConfig


def read(folder, content):
    """The settings of a file, taken over by a configuration."""
    data = content if isinstance(content, bytes) else content.encode()
    (folder / CONFIG_FILE).write_bytes(data)
    return APPLICATION.make_config(read_settings(folder / "weights.h5"))


def test_what_training_writes_comes_back(tmp_path):
    config = APPLICATION.make_config({"IMAGE_MAX_DIM": 256, "CLASS_NAMES": ["cell"], "SEED": 3})
    again = read(tmp_path, settings_text(config))
    assert again.to_dict() == config.to_dict()
    assert isinstance(again.MEAN_PIXEL, np.ndarray)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAGE_MAX_DIM", "1" + "0" * 400),
        ("LEARNING_RATE", "NaN"),
        ("LEARNING_RATE", "1e999"),
        ("LEARNING_RATE", "-1"),
        ("NUM_CLASSES", "4294967296"),
        ("MEAN_PIXEL", "[[1], [2, 3]]"),
        ("MEAN_PIXEL", "[" * 18 + "]" * 18),
        ("MEAN_PIXEL", '{"a": 1}'),
        ("BACKBONE_STRIDES", "[[1], [2, 3]]"),
        ("BACKBONE_STRIDES", "null"),
        ("RPN_ANCHOR_SCALES", "[" * 18 + "]" * 18),
        ("IMAGE_MIN_SCALE", '""'),
        ("MASK_MARGIN", "[]"),
        ("TRAIN_BN", "[]"),
        ("BACKBONE", "{}"),
        ("BACKBONE", '"os.system"'),
        ("LOSS_WEIGHTS", '{"x": 1}'),
        ("LOSS_WEIGHTS", "[1]"),
        ("CLASS_NAMES", "5"),
        ("CLASS_NAMES", '"abc"'),
        ("CLASS_NAMES", "[1, 2]"),
        ("CLASS_NAMES", '["a", "a"]'),
        ("CLASS_NAMES", '["a", ""]'),
        ("NAME", '"../elsewhere"'),
        ("NAME", '"/etc/rbc"'),
        ("NAME", '"..\\\\elsewhere"'),
        ("NAME", '"a\\u0000b"'),
        ("NAME", "5"),
        ("NAME", json.dumps("x" * 200)),
    ],
)
def test_values_that_cannot_work(tmp_path, name, value):
    with pytest.raises(ConfigError, match=name) as caught:
        read(tmp_path, f'{{"{name}": {value}}}')
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("name", ["to_dict", "__init__", "BATCH_SIZE", "lower", 5])
def test_only_settings_are_set(name):
    with pytest.raises(ConfigError, match="not the name of a setting"):
        APPLICATION.make_config({name: 5})


def test_a_configuration_of_numpy_values_is_judged_as_well():
    """What a program sets by mistake is told, not a traceback."""
    wrong = {
        "TRAIN_BN": np.array([True, False]),
        "SEED": 10**400,
        "BACKBONE_STRIDES": [[1], [2, 3]],
    }
    with pytest.raises(ConfigError) as caught:
        type("Wrong", (Config,), wrong)()
    for name in wrong:
        assert name in str(caught.value)


def test_no_stored_settings(tmp_path):
    assert read_settings(tmp_path / "weights.h5") is None


@pytest.mark.parametrize("text", ["{", "[1, 2]", "\ufffd"])
def test_broken_settings_name_the_file(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_settings(tmp_path / "weights.h5")


def test_stored_values_are_checked(tmp_path):
    content = RBCConfig().to_dict() | {"IMAGE_MAX_DIM": 100}
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="IMAGE_MAX_DIM"):
        APPLICATION.make_config(read_settings(tmp_path / "weights.h5"))
