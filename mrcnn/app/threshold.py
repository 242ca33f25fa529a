"""The confidence that a sweep chose, kept beside the weights that it was chosen for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrcnn.app.option_types import AUTO
from mrcnn.errors import ConfigError
from mrcnn.files import atomic_write
from mrcnn.report.words import Words

THRESHOLD_FILE = "min_confidence.json"


def store_threshold(weights: Path, min_confidence: float, context: dict[str, Any]) -> Path:
    """Keep a confidence for a weights file; those of other files in the folder stay.

    Args:
        weights: the file that was evaluated.
        min_confidence: 0 to 1.
        context: where it comes from (data set, subset, F1, ...), for people to read.

    Returns:
        the file that was written.
    """
    path = weights.parent / THRESHOLD_FILE
    try:
        stored = _read(path, Words())
    except ConfigError:
        stored = {}
    stored[weights.name] = {"min_confidence": min_confidence, **context}
    atomic_write(path, json.dumps(stored, indent=2, sort_keys=True) + "\n")
    return path


def threshold_entry(weights: Path, words: Words) -> dict[str, Any] | None:
    """What `store_threshold` kept for a weights file; None where there is nothing.

    Raises:
        ConfigError: the file is not what a sweep writes.
    """
    return _read(weights.parent / THRESHOLD_FILE, words).get(weights.name)


def stored_threshold(weights: Path, words: Words) -> float:
    """The confidence that was kept for a weights file.

    Args:
        weights: the file.
        words: name the command in messages.

    Raises:
        ConfigError: there is none, or the file is not what a sweep writes.
    """
    path = weights.parent / THRESHOLD_FILE
    entry = threshold_entry(weights, words)
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
    given: Sequence[float | str], weights: Path | None, words: Words
) -> list[float]:
    """What `--min-conf` means, rising and each once; `auto` is looked up beside the weights.

    Raises:
        ConfigError: `auto` without a stored sweep, or without weights.
    """
    values = []
    for value in given:
        if value == AUTO:
            if weights is None:
                raise ConfigError("--min-conf auto is for a network; this method has none.")
            value = stored_threshold(weights, words)
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
