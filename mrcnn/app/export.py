"""Detections as files of other programs, VIA, COCO, QuPath and ImageJ."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrcnn.app.result_files import RESULT_PICTURES
from mrcnn.drawing.palette import class_color, in_units
from mrcnn.errors import DataError
from mrcnn.formats import write_coco, write_geojson, write_imagej, write_via
from mrcnn.instances import Instances

VIA_FILE = "via_predictions.json"
COCO_FILE = "coco_predictions.json"
GEOJSON, IMAGEJ = ".geojson", "_rois.zip"
# What the files of one picture may end in.
ENDINGS = (*RESULT_PICTURES, GEOJSON, IMAGEJ)
# VIA and ImageJ get no image with more objects: all outlines of a file are in memory at once, some
# 5 kB each, and these programs would not open it.
MOST_OUTLINES = 2**17


class Exporter:
    """Writes what was asked for of the instances of images.

    Args:
        options: `via`, `coco`, `geojson` and `imagej`, each a bool.
        out: folder of the results.
        class_names: of classes 1, 2, ...
        attribute: VIA region attribute of the class; None for "name".

    Attributes:
        left_out: a line for each image that was added and is not in a file that was asked for.
    """

    def __init__(
        self, options: Any, out: Path, class_names: Sequence[str], attribute: str | None = None
    ) -> None:
        self.options = options
        self.out = out
        self.class_names = list(class_names)
        self.attribute = attribute or "name"
        self.colors = [in_units(class_color(number + 1)) for number in range(len(class_names))]

        self.images: dict[str, Instances] = {}
        self.sizes: dict[str, int] = {}
        self.left_out: list[str] = []

    @property
    def wants_all(self) -> bool:
        """Whether a file was asked for that holds all images."""
        return self.options.via or self.options.coco

    def write_files(self, path: str, stem: str, found: Instances) -> tuple[list[str], list[str]]:
        """Write the files of one image.

        Args:
            path: of the image, for a person.
            stem: of the names of the files.
            found: what was detected.

        Returns:
            the names of the files, and a line for each file of any kind that cannot have it.
        """
        written, left_out = [], []
        if self.options.geojson:
            written.append(f"{stem}{GEOJSON}")
            write_geojson(self.out / written[-1], found, self.class_names, self.colors)
        asked = [each for each in ("via", "imagej") if getattr(self.options, each)]
        if asked and len(found) > MOST_OUTLINES:
            names = " and ".join(f"--{each}" for each in asked)
            left_out.append(
                f"{path}: {len(found)} outlines are more than the {MOST_OUTLINES} that {names} can "
                "write for one image, so it is left out there. --geojson and --coco have all."
            )
        elif self.options.imagej:
            written.append(f"{stem}{IMAGEJ}")
            write_imagej(self.out / written[-1], found, self.class_names, self.colors)
        return written, left_out

    def write_all(
        self,
        images: Mapping[str, Instances],
        sizes: Mapping[str, int],
        few: Mapping[str, Instances],
        image_folder: Path | None,
    ) -> None:
        """Write the files that hold all images.

        Args:
            images: by the names that these files have for them.
            sizes: of the image files in bytes.
            few: those of at most `MOST_OUTLINES` objects.
            image_folder: where VIA looks for the images; None leaves that open.
        """
        if self.options.via:
            write_via(
                self.out / VIA_FILE,
                few,
                self.class_names,
                sizes=sizes,
                attribute=self.attribute,
                default_filepath="" if image_folder is None else image_folder.resolve().as_uri(),
            )
        if self.options.coco:
            write_coco(self.out / COCO_FILE, images, self.class_names)

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
        _, left_out = self.write_files(str(path), stem, found)
        self.left_out += left_out
        if not self.wants_all:
            return
        if filename in self.images:
            raise DataError(
                f"Two images are called {filename!r}: give names relative to a folder that holds "
                "both, or write them to files of their own."
            )
        self.images[filename] = found
        self.sizes[filename] = path.stat().st_size

    def finish(self, image_folder: Path) -> None:
        """Write the files that hold all images that were added.

        Args:
            image_folder: where VIA looks for the images.
        """
        few = {name: each for name, each in self.images.items() if len(each) <= MOST_OUTLINES}
        self.write_all(self.images, self.sizes, few, image_folder)
