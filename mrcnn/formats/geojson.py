"""Writing GeoJSON as QuPath reads it (File > Import objects from file), one file an image.

A pixel is the square between its indices and the next ones: its center has .5 in both coordinates.

QuPath from version 0.4 on reads these properties; see its
`qupath-core/src/main/java/qupath/lib/io/PathObjectTypeAdapters.java`. Geometry: RFC 7946, with
(x, y) in pixels.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.files import atomic_write
from mrcnn.formats.colors import Color, rgb_bytes
from mrcnn.formats.naming import check_class_names, check_classes
from mrcnn.formats.row_outlines import is_point, row_parts
from mrcnn.instances import Instances
from mrcnn.instances.outlines import json_numbers, signed_area

_AT_A_TIME = 1000


def write_geojson(
    path: str | os.PathLike,
    instances: Instances,
    class_names: Sequence[str],
    class_colors: Sequence[Color] | None = None,
) -> None:
    """Write the instances of one image; the arguments are those of `feature_collection`.

    Some are written at a time: the outlines of a hundred thousand take a gigabyte.
    """

    def features(first: int) -> str:
        some = instances.take(np.arange(first, min(first + _AT_A_TIME, len(instances))))
        return json.dumps(feature_collection(some, class_names, class_colors)["features"])[1:-1]

    def write(file: Path) -> None:
        with open(file, "w", encoding="utf-8") as stream:
            stream.write('{"type": "FeatureCollection", "features": [')
            separator = ""
            # Also without instances, for what is wrong with the classes.
            for first in range(0, max(len(instances), 1), _AT_A_TIME):
                if text := features(first):
                    stream.write(separator + text)
                    separator = ", "
            stream.write("]}\n")

    atomic_write(path, write)


def feature_collection(
    instances: Instances,
    class_names: Sequence[str],
    class_colors: Sequence[Color] | None = None,
) -> dict[str, Any]:
    """The instances of one image as QuPath's annotations, which a person can correct.

    Outlines are those of `mrcnn.instances.outlines.outline_parts`: a `Polygon`, with its holes, or
    a `MultiPolygon`. Without a mask it is the `Polygon` of the box, or a `Point`. Instances without
    a pixel are left out. QuPath has no mark for those to ignore. The score is the measurement
    "Confidence".

    Args:
        instances: of one image.
        class_names: the name of class 1, of class 2 and so on.
        class_colors: (red, green, blue) of each class, each 0..1; None leaves them to QuPath.

    Returns:
        what JSON takes.

    Raises:
        ConfigError: class names or colors that cannot be used.
        DataError: an instance of an unknown class.
    """
    check_class_names(class_names)
    colors = rgb_bytes(class_colors, class_names)
    check_classes(instances, class_names)
    instances = instances.tight()
    features = []
    for row, (box, crop) in enumerate(zip(instances.boxes, instances.crops, strict=True)):
        number = instances.class_ids[row] - 1
        classification: Any = class_names[number]
        if colors is not None:
            classification = {"name": class_names[number], "color": list(colors[number])}
        properties = {"objectType": "annotation", "classification": classification}
        if instances.scores is not None:
            properties["measurements"] = {"Confidence": round(float(instances.scores[row]), 4)}
        features.append(
            {"type": "Feature", "geometry": _geometry(box, crop), "properties": properties}
        )
    return {"type": "FeatureCollection", "features": features}


def _geometry(box: np.ndarray, crop: np.ndarray | None) -> dict[str, Any]:
    if is_point(box, crop):
        return {"type": "Point", "coordinates": [box[1] + 0.5, box[0] + 0.5]}
    polygons = [
        [_closed_ring(ring, hole=number > 0) for number, ring in enumerate(part)]
        for part in row_parts(box, crop)
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
