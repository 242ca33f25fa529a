"""The data sets of a training: one, or several that are learned from together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrcnn.app.application import Application, loaded
from mrcnn.data.annotated import AnnotatedDataset, subset_folder
from mrcnn.errors import ConfigError, DataError

VALIDATION = "val"


def find_datasets(application: Application, folders: Sequence[Path] | None) -> list[Path]:
    """The folders that were asked for, or the demo set, rendered if it is not there yet.

    Raises:
        ConfigError: a folder is there twice.
    """
    if folders:
        if len({folder.resolve() for folder in folders}) < len(folders):
            raise ConfigError(
                "--dataset names a folder twice: give each once, and its share of the images with "
                "--dataset-weights."
            )
        return list(folders)
    usual = application.default_dataset
    if application.render_demo and not any(usual.glob("*/*.json")):
        print(f"No data set was given and there is none in {usual}:")
        loaded(application.render_demo)(usual)
    return [usual]


def known_classes(
    application: Application, settings: dict[str, Any], folders: Sequence[Path], options: Any
) -> dict[str, Any]:
    """The settings with CLASS_NAMES: where nobody named any, those of the annotations.

    Raises:
        DataError: the annotations cannot be read, or hold no object.
    """
    if settings.get("CLASS_NAMES") or application.class_names:
        return settings
    dataset = application.new_dataset()
    names: set[str] = set()
    for folder in folders:
        subsets = _subsets_of(folder, [*options.subset, VALIDATION], len(folders) == 1)
        names.update(dataset.classes_in(folder, dict.fromkeys(subsets), options.attribute))
    print(f"Classes of the annotations: {', '.join(sorted(names))}")
    return {**settings, "CLASS_NAMES": tuple(sorted(names))}


def load_subsets(
    application: Application,
    folders: Path | Sequence[Path],
    subsets: Sequence[str],
    config: Any,
    options: Any,
) -> AnnotatedDataset:
    """Load subsets as one data set, ready for use.

    Of several data sets each is a source of its own, which annotates the classes that occur in it;
    one that has none of the subsets is left out, and so are the subsets that one has not.

    Args:
        application: makes the data set.
        folders: of the data sets.
        subsets: such as "train".
        config: CLASS_NAMES counts.
        options: `attribute` and `on_error`.

    Raises:
        DataError: see `AnnotatedDataset.load`; or no data set has a subset.
    """
    words = application.words
    dataset = application.new_dataset()
    folders = [folders] if isinstance(folders, Path) else list(folders)
    sources = _source_names(folders) if len(folders) > 1 else [dataset.SOURCE]
    for folder, source in zip(folders, sources, strict=True):
        for subset in _subsets_of(folder, subsets, len(folders) == 1):
            before = len(dataset.image_info)
            dataset.load(
                folder,
                subset,
                config.CLASS_NAMES,
                options.attribute,
                options.on_error,
                source=source,
            )
            images = dataset.image_info[before:]
            count = sum(len(info["polygons"]) for info in images)
            boxes = sum(sum(info["is_box"]) for info in images)
            regions = sum(len(info["ignored"]) for info in images)
            print(
                f"{folder / subset}: {len(images)} {words.images}, {count} {words.objects}"
                + (f", {boxes} of them boxes without masks" if boxes else "")
                + (f", {regions} regions to ignore" if regions else "")
            )
    if not dataset.image_info:
        raise DataError(
            f"{', '.join(map(str, folders))}: no data set has a subset {' or '.join(subsets)}."
        )
    dataset.prepare()
    return dataset


def set_shares(dataset: AnnotatedDataset, folders: Sequence[Path], weights: Any) -> None:
    """Let each data set have its share of the images that are drawn in training.

    Args:
        dataset: of `load_subsets`, whose folders these are.
        folders: of the data sets.
        weights: numbers above 0, one for each data set; None draws all images equally often.

    Raises:
        ConfigError: there are not as many as data sets, or a set with a weight has no image.
    """
    if not weights:
        return
    if len(weights) != len(folders):
        raise ConfigError(
            f"--dataset-weights has {len(weights)} numbers, but there are {len(folders)} data sets."
        )
    if len(folders) == 1:
        return
    total = sum(weights)
    shares = {
        source: weight / total
        for source, weight in zip(_source_names(folders), weights, strict=True)
    }
    present = {info["source"] for info in dataset.image_info}
    for (source, share), folder in zip(shares.items(), folders, strict=True):
        if source not in present:
            raise ConfigError(f"{folder}: has a weight, but no image to train on.")
        print(f"{folder}: {100 * share:.1f} % of the images that are drawn")
    dataset.shares = shares


def _source_names(folders: Sequence[Path]) -> list[str]:
    """A name for each data set: that of its folder, without a dot, and with a number if need be."""
    names: list[str] = []
    for folder in folders:
        name = folder.resolve().name.replace(".", "_")
        same = sum(each == name or each.startswith(f"{name} (") for each in names)
        names.append(f"{name} ({same + 1})" if same else name)
    return names


def _subsets_of(folder: Path, subsets: Sequence[str], all_of_them: bool) -> list[str]:
    """The subsets that a data set has; or all, so that what is wrong with one is told."""
    if all_of_them:
        return list(subsets)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    from mrcnn.formats import find_yolo

    found = [(subset, subset_folder(folder / subset)) for subset in subsets]
    return [name for name, place in found if place.is_dir() or find_yolo(place) is not None]
