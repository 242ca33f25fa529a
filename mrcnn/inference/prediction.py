"""`Prediction`: what was found in an image, and how."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mrcnn.errors import DataError, shown
from mrcnn.files import is_newer
from mrcnn.inference.prediction_json import instances_of, plain_instances
from mrcnn.instances import Instances

SCHEMA = "mrcnn.prediction"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Prediction:
    """What was found in one image.

    Attributes:
        instances: the objects by falling score, in pixels of the image. Their columns are what
            was measured since.
        scale: pixels of the network's input for each pixel of the image.
        notes: what a reader should know of the result, such as limits that were reached.
        timing: seconds that each step took, by its name: "mould", "network", "place". Images of
            one batch share its seconds.
        model: which model found them, such as the name and checksum of its weights.
        diameter: of the objects in pixels of the image, which the scale was chosen for; None where
            it was not chosen for any.
        is_full: the network returned as many detections as it may, so some may be missing.
        scale_source: how the scale is known: "settings", or see `mrcnn.inference.scale.Scale`.
        quality: reasons to doubt the result, see `mrcnn.inference.quality`; none where it is well.
    """

    instances: Instances
    scale: float
    notes: tuple[str, ...] = ()
    timing: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    diameter: float | None = None
    scale_source: str = "settings"
    is_full: bool = False
    quality: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values that JSON can hold.

        Masks are COCO's compressed run lengths, columns flat lists with their types and shapes.

        Raises:
            DataError: a column holds something else than numbers, bools or text.
        """
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "model": self.model,
            "scale": self.scale,
            "diameter": self.diameter,
            "scale_source": self.scale_source,
            "is_full": self.is_full,
            "quality": list(self.quality),
            "notes": list(self.notes),
            "timing": dict(self.timing),
            "instances": plain_instances(self.instances),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Prediction":
        """The prediction that `to_dict` told.

        Raises:
            DataError: the values are not those of a prediction. Of a later version a warning
                tells, and what is known of it is read.
        """
        if not isinstance(values, Mapping) or values.get("schema") != SCHEMA:
            raise DataError(f"Not a prediction: expected an object with 'schema' {SCHEMA!r}.")
        version = values.get("version")
        if not isinstance(version, int) or version < VERSION:
            raise DataError(
                f"A prediction of version {shown(version)}: this program reads version {VERSION}."
            )
        is_newer("A prediction", version, VERSION, stacklevel=2)
        notes, timing = values.get("notes"), values.get("timing")
        # What was written before results were judged has none.
        quality = values.get("quality", [])
        for name, is_right, expected in (
            ("model", isinstance(values.get("model"), str), "text"),
            ("scale", _is_number(values.get("scale"), above=0), "a number above 0"),
            ("diameter", values.get("diameter") is None
             or _is_number(values.get("diameter"), above=0), "a number above 0, or null"),
            ("scale_source", isinstance(values.get("scale_source"), str), "text"),
            ("is_full", isinstance(values.get("is_full"), bool), "true or false"),
            ("notes", _are_texts(notes), "a list of texts"),
            ("quality", _are_texts(quality), "a list of texts"),
            ("timing", isinstance(timing, Mapping) and all(map(_is_number, timing.values())),
             "an object of seconds"),
        ):  # fmt: skip
            if not is_right:
                raise DataError(
                    f"Prediction: {name!r} is {shown(values.get(name))}; expected is {expected}."
                )
        return cls(
            instances_of(values.get("instances")),
            float(values["scale"]),
            tuple(values["notes"]),
            {name: float(seconds) for name, seconds in values["timing"].items()},
            values["model"],
            None if values.get("diameter") is None else float(values["diameter"]),
            values["scale_source"],
            values["is_full"],
            tuple(quality),
        )

    def to_json(self) -> str:
        """`to_dict` as JSON text on one line."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Prediction":
        """The prediction that `to_json` wrote.

        Raises:
            DataError: see `from_dict`; or this is not JSON.
        """
        try:
            values = json.loads(text)
        except RecursionError:
            raise DataError("Not a prediction: the JSON is nested too deeply.") from None
        except ValueError as error:
            raise DataError(f"Not a prediction: not valid JSON ({shown(str(error))}).") from None
        return cls.from_dict(values)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _is_number(value: Any, above: float = -math.inf) -> bool:
    """Whether this is a finite number, and no bool."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value) and value > above
    except OverflowError:
        return False
