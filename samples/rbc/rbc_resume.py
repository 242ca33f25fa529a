"""What a training was asked for, so that `--weights last` goes on with just that."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mrcnn.errors import ConfigError
from mrcnn.files import atomic_write
from rbc_arguments import STOP

OPTIONS_FILE = "options.json"
# What the settings in config.json do not tell, with the values for a new training.
DEFAULTS = {
    "dataset": None,
    "subset": ["train"],
    "attribute": None,
    "layers": "all",
    "no_augmentation": False,
    "overlay": 0.0,
    "on_error": STOP,
    "validate_every": 5,
    "patience": None,
}
_NONE = type(None)
_KINDS = {
    "dataset": (str, _NONE),
    "subset": list,
    "attribute": (str, _NONE),
    "layers": str,
    "no_augmentation": bool,
    "overlay": (int, float),
    "on_error": str,
    "validate_every": int,
    "patience": (int, _NONE),
}


def complete_options(options: Any, run_dir: Path | None) -> SimpleNamespace:
    """The options of a training: what was given, else what its run has, else the defaults.

    Args:
        options: of the command line; None is what was not given.
        run_dir: folder of the run that goes on; None for a new one.

    Raises:
        ConfigError: the file in the folder is not what training writes.
    """
    stored = {} if run_dir is None else _stored(run_dir / OPTIONS_FILE)
    given = vars(options)
    chosen = {
        name: stored.get(name, default) if given.get(name) is None else given[name]
        for name, default in DEFAULTS.items()
    }
    if chosen["dataset"] is not None:
        chosen["dataset"] = Path(chosen["dataset"])
    return SimpleNamespace(**{**given, **chosen})


def store_options(options: Any, run_dir: Path) -> None:
    """Write the options of a training into the folder of its run."""
    values = {name: getattr(options, name) for name in DEFAULTS}
    if values["dataset"] is not None:
        values["dataset"] = str(Path(values["dataset"]).resolve())
    atomic_write(run_dir / OPTIONS_FILE, json.dumps(values, indent=2) + "\n")


def _stored(path: Path) -> dict[str, Any]:
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
            if not isinstance(value, _KINDS.get(name, object))
        ]
    if wrong:
        raise ConfigError(
            f"{path}: not the options of a training ({', '.join(wrong)}). Restore it, or remove it "
            "and give the options again."
        )
    return stored
