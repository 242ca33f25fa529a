"""`convert`: annotations of any format, written in another one."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.check import find_subsets
from mrcnn.data.annotated import AnnotatedDataset, size_problem
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import make_writable_folder
from mrcnn.formats import locate_image
from mrcnn.formats.annotations import AnnotatedImage
from mrcnn.formats.writing import WRITERS, ImageFiles, Writer
from mrcnn.formats.yolo import write_yolo_names
from mrcnn.instances import Instances
from mrcnn.pictures import open_picture

_SHOWN_PROBLEMS = 10


@dataclass
class Subset:
    """What was read of a subset.

    Attributes:
        out: folder, or for a file of all images the file, that is written.
        annotations: where they stand.
        place: folder of the images.
        paths: of the image files, by their names in what is written.
        images: what is on them.
        class_names: of each object of each image.
        crowds: how many outlines of the rows at the end of each image are those of crowds.
        problems: what could not be used.
    """

    out: Path
    annotations: Path
    place: Path
    paths: dict[str, Path] = field(default_factory=dict)
    images: dict[str, Instances] = field(default_factory=dict)
    class_names: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def run(application: Application, options: Any) -> int:
    """Convert; returns the exit status."""
    if options.to is None:
        raise ConfigError(f"Give the format to write: --to {', '.join(WRITERS)}.")
    writer = WRITERS[options.to]
    config = application.make_config(application.settings_from(options))
    names = list(config.CLASS_NAMES) or None
    dataset = application.new_dataset()
    subsets = [
        _read(dataset, folder, annotations, out, names, options.attribute, writer)
        for folder, annotations, out in _places(dataset, options)
    ]
    problems = [problem for subset in subsets for problem in subset.problems]
    if problems and options.on_error != "skip":
        raise DataError(
            f"{options.source}: {len(problems)} images and objects cannot be used:\n"
            f"{_listing(problems)}\n`--on-error skip` leaves them out."
        )
    if names is None:
        lists = [each for subset in subsets for each in subset.class_names.values()]
        names = sorted({name for each in lists for name in each if name})
    if not names:
        raise DataError(f"{options.source}: no annotated object, so there is no class.")
    for subset in subsets:
        _write(subset, writer, names, not options.no_images, application)
    if options.to == "yolo":
        write_yolo_names(options.out, names)
    if problems:
        print(f"{len(problems)} images and objects were left out:\n{_listing(problems)}")
    return 0


def _places(dataset: AnnotatedDataset, options: Any) -> list[tuple[Path, Path, Path]]:
    """Of each subset the folder, the annotations, and where they go."""
    source, out = options.source, options.out
    if source.is_file():
        return [(source.parent, source, out)]
    if not source.is_dir():
        raise DataError(f"{source}: no such file or folder.")
    if out.is_file():
        raise DataError(f"{out}: is a file. Give a folder for the annotations of a folder.")
    try:
        subsets = options.subset or find_subsets(source, dataset.KIND)
    except DataError:
        # A folder of images with their annotations.
        return [(source, dataset.find_annotations(source), out)]
    folders = [source / name for name in subsets]
    return [(folder, dataset.find_annotations(folder), out / folder.name) for folder in folders]


def _read(
    dataset: AnnotatedDataset,
    folder: Path,
    annotations: Path,
    out: Path,
    names: Sequence[str] | None,
    attribute: str | None,
    writer: Writer,
) -> Subset:
    """All images of a subset with their objects."""
    is_beside = annotations.is_file() and annotations.parent == folder
    place = folder if is_beside else dataset.image_folder(folder)
    subset = Subset(out, annotations, place)
    read = dataset.read(annotations, names, attribute, subset.problems)
    known = {name: number for number, name in enumerate(names or [], start=1)}
    for image in read:
        try:
            path = locate_image(place, image.filename)
            with open_picture(path) as picture:
                shape = picture.shape
            problem = size_problem(image, shape)
            if problem:
                raise DataError(f"{path}: {problem}.")
            name = path.name if writer.is_for_one_image else path.relative_to(place).as_posix()
            if name in subset.paths:
                raise DataError(f"{path}: an image called {name} is there already.")
        except DataError as error:
            subset.problems.append(str(error))
            continue
        labels = [*image.class_names, *image.crowd_class_names]
        ids = [known.setdefault(label, len(known) + 1) for label in labels]
        subset.paths[name] = path
        subset.images[name], kept = instances_of(image, ids, shape)
        subset.class_names[name] = [labels[row] for row in kept]
        lost = len(labels) - len(kept)
        if lost:
            subset.problems.append(f"{path}: {lost} objects cover the center of no pixel.")
    return subset


def instances_of(
    image: AnnotatedImage, class_ids: Sequence[int], image_shape: tuple[int, int]
) -> tuple[Instances, list[int]]:
    """The objects of an annotated image in their order, and its crowds, which are to be ignored.

    Args:
        image: outlines and boxes, the latter in whole pixels.
        class_ids: of its objects, and then of its crowds.
        image_shape: (height, width) in pixels.

    Returns:
        the instances, and the numbers of the objects that they are: without those that cover no
        pixel.
    """
    outlines = [*image.polygons, *image.crowds]
    flags = [*(image.is_box or [False] * len(image.polygons)), *[False] * len(image.crowds)]
    filled = Instances.from_polygons(outlines, list(range(len(outlines))), image_shape)
    rows = {int(number): row for row, number in enumerate(filled.class_ids)}
    limit = np.tile(image_shape, 2)
    boxes, crops, kept = [], [], []
    for number, (outline, is_box) in enumerate(zip(outlines, flags, strict=True)):
        if is_box:
            corners = np.concatenate([outline.min(axis=0), outline.max(axis=0)]) + 0.5
            y1, x1, y2, x2 = np.clip(np.rint(corners), 0, limit).astype(int).tolist()
            if y2 <= y1 or x2 <= x1:
                continue
            boxes.append([y1, x1, y2, x2])
            crops.append(None)
        elif number in rows:
            boxes.append(filled.boxes[rows[number]].tolist())
            crops.append(filled.crops[rows[number]])
        else:
            continue
        kept.append(number)
    found = Instances(
        image_shape,
        boxes,
        crops,
        [class_ids[number] for number in kept],
        ignore=[number >= len(image.polygons) for number in kept],
    )
    return found, kept


def _write(
    subset: Subset,
    writer: Writer,
    class_names: Sequence[str],
    with_images: bool,
    application: Application,
) -> None:
    """Write the annotations of a subset and copy its images, and tell what was lost."""
    ids = {name: number for number, name in enumerate(class_names, start=1)}
    images: dict[str, Instances] = {}
    lost: dict[str, int] = {}
    for name, instances in subset.images.items():
        labels = [ids.get(label, 0) for label in subset.class_names[name]]
        instances = instances.replaced(class_ids=labels)
        unknown = instances.class_ids == 0
        if unknown.any():
            text = "crowds of other classes were left out"
            lost[text] = lost.get(text, 0) + int(np.count_nonzero(unknown))
            instances = instances.take(~unknown)
        images[name] = instances if "crowds" in writer.keeps else instances.take(~instances.ignore)
        _count_losses(lost, instances, writer)
    is_file = not writer.is_for_one_image and bool(subset.out.suffix)
    folder = subset.out.parent if is_file else subset.out
    target = subset.out if is_file else folder / writer.name
    if writer.is_for_one_image and subset.out.suffix and subset.annotations.is_file():
        raise DataError(f"{subset.out}: this format has a file for each image. Give a folder.")
    make_writable_folder(folder)
    copies_images = with_images and not is_file
    files = ImageFiles(
        folder / writer.image_folder if copies_images else subset.place,
        {name: path.stat().st_size for name, path in subset.paths.items()},
    )
    if writer.is_for_one_image:
        stems = _stems(images)
        for name, instances in images.items():
            path = folder / writer.name.format(stems[name])
            hidden = writer.write(path, {name: instances}, class_names, files)
            if hidden:
                text = "objects lost pixels to others that lie over them"
                lost[text] = lost.get(text, 0) + hidden
    else:
        writer.write(target, images, class_names, files)
    if copies_images:
        _copy_images(subset.paths, files.folder)
    words = application.words
    count = sum(map(len, images.values()))
    print(f"{subset.annotations}: {len(images)} {words.images} with {count} {words.objects}")
    print(f"  written to {str(target).replace('{}', 'NAME')}")
    for what, number in lost.items():
        print(f"  {number} {what}")


def _count_losses(lost: dict[str, int], instances: Instances, writer: Writer) -> None:
    """Add what the format cannot hold of an image."""
    crowds = instances.ignore
    masks, boxes = instances.has_mask() & ~crowds, ~instances.has_mask() & ~crowds
    told = {
        "crowds": ("crowds were left out, which this format has not", crowds),
        "masks": ("masks were written as their boxes", masks),
        "boxes": ("boxes without masks are outlines there", boxes),
        "classes": ("objects lost their class", ~crowds),
    }
    for what, (text, rows) in told.items():
        count = int(np.count_nonzero(rows))
        if count and what not in writer.keeps:
            lost[text] = lost.get(text, 0) + count


def _stems(names: Mapping[str, Instances]) -> dict[str, str]:
    """The names of the images without their suffixes.

    Raises:
        DataError: two are the same.
    """
    stems = {name: PurePath(name).stem for name in names}
    by_stem = {stem: name for name, stem in stems.items()}
    for name, stem in stems.items():
        if by_stem[stem] != name:
            raise DataError(
                f"The images {name} and {by_stem[stem]} would share the file of annotations "
                f"{stem}: rename one."
            )
    return stems


def _copy_images(paths: Mapping[str, Path], folder: Path) -> None:
    for name, path in paths.items():
        target = folder / name
        if target.exists() and target.samefile(path):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target)


def _listing(problems: Sequence[str]) -> str:
    more = len(problems) - _SHOWN_PROBLEMS
    rest = [f"... and {more} more"] if more > 0 else []
    return "\n".join(f"  {problem}" for problem in [*problems[:_SHOWN_PROBLEMS], *rest])
