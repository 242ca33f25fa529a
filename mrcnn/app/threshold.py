"""The confidence that a sweep chose, kept beside the weights that it was chosen for.

For the model that comes with the project it is kept with the user's own runs: the files of the
project and of an installation are not the user's.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrcnn.app.option_types import AUTO
from mrcnn.errors import ConfigError
from mrcnn.files import atomic_write, checksum_of
from mrcnn.report.words import Words
from mrcnn.weights.places import shipped_files

if TYPE_CHECKING:
    from mrcnn.app.application import Application

THRESHOLD_FILE = "min_confidence.json"
_CHECKSUM = "weights_sha256"


def own_folder(application: "Application", weights: Path) -> Path | None:
    """Where that of a model that comes with the project is kept; None for other models."""
    if not application.ships_model:
        return None
    path = weights.resolve()
    is_shipped = any(path == each.resolve() for each in shipped_files(application.shipped))
    return application.default_logs if is_shipped else None


def store_threshold(
    weights: Path, min_confidence: float, context: dict[str, Any], folder: Path | None = None
) -> Path:
    """Keep a confidence for a weights file; those of other files in the folder stay.

    Args:
        weights: the file that was evaluated.
        min_confidence: 0 to 1.
        context: where it comes from (data set, subset, F1, ...), for people to read.
        folder: see `own_folder`; that of the weights by default.

    Returns:
        the file that was written.
    """
    path = (folder or weights.parent) / THRESHOLD_FILE
    if folder is not None:
        context = {**context, _CHECKSUM: checksum_of(weights)}
    try:
        stored = _read(path, Words())
    except ConfigError:
        stored = {}
    stored[weights.name] = {"min_confidence": min_confidence, **context}
    atomic_write(path, json.dumps(stored, indent=2, sort_keys=True) + "\n")
    return path


def threshold_entry(
    weights: Path, words: Words, folder: Path | None = None
) -> dict[str, Any] | None:
    """What `store_threshold` kept for a weights file; None where there is nothing.

    Args:
        weights: the file.
        words: name the command in messages.
        folder: see `own_folder`; what is kept there comes before what lies beside the weights.

    Raises:
        ConfigError: the file is not what a sweep writes.
    """
    if folder is not None:
        entry = _read(folder / THRESHOLD_FILE, words).get(weights.name)
        # Of an earlier version of the model it says nothing.
        if isinstance(entry, dict) and entry.get(_CHECKSUM) == checksum_of(weights):
            return entry
    return _read(weights.parent / THRESHOLD_FILE, words).get(weights.name)


def stored_threshold(weights: Path, words: Words, folder: Path | None = None) -> float:
    """The confidence that was kept for a weights file.

    Args:
        weights: the file.
        words: name the command in messages.
        folder: see `threshold_entry`.

    Raises:
        ConfigError: there is none, or the file is not what a sweep writes.
    """
    path = weights.parent / THRESHOLD_FILE
    entry = threshold_entry(weights, words, folder)
    if entry is None:
        raise ConfigError(
            f"--min-conf auto: no sweep of {weights.name} is stored in {path}. Run "
            f"`{words.program} evaluate --sweep` with these weights and annotated {words.images} "
            "first, or give a number."
        )
    value = entry.get("min_confidence") if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigError(
            f"{path}: `min_confidence` of {weights.name} is {value!r}, expected is a number from "
            f"0 to 1. Run `{words.program} evaluate --sweep` again."
        )
    return float(value)


def chosen_confidences(
    given: Sequence[float | str], weights: Path | None, words: Words, folder: Path | None = None
) -> list[float]:
    """What `--min-conf` means, rising and each once; `auto` is looked up beside the weights.

    Args:
        given: numbers, or "auto".
        weights: the file, or None of a method without one.
        words: name the command in messages.
        folder: see `threshold_entry`.

    Raises:
        ConfigError: `auto` without a stored sweep, or without weights.
    """
    values = []
    for value in given:
        if value == AUTO:
            if weights is None:
                raise ConfigError("--min-conf auto is for a network; this method has none.")
            value = stored_threshold(weights, words, folder)
            print(f"Confidence of the last sweep of {weights.name}: {value:g}")
        values.append(float(value))
    return sorted(set(values))


def _read(path: Path, words: Words) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}: not valid JSON ({error}). Run `{words.program} evaluate --sweep` again."
        ) from None
    if not isinstance(stored, dict):
        raise ConfigError(
            f"{path}: expected a JSON object. Run `{words.program} evaluate --sweep` again."
        )
    return stored
