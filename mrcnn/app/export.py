"""Detections as files of other programs, VIA, COCO, QuPath and ImageJ."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.drawing.results import CLASS_COLOURS
from mrcnn.formats import ExportedImage, write_coco, write_geojson, write_imagej, write_via

VIA_FILE = "via_predictions.json"
COCO_FILE = "coco_predictions.json"
GEOJSON, IMAGEJ = ".geojson", "_rois.zip"


class Exporter:
    """Collects the cells of images and writes what was asked for.

    Args:
        options: `via`, `coco`, `geojson` and `imagej`, each a bool.
        out: folder of the results.
        class_names: of classes 1, 2, ...
        attribute: VIA region attribute of the class; None for "name".
    """

    def __init__(
        self, options: Any, out: Path, class_names: Sequence[str], attribute: str | None = None
    ) -> None:
        self.options = options
        self.out = out
        self.class_names = list(class_names)
        self.attribute = attribute or "name"
        self.colours = [
            tuple(channel / 255 for channel in CLASS_COLOURS[index % len(CLASS_COLOURS)])
            for index in range(len(self.class_names))
        ]
        self.images: list[ExportedImage] = []

    @property
    def wanted(self) -> bool:
        """Whether anything was asked for."""
        options = self.options
        return options.via or options.coco or options.geojson or options.imagej

    def add(
        self, filename: str, path: Path, stem: str, image_shape: Sequence[int], cells: Any
    ) -> None:
        """Take the cells of an image; the formats of one image are written at once.

        Args:
            filename: as the shared files name the image.
            path: of the image.
            stem: of the names of this image's own files.
            image_shape: (height, width, ...).
            cells: what was detected.
        """
        if not self.wanted:
            return
        image = ExportedImage(
            filename=filename,
            image_shape=tuple(image_shape[:2]),
            boxes=cells.boxes,
            crops=cells.crops,
            class_ids=cells.class_ids,
            scores=np.asarray(cells.scores, np.float64),
            size=path.stat().st_size,
        )
        if self.options.geojson:
            write_geojson(self.out / f"{stem}{GEOJSON}", image, self.class_names, self.colours)
        if self.options.imagej:
            write_imagej(self.out / f"{stem}{IMAGEJ}", image, self.class_names, self.colours)
        if self.options.via or self.options.coco:
            self.images.append(image)

    def finish(self, image_folder: Path) -> None:
        """Write the files that hold all images.

        Args:
            image_folder: where VIA looks for the images.
        """
        if self.options.via:
            write_via(
                self.out / VIA_FILE,
                self.images,
                self.class_names,
                attribute=self.attribute,
                default_filepath=image_folder.resolve().as_uri(),
            )
        if self.options.coco:
            write_coco(self.out / COCO_FILE, self.images, self.class_names)
