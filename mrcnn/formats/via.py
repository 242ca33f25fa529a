"""Writing projects of the VGG Image Annotator (VIA), version 2.

A person opens the project in VIA and corrects regions instead of drawing them; what VIA saves is
read by `mrcnn.formats.via_reading.read_via`, as is the project itself.

Coordinates are those that `read_via` takes: pixel (r, c) has its centre at (c, r), like in
annotations that were drawn in VIA by clicking on pixels. VIA's canvas shows them half a pixel
farther up and left than the mask's edge.

Layout: https://www.robots.ox.ac.uk/~vgg/software/via/, `via.js` of version 2.0.11.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from mrcnn.errors import ConfigError, DataError
from mrcnn.files import atomic_write
from mrcnn.formats.exported_image import ExportedImage, check_class_names, check_filenames
from mrcnn.instances.outlines import json_numbers, outline_polygon

SCORE_ATTRIBUTE = "score"

_DATA_FORMAT_VERSION = "2.0.10"
# VIA's own number for a size that it does not know.
_UNKNOWN_SIZE = -1


def write_via(
    path: str | os.PathLike,
    images: Sequence[ExportedImage],
    class_names: Sequence[str],
    *,
    attribute: str = "name",
    default_filepath: str = "",
    project_name: str = "predictions",
) -> None:
    """Write a VIA 2 project; the arguments are those of `via_project`."""
    project = via_project(
        images,
        class_names,
        attribute=attribute,
        default_filepath=default_filepath,
        project_name=project_name,
    )
    atomic_write(path, json.dumps(project) + "\n")


def via_project(
    images: Sequence[ExportedImage],
    class_names: Sequence[str],
    *,
    attribute: str = "name",
    default_filepath: str = "",
    project_name: str = "predictions",
) -> dict[str, Any]:
    """A VIA 2 project: one polygon for each instance, which VIA labels and colours by class.

    The polygon is that of `mrcnn.instances.outlines.outline_polygon`. Scores are in a text
    attribute of their own, called "score".

    Args:
        images: with file names relative to the folder of the images, and sizes in bytes: VIA
            knows an image by both.
        class_names: the options of the class attribute, of class 1, class 2 and so on.
        attribute: name of the region attribute that holds the class.
        default_filepath: where VIA looks for the images: what goes before each file name, as a
            path relative to VIA's page or a URL such as `Path(folder).resolve().as_uri()`; a
            missing "/" is added. Without it VIA asks for the files ("Add Files" finds them by
            name). VIA takes the name as part of a URL, so images with "#", "?" or "%" in their
            names must be added by hand.
        project_name: shown by VIA, and the name under which it saves.

    Returns:
        what JSON takes.

    Raises:
        ConfigError: class names that cannot be used, or an attribute name that is empty or that
            of the score.
        DataError: two images of the same name, or an instance of an unknown class.
    """
    check_class_names(class_names)
    check_filenames(images)
    if not attribute.strip() or attribute == SCORE_ATTRIBUTE:
        raise ConfigError(
            f"The class attribute cannot be called {attribute!r}: it must not be empty, and "
            f"{SCORE_ATTRIBUTE!r} holds the score."
        )
    if default_filepath and not default_filepath.endswith(("/", "\\")):
        default_filepath += "/"
    entries: dict[str, dict] = {}
    for image in images:
        size = _UNKNOWN_SIZE if image.size is None else int(image.size)
        key = f"{image.filename}{size}"
        if key in entries:
            raise DataError(
                f"VIA cannot tell {image.filename!r} of {size} bytes from "
                f"{entries[key]['filename']!r} of {entries[key]['size']} bytes: rename one."
            )
        entries[key] = {
            "filename": image.filename,
            "size": size,
            "regions": _regions(image, image.names(class_names), attribute),
            "file_attributes": {},
        }
    return {
        "_via_settings": _settings(attribute, default_filepath, project_name),
        "_via_img_metadata": entries,
        "_via_attributes": {
            "region": {
                attribute: {
                    "type": "dropdown",
                    "description": "",
                    "options": {name: name for name in class_names},
                    "default_options": {},
                },
                SCORE_ATTRIBUTE: {"type": "text", "description": "", "default_value": ""},
            },
            "file": {},
        },
        "_via_data_format_version": _DATA_FORMAT_VERSION,
        "_via_image_id_list": list(entries),
    }


def _regions(image: ExportedImage, names: list[str], attribute: str) -> list[dict]:
    regions = []
    for number, (box, crop) in enumerate(zip(image.boxes, image.crops, strict=True)):
        polygon = outline_polygon(crop, box[:2])
        attributes = {attribute: names[number]}
        if image.scores is not None:
            attributes[SCORE_ATTRIBUTE] = f"{image.scores[number]:.4f}"
        regions.append(
            {
                "shape_attributes": {
                    "name": "polygon",
                    "all_points_x": json_numbers(polygon[:, 1]),
                    "all_points_y": json_numbers(polygon[:, 0]),
                },
                "region_attributes": attributes,
            }
        )
    return regions


def _settings(attribute: str, default_filepath: str, project_name: str) -> dict[str, Any]:
    """VIA's settings as it has them at the start, but labels and colours are those of classes."""
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
