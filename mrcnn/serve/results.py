"""The file of what was detected in a picture."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.serve.detection import Detection

_VERSION = 1


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
            values = json.loads(path.read_text(encoding="utf-8"))
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
