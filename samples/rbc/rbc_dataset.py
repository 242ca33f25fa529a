"""Annotated fields of red blood cells: a folder of images with a VIA file for each subset."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError
from mrcnn.formats import read_via
from mrcnn.formats.annotations import AnnotatedImage, locate_image
from mrcnn.pictures import read_image
from rbc_arguments import SKIP, STOP
from rbc_config import RBCConfig

ANNOTATION_FILE = "via_region_data.json"
SOURCE = "rbc"

# The paper's annotations are in Indonesian.
CLASS_ALIASES = {
    "besar": "large",
    "kecil": "small",
    "tak terdefinisi": "undefined",
    "tidak terdefinisi": "undefined",
}

_SHOWN_PROBLEMS = 10


def find_annotations(folder: Path) -> Path:
    """The VIA file of a folder: `via_region_data.json`, or the only .json file.

    Raises:
        DataError: no folder, no such file, or several that could be meant.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder. A data set has the folders train and val, each with "
            f"images and a VIA file ({ANNOTATION_FILE}); `rbc.py smears DIR` renders one."
        )
    usual = folder / ANNOTATION_FILE
    if usual.is_file():
        return usual
    found = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(f"{folder}: no annotations. Expected the VIA file {ANNOTATION_FILE}.")
    raise DataError(
        f"{folder}: {', '.join(path.name for path in found)} could all be the annotations. "
        f"Name the right one {ANNOTATION_FILE}."
    )


def read_fields(
    annotations: Path,
    class_names: Sequence[str],
    attribute: str | None = None,
    problems: list[str] | None = None,
) -> list[AnnotatedImage]:
    """The outlines of a subset, with the Indonesian names of the classes understood.

    Args:
        annotations: the VIA file.
        class_names: the known classes.
        attribute: region attribute that holds the class; None finds it.
        problems: see `mrcnn.formats.via.read_via`.

    Raises:
        DataError: see `mrcnn.formats.via.read_via`.
    """
    aliases = {alias: name for alias, name in CLASS_ALIASES.items() if name in class_names}
    return read_via(
        annotations,
        class_names=list(class_names),
        attribute=attribute,
        class_aliases=aliases,
        problems=problems,
    )


def size_problem(field: AnnotatedImage, image_shape: Sequence[int]) -> str | None:
    """What is wrong if the outlines were drawn on an image of another size, as far as it is known.

    Args:
        field: annotated image.
        image_shape: (height, width, ...) of its file, in pixels.
    """
    height, width = image_shape[:2]
    if field.image_shape in (None, (height, width)):
        return None
    noted_height, noted_width = field.image_shape
    return (
        f"has {width} x {height} pixels; the annotations are for one of "
        f"{noted_width} x {noted_height}"
    )


def listing(problems: Sequence[str]) -> str:
    """The first problems, a line each, and how many more there are."""
    shown = list(problems[:_SHOWN_PROBLEMS])
    if len(problems) > len(shown):
        shown.append(f"... and {len(problems) - len(shown)} more; `rbc.py check` lists all")
    return "\n".join(f"  {problem}" for problem in shown)


class RBCDataset(Dataset):
    """Fields of red blood cells with polygons, one class for each cell."""

    def load_rbc(
        self,
        dataset_dir: str | Path,
        subset: str,
        class_names: Sequence[str] = RBCConfig.CLASS_NAMES,
        attribute: str | None = None,
        on_error: str = STOP,
    ) -> None:
        """Add the images of `dataset_dir/subset`; call `prepare()` afterwards.

        Every image is read once here, so that a broken one is found before training starts.

        Args:
            dataset_dir: folder of the data set.
            subset: folder in it, such as "train" or "val".
            class_names: classes 1, 2, ...; the Indonesian names are understood as well.
            attribute: VIA region attribute that holds the class; None finds it.
            on_error: "stop" raises when an image or a region cannot be used; "skip" leaves it out,
                with a warning.

        Raises:
            DataError: the folder, the annotations or an image cannot be used; with "skip", nothing
                is left.
        """
        folder = Path(dataset_dir) / subset
        annotations = find_annotations(folder)
        for class_id, name in enumerate(class_names, start=1):
            self.add_class(SOURCE, class_id, name)
        ids = {name: class_id for class_id, name in enumerate(class_names, start=1)}
        problems: list[str] = []
        fields = read_fields(
            annotations, class_names, attribute, problems if on_error == SKIP else None
        )
        if not fields:
            raise DataError(f"{annotations}: no image is listed.")
        unusable, names = [], set()
        for field in fields:
            try:
                path = locate_image(folder, field.filename)
                height, width = read_image(path).shape[:2]
                problem = size_problem(field, (height, width))
                if field.filename in names:
                    problem = "is listed more than once"
                if problem:
                    raise DataError(f"{path}: {problem}.")
            except DataError as error:
                unusable.append(str(error))
                continue
            names.add(field.filename)
            self.add_image(
                SOURCE,
                image_id=field.filename,
                path=str(path),
                width=width,
                height=height,
                polygons=field.polygons,
                polygon_class_ids=[ids[name] for name in field.class_names],
            )
        if unusable and (on_error == STOP or len(unusable) == len(fields)):
            raise DataError(
                f"{annotations}: {len(unusable)} of {len(fields)} listed images cannot be used:\n"
                + listing(unusable)
            )
        problems += unusable
        if problems:
            warnings.warn(
                f"{annotations}: {len(problems)} images and regions cannot be used and are left "
                f"out:\n{listing(problems)}",
                stacklevel=2,
            )

    def load_polygons(self, image_id: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Outlines of the cells of one image.

        Returns:
            float64 [K, 2] of (y, x) pixels for each cell, and class ids, int32 [N].
        """
        info = self.image_info[image_id]
        class_ids = [
            self.map_source_class_id(f"{SOURCE}.{class_id}")
            for class_id in info["polygon_class_ids"]
        ]
        return info["polygons"], np.array(class_ids, dtype=np.int32)

    def image_reference(self, image_id: int) -> str:
        """Path of the image."""
        return self.image_info[image_id]["path"]
