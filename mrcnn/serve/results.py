"""The file of what was detected in a picture."""

import gc
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.serve.detection import Detection

_VERSION = 1
# Letters of a file that is large.
_LARGE = 2**22


@dataclass(frozen=True)
class Result:
    """What was detected in a picture, and by what.

    Attributes:
        name: of this detection, which a journal refers to.
        size: (height, width) in pixels.
        cells: objects that counted, then weaker ones; see `mrcnn.serve.detection.cell`.
        confidence: from which on they counted.
        floor: below which nothing was asked for.
        class_names: that an object may have.
        scale, doubts, notes: see `Detection`.
        model: which weights found them.
    """

    name: str
    size: tuple[int, int]
    cells: list[dict[str, Any]]
    confidence: float
    floor: float
    class_names: tuple[str, ...]
    scale: dict[str, Any] = field(default_factory=dict)
    doubts: list[dict[str, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    model: str = ""

    @classmethod
    def of(cls, detection: Detection, model: Any) -> "Result":
        """A new one, with a name of its own.

        Args:
            detection: of the whole picture.
            model: that found it, a `mrcnn.serve.detector.Model`.
        """
        return cls(
            secrets.token_hex(8),
            detection.size,
            [*detection.cells, *detection.weak],
            model.confidence,
            model.floor,
            tuple(model.class_names),
            detection.scale,
            detection.doubts,
            detection.notes,
            str(model.weights or ""),
        )

    def write(self, path: Path) -> None:
        """Keep it, in one step.

        Raises:
            OutputError: it cannot be written; what was there before is as it was.
        """
        text = json.dumps({"version": _VERSION, **asdict(self)}, allow_nan=False)
        atomic_write(path, text + "\n")

    @classmethod
    def read(cls, path: Path) -> "Result | None":
        """What `write` kept; None where there is nothing.

        Raises:
            DataError: the file is damaged, or of another version.
        """
        try:
            values = _loaded(path)
            if values.pop("version") != _VERSION:
                raise DataError(f"{path}: is of another version of the program.")
            lists = ("size", "class_names", "notes")
            return cls(**{**values, **{name: tuple(values[name]) for name in lists}})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path}: cannot be read; remove it to detect again.") from None


def _loaded(path: Path) -> dict[str, Any]:
    """The values of a file; those of a slide are millions, in which garbage is not looked for."""
    text = path.read_text(encoding="utf-8")
    if len(text) < _LARGE:
        return json.loads(text)
    gc.disable()
    try:
        values = json.loads(text)
        # They hold no cycles: they go when nobody has them, and a search would take a second.
        gc.freeze()
    finally:
        gc.enable()
    return values
