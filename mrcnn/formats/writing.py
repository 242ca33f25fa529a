"""The formats that are written, by their names on the command line."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrcnn.errors import DataError
from mrcnn.formats.box_tables import write_box_table
from mrcnn.formats.coco import write_coco
from mrcnn.formats.cvat import write_cvat
from mrcnn.formats.geojson import write_geojson
from mrcnn.formats.imagej import write_imagej
from mrcnn.formats.label_images import write_label_image
from mrcnn.formats.labelme import write_labelme
from mrcnn.formats.via_csv import write_via_csv
from mrcnn.formats.via_project import write_via
from mrcnn.formats.voc import write_voc
from mrcnn.formats.yolo import IMAGES, LABELS, write_yolo
from mrcnn.instances import Instances


class ImageFiles(NamedTuple):
    """The files of the images.

    Attributes:
        folder: that they lie in.
        sizes: in bytes, by their names in that folder.
    """

    folder: Path
    sizes: Mapping[str, int]


# Path, images by their names, class names, and the image files.
# Gives how many objects lost pixels, where the format can lose some.
Write = Callable[[Path, Mapping[str, Instances], Sequence[str], ImageFiles], int | None]


class Writer(NamedTuple):
    """How a format is written.

    Attributes:
        name: of the file in the folder of a subset; "{}" stands for the image's name.
        write: writes the file; of one image where the name has "{}".
        keeps: what the format knows of: "masks", "boxes" without masks, "crowds", "classes".
        image_folder: in the folder of a subset, where the images belong.
    """

    name: str
    write: Write
    keeps: tuple[str, ...]
    image_folder: str = ""

    @property
    def is_for_one_image(self) -> bool:
        """Whether each image has a file of its own."""
        return "{}" in self.name


def _only(images: Mapping[str, Instances]) -> tuple[str, Instances]:
    ((name, instances),) = images.items()
    return Path(name).name, instances


def _labels(path: Path, images: Mapping[str, Instances], *_: object) -> int:
    name, instances = _only(images)
    if not instances.has_mask().all():
        raise DataError(
            f"{name} has {np.count_nonzero(~instances.has_mask())} objects that are boxes without "
            "masks, which a label image cannot hold: choose a format that has boxes."
        )
    return int(np.count_nonzero(write_label_image(path, [instances]) < instances.areas()))


WRITERS = {
    "via": Writer(
        "via_region_data.json",
        lambda path, images, names, files: write_via(
            path,
            images,
            names,
            sizes=files.sizes,
            default_filepath=files.folder.resolve().as_uri(),
            project_name=path.parent.name,
        ),
        ("masks", "classes"),
    ),
    "via-csv": Writer(
        "via_region_data.csv",
        lambda path, images, names, files: write_via_csv(path, images, names, sizes=files.sizes),
        ("masks", "classes"),
    ),
    "coco": Writer(
        "annotations.json",
        lambda path, images, names, _: write_coco(path, images, names),
        ("masks", "boxes", "crowds", "classes"),
    ),
    "cvat": Writer(
        "annotations.xml",
        lambda path, images, names, _: write_cvat(path, images, names),
        ("masks", "boxes", "classes"),
    ),
    "boxes-csv": Writer(
        "_annotations.csv",
        lambda path, images, names, _: write_box_table(path, images, names),
        ("boxes", "classes"),
    ),
    "yolo": Writer(
        f"{LABELS}/{{}}.txt",
        lambda path, images, names, _: write_yolo(path, _only(images)[1], names),
        ("masks", "boxes", "classes"),
        IMAGES,
    ),
    "voc": Writer(
        "{}.xml",
        lambda path, images, names, _: write_voc(path, _only(images)[1], names, _only(images)[0]),
        ("boxes", "classes"),
    ),
    "labelme": Writer(
        "{}.json",
        lambda path, images, names, _: write_labelme(
            path, _only(images)[1], names, _only(images)[0]
        ),
        ("masks", "boxes", "classes"),
    ),
    "geojson": Writer(
        "{}.geojson",
        lambda path, images, names, _: write_geojson(path, _only(images)[1], names),
        ("masks", "classes"),
    ),
    "imagej": Writer(
        "{}_rois.zip",
        lambda path, images, names, _: write_imagej(path, _only(images)[1], names),
        ("masks", "classes"),
    ),
    "labels": Writer("{}_labels.tif", _labels, ("masks",)),
}
