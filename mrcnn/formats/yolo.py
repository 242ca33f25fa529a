"""YOLO's label files: a text file for each image, with a line for each object; read and written.

A line is `class x y width height`, a box by its center and sides, or `class x1 y1 x2 y2 x3 y3 ...`,
an outline; all in parts of the image's width and height. The files lie in a folder `labels` beside
`images`, with folders such as `train` and `val` in both or around both, or beside the images.
Format: https://docs.ultralytics.com/datasets/detect
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError, shown
from mrcnn.files import atomic_write
from mrcnn.formats.annotations import AnnotatedImage
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.naming import check_class_names, check_classes
from mrcnn.formats.regions import Note, RawImage, RawRegion, collect_images
from mrcnn.formats.yaml_names import names_in_yaml
from mrcnn.instances import Instances
from mrcnn.instances.outlines import outline_polygon

LABELS, IMAGES = "labels", "images"
# Where the names of classes stand: in YAML, or a line for each.
_YAML_FILES = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml")
_LINE_FILES = ("classes.txt", "obj.names", "_darknet.labels")
# How many folders above the labels they may lie.
_LEVELS = 3
# What a rounded number may lie outside the image, in parts of it.
_ROUNDING = 0.01
_LARGEST_BYTES = 10_000_000


def find_yolo(folder: str | os.PathLike) -> Path | None:
    """The folder of label files of a subset, or None where it has none.

    Args:
        folder: `DIR/train` of a data set in DIR. Looked at are `DIR/labels/train`,
            `DIR/train/labels` and the folder itself, where label files lie beside the images.
    """
    folder = Path(folder)
    for labels in (folder.parent / LABELS / folder.name, folder / LABELS, folder):
        if is_yolo(labels):
            return labels
    return None


def is_yolo(labels: Path) -> bool:
    """Whether this is a folder of label files: one is there whose image is where it belongs."""
    images = images_of_labels(labels)
    if not labels.is_dir() or not images.is_dir():
        return False
    stems = {path.stem for path in images.iterdir() if path.suffix != ".txt"}
    return any(path.stem in stems for path in _label_files(labels))


def images_of_labels(labels: str | os.PathLike) -> Path:
    """The folder of the images that a folder of label files belongs to."""
    labels = Path(labels)
    if labels.name == LABELS:
        return labels.parent / IMAGES
    if labels.parent.name == LABELS:
        return labels.parent.parent / IMAGES / labels.name
    return labels


def yolo_class_names(labels: str | os.PathLike) -> dict[int, str]:
    """The names of the classes by number, from `data.yaml` or `classes.txt`; {} without such files.

    Raises:
        DataError: the file cannot be read.
    """
    folder = Path(labels)
    for parent in (folder, *folder.parents[:_LEVELS]):
        for name in _YAML_FILES:
            if (parent / name).is_file():
                return names_in_yaml(parent / name)
        for name in _LINE_FILES:
            if (parent / name).is_file():
                lines = [line.strip() for line in _text(parent / name).splitlines()]
                return {number: line for number, line in enumerate(lines) if line}
    return {}


def read_yolo(
    labels: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    class_aliases: Mapping[str, str] | None = None,
    *,
    problems: list[str] | None = None,
) -> list[AnnotatedImage]:
    """Read the label files of a folder.

    Boxes become rectangles, of which `is_box` says so. An image without a label file has no object.
    Class numbers without a name are named `class 0` and so on.

    Args:
        labels: the folder of the label files.
        class_names: the known classes; None takes all that are there. With a single class, all
            objects have this class.
        class_aliases: names in the files -> class names.
        problems: takes the message of each file and line that cannot be used, which is then left
            out, up to 10,000 of them; None raises the first one.

    Returns:
        one `AnnotatedImage` for each image, sorted by name. Its file lies in
        `images_of_labels(labels)`.

    Raises:
        DataError: there is no folder or no image, a label file has no image, a line is damaged, or
            a class is unknown; the message names file and line.
    """
    labels = Path(labels)
    return collect_images(labels, labels, _images, class_names, None, class_aliases, problems)


def _images(labels: Path, path: Path, classes: ClassReader, note: Note) -> Iterator[RawImage]:
    from mrcnn.pictures import images_in, open_picture

    folder = images_of_labels(labels)
    if not labels.is_dir() or not folder.is_dir():
        raise DataError(f"{labels}: no folder of label files with its images in {folder}.")
    attribute = classes.attribute or "class"
    classes.default_to(attribute)
    names = yolo_class_names(labels)
    files = {file.stem: file for file in _label_files(labels)}
    images, _ = images_in(folder)
    if not images:
        raise DataError(f"{folder}: no image, for the label files in {labels}.")
    for image in images:
        file = files.pop(image.stem, None)
        try:
            with open_picture(image) as picture:
                shape = picture.shape
        except DataError as error:
            note(error)
            continue
        regions = [] if file is None else list(_regions(file, shape, names, attribute, note))
        yield RawImage(image.name, regions, image_shape=shape)
    for file in files.values():
        note(DataError(f"{file}: there is no image {file.stem} in {folder}."))


def _label_files(labels: Path) -> Iterator[Path]:
    for path in sorted(labels.glob("*.txt")):
        if path.name not in _LINE_FILES and not path.name.startswith((".", "README")):
            yield path


def _regions(
    file: Path, shape: tuple[int, int], names: Mapping[int, str], attribute: str, note: Note
) -> Iterator[RawRegion]:
    try:
        lines = _text(file).splitlines()
    except DataError as error:
        note(error)
        return
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        where = f"{file}, line {number + 1}"
        try:
            class_id, values = _numbers(line, where)
            if names and class_id not in names:
                raise DataError(
                    f"{where}: class {class_id}, but names are known of the classes "
                    f"{', '.join(map(str, names))} alone."
                )
        except DataError as error:
            note(error)
            continue
        name = names.get(class_id, f"class {class_id}")
        is_box = len(values) == 4
        outline = _rectangle(values) if is_box else values.reshape(-1, 2)[:, ::-1]
        # Pixel centers count as whole numbers.
        polygon = np.clip(outline, 0, 1) * shape - 0.5
        yield RawRegion(where, number, polygon, {attribute: name}, is_box=is_box)


def _numbers(line: str, where: str) -> tuple[int, np.ndarray]:
    """Class number, and the numbers after it, which are the parts of a box or of an outline."""
    words = line.split()
    if not re.fullmatch(r"\d{1,6}", words[0]):
        raise DataError(f"{where}: {shown(words[0])} is no number of a class.")
    try:
        values = np.array([float(word) for word in words[1:]])
    except ValueError:
        raise DataError(f"{where}: {shown(line)} is not `class x y width height`.") from None
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise DataError(
            f"{where}: {len(values)} numbers after the class; 4 are expected for a box (x y width "
            "height), or x and y of at least 3 points."
        )
    if not ((values >= -_ROUNDING) & (values <= 1 + _ROUNDING)).all():
        raise DataError(
            f"{where}: {shown(line)} has a number outside of 0 to 1: places are parts of the "
            "image's width and height, not pixels."
        )
    return int(words[0]), values


def _rectangle(values: np.ndarray) -> np.ndarray:
    """Corners [4, 2] of (y, x) of a box given by its center and sides."""
    x, y, width, height = values
    top, bottom, left, right = y - height / 2, y + height / 2, x - width / 2, x + width / 2
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise DataError(f"{path}: far too large for labels of one image.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}).") from None


# ---- writing


def write_yolo(path: str | os.PathLike, instances: Instances, class_names: Sequence[str]) -> None:
    """Write the label file of one image: an outline for each mask, else the box.

    Points, instances without a pixel, and scores are left out.

    Args:
        path: the text file.
        instances: of one image. Classes count from 0 in the file.
        class_names: the name of class 1, of class 2 and so on, which `write_yolo_names` writes.

    Raises:
        ConfigError: class names that cannot be used.
        DataError: an instance of an unknown class.
    """
    check_class_names(class_names)
    check_classes(instances, class_names)
    instances = instances.tight()
    height, width = instances.image_shape
    lines = []
    for row, (box, crop) in enumerate(zip(instances.boxes, instances.crops, strict=True)):
        y1, x1, y2, x2 = box.tolist()
        if crop is not None:
            # Pixel centers count as whole numbers.
            places = (outline_polygon(crop, box[:2])[:, ::-1] + 0.5) / (width, height)
            numbers = places.ravel().tolist()
        elif y2 > y1 and x2 > x1:
            numbers = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
            numbers += [(x2 - x1) / width, (y2 - y1) / height]
        else:
            continue
        text = " ".join(f"{min(max(number, 0), 1):.7g}" for number in numbers)
        lines.append(f"{instances.class_ids[row] - 1} {text}\n")
    atomic_write(path, "".join(lines))


def write_yolo_names(folder: str | os.PathLike, class_names: Sequence[str]) -> None:
    """Write `data.yaml` of a data set whose folders are `train` and `val`.

    Args:
        folder: of the data set.
        class_names: the name of class 1, which is 0 in the files, and so on.
    """
    check_class_names(class_names)
    names = "".join(
        f"  {number}: {json.dumps(name, ensure_ascii=False)}\n"
        for number, name in enumerate(class_names)
    )
    text = f"path: .\ntrain: train/{IMAGES}\nval: val/{IMAGES}\nnames:\n{names}"
    atomic_write(Path(folder) / _YAML_FILES[0], text)
