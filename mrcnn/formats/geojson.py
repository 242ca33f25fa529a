"""GeoJSON as QuPath reads and writes it (File > Export objects as GeoJSON), one file an image.

A pixel is the square between its indices and the next ones: its center has .5 in both coordinates.

QuPath from version 0.4 on writes and reads these properties; see its
`qupath-core/src/main/java/qupath/lib/io/PathObjectTypeAdapters.java`. Geometry: RFC 7946, with
(x, y) in pixels.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError, shown
from mrcnn.files import atomic_write
from mrcnn.formats.beside import image_beside
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.colors import Color, rgb_bytes
from mrcnn.formats.naming import check_class_names, check_classes
from mrcnn.formats.regions import Note, RawImage, RawRegion
from mrcnn.formats.row_outlines import is_point, rows_parts
from mrcnn.formats.shapes import join_outlines, points_to_polygon
from mrcnn.instances import Instances
from mrcnn.instances.outlines import Part, json_numbers, signed_area

_AT_A_TIME = 1000
_WITHOUT_AREA = ("Point", "MultiPoint", "LineString", "MultiLineString")


def is_geojson(content: Any) -> bool:
    """Whether a JSON file holds a collection of features, a list of them, or one."""
    if isinstance(content, list):
        return bool(content) and all(_is_feature(entry) for entry in content[:10])
    if _is_feature(content):
        return True
    return isinstance(content, Mapping) and (
        content.get("type") == "FeatureCollection" and isinstance(content.get("features"), list)
    )


def _is_feature(entry: Any) -> bool:
    return isinstance(entry, Mapping) and entry.get("type") == "Feature" and "geometry" in entry


def iterate_geojson(
    content: Any, path: Path, classes: ClassReader, note: Note
) -> Iterator[RawImage]:
    """The image that a file belongs to, with its features; messages count them from 1.

    The class is QuPath's classification, or the property "class" or "label" of other programs; a
    file where no feature has one tells no classes. What has no area is left out.

    Args:
        content: what the file holds, for which `is_geojson` is true.
        path: the file; its name tells that of the image.
        classes: is told where the class is.
        note: takes what is wrong with a feature.

    Raises:
        DataError: there is no image of the file's name.
    """
    attribute = classes.attribute or "class"
    features = content if isinstance(content, list) else content.get("features", [content])
    regions = []
    for number, feature in enumerate(features):
        where = f"{path}, feature {number + 1}"
        try:
            if not _is_feature(feature):
                raise DataError(f"{where}: an object of the type 'Feature' is expected.")
            polygon = _polygon(feature["geometry"], where)
        except DataError as error:
            note(error)
            continue
        class_name = _class_of(feature.get("properties"))
        if class_name:
            classes.default_to(attribute)
        attributes = {attribute: class_name} if class_name else {}
        regions.append(RawRegion(where, number, polygon, attributes))
    yield RawImage(image_beside(path), regions)


def _class_of(properties: Any) -> str:
    if not isinstance(properties, Mapping):
        return ""
    found = properties.get("classification")
    if isinstance(found, Mapping):
        names = found.get("names")
        found = found.get("name") or (": ".join(map(str, names)) if isinstance(names, list) else "")
    if not found:
        found = properties.get("class") or properties.get("label")
    return found if isinstance(found, str) else ""


def _polygon(geometry: Any, where: str) -> np.ndarray | None:
    """All rings of a geometry as one outline (y, x), None where it has no area."""
    found: Mapping[str, Any] = geometry if isinstance(geometry, Mapping) else {}
    kind: Any = found.get("type")
    coordinates: Any = found.get("coordinates")
    if kind in _WITHOUT_AREA:
        return None
    if kind == "Polygon":
        coordinates = [coordinates]
    elif kind != "MultiPolygon":
        raise DataError(
            f"{where}: the geometry is {shown(kind)}; Polygon and MultiPolygon are outlines."
        )
    outlines = []
    for part in _items(coordinates):
        for ring in _items(part):
            points = _items(ring)
            if not all(isinstance(point, list) and len(point) >= 2 for point in points):
                raise DataError(f"{where}: 'coordinates' must be rings of [x, y].")
            xs, ys = [point[0] for point in points], [point[1] for point in points]
            outline = points_to_polygon(xs, ys, where, ("coordinates", "coordinates")) - 0.5
            closes = len(outline) > 1 and (outline[0] == outline[-1]).all()
            outlines.append(outline[:-1] if closes else outline)
    return join_outlines(outlines)


def _items(value: Any) -> list[Any]:
    """Of what should be a list: its items, or one that is none."""
    return value if isinstance(value, list) else [None]


# ---- writing


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
    for row, geometry in enumerate(_geometries(instances)):
        number = instances.class_ids[row] - 1
        classification: Any = class_names[number]
        if colors is not None:
            classification = {"name": class_names[number], "color": list(colors[number])}
        properties = {"objectType": "annotation", "classification": classification}
        if instances.scores is not None:
            properties["measurements"] = {"Confidence": round(float(instances.scores[row]), 4)}
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return {"type": "FeatureCollection", "features": features}


def _geometries(instances: Instances) -> Iterator[dict[str, Any]]:
    crops = list(instances.crops)
    parts = rows_parts(instances.boxes, crops)
    for box, crop, outlines in zip(instances.boxes, crops, parts, strict=True):
        yield _point(box) if is_point(box, crop) else _geometry(outlines)


def _point(box: np.ndarray) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [box[1] + 0.5, box[0] + 0.5]}


def _geometry(outlines: list[Part]) -> dict[str, Any]:
    polygons = [
        [_closed_ring(ring, hole=number > 0) for number, ring in enumerate(part)]
        for part in outlines
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
