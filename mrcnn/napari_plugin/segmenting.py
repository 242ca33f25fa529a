"""Objects of an image layer of napari, as a labels layer with measurements."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mrcnn.app.application import Application, loaded
from mrcnn.app.commands import DETECT
from mrcnn.app.detection.picture import visible_objects
from mrcnn.app.methods import Method, choose_detector
from mrcnn.errors import DataError
from mrcnn.pictures.conversion import gray_to_rgb, scale_to_bytes
from mrcnn.report.detection_files import object_rows, object_titles

if TYPE_CHECKING:
    import napari.layers
    import napari.types

Objects = Literal["red blood cells", "objects of the model"]
BLOOD_CELLS: Objects = "red blood cells"
OTHERS: Objects = "objects of the model"
# Programs that know what they look at; only named here.
_PROGRAMS: dict[str, Any] = {BLOOD_CELLS: "rbc:APPLICATION", OTHERS: "mrcnn.app.main:APPLICATION"}
# Columns that say the same of all objects of a layer.
_UNTOLD = ("image", "name", "label")
_MOST_MODELS = 2


def segment_layer(
    image: "napari.layers.Image",
    objects: Objects = BLOOD_CELLS,
    model: Path = Path(),
    min_confidence: float = 0.7,
    pixel_size_um: float = 0.0,
) -> "list[napari.types.LayerDataTuple]":
    """Outline the objects of a layer and measure them.

    Args:
        image: a layer of one picture, RGB or gray.
        objects: which program looks at it.
        model: folder or weights file of a model; empty for the one that comes with the project.
        min_confidence: smallest confidence of an object.
        pixel_size_um: side of a pixel in micrometers; 0 where it is not known.

    Returns:
        one labels layer, as napari takes it: labels [H, W], 1 to N by falling score; what is told
        of each in `features`, as the table of `detect` has it.

    Raises:
        DataError: the layer is no picture.
        WeightsError, ConfigError: there is no such model.
    """
    application = loaded(_PROGRAMS[objects])
    arguments = [DETECT, "layer", "--min-conf", str(min_confidence)]
    if model != Path():
        arguments += ["--weights", str(model)]
    if pixel_size_um > 0:
        arguments += ["--pixel-size", str(pixel_size_um)]
    method, options = _method(application, tuple(arguments))
    labels, features = segment(application, options, method, pixels_of(image.data), image.name)
    scale = getattr(image, "scale", None)
    kept = {} if scale is None else {"scale": tuple(scale)[-2:]}
    name = f"{image.name}: {application.words.objects}"
    return [(labels, {"name": name, "features": features, **kept}, "labels")]


@lru_cache(_MOST_MODELS)
def _method(application: Application, arguments: tuple[str, ...]) -> tuple[Method, Any]:
    """What detects, loaded once for the same options."""
    options = application.parse(list(arguments))
    return choose_detector(application, options), options


def segment(
    application: Application, options: Any, method: Method, image: np.ndarray, name: str
) -> tuple[np.ndarray, dict[str, list]]:
    """Objects of an image, with the numbers of `detect`.

    Args:
        application, options: of `detect`.
        method: finds them.
        image: uint8 [H, W, 3].
        name: of the image.

    Returns:
        labels [H, W], and columns of N values; `index` has the labels.
    """
    (found,) = method.finder.find_many([image])
    names = tuple(method.class_names)
    instances, labels = visible_objects(found.instances)
    told = set(instances.columns)
    instances = application.measure(image, instances, options, class_names=names)
    measured = tuple(column for column in instances.columns if column not in told)
    limits = options.size_limits
    rows = object_rows(
        name, name, instances, labels, names, options.pixel_size, measured, None, limits
    )
    titles = object_titles(options.pixel_size is not None, measured, limits is not None)
    columns = {
        title: [_plain(row[place]) for row in rows]
        for place, title in enumerate(titles)
        if title not in _UNTOLD
    }
    return labels, {"index": list(range(1, len(rows) + 1)), **columns}


def pixels_of(data: Any) -> np.ndarray:
    """The data of a layer as uint8 [H, W, 3].

    Raises:
        DataError: it is no picture, or one of several.
    """
    array = np.asarray(data)
    is_color = array.ndim == 3 and array.shape[2] in (3, 4)
    if array.ndim != 2 and not is_color:
        raise DataError(
            f"The layer has the shape {array.shape}: expected is one picture, (height, width) or "
            "(height, width, 3). Take a slice of a stack."
        )
    array = scale_to_bytes(array[..., :3] if is_color else array, [])
    return np.ascontiguousarray(array if is_color else gray_to_rgb(array))


def _plain(value: Any) -> Any:
    """A value of a table as a number, where it is one; NaN where it is not known."""
    if isinstance(value, str):
        try:
            return float(value) if value else np.nan
        except ValueError:
            return value
    return value
