"""`AnnotatedDataset`: folders of images, each with a file of annotations in any format read."""

import contextlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError

if TYPE_CHECKING:
    from mrcnn.formats.annotations import AnnotatedImage
    from mrcnn.formats.problem_kinds import Finding

# The one that is meant where several JSON files lie beside the images.
ANNOTATION_FILE = "via_region_data.json"
# What is done with an image or a region that cannot be used.
STOP, SKIP = "stop", "skip"

_SHOWN_PROBLEMS = 10
# What other programs call a subset.
_OTHER_NAMES = {"val": ("valid", "validation")}


def subset_folder(folder: Path) -> Path:
    """The folder of a subset; where there is no `val`, `valid` or `validation` is meant."""
    from mrcnn.formats import find_yolo

    others = [folder.with_name(name) for name in _OTHER_NAMES.get(folder.name, ())]
    for each in (folder, *others):
        if each.is_dir() or find_yolo(each) is not None:
            return each
    return folder


class AnnotatedDataset(Dataset):
    """Images with outlined objects: a folder for each subset, with one annotation file in it.

    A subclass may set these.

    Attributes:
        SOURCE: name of the source, see `Dataset`.
        PROGRAM: command that messages name.
        KIND: of the annotation file, in messages.
        HINT: what messages say of a missing folder, after the name of the annotation file.
        CLASS_ALIASES: other names of classes -> class names; those of unknown classes do nothing.
    """

    SOURCE = "annotated"
    PROGRAM = "mrcnn"
    KIND = "file of annotations"
    HINT = ""
    CLASS_ALIASES: Mapping[str, str] = {}

    # --- Files -------------------------------------------------------------------------------

    @classmethod
    def find_annotations(cls, folder: Path) -> Path:
        """The annotations of a folder: `via_region_data.json`, or what else there is.

        Returns:
            the one file, or the folder itself where there is a file for each image; see
            `mrcnn.formats.annotation_files`. Of YOLO the folder of the label files, which may be
            another one; see `mrcnn.formats.find_yolo`.

        Raises:
            DataError: no folder, no such file, or several that could be meant.
        """
        from mrcnn.formats import annotation_files, annotations_of_subset, find_yolo

        folder = subset_folder(folder)
        labels = None if any(folder.glob("*.json")) else find_yolo(folder)
        if labels is not None:
            return labels
        if not folder.is_dir():
            raise DataError(
                f"{folder}: no such folder. A data set has the folders train and val, each with "
                f"images and a {cls.KIND} ({ANNOTATION_FILE}){cls.HINT}."
            )
        usual = folder / ANNOTATION_FILE
        if usual.is_file():
            return usual
        found = annotation_files(folder)
        shared = None if found else annotations_of_subset(folder)
        if shared is not None:
            return shared
        if not found:
            raise DataError(
                f"{folder}: no annotations. Expected is the {cls.KIND} {ANNOTATION_FILE}, or files "
                "of another program for annotations, beside the images."
            )
        return found[0] if len(found) == 1 else folder

    @classmethod
    def annotation_files(cls, folder: Path) -> list[Path]:
        """All files of the annotations of a folder.

        Raises:
            DataError: see `find_annotations`.
        """
        from mrcnn.formats import annotation_files, is_yolo

        found = cls.find_annotations(folder)
        if is_yolo(found):
            return sorted(found.glob("*.txt"))
        return annotation_files(found) if found.is_dir() else [found]

    @classmethod
    def image_folder(cls, folder: Path) -> Path:
        """The folder of a subset's images: itself, but for YOLO's layouts.

        Raises:
            DataError: see `find_annotations`.
        """
        from mrcnn.formats import images_of_labels, is_yolo

        found = cls.find_annotations(folder)
        return images_of_labels(found) if is_yolo(found) else subset_folder(folder)

    @classmethod
    def read(
        cls,
        annotations: Path,
        class_names: Sequence[str] | None,
        attribute: str | None = None,
        problems: list[str] | None = None,
    ) -> "list[AnnotatedImage]":
        """The outlines of a subset; other names of the classes are understood.

        Args:
            annotations: the annotation file, or a folder with one for each image.
            class_names: the known classes; None takes all that are there.
            attribute: region attribute that holds the class; None finds it.
            problems: see `mrcnn.formats.read_annotations`.

        Raises:
            DataError: see `mrcnn.formats.read_annotations`.
        """
        from mrcnn.formats import annotation_files, is_yolo, read_annotations

        return read_annotations(
            annotation_files(annotations)
            if annotations.is_dir() and not is_yolo(annotations)
            else annotations,
            class_names=None if class_names is None else list(class_names),
            attribute=attribute,
            class_aliases=cls.class_aliases(class_names),
            problems=problems,
        )

    @classmethod
    def class_aliases(cls, class_names: Sequence[str] | None) -> dict[str, str]:
        """Other names of classes -> class names, of those of `CLASS_ALIASES` that are asked for.

        Args:
            class_names: the known classes; None for any.
        """
        return {
            alias: name
            for alias, name in cls.CLASS_ALIASES.items()
            if class_names is None or name in class_names
        }

    @classmethod
    def classes_in(
        cls, dataset_dir: str | Path, subsets: Iterable[str], attribute: str | None = None
    ) -> tuple[str, ...]:
        """The names of the classes in the annotations of some subsets, sorted.

        Raises:
            DataError: see `read`, or there is no object.
        """
        names: set[str] = set()
        for subset in subsets:
            annotations = cls.find_annotations(Path(dataset_dir) / subset)
            with warnings.catch_warnings():
                # What is left out is told when the subset is loaded.
                warnings.simplefilter("ignore")
                problems: list[str] = []
                for image in cls.read(annotations, None, attribute, problems):
                    names.update(image.class_names)
        if not names:
            raise DataError(
                f"{dataset_dir}: no annotated object in {', '.join(subsets)}, so there is no class."
            )
        return tuple(sorted(names))

    # --- Loading -----------------------------------------------------------------------------

    def load(
        self,
        dataset_dir: str | Path,
        subset: str,
        class_names: Sequence[str],
        attribute: str | None = None,
        on_error: str = STOP,
        *,
        source: str | None = None,
    ) -> None:
        """Add the images of `dataset_dir/subset`; call `prepare()` afterwards.

        Every image is read once here, so that a broken one is found before training starts.

        Args:
            dataset_dir: folder of the data set.
            subset: folder in it, such as "train" or "val".
            class_names: classes 1, 2, ...; other names of them are understood as well.
            attribute: region attribute that holds the class; None finds it.
            on_error: "stop" raises when an image or a region cannot be used; "skip" leaves it out,
                with a warning.
            source: the name of one of several data sets, without a dot, that are learned from
                together. They have the same classes, but each annotates those that occur in it: in
                its images, others are not held against the network. `SOURCE` by default, which
                annotates all.

        Raises:
            DataError: the folder, the annotations or an image cannot be used; with "skip", nothing
                is left.
        """
        from mrcnn.formats.problem_kinds import Finding

        folder = Path(dataset_dir) / subset
        annotations = self.find_annotations(folder)
        for class_id, name in enumerate(class_names, start=1):
            self.add_class(self.SOURCE, class_id, name)
        problems: list[str] = []
        try:
            images = self.read(
                annotations, class_names, attribute, problems if on_error == SKIP else None
            )
        except DataError as error:
            raise DataError(
                str(error)
                if on_error == SKIP
                else self._all_errors(error, annotations, class_names, attribute)
            ) from None
        findings = [Finding(str(annotations), problem) for problem in problems]
        if not images:
            raise DataError(f"{annotations}: no image is listed.")
        unusable = self._add_images(
            self.image_folder(folder),
            images,
            class_names,
            str(dataset_dir),
            self.SOURCE if source is None else source,
        )
        if unusable and (on_error == STOP or len(unusable) == len(images)):
            raise DataError(
                f"{annotations}: {len(unusable)} of {len(images)} listed images cannot be used:\n"
                + self._listing(unusable)
            )
        findings += unusable
        if findings:
            warnings.warn(
                f"{annotations}: {len(findings)} images and regions cannot be used and are left "
                f"out:\n{self._listing(findings)}",
                stacklevel=2,
            )

    def _add_images(
        self,
        folder: Path,
        images: "Sequence[AnnotatedImage]",
        class_names: Sequence[str],
        data_set: str,
        source: str,
    ) -> "list[Finding]":
        """Add what can be used; what is wrong with the others."""
        from mrcnn.formats.annotations import locate_image
        from mrcnn.formats.problem_kinds import Finding
        from mrcnn.pictures import read_image

        ids = {name: class_id for class_id, name in enumerate(class_names, start=1)}
        unusable, names = [], set()
        for image in images:
            try:
                path = locate_image(folder, image.filename)
                height, width = read_image(path).shape[:2]
                problem = size_problem(image, (height, width))
                if path in names:
                    problem = "is listed more than once"
                if problem:
                    raise DataError(f"{path}: {problem}.")
            except DataError as error:
                unusable.append(Finding(str(folder / image.filename), str(error)))
                continue
            names.add(path)
            self.add_image(
                source,
                image_id=image.filename,
                path=str(path),
                data_set=data_set,
                width=width,
                height=height,
                polygons=image.polygons,
                polygon_class_ids=[ids[name] for name in image.class_names],
                is_box=image.is_box or [False] * len(image.polygons),
                ignored=[_box_around(outline, (height, width)) for outline in image.crowds],
            )
        return unusable

    def _all_errors(
        self,
        first: DataError,
        annotations: Path,
        class_names: Sequence[str],
        attribute: str | None,
    ) -> str:
        """What an error and those after it say, by kind."""
        from mrcnn.formats.problem_kinds import Finding

        problems: list[str] = []
        # What is wrong with the file as a whole ends the reading.
        with warnings.catch_warnings(), contextlib.suppress(DataError):
            warnings.simplefilter("ignore")
            self.read(annotations, class_names, attribute, problems)
        if len(problems) < 2:
            return str(first)
        listing = self._listing([Finding(str(annotations), problem) for problem in problems])
        return f"{annotations}: {len(problems)} images and regions cannot be used:\n{listing}"

    def _listing(self, findings: "Sequence[Finding]") -> str:
        """The first mistake of each kind, a line each, and how many more there are."""
        from mrcnn.formats.problem_kinds import by_kind, more_like_it

        lines = []
        kinds = by_kind(findings)
        for first, *others in kinds[:_SHOWN_PROBLEMS]:
            text = first.text.removeprefix(f"{first.where}, ")
            lines += [f"  {text}", *([f"    {more_like_it(others)}"] if others else [])]
        hidden = sum(map(len, kinds[_SHOWN_PROBLEMS:]))
        if hidden:
            lines.append(f"  ... and {hidden} more")
        if len(kinds) < len(findings) or hidden:
            lines.append(f"  `{self.PROGRAM} check --all` lists all")
        return "\n".join(lines)

    def prepare(self, class_map: Any = None) -> None:
        """Number classes and images, and note what each of several data sets annotates."""
        super().prepare(class_map)
        for info in self.image_info:
            if info["source"] != self.SOURCE:
                ids = self.source_class_ids.setdefault(info["source"], [0])
                own = (
                    self.map_source_class_id(f"{self.SOURCE}.{class_id}")
                    for class_id in info["polygon_class_ids"]
                )
                ids[:] = sorted({*ids, *own})

    # --- For training and evaluation -----------------------------------------------------------

    def load_polygons(self, image_id: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Outlines of the objects of one image, but for those of which only the box is known.

        Returns:
            float64 [K, 2] of (y, x) pixels for each object, and class ids, int32 [N].
        """
        return self._outlined(image_id, are_boxes=False)

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Objects without an outline, and crowds, which are regions to ignore; see `Dataset`."""
        info = self.image_info[image_id]
        outlines, class_ids = self._outlined(image_id, are_boxes=True)
        shape = (info["height"], info["width"])
        boxes = [_box_around(outline, shape) for outline in outlines] + info.get("ignored", [])
        ids = np.concatenate([class_ids, np.full(len(boxes) - len(outlines), -1, np.int32)])
        return np.array(boxes, float).reshape(-1, 4), ids

    def _outlined(self, image_id: int, are_boxes: bool) -> tuple[list[np.ndarray], np.ndarray]:
        info = self.image_info[image_id]
        flags = info.get("is_box", [False] * len(info["polygons"]))
        class_ids = [
            self.map_source_class_id(f"{self.SOURCE}.{class_id}")
            for class_id, is_box in zip(info["polygon_class_ids"], flags, strict=True)
            if is_box == are_boxes
        ]
        outlines = [
            outline
            for outline, is_box in zip(info["polygons"], flags, strict=True)
            if is_box == are_boxes
        ]
        return outlines, np.array(class_ids, dtype=np.int32)

    def image_scale(self, image_id: int) -> float | None:
        """The scale that `mrcnn.data.object_sizes.show_at` gave the image; None by default."""
        return self.image_info[image_id].get("scale")

    def image_reference(self, image_id: int) -> str:
        """Path of the image."""
        return self.image_info[image_id]["path"]


def _box_around(outline: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """The box float64 [4] of an outline in the image; outlines count pixel centers as whole."""
    box = np.concatenate([outline.min(axis=0), outline.max(axis=0)]) + 0.5
    return np.clip(box, 0, np.tile(image_shape[:2], 2))


def size_problem(image: "AnnotatedImage", image_shape: Sequence[int]) -> str | None:
    """What is wrong if the outlines were drawn on an image of another size, as far as it is known.

    Args:
        image: annotated image.
        image_shape: (height, width, ...) of its file, in pixels.
    """
    height, width = image_shape[:2]
    if image.image_shape in (None, (height, width)):
        return None
    noted_height, noted_width = image.image_shape
    return (
        f"has {width} x {height} pixels; the annotations are for one of "
        f"{noted_width} x {noted_height}"
    )
