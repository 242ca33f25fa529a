"""Does an exported ONNX network find what Keras finds?

    python -m benchmarks.exports MODEL PICTURE
    python -m benchmarks.exports MODEL PICTURE --end-to-end [--formats onnx openvino savedmodel]
    python -m benchmarks.exports --random [--backbone resnet101] [--classes 81] [--side 512]

Exports a model (a name or a folder, as `mrcnn export` takes it), runs the file in ONNX Runtime and
the network in Keras, both in float32, on one picture, pairs the detections one to one and prints
the largest difference of boxes and scores and the least IoU of the masks in the picture. `--random`
makes a network in Matterport's layout with random weights, and a picture. With `--end-to-end` the
exported files take the picture as it is, in each of the formats, and what they find in it is paired
with what `Predictor` finds. The exit status is 0
where every limit is kept, 1 where one is not, 2 where nothing could be compared.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.exports_end_to_end import measure_end_to_end
from mrcnn.config import Config
from mrcnn.deploy.formats import FORMATS
from mrcnn.errors import MrcnnError
from mrcnn.files import atomic_write
from mrcnn.inference import Prediction, Predictor
from mrcnn.inference.runner import named_outputs
from mrcnn.instances import Instances

BOX_LIMIT, SCORE_LIMIT, MASK_LIMIT = 1e-3, 1e-4, 0.999
NETWORK = "network.onnx"


@dataclass(frozen=True)
class Differences:
    """Of two sets of detections of one picture that were paired one to one.

    Attributes:
        counts: of detections, of Keras and of ONNX Runtime.
        masks: how many of Keras' have a pixel.
        box: largest difference of a corner, in pixels of the network.
        score: largest difference.
        mask: least IoU of two masks in the picture; 1 without any.
    """

    counts: tuple[int, int]
    masks: int
    box: float
    score: float
    mask: float

    @property
    def is_kept(self) -> bool:
        """Whether all that one side found is found by the other, within the limits."""
        is_near = self.box <= BOX_LIMIT and self.score <= SCORE_LIMIT and self.mask >= MASK_LIMIT
        return self.counts[0] == self.counts[1] and is_near

    def __str__(self) -> str:
        return (
            f"{self.counts[0]} detections of Keras, {self.counts[1]} of ONNX Runtime; "
            f"boxes {self.box:.2g} px, scores {self.score:.2g}, "
            f"least IoU of {self.masks} masks {self.mask:.5f}"
        )


class _Watched:
    """A runner that keeps the detections [B, N, 6] of the last batch."""

    def __init__(self, runner: Any) -> None:
        self._runner, self.config = runner, runner.config
        self.detections, self.shape = np.zeros((1, 0, 6)), (0, 0)

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        outputs = self._runner.run(inputs)
        self.detections = named_outputs(outputs, inputs).detections
        self.shape = inputs[0].shape[1:3]
        return outputs


def compare(ours: np.ndarray, theirs: np.ndarray, shape: tuple[int, int]) -> tuple[float, float]:
    """Largest difference of boxes, in pixels, and of scores.

    Two whose scores agree in six digits may change places, so each is paired with the nearest of
    its class.

    Args:
        ours, theirs: [N, 6] and [M, 6] of normalized box, class and score; class 0 is filling.
        shape: height and width of what the network saw.
    """
    ours, theirs = ours[ours[:, 4] > 0], theirs[theirs[:, 4] > 0]
    if len(ours) != len(theirs):
        return np.inf, np.inf
    pixels = np.array([shape[0], shape[1]] * 2)
    box = score = 0.0
    left = list(range(len(theirs)))
    for row in ours:
        away = np.abs((theirs[left, :4] - row[:4]) * pixels).max(1)
        away = np.where(theirs[left, 4] == row[4], away, np.inf)
        nearest = int(away.argmin())
        box = max(box, float(away[nearest]))
        score = max(score, float(abs(theirs[left.pop(nearest), 5] - row[5])))
    return box, score


def least_iou(ours: Instances, theirs: Instances) -> float:
    """The least IoU of a mask of one with its best partner of the other; 1 without masks.

    Masks of no pixel, as random weights draw them, have to be as many on both sides.
    """
    filled = [each.take(np.flatnonzero(each.areas())) for each in (ours, theirs)]
    if len(ours) - len(filled[0]) != len(theirs) - len(filled[1]):
        return 0.0
    if not len(filled[0]) or not len(filled[1]):
        return float(len(filled[0]) == len(filled[1]))
    iou = filled[0].overlap(filled[1])
    return float(min(iou.max(0).min(), iou.max(1).min()))


def random_model(folder: Path, backbone: str, classes: int, side: int) -> None:
    """A model in Matterport's layout whose weights are random, with something to detect."""
    import keras

    from mrcnn.mask_rcnn import MaskRCNN
    from mrcnn.weights.settings import CONFIG_FILE, settings_text

    config = Config.from_dict(
        {
            "NAME": "random",
            "BACKBONE": backbone,
            "NUM_CLASSES": classes,
            "IMAGE_MIN_DIM": side,
            "IMAGE_MAX_DIM": side,
            "IMAGES_PER_GPU": 1,
            "DETECTION_MIN_CONFIDENCE": 0.05,
        }
    )
    keras.utils.set_random_seed(7)
    model = MaskRCNN("inference", config, str(folder))
    for layer in model.keras_model.layers:
        # Without this each block doubles what goes through it, as no training would leave it.
        if layer.name.startswith("bn") and layer.name.endswith("_branch2c"):
            layer.gamma.assign(0.2 * np.ones(layer.gamma.shape, np.float32))
    model.save_weights(str(folder / "random.h5"))
    atomic_write(folder / CONFIG_FILE, settings_text(config))


def measure(model: str, image: np.ndarray, folder: Path) -> Differences:
    """How far what ONNX Runtime finds in a picture is from what Keras finds.

    Args:
        model: as `mrcnn export` takes it.
        image: uint8 [H, W, 3].
        folder: for the exported network.
    """
    from mrcnn.app.deploy import find_model
    from mrcnn.deploy.export import export_network
    from mrcnn.deploy.network import in_float32
    from mrcnn.inference.keras_runner import KerasRunner
    from mrcnn.inference.onnx_runner import OnnxRunner

    config, weights = find_model(model)
    config = in_float32(config)
    export_network(config, weights, folder, "onnx")
    keras_runner = _Watched(KerasRunner.of_weights(config, weights))
    # By its path: a large file has its weights beside it.
    onnx_runner = _Watched(OnnxRunner(str(folder / NETWORK), config))
    found: list[Prediction] = []
    for runner in (keras_runner, onnx_runner):
        predictor = Predictor(config, runner, watch_limits=False)
        found.append(predictor.predict(image))
    ours, theirs = (each.instances for each in found)
    first, second = (each.detections[0] for each in (keras_runner, onnx_runner))
    box, score = compare(first, second, keras_runner.shape)
    counts = (int((first[:, 4] > 0).sum()), int((second[:, 4] > 0).sum()))
    masks = int(np.count_nonzero(ours.areas()))
    return Differences(counts, masks, box, score, least_iou(ours, theirs))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", help="as `mrcnn export` takes it")
    parser.add_argument("picture", nargs="?", type=Path)
    parser.add_argument("--random", action="store_true", help="a network with random weights")
    parser.add_argument("--backbone", default="resnet101")
    parser.add_argument("--classes", type=int, default=81, help="with the background")
    parser.add_argument("--side", type=int, default=512, help="pixels of the square")
    parser.add_argument("--end-to-end", action="store_true", help="molding and placing as well")
    parser.add_argument("--formats", nargs="+", choices=tuple(FORMATS), default=["onnx"])
    options = parser.parse_args(arguments)
    if options.random == (options.picture is not None):
        parser.error("give a model and a picture, or --random")
    from mrcnn.pictures import read_image

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            if options.random:
                (folder / "model").mkdir()
                random_model(folder / "model", options.backbone, options.classes, options.side)
                model = str(folder / "model")
                shape = (options.side, options.side, 3)
                image = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
            else:
                model, image = options.model, read_image(options.picture)
            if options.end_to_end:
                found: list[Any] = [
                    measure_end_to_end(model, image, folder / name, name)
                    for name in options.formats
                ]
            else:
                found = [measure(model, image, folder / "exported")]
        except MrcnnError as error:
            print(error, file=sys.stderr)
            return 2
    print(*found, sep="\n")
    is_kept = all(each.is_kept for each in found)
    print("kept" if is_kept else "NOT kept")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
