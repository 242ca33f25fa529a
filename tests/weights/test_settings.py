"""Settings beside weights that are damaged or made to do harm are refused by name of the file."""

import json

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.weights.settings import (
    CONFIG_FILE,
    CONFIG_VERSION,
    is_setting_name,
    read_settings,
    settings_text,
)


class CellsConfig(Config):
    NAME = "cells"
    NUM_CLASSES = 3
    IMAGE_MAX_DIM = 256
    IMAGE_MIN_DIM = 256
    CLASS_NAMES = ("large", "small")


def read(folder, content):
    """The settings of a file, taken over by a configuration."""
    data = content if isinstance(content, bytes) else content.encode()
    (folder / CONFIG_FILE).write_bytes(data)
    settings = read_settings(folder / "weights.h5")
    assert settings is not None
    return Config.from_dict(settings)


def test_what_was_written_comes_back(tmp_path):
    config = CellsConfig()
    again = read(tmp_path, settings_text(config))
    assert again.to_dict() == config.to_dict()
    assert isinstance(again.MEAN_PIXEL, np.ndarray)
    # What is derived is derived anew.
    assert is_setting_name("IMAGE_MAX_DIM") and not is_setting_name("IMAGE_SHAPE")


def test_a_file_without_a_version_is_read(tmp_path):
    config = CellsConfig()
    values = json.loads(settings_text(config))
    assert values.pop("SCHEMA_VERSION") == CONFIG_VERSION
    assert read(tmp_path, json.dumps(values)).to_dict() == config.to_dict()


def test_of_a_later_version_what_is_known_is_read(tmp_path):
    values = json.loads(settings_text(CellsConfig())) | {"SCHEMA_VERSION": 9, "network": {"a": 1}}
    with pytest.warns(UserWarning, match=rf"{CONFIG_FILE}: is of version 9, and .* up to 1: what"):
        again = read(tmp_path, json.dumps(values))
    assert again.to_dict() == CellsConfig().to_dict()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b'{"SEED": ',
        b"[" * 100_000,
        b'{"SEED": ' * 100_000,
        b'{"SEED": ' + b"9" * 5000 + b"}",
        b'{"X": "' + b"y" * (1 << 20) + b'"}',
        '{"__init__": 5}',
        '{"__class__": 5}',
        '{"__slots__": ["x"]}',
        '{"to_dict": 5}',
        '{"display": null}',
        '{"check_for": 1}',
        '{"": 1}',
        '{"SCHEMA_VERSION": 1, "network": 1}',
        '{"UNKNOWN": ' + "[" * 30 + "]" * 30 + "}",
        '{"UNKNOWN": ' + '{"a":' * 900 + "1" + "}" * 901,
    ],
)
def test_files_that_are_no_settings(tmp_path, content):
    with pytest.raises(ConfigError, match=CONFIG_FILE) as caught:
        read(tmp_path, content)
    assert len(str(caught.value)) < 1000


def test_the_advice_is_the_program_s_own(tmp_path):
    (tmp_path / CONFIG_FILE).write_text("{")
    with pytest.raises(ConfigError, match="Ask at the desk"):
        read_settings(str(tmp_path / "weights.h5"), advice="Ask at the desk.")


def test_no_settings_are_none(tmp_path):
    assert read_settings(tmp_path / "weights.h5") is None


def test_a_folder_in_place_of_the_file_is_no_settings(tmp_path):
    (tmp_path / CONFIG_FILE).mkdir()
    assert read_settings(tmp_path / "weights.h5") is None
