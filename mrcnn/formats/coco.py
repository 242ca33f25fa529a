"""Writing COCO JSON with run-length encoded masks, exact to the pixel.

Format: https://cocodataset.org/#format-data
"""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.files import atomic_write
from mrcnn.formats.exported_image import ExportedImage, check_class_names, check_filenames
from mrcnn.instances import run_length


def write_coco(
    path: str | os.PathLike, images: Sequence[ExportedImage], class_names: Sequence[str]
) -> None:
    """Write a COCO JSON file; the arguments are those of `coco_dataset`."""
    atomic_write(path, json.dumps(coco_dataset(images, class_names)) + "\n")


def coco_dataset(images: Sequence[ExportedImage], class_names: Sequence[str]) -> dict[str, Any]:
    """Images, annotations and categories in COCO's form, as `pycocotools.coco.COCO` reads it.

    Ids of images and annotations count from 1; the id of a category is the class id. Masks are
    run-length codes with packed counts and `iscrowd` 0. A `bbox` is (x, y, width, height) in
    pixels. Scores are kept as "score" of the annotations.

    Args:
        images: with file names relative to the folder of the images.
        class_names: the name of class 1, of class 2 and so on.

    Returns:
        what JSON takes.

    Raises:
        ConfigError: class names that cannot be used.
        DataError: two images of the same name, or an instance of an unknown class.
    """
    check_class_names(class_names)
    check_filenames(images)
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, start=1):
        image.check_classes(class_names)
        for number, (box, crop) in enumerate(zip(image.boxes, image.crops, strict=True)):
            y1, x1, y2, x2 = box.tolist()
            counts = run_length.compress(run_length.encode(box, crop, image.image_shape))
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": int(image.class_ids[number]),
                "segmentation": {"size": list(image.image_shape), "counts": counts},
                "area": int(np.count_nonzero(crop)),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": 0,
            }
            if image.scores is not None:
                annotation["score"] = float(image.scores[number])
            annotations.append(annotation)
    return {
        "info": {},
        "licenses": [],
        "images": [
            {
                "id": image_id,
                "file_name": image.filename,
                "height": image.image_shape[0],
                "width": image.image_shape[1],
            }
            for image_id, image in enumerate(images, start=1)
        ],
        "annotations": annotations,
        "categories": [
            {"id": class_id, "name": name, "supercategory": ""}
            for class_id, name in enumerate(class_names, start=1)
        ],
    }
