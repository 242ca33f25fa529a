"""The settings that travel with weights: `config.json` in the folder of a model, read with care.

The file may come from anywhere, so its size, its depth and its names are checked before anything
is made of it. Whether the values can work is for `mrcnn.config.Config` to say.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.errors import ConfigError, shown
from mrcnn.files import is_newer

CONFIG_FILE = "config.json"
# Of the form of the file; a setting more or less is no other form.
CONFIG_VERSION = 1
ADVICE = "It describes the model beside it; restore it, or move it away."

# Settings have names in capitals: nothing in a file takes the place of a method.
_SETTING = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
# Spelled as a setting is, so that programs from before there were versions read the file.
_VERSION = "SCHEMA_VERSION"
# Derived by Config when it is built; never taken from a file.
_DERIVED = ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE", _VERSION)
_MAX_BYTES = 1 << 20
_MOST_LEVELS = 20


def is_setting_name(name: Any) -> bool:
    """Whether a program or a file may set an attribute of this name."""
    return isinstance(name, str) and bool(_SETTING.fullmatch(name)) and name not in _DERIVED


def settings_text(config: Config) -> str:
    """All settings as JSON text, for `CONFIG_FILE` beside the weights."""
    values = {**config.to_dict(), _VERSION: CONFIG_VERSION}
    return json.dumps(values, indent=2, sort_keys=True) + "\n"


def read_settings(weights: str | os.PathLike, advice: str = ADVICE) -> dict[str, Any] | None:
    """Settings saved beside a weights file; None where there are none.

    Args:
        weights: the weights file; `CONFIG_FILE` is looked for in its folder.
        advice: what the messages tell to do about a file that is none of settings.

    Returns:
        names and values for `Config.from_dict`; arrays where a `Config` has arrays.

    Raises:
        ConfigError: the file is there but is not what training writes.
    """
    path = Path(weights).parent / CONFIG_FILE
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: is far larger than the settings of a model. {advice}")
        settings = json.loads(path.read_bytes().decode("utf-8"))
        if not _is_shallow(settings, _MOST_LEVELS):
            raise RecursionError
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply for settings. {advice}") from None
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON ({error}). {advice}") from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: expected a JSON object of settings.")
    may_have_more = is_newer(path, settings.get(_VERSION), CONFIG_VERSION, stacklevel=2)
    read = {}
    for name, value in settings.items():
        if name in _DERIVED:
            continue
        if not is_setting_name(name):
            if may_have_more:
                continue
            raise ConfigError(f"{path}: {shown(name)} is not the name of a setting. {advice}")
        try:
            is_array = isinstance(getattr(Config, name, None), np.ndarray)
            read[name] = np.array(value) if is_array else value
        except (ValueError, OverflowError):
            raise ConfigError(
                f"{path}: {name} is {shown(value)}; a list of numbers is expected. {advice}"
            ) from None
    return read


def _is_shallow(value: Any, levels: int) -> bool:
    """Whether lists and objects hold one another to no more than so many levels."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in value)
