"""VIA 2 projects: written image by image, however many there are."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.json_text import json_parts, write_json
from mrcnn.formats.naming import check_class_names, check_classes, check_filenames
from mrcnn.formats.row_outlines import is_point
from mrcnn.instances import Instances
from mrcnn.instances.outlines import json_numbers, outline_polygon

_METADATA = "_via_img_metadata"
SCORE_ATTRIBUTE = "score"

_DATA_FORMAT_VERSION = "2.0.10"
_ESCAPES = str.maketrans({"%": "%25", "#": "%23", "?": "%3F"})
# VIA's own number for a size that it does not know.
_UNKNOWN_SIZE = -1


def write_via(
    path: str | os.PathLike,
    images: Mapping[str, Instances],
    class_names: Sequence[str],
    *,
    sizes: Mapping[str, int] | None = None,
    attribute: str = "name",
    default_filepath: str = "",
    project_name: str = "predictions",
    outlines: Mapping[str, Sequence[np.ndarray]] | None = None,
) -> None:
    """Write a VIA 2 project; the arguments are those of `via_project`."""
    names = _keys(images, sizes or {}, is_escaped=bool(default_filepath))
    whole = _without_images(images, class_names, names, attribute, default_filepath, project_name)
    entries = _entries(images, class_names, names, attribute, outlines or {})
    parts = (f"{json.dumps(key)}: {_text(entry)}" for key, entry in entries)
    write_json(path, whole, _METADATA, parts, "{}")


def _text(entry: dict[str, Any]) -> str:
    """Region by region: other threads wait until a call of `json.dumps` is done."""
    return "".join(json_parts(entry, "regions", map(json.dumps, entry["regions"]), "[]"))


def via_project(
    images: Mapping[str, Instances],
    class_names: Sequence[str],
    *,
    sizes: Mapping[str, int] | None = None,
    attribute: str = "name",
    default_filepath: str = "",
    project_name: str = "predictions",
    outlines: Mapping[str, Sequence[np.ndarray]] | None = None,
) -> dict[str, Any]:
    """A VIA 2 project: one region for each instance, which VIA labels and colors by class.

    The region is the polygon `mrcnn.instances.outlines.outline_polygon` of the mask; without a mask
    it is the rectangle of the box, or a point. Instances without a pixel are left out. VIA has no
    mark for those to ignore. Scores are in a text attribute of their own, called "score".

    Args:
        images: file name, relative to the folder of the images -> what is on the image.
        class_names: the options of the class attribute, of class 1, class 2 and so on.
        sizes: file name -> size of the image file in bytes, as far as it is known. VIA knows an
            image by its name and its size.
        attribute: name of the region attribute that holds the class.
        default_filepath: where VIA looks for the images: what goes before each file name, as a
            path relative to VIA's page or a URL such as `Path(folder).resolve().as_uri()`; a
            missing "/" is added. VIA takes the name as part of a URL: "#", "?" and "%" in names
            are escaped. Without it VIA asks for the files ("Add Files" finds them by name).
        project_name: shown by VIA, and the name under which it saves.
        outlines: file name -> polygon float [K, 2] of (y, x) of each instance, for images whose
            outlines are known: they are taken as they are.

    Returns:
        what JSON takes.

    Raises:
        ConfigError: class names that cannot be used, or an attribute name that is empty or that
            of the score.
        DataError: something that is no file name, a size below 0, images that VIA cannot tell
            apart, an instance of an unknown class, or not one outline for each instance.
    """
    names = _keys(images, sizes or {}, is_escaped=bool(default_filepath))
    whole = _without_images(images, class_names, names, attribute, default_filepath, project_name)
    entries = _entries(images, class_names, names, attribute, outlines or {})
    return {**whole, _METADATA: dict(entries)}


def _without_images(
    images: Mapping[str, Instances],
    class_names: Sequence[str],
    names: Mapping[str, tuple[str, int]],
    attribute: str,
    default_filepath: str,
    project_name: str,
) -> dict[str, Any]:
    """All of a project but its images, whose place is kept; `names` as of `_keys`."""
    check_class_names(class_names)
    if not attribute.strip() or attribute == SCORE_ATTRIBUTE:
        raise ConfigError(
            f"The class attribute cannot be called {attribute!r}: it must not be empty, and "
            f"{SCORE_ATTRIBUTE!r} holds the score."
        )
    if default_filepath and not default_filepath.endswith(("/", "\\")):
        default_filepath += "/"
    return {
        "_via_settings": _settings(attribute, default_filepath, project_name),
        _METADATA: {},
        "_via_attributes": {
            "region": {
                attribute: {
                    "type": "dropdown",
                    "description": "",
                    "options": {name: name for name in class_names},
                    "default_options": {_usual_class(images, class_names): True},
                },
                SCORE_ATTRIBUTE: {"type": "text", "description": "", "default_value": ""},
            },
            "file": {},
        },
        "_via_data_format_version": _DATA_FORMAT_VERSION,
        "_via_image_id_list": list(names),
    }


def _keys(
    images: Iterable[str], sizes: Mapping[str, int], *, is_escaped: bool
) -> dict[str, tuple[str, int]]:
    """File name and size of each image by the key that VIA has for it, in their order."""
    check_filenames(images)
    names: dict[str, tuple[str, int]] = {}
    for image in images:
        size = _known_size(image, sizes)
        filename = _escaped(image) if is_escaped else image
        key = f"{filename}{size}"
        if key in names:
            other, other_size = names[key]
            raise DataError(
                f"VIA cannot tell {filename!r} of {size} bytes from {other!r} of {other_size} "
                "bytes: rename one."
            )
        names[key] = (filename, size)
    return names


def _entries(
    images: Mapping[str, Instances],
    class_names: Sequence[str],
    names: Mapping[str, tuple[str, int]],
    attribute: str,
    outlines: Mapping[str, Sequence[np.ndarray]],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each image by its key, made while they are asked for."""
    for (key, (filename, size)), (image, instances) in zip(
        names.items(), images.items(), strict=True
    ):
        known = outlines.get(image)
        if known is None:
            instances = instances.tight()
        elif len(known) != len(instances):
            raise DataError(
                f"Image {image!r}: {len(known)} outlines were given for {len(instances)} objects."
            )
        yield (
            key,
            {
                "filename": filename,
                "size": size,
                "regions": _regions(instances, class_names, attribute, known),
                "file_attributes": {},
            },
        )


def _escaped(filename: str) -> str:
    """With the characters escaped that would end the path of a URL, or change it."""
    return filename.translate(_ESCAPES)


def _usual_class(images: Mapping[str, Instances], class_names: Sequence[str]) -> str:
    """The class that a new region gets: the one that most have, of several the first.

    Raises:
        DataError: an instance is of an unknown class.
    """
    counts = np.zeros(len(class_names) + 1, np.int64)
    for image, instances in images.items():
        check_classes(instances, class_names, image)
        counts += np.bincount(instances.class_ids, minlength=len(counts))
    return class_names[int(np.argmax(counts[1:]))]


def _known_size(filename: str, sizes: Mapping[str, int]) -> int:
    size = sizes.get(filename)
    if size is None:
        return _UNKNOWN_SIZE
    if size < 0:
        raise DataError(
            f"Image {filename!r}: the file's size is {size} bytes; leave it out of `sizes` if it "
            "is unknown."
        )
    return int(size)


def _regions(
    instances: Instances,
    class_names: Sequence[str],
    attribute: str,
    known: Sequence[np.ndarray] | None,
) -> list[dict[str, Any]]:
    regions = []
    for row, (box, crop) in enumerate(zip(instances.boxes, instances.crops, strict=True)):
        attributes = {attribute: class_names[instances.class_ids[row] - 1]}
        if instances.scores is not None:
            attributes[SCORE_ATTRIBUTE] = f"{instances.scores[row]:.4f}"
        shape = _shape(box, crop) if known is None else _polygon(np.asarray(known[row], float))
        regions.append({"shape_attributes": shape, "region_attributes": attributes})
    return regions


def _shape(box: np.ndarray, crop: np.ndarray | None) -> dict[str, Any]:
    """The "shape_attributes" of an instance."""
    y1, x1, y2, x2 = box.tolist()
    if is_point(box, crop):
        return {"name": "point", "cx": x1, "cy": y1}
    if crop is None:
        return {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    return _polygon(outline_polygon(crop, box[:2]))


def _polygon(polygon: np.ndarray) -> dict[str, Any]:
    return {
        "name": "polygon",
        "all_points_x": json_numbers(polygon[:, 1]),
        "all_points_y": json_numbers(polygon[:, 0]),
    }


def _settings(attribute: str, default_filepath: str, project_name: str) -> dict[str, Any]:
    """VIA's settings as it has them at the start, but labels and colors are those of classes."""
    return {
        "ui": {
            "annotation_editor_height": 25,
            "annotation_editor_fontsize": 0.8,
            "leftsidebar_width": 18,
            "image_grid": {
                "img_height": 80,
                "rshape_fill": "none",
                "rshape_fill_opacity": 0.3,
                "rshape_stroke": "yellow",
                "rshape_stroke_width": 2,
                "show_region_shape": True,
                "show_image_policy": "all",
            },
            "image": {
                "region_label": attribute,
                "region_color": attribute,
                "region_label_font": "10px Sans",
                "on_image_annotation_editor_placement": "NEAR_REGION",
            },
        },
        "core": {"buffer_size": 18, "filepath": {}, "default_filepath": default_filepath},
        "project": {"name": project_name},
    }
