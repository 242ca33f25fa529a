"""`pack`: a trained model in a folder of its own, to hand on or to ship."""

import importlib.util
import json
from pathlib import Path
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.finding import load_trained_model
from mrcnn.app.model_files import trained_weights
from mrcnn.app.record import RECORD_FILE, RECORD_VERSION
from mrcnn.app.runtimes import write_graph
from mrcnn.app.settings import read_settings
from mrcnn.app.threshold import THRESHOLD_FILE, own_folder, threshold_entry
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import atomic_write, is_newer
from mrcnn.weights.settings import CONFIG_FILE, settings_text

MEGABYTE = 1e6


def without_folders(value: Any) -> Any:
    """The same with the last part of each absolute path: others have other folders."""
    if isinstance(value, dict):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folders(item) for item in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return value


def _packed_record(path: Path) -> str:
    try:
        stored = without_folders(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not valid JSON ({error}). Restore it, or remove it to pack without a record."
        ) from None
    if isinstance(stored, dict):
        is_newer(path, stored.get("schema_version"), RECORD_VERSION)
    return json.dumps(stored, indent=2) + "\n"


def run(application: Application, options: Any) -> int:
    """Pack; returns the exit status."""
    weights = trained_weights(application, options)
    settings = read_settings(weights)
    if settings is None:
        raise ConfigError(
            f"No {CONFIG_FILE} beside {weights}: without its settings a packed model cannot be "
            "used. Take a checkpoint from its run's folder."
        )
    folder: Path = options.directory
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file. Give a folder for the packed model.")
    target = folder / application.packed_file
    if target.exists() and not options.replace:
        raise DataError(f"{target}: is there already. Give another folder, or --replace.")
    model = load_trained_model(application, options, weights, 0.05)
    model.save_weights(target, dtype="float16")
    config = application.make_config({**settings, **application.settings_from(options)})
    atomic_write(folder / CONFIG_FILE, settings_text(config))
    names = [CONFIG_FILE]
    record = weights.parent / RECORD_FILE
    if record.is_file():
        atomic_write(folder / RECORD_FILE, _packed_record(record))
        names.append(RECORD_FILE)
    entry = threshold_entry(weights, application.words, own_folder(application, weights))
    if entry is not None:
        stored = without_folders({target.name: entry})
        text = json.dumps(stored, indent=2, sort_keys=True) + "\n"
        atomic_write(folder / THRESHOLD_FILE, text)
        names.append(THRESHOLD_FILE)
    if importlib.util.find_spec("onnx") is not None:
        try:
            names.append(write_graph(config, target).name)
        except ConfigError as error:
            print(f"Without a graph for ONNX Runtime: {error}")
    print(f"{weights} packed: {target}, {target.stat().st_size / MEGABYTE:.1f} MB")
    print(f"Beside it: {', '.join(sorted(names))}")
    if entry is None:
        program = application.words.program
        print(
            f"No confidence was chosen for it: run `{program} evaluate --sweep` with these weights."
        )
    return 0
