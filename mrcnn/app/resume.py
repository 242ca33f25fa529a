"""What a training was asked for, so that `--weights last` goes on with just that."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mrcnn.app.commands import TRAIN
from mrcnn.app.option import Option, stored_value
from mrcnn.errors import ConfigError
from mrcnn.files import atomic_write

if TYPE_CHECKING:
    from mrcnn.app.application import Application

OPTIONS_FILE = "options.json"


def kept_options(application: "Application") -> dict[str, Option]:
    """What the settings in config.json do not tell of a training, by name."""
    return {each.name: each for each in application.options(TRAIN) if each.stored}


def complete_options(
    application: "Application", options: Any, run_dir: Path | None
) -> SimpleNamespace:
    """The options of a training: what was given, else what its run has, else the defaults.

    Args:
        application: declares the options.
        options: of the command line; None is what was not given.
        run_dir: folder of the run that goes on; None for a new one.

    Raises:
        ConfigError: the file in the folder is not what training writes.
    """
    kept = kept_options(application)
    stored = {} if run_dir is None else _stored(run_dir / OPTIONS_FILE, kept)
    given = vars(options)
    chosen = {}
    for name, option in kept.items():
        value = given.get(name)
        if value is None:
            value = stored.get(name, option.stored and option.stored.default)
            # From the file as from the command line; earlier versions kept one path for several.
            if option.type is Path and value is not None:
                several = value if isinstance(value, list) else [value]
                value = list(map(Path, several)) if option.nargs else Path(value)
        chosen[name] = value
    return SimpleNamespace(**{**given, **chosen})


def store_options(application: "Application", options: Any, run_dir: Path) -> None:
    """Write the options of a training into the folder of its run."""
    values = {name: stored_value(getattr(options, name)) for name in kept_options(application)}
    atomic_write(run_dir / OPTIONS_FILE, json.dumps(values, indent=2) + "\n")


def _stored(path: Path, kept: dict[str, Option]) -> dict[str, Any]:
    if not path.is_file():
        # A run of an earlier version.
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}: not valid JSON ({error}). It has the options of the training that is to go "
            "on: restore it, or remove it and give the options again."
        ) from None
    if not isinstance(stored, dict):
        wrong = ["no JSON object"]
    else:
        wrong = [
            name
            for name, value in stored.items()
            if name in kept and not isinstance(value, _kinds(kept[name]))
        ]
    if wrong:
        raise ConfigError(
            f"{path}: not the options of a training ({', '.join(wrong)}). Restore it, or remove it "
            "and give the options again."
        )
    return stored


def _kinds(option: Option) -> tuple[type, ...]:
    return option.stored.kinds if option.stored else ()
