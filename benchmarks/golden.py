"""The original's recorded numbers, and the weights that they were computed with.

The numbers are arrays in a folder; the weights are not stored but drawn again, each from a seed
that follows from the name of its layer. Nothing here imports Keras, so that the program that
starts the measurements stays small.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT_VARIABLE = "MRCNN_GOLDEN"
ARRAY_FILES = ("inference", "features", "training", "layers", "utils")
WEIGHTS_CHECK = "golden_weights_check.json"

# Entries of the recorded configuration that a Config derives from others.
_DERIVED_SETTINGS = ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")

_GAINS = {
    **{f"fpn_c{level}p{level}": 0.5 for level in (2, 3, 4, 5)},
    **{f"fpn_p{level}": 0.5 for level in (2, 3, 4, 5)},
    "rpn_class_raw": 0.5,
    "mrcnn_mask": 0.5,
    "rpn_bbox_pred": 0.3,
    "mrcnn_class_logits": 1.5,
    "mrcnn_bbox_fc": 0.25,
}
_OTHER_SEED = ("rpn_class_raw", "rpn_bbox_pred", "mrcnn_class_logits", "mrcnn_bbox_fc")
# Added to the biases of these layers, so that the network finds some objects of each class.
_BIAS_SHIFTS = {
    "mrcnn_class_logits": (2.2, -0.7, 7.8),
    "rpn_class_raw": (0.0, -0.8, 0.0, 1.4, 0.0, 2.1),
}


def golden_weight(layer: str, weight: str, shape: tuple[int, ...]) -> np.ndarray:
    """One weight of the golden network.

    Args:
        layer: Matterport's layer name, such as "res2a_branch2a".
        weight: kernel, bias, gamma, beta, moving_mean or moving_variance.
        shape: shape in Keras' layout.

    Returns:
        float32 array of that shape; the same on every machine.

    Raises:
        DataError: there is no such kind of weight.
    """
    key = f"{layer}/{weight}" + ("#5" if layer in _OTHER_SEED else "")
    digest = hashlib.sha256(key.encode("ascii")).digest()
    random_state = np.random.RandomState(int.from_bytes(digest[:4], "little"))
    normal = random_state.standard_normal(size=shape)
    if weight == "kernel":
        # The transposed convolution has its input channels last.
        fan_in = shape[-1] if layer == "mrcnn_mask_deconv" else np.prod(shape[:-1])
        values = normal * _GAINS.get(layer, 1.0) * np.sqrt(2.0 / fan_in)
    elif weight == "bias":
        values = 0.05 * normal + np.asarray(_BIAS_SHIFTS.get(layer, 0.0))
    elif weight == "gamma":
        base = 0.02 if layer == "bn_conv1" else 0.3 if layer.endswith("_branch2c") else 1.0
        values = base * (1.0 + 0.1 * normal)
    elif weight in ("beta", "moving_mean"):
        values = 0.1 * normal
    elif weight == "moving_variance":
        values = 0.5 + np.abs(normal)
    else:
        raise DataError(f"{layer}/{weight}: the golden network has no such kind of weight.")
    return values.astype(np.float32)


def find_golden(folder: str | os.PathLike | None = None) -> Path:
    """The folder with the golden numbers.

    Args:
        folder: where to look; None takes the environment variable MRCNN_GOLDEN, or
            `shared/golden` next to the clone.

    Raises:
        DataError: there is no such folder, or files are missing in it.
    """
    chosen = folder or os.environ.get(ENVIRONMENT_VARIABLE) or ROOT.parent / "shared" / "golden"
    path = Path(chosen)
    advice = (
        f"Give the folder by --golden DIR or by the environment variable {ENVIRONMENT_VARIABLE}."
    )
    if not path.is_dir():
        raise DataError(f"{path}: there is no such folder of golden numbers. {advice}")
    wanted = [f"golden_{name}.npz" for name in ARRAY_FILES] + [WEIGHTS_CHECK]
    missing = [name for name in wanted if not (path / name).is_file()]
    if missing:
        raise DataError(f"{path}: {', '.join(missing)} missing among the golden numbers. {advice}")
    return path


class Golden:
    """Golden arrays by file and name: `Golden(folder)["layers"]["roialign_boxes"]`.

    Args:
        folder: as `find_golden` returns it.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self._files: dict[str, dict[str, np.ndarray]] = {}

    def __getitem__(self, name: str) -> dict[str, np.ndarray]:
        if name not in self._files:
            with np.load(self.folder / f"golden_{name}.npz") as arrays:
                self._files[name] = dict(arrays)
        return self._files[name]

    def masks(self, file: str, name: str) -> np.ndarray:
        """Masks that are stored one bit a pixel in `name`_packed, bool [H, W, N]."""
        arrays = self[file]
        shape = tuple(arrays[f"{name}_shape"])
        bits = np.unpackbits(arrays[f"{name}_packed"])[: np.prod(shape)]
        return bits.reshape(shape).astype(bool)

    def weights_check(self) -> dict[str, dict]:
        """layer/weight -> shape, first three values, sum and sum of squares."""
        return json.loads((self.folder / WEIGHTS_CHECK).read_text(encoding="utf-8"))

    def config(self, **changes):
        """The configuration of the golden network, an instance of a `Config`.

        Args:
            changes: attributes that differ from the recorded ones.
        """
        from mrcnn.config import Config

        settings = json.loads(str(self["inference"]["config"]))
        for name in _DERIVED_SETTINGS:
            settings.pop(name, None)
        return type("GoldenConfig", (Config,), {**settings, **changes})()


def give_golden_weights(model) -> None:
    """Give all weights of a Keras model the values of the golden network."""
    from mrcnn.weights.loading import layers_with_weights

    for layer in layers_with_weights(model):
        for weight in layer.weights:
            weight.assign(golden_weight(layer.name, weight.name, tuple(weight.shape)))
