"""A trained model and its detections, as `evaluate` and `detect` share them."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.evaluation import drop_duplicates
from mrcnn.weights.settings import CONFIG_FILE
from rbc_arguments import DEFAULT_LOGS, LEARNED, MEASURED, STAIN
from rbc_cells.outline import fit_outlines
from rbc_cells.sizes import are_sizes, measured_class_ids
from rbc_config import (
    RBCConfig,
    last_checkpoint,
    make_config,
    read_settings,
    resolve_weights,
    settings_from_options,
    shipped_weights,
)

# A field's median size is that of the cells with at least this confidence.
SURE = 0.5


@dataclass(frozen=True)
class Cells:
    """Detected cells of one image, by falling score.

    Attributes:
        boxes: int [N, 4], pixel (y1, x1, y2, x2).
        crops: N bool arrays, each of its box's size and with at least one pixel.
        class_ids: int [N], from 1.
        scores: float [N] in 0..1.
        limit_reached: the model returned as many detections as it may.
        by_method: the class ids by each way to tell a size class, "measured" and "learned";
            `class_ids` are one of them. Empty where there is one way only.
    """

    boxes: np.ndarray
    crops: list[np.ndarray]
    class_ids: np.ndarray
    scores: np.ndarray
    limit_reached: bool = False
    by_method: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, indices: np.ndarray) -> "Cells":
        """Some of the cells, in the order of `indices`."""
        indices = np.asarray(indices, dtype=np.int64)
        return Cells(
            self.boxes[indices],
            [self.crops[index] for index in indices],
            self.class_ids[indices],
            self.scores[indices],
            self.limit_reached,
            {name: class_ids[indices] for name, class_ids in self.by_method.items()},
        )


def trained_weights(options: Any) -> Path:
    """The weights file behind `--weights`.

    Without the option it is the last checkpoint, or the model that comes with the project where
    nothing was trained and no other folder of runs was named.

    Raises:
        WeightsError: there is none, or these are only a start for training.
    """
    if options.weights in ("coco", "imagenet", "none"):
        raise WeightsError(
            f"--weights {options.weights} knows no blood cells; it is a start for `rbc.py train`. "
            "Give `last` or a trained .h5 file."
        )
    if options.weights is not None:
        return resolve_weights(options.weights, options.logs)
    try:
        return last_checkpoint(options.logs)
    except WeightsError:
        if options.logs != DEFAULT_LOGS:
            raise
    return shipped_weights()


def load_trained_model(options: Any, path: Path, min_confidence: float) -> Any:
    """Build the `MaskRCNN` for inference and load its weights.

    The settings come from `config.json` beside the weights; options that were given win.

    Args:
        options: of the command line.
        path: the weights file.
        min_confidence: detections with a lower score are not returned.

    Raises:
        WeightsError: weights of another model.
        ConfigError: settings that cannot work.
    """
    stored = read_settings(path)
    if stored is None:
        print(f"No {CONFIG_FILE} beside {path.name}: using the defaults and the options given.")
    config: RBCConfig = make_config(
        {
            **(stored or {}),
            **settings_from_options(options),
            "IMAGES_PER_GPU": 1,
            "DETECTION_MIN_CONFIDENCE": min_confidence,
        }
    )
    from mrcnn.model import MaskRCNN

    model = MaskRCNN(mode="inference", config=config, model_dir=str(options.logs))
    model.load_weights(str(path))
    return model


def detect_cells(
    model: Any,
    image: np.ndarray,
    max_overlap: float,
    size_class: str = MEASURED,
    outline: str = STAIN,
) -> Cells:
    """Detect the cells of one image.

    Args:
        model: `MaskRCNN` for inference.
        image: uint8 [H, W, 3].
        max_overlap: mask IoU with a better detection above which one is left out, whatever its
            class: a cell has one size.
        size_class: how size classes are told, "measured" from the masks or "learned" by the
            network. Classes that are no sizes are always the network's.
        outline: where outlines lie, "stain" for the edge of the stain (see `rbc_cells.outline`) or
            "network" for where the network draws them.
    """
    result = model.detect([image], verbose=0, masks="crops")[0]
    cells = Cells(
        boxes=np.asarray(result["rois"]).reshape(-1, 4),
        crops=list(result["masks"]),
        class_ids=np.asarray(result["class_ids"]),
        scores=np.asarray(result["scores"], dtype=np.float64),
        limit_reached=len(result["rois"]) >= model.config.DETECTION_MAX_INSTANCES,
    )
    filled = np.array([crop.any() for crop in cells.crops], dtype=bool)
    cells = cells.take(np.flatnonzero(filled))
    cells = cells.take(drop_duplicates(cells.boxes, cells.crops, cells.scores, max_overlap))
    if outline == STAIN:
        boxes, crops = fit_outlines(image, cells.boxes, cells.crops, cells.scores >= SURE)
        cells = replace(cells, boxes=boxes, crops=crops)
    class_names = model.config.CLASS_NAMES
    if not are_sizes(class_names):
        return cells
    measured = measured_class_ids(
        cells.boxes, cells.crops, image.shape, class_names, cells.scores >= SURE
    )
    by_method = {MEASURED: measured, LEARNED: cells.class_ids}
    return replace(cells, class_ids=by_method[size_class], by_method=by_method)


def limit_warnings(limits: Any, names: list[str]) -> list[str]:
    """What to say at the end of a run in which limits of the model may have cost cells.

    Args:
        limits: of the `MaskRCNN`.
        names: of the fields with as many detections as the model returns at most.
    """
    said = dict(limits.messages)
    setting = "DETECTION_MAX_INSTANCES"
    if said.pop(setting, None) and names:
        said[setting] = (
            f"{getattr(limits.config, setting)} detections, the most that the model returns, in "
            f"{', '.join(names)}; cells are missing. {setting} {limits.needed[setting]} would have "
            "kept all of them."
        )
    return [
        f"Warning: {message} Set it in {CONFIG_FILE} beside the weights."
        for message in said.values()
    ]
