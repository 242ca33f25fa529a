"""What a training was: command, seed, versions and a checksum of its data."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrcnn.app.versions import installed_versions
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.errors import DataError
from mrcnn.files import atomic_write, is_newer
from mrcnn.report.words import Words

RECORD_FILE = "run.json"
RECORD_VERSION = 1
_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "scikit-image", "h5py")


def data_checksum(
    folders: Path | Sequence[Path], subsets: Sequence[str], dataset: AnnotatedDataset
) -> str:
    """SHA-256 of the annotations and images of subsets, by name and content.

    The order of the data sets, of the subsets and of the images in them has no part in it.
    """
    files = [Path(info["path"]) for info in dataset.image_info]
    for folder in [folders] if isinstance(folders, Path) else folders:
        for subset in subsets:
            try:
                files += dataset.annotation_files(folder / subset)
            except DataError:
                # Of several data sets not all have all subsets; what training uses is read before.
                continue
    lines = sorted(
        f"{path.parent.name}/{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in files
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def training_record(
    folders: Sequence[Path],
    subsets: Sequence[str],
    dataset: AnnotatedDataset,
    config: Any,
    words: Words,
) -> dict[str, Any]:
    """All that is needed to repeat a training, but for the data."""
    import keras

    return {
        "command": [words.program, *sys.argv[1:]],
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seed": config.SEED,
        "backend": keras.backend.backend(),
        "versions": installed_versions(_PACKAGES),
        "datasets": [folder.resolve().name for folder in folders],
        "subsets": list(subsets),
        "images": len(dataset.image_info),
        words.objects: sum(len(info["polygons"]) for info in dataset.image_info),
        "data_sha256": data_checksum(folders, subsets, dataset),
    }


def store_record(log_dir: Path, record: dict[str, Any]) -> Path:
    """Add a record to those of a run; a run that is resumed has several."""
    path = log_dir / RECORD_FILE
    stored: dict[str, Any] = {}
    if path.exists():
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
            stored = {**read, "trainings": list(read["trainings"])}
        except (ValueError, LookupError, TypeError, RecursionError):
            os.replace(path, path.with_suffix(".unreadable.json"))
    version = stored.pop("schema_version", None)
    if not is_newer(path, version, RECORD_VERSION):
        version = RECORD_VERSION
    # What a later program added stays, and so does its version.
    trainings = [*stored.pop("trainings", []), record]
    values = {"schema_version": version, **stored, "trainings": trainings}
    atomic_write(path, json.dumps(values, indent=2) + "\n")
    return path
