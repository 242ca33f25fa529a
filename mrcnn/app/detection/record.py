"""`run.json` of `detect`: with what the results in a folder were made, and when."""

import json
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrcnn.app.commands import DETECT
from mrcnn.app.option import stored_value
from mrcnn.app.versions import installed_versions
from mrcnn.errors import ConfigError
from mrcnn.files import atomic_write, checksum_of, is_newer
from mrcnn.report.detection_files import TABLES_VERSION

if TYPE_CHECKING:
    from mrcnn.app.application import Application
    from mrcnn.app.methods import Method

RUN_FILE = "run.json"
_VERSION = 1
_KIND = ".detection"
_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "scikit-image", "pillow")
_PACKAGES += ("onnxruntime", "openvino")
# Options without a part in the result of a picture.
_FREE = (
    "images", "out", "logs", "weights", "overwrite", "resume", "command", "group", "language",
    "engine",
)  # fmt: skip


def is_run(out: Path) -> bool:
    """Whether a folder holds a run of `detect`."""
    try:
        return str(_read(out / RUN_FILE)["schema"]).endswith(_KIND)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def read_record(out: Path) -> dict[str, Any]:
    """What a run says of itself.

    Raises:
        ConfigError: it cannot be read.
    """
    path = out / RUN_FILE
    try:
        record = _read(path)
        is_newer(path, record.get("schema_version"), _VERSION)
        return record
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}). --overwrite begins anew, another --out leaves it."
        ) from None


def begun_record(application: "Application", options: Any, method: "Method") -> dict[str, Any]:
    """The record of a run that begins.

    Args:
        application: whose objects they are.
        options: of the command line; an anonymous run has neither folders nor the machine's name.
        method: what finds the objects.
    """
    anonymous, weights = options.anonymous, method.weights
    declared = application.options(DETECT)
    values = {each.name: getattr(options, each.name, None) for each in declared}
    asked = {
        name: _without_folders(stored_value(value), anonymous)
        for name, value in values.items()
        if name not in _FREE
    }
    predictor = method.finder.predictor
    record = {
        "schema": f"{application.name}{_KIND}",
        "schema_version": _VERSION,
        "command": _without_folders([application.words.program, *sys.argv[1:]], anonymous),
        "method": method.name,
        "weights": weights
        and {
            "file": _without_folders(stored_value(weights), anonymous),
            "sha256": checksum_of(weights),
        },
        "classes": list(method.class_names),
        "confidence": method.confidences[0] if method.scored else None,
        "runtime": getattr(getattr(predictor, "runner", None), "name", None),
        "options": asked,
        "settings": None if predictor is None else predictor.config.to_dict(),
        "versions": installed_versions(_PACKAGES),
        "tables_version": TABLES_VERSION,
    }
    if not anonymous:
        record["host"] = platform.node()
        record["folder"] = str(Path.cwd())
    # As it is read again.
    return json.loads(json.dumps(record, default=str))


def check_goes_on(earlier: Mapping[str, Any], now: Mapping[str, Any], out: Path) -> None:
    """A run goes on with what it began with.

    Args:
        earlier: record of the run.
        now: see `begun_record`.
        out: folder of the run.

    Raises:
        ConfigError: something that results depend on is another one.
    """
    different = []
    for name in ("method", "classes", "confidence", "settings"):
        if earlier.get(name) != now[name]:
            different.append(name)
    before, after = earlier.get("weights") or {}, now["weights"] or {}
    if before.get("sha256") != after.get("sha256"):
        different.append(f"weights (they were {before.get('file')})")
    options = earlier.get("options")
    options = options if isinstance(options, dict) else {}
    for name, value in now["options"].items():
        if options.get(name) != value:
            flag = name.replace("_", "-")
            different.append(f"--{flag} (it was {_said(options.get(name))})")
    if different:
        raise ConfigError(
            f"{out}: the run there was begun with other {', '.join(different)}. Give the same to "
            "go on; --overwrite begins anew, another --out makes a second run."
        )


def now() -> str:
    """The time as records have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def store_record(out: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a run.

    Raises:
        OutputError: it cannot be written.
    """
    atomic_write(out / RUN_FILE, json.dumps(record, indent=2) + "\n")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _said(value: Any) -> str:
    return "not given" if value is None or value is False else str(value)


def _without_folders(value: Any, anonymous: bool) -> Any:
    """Texts without the folders that they name; of an option as well: `--out=DIR`."""
    if not anonymous:
        return value
    if isinstance(value, list):
        return [_without_folders(each, anonymous) for each in value]
    if not isinstance(value, str) or not ("/" in value or "\\" in value):
        return value
    flag, equals, path = value.partition("=") if value.startswith("--") else ("", "", value)
    return f"{flag}{equals}{Path(path).name}"
