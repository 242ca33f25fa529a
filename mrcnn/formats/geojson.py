"""Writing GeoJSON as QuPath reads it (File > Import objects from file), one file an image.

A pixel is the square between its indices and the next ones: its centre has .5 in both coordinates.

QuPath from version 0.4 on reads these properties; see its
`qupath-core/src/main/java/qupath/lib/io/PathObjectTypeAdapters.java`. Geometry: RFC 7946, with
(x, y) in pixels.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.files import atomic_write
from mrcnn.formats.exported_image import Colour, ExportedImage, check_class_names, rgb_bytes
from mrcnn.instances.outlines import Part, json_numbers, outline_parts, signed_area


def write_geojson(
    path: str | os.PathLike,
    image: ExportedImage,
    class_names: Sequence[str],
    class_colours: Sequence[Colour] | None = None,
) -> None:
    """Write one image's instances as GeoJSON; the arguments are those of `feature_collection`."""
    atomic_write(path, json.dumps(feature_collection(image, class_names, class_colours)) + "\n")


def feature_collection(
    image: ExportedImage,
    class_names: Sequence[str],
    class_colours: Sequence[Colour] | None = None,
) -> dict[str, Any]:
    """The instances of one image as QuPath's annotations, which a person can correct.

    Outlines are those of `mrcnn.instances.outlines.outline_parts`: a `Polygon`, with its holes, or
    a `MultiPolygon`. The score is the measurement "Confidence".

    Args:
        image: the instances.
        class_names: the name of class 1, of class 2 and so on.
        class_colours: (red, green, blue) of each class, each 0..1; None leaves them to QuPath.

    Returns:
        what JSON takes.

    Raises:
        ConfigError: class names or colours that cannot be used.
        DataError: an instance of an unknown class.
    """
    check_class_names(class_names)
    colours = rgb_bytes(class_colours, class_names)
    features = []
    for number, name in enumerate(image.names(class_names)):
        classification: Any = name
        if colours is not None:
            colour = colours[image.class_ids[number] - 1]
            classification = {"name": name, "color": list(colour)}
        properties = {"objectType": "annotation", "classification": classification}
        if image.scores is not None:
            properties["measurements"] = {"Confidence": round(float(image.scores[number]), 4)}
        parts = outline_parts(image.crops[number], image.boxes[number, :2])
        features.append({"type": "Feature", "geometry": _geometry(parts), "properties": properties})
    return {"type": "FeatureCollection", "features": features}


def _geometry(parts: list[Part]) -> dict[str, Any]:
    polygons = [
        [_closed_ring(ring, hole=number > 0) for number, ring in enumerate(part)] for part in parts
    ]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _closed_ring(ring: np.ndarray, hole: bool) -> list[list[int | float]]:
    """(x, y) of a ring, its first corner again at its end; outer rings and holes turn in opposite
    directions."""
    # The RFC asks for outer rings that turn anticlockwise, where y points up.
    if (signed_area(ring) < 0) == hole:
        ring = ring[::-1]
    points = np.concatenate([ring, ring[:1]]) + 0.5
    return [[x, y] for y, x in zip(*(json_numbers(values) for values in points.T), strict=True)]
