"""`convert-weights`: COCO weights of torchvision, as a model of this program."""

import tempfile
from pathlib import Path
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.model_files import packed_weights
from mrcnn.errors import DataError
from mrcnn.files import atomic_write, make_writable_folder
from mrcnn.weights.downloads import md5_of
from mrcnn.weights.places import downloads_folder
from mrcnn.weights.settings import CONFIG_FILE, read_settings, settings_text
from mrcnn.weights.torchvision import DETECTION, NETWORK, Converted, convert_file

# Ids 1 to 90 of COCO, as torchvision's networks count them; some were never annotated.
COCO_CLASSES = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    *("traffic light", "fire hydrant", "unused 12", "stop sign", "parking meter", "bench", "bird"),
    *("cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "unused 26"),
    *("backpack", "umbrella", "unused 29", "unused 30", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard"),
    *("surfboard", "tennis racket", "bottle", "unused 45", "wine glass", "cup", "fork", "knife"),
    *("spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog"),
    *("pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "unused 66"),
    *("dining table", "unused 68", "unused 69", "toilet", "unused 71", "tv", "laptop", "mouse"),
    *("remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator"),
    *("unused 83", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"),
)
_SHOWN = 8


def run(application: Application, options: Any) -> int:
    """Convert; returns the exit status."""
    source, folder = options.state, options.folder
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file. Give a folder for the converted model.")
    target = folder / application.packed_file
    if target.exists() and not options.replace:
        raise DataError(f"{target}: is there already. Give another folder, or --replace.")
    converted = _write(application, source, target, options.norm_epsilon, options.classes)
    print(f"{source} converted: {target}, {target.stat().st_size / 1e6:.1f} MB")
    print(
        f"ResNet-50 with batch norm's epsilon {converted.epsilon:g} in the backbone, "
        f"{converted.settings['NUM_CLASSES'] - 1} classes of objects; settings in "
        f"{folder / CONFIG_FILE}"
    )
    if converted.left_out:
        print(
            f"{len(converted.left_out)} arrays have no place here and were left out: "
            + ", ".join(converted.left_out[:_SHOWN])
            + (", ..." if len(converted.left_out) > _SHOWN else "")
        )
    return 0


def _write(
    application: Application,
    source: Path,
    target: Path,
    epsilon: float | None,
    class_names: list[str] | None,
) -> Converted:
    """Write weights and settings into a folder, which is made; the weights come last."""
    make_writable_folder(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        whole = Path(temporary) / target.name
        converted = convert_file(source, whole, epsilon)
        settings = {**converted.settings, **DETECTION}
        settings["CLASS_NAMES"] = _names(settings.pop("NUM_CLASSES") - 1, class_names)
        config = application.make_config(settings)
        atomic_write(target.parent / CONFIG_FILE, settings_text(config))
        whole.replace(target)
    return converted


def _names(count: int, given: list[str] | None) -> tuple[str, ...]:
    """Names of so many classes.

    Raises:
        DataError: as many names were not given.
    """
    if given is not None and len(given) != count:
        raise DataError(f"--classes has {len(given)} names, and the weights know {count} classes.")
    if given is not None:
        return tuple(given)
    if count == len(COCO_CLASSES):
        return COCO_CLASSES
    return tuple(f"class {number}" for number in range(1, count + 1))


def start_weights(application: Application, path: Path) -> tuple[Path, dict[str, Any]]:
    """The weights of a network of torchvision that a training starts from.

    Args:
        application: as of the command line.
        path: a `state_dict`, which is converted once, into the folder of downloaded weights; or
            what `convert-weights` made of one, the folder or the file.

    Returns:
        the file in this program's layout, and the settings of the network.

    Raises:
        DataError: there is no such file.
        WeightsError: it is of another network.
    """
    if path.is_dir():
        path = packed_weights(application, path) or path / application.packed_file
    if not path.is_file():
        raise DataError(f"{path}: no such file of weights.")
    stored = read_settings(path) if path.suffix == ".h5" else None
    if stored is None:
        source = path
        folder = downloads_folder() / "torchvision" / f"{source.stem}-{md5_of(source)[:8]}"
        path = folder / application.packed_file
        if not path.is_file():
            print(f"Converting {source}, once: {path}")
            _write(application, source, path, None, None)
        stored = read_settings(path) or {}
    return path, {name: stored[name] for name in NETWORK if name in stored}
