"""`rbc.py pack`: a trained model in a folder of its own, to hand on or to ship."""

import json
import shutil
from pathlib import Path
from typing import Any

from mrcnn.errors import ConfigError, DataError
from mrcnn.files import atomic_path, atomic_write
from mrcnn.weights import save_weights
from rbc_config import CONFIG_FILE, PACKED_FILE
from rbc_model import load_trained_model, trained_weights
from rbc_record import RECORD_FILE
from rbc_threshold import THRESHOLD_FILE, threshold_entry

MEGABYTE = 1e6


def run(options: Any) -> int:
    """Pack; returns the exit status."""
    weights = trained_weights(options)
    if not (weights.parent / CONFIG_FILE).is_file():
        raise ConfigError(
            f"No {CONFIG_FILE} beside {weights}: without its settings a packed model cannot be "
            "used. Take a checkpoint from its run's folder."
        )
    folder: Path = options.directory
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file. Give a folder for the packed model.")
    target = folder / PACKED_FILE
    if target.exists() and not options.replace:
        raise DataError(f"{target}: is there already. Give another folder, or --replace.")
    model = load_trained_model(options, weights, 0.05)
    save_weights(model.keras_model, target, dtype="float16")
    names = [CONFIG_FILE]
    for name in (CONFIG_FILE, RECORD_FILE):
        if (weights.parent / name).is_file():
            with atomic_path(folder / name) as temporary:
                shutil.copyfile(weights.parent / name, temporary)
            names.append(name)
    entry = threshold_entry(weights)
    if entry is not None:
        text = json.dumps({PACKED_FILE: entry}, indent=2, sort_keys=True) + "\n"
        atomic_write(folder / THRESHOLD_FILE, text)
        names.append(THRESHOLD_FILE)
    print(f"{weights} packed: {target}, {target.stat().st_size / MEGABYTE:.1f} MB")
    print(f"Beside it: {', '.join(sorted(set(names)))}")
    if entry is None:
        print("No confidence was chosen for it: run `rbc.py evaluate --sweep` with these weights.")
    return 0
