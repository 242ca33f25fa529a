"""Detections as files of other programs, VIA, COCO, QuPath and ImageJ."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrcnn.drawing.results import CLASS_COLOURS
from mrcnn.errors import DataError
from mrcnn.formats import write_coco, write_geojson, write_imagej, write_via
from mrcnn.instances import Instances

VIA_FILE = "via_predictions.json"
COCO_FILE = "coco_predictions.json"
GEOJSON, IMAGEJ = ".geojson", "_rois.zip"


class Exporter:
    """Collects the instances of images and writes what was asked for.

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
        chosen = [CLASS_COLOURS[index % len(CLASS_COLOURS)] for index in range(len(class_names))]
        self.colors = [(red / 255, green / 255, blue / 255) for red, green, blue in chosen]
        self.images: dict[str, Instances] = {}
        self.sizes: dict[str, int] = {}

    @property
    def wanted(self) -> bool:
        """Whether anything was asked for."""
        options = self.options
        return options.via or options.coco or options.geojson or options.imagej

    def add(self, filename: str, path: Path, stem: str, found: Instances) -> None:
        """Take the instances of an image; the formats of one image are written at once.

        Args:
            filename: as the shared files name the image.
            path: of the image.
            stem: of the names of this image's own files.
            found: what was detected.

        Raises:
            DataError: an image of this name is there already.
        """
        if not self.wanted:
            return
        if self.options.geojson:
            write_geojson(self.out / f"{stem}{GEOJSON}", found, self.class_names, self.colors)
        if self.options.imagej:
            write_imagej(self.out / f"{stem}{IMAGEJ}", found, self.class_names, self.colors)
        if not (self.options.via or self.options.coco):
            return
        if filename in self.images:
            raise DataError(
                f"Two images are called {filename!r}: give names relative to a folder that holds "
                "both, or write them to files of their own."
            )
        self.images[filename] = found
        self.sizes[filename] = path.stat().st_size

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
                sizes=self.sizes,
                attribute=self.attribute,
                default_filepath=image_folder.resolve().as_uri(),
            )
        if self.options.coco:
            write_coco(self.out / COCO_FILE, self.images, self.class_names)
