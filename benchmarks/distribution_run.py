"""One process of the trainings that `benchmarks.distribution` compares.

    python -m benchmarks.distribution_run --devices 1 2 [--batch 2] [--steps 3] [--out FILE] ...

trains a small network of its own once for each number of devices, on images that are made up, and
writes the losses of all steps and the weights at the end. The processor stands for several devices.
Where the environment tells of other processes it trains with them.
"""

import argparse
import functools
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.distribution_turns import Participant, Turns

SIDE = 128


def prepare(devices: int, processes: int, processors: Sequence[int] | None = None) -> None:
    """Have the processor stand for as many devices, in a backend that is not begun.

    Args:
        devices: of all processes.
        processes: that train together.
        processors: numbers of those to use, one thread each; None for all.
    """
    if processors is not None:
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[number % len(usable)] for number in processors})
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if backend == "jax":
        flag = f"--xla_force_host_platform_device_count={devices // processes}"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"
    elif backend == "tensorflow":
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * devices,
        )
        if processors is not None:
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(len(processors))


def tiny_config(devices: int, batch: int, side: int = SIDE, **settings: Any) -> Any:
    """A network that is whole but small, for images of `side` x `side` pixels."""
    from mrcnn.config import Config

    class TinyConfig(Config):
        NAME = "tiny"
        BACKBONE = "resnet18"
        NUM_CLASSES = 2
        SEED = 1
        MEAN_PIXEL = (128.0, 128.0, 128.0)
        RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
        TOP_DOWN_PYRAMID_SIZE = RPN_CONV_CHANNELS = MASK_HEAD_CHANNELS = 32
        FPN_CLASSIF_FC_LAYERS_SIZE = 64
        PRE_NMS_LIMIT = 300
        POST_NMS_ROIS_TRAINING = 60
        POST_NMS_ROIS_INFERENCE = 40
        TRAIN_ROIS_PER_IMAGE = 20
        RPN_TRAIN_ANCHORS_PER_IMAGE = 64
        MAX_GT_INSTANCES = 10
        DETECTION_MAX_INSTANCES = 10
        DETECTION_MIN_CONFIDENCE = 0.0
        LOADER_WORKERS = 1
        VALIDATION_STEPS = 0

    settings |= {"GPU_COUNT": devices, "IMAGES_PER_GPU": batch // devices}
    settings |= {"IMAGE_MIN_DIM": side, "IMAGE_MAX_DIM": side}
    return type("RunConfig", (TinyConfig,), settings)()


def squares(count: int = 12, shift: int = 0, side: int = SIDE) -> Any:
    """A prepared dataset of noise with up to four squares an image.

    Args:
        count: of images.
        shift: places by which their order is turned.
        side: of the images, in pixels.
    """
    from mrcnn.data.dataset import Dataset

    class Squares(Dataset):
        def load_image(self, image_id: int) -> np.ndarray:
            info = self.image_info[image_id]
            image = np.random.default_rng(info["id"]).integers(124, 133, (side, side, 3))
            for y1, x1, y2, x2 in info["boxes"]:
                image[y1:y2, x1:x2] += 16
            return image.astype(np.uint8)

        def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
            boxes = self.image_info[image_id]["boxes"]
            masks = np.zeros((side, side, len(boxes)), bool)
            for number, (y1, x1, y2, x2) in enumerate(boxes):
                masks[y1:y2, x1:x2, number] = True
            return masks, np.ones(len(boxes), np.int32)

    dataset = Squares()
    dataset.add_class("squares", 1, "square")
    for number in ((place + shift) % count for place in range(count)):
        rng = np.random.default_rng(number)
        corners = rng.integers(0, 80, (1 + number % 4, 2))
        sizes = rng.integers(12, 45, corners.shape)
        boxes = np.concatenate([corners, corners + sizes], axis=1) * side // SIDE
        boxes = boxes.tolist()
        dataset.add_image("squares", number, path=None, boxes=boxes)
    dataset.prepare()
    return dataset


def train(
    devices: int, options: argparse.Namespace, folder: str, out: Path | None
) -> dict[str, np.ndarray]:
    """Train, and give the losses of all steps [S, 6] and the weights at the end, one array each.

    Where trainings take turns, their times are asked for, and the losses are the means of the epoch
    so far. `moved` is the largest change of a weight.
    """
    import keras

    import mrcnn.mask_rcnn
    import mrcnn.training.fitting
    from mrcnn.data.loader import BatchLoader
    from mrcnn.training.model import build_training_model
    from mrcnn.training.replicas import this_process

    # Draws of targets differ between one device and several; the first candidates do not.
    mrcnn.mask_rcnn.build_training_model = functools.partial(
        build_training_model, shuffle_targets=False
    )
    losses = []
    waited = 0.0

    class TimedLoader(BatchLoader):
        def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, ...]]:
            nonlocal waited
            began = time.perf_counter()
            batch = super().__getitem__(index)
            waited += time.perf_counter() - began
            return batch

    mrcnn.training.fitting.BatchLoader = TimedLoader  # type: ignore[misc]

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            losses.append([float(value) for _, value in sorted((logs or {}).items())])
            if participant is not None:
                participant.step(waited)
            else:
                # Those of a step, where Keras would tell the means of an epoch.
                if keras.backend.backend() == "jax":
                    self.model.jax_state_sync()
                self.model.reset_metrics()
            if options.die_at == len(losses) and this_process().index == 1:
                os._exit(9)

        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            if options.stop_after == epoch + 1:
                self.model.stop_training = True

    config = tiny_config(
        devices,
        options.batch,
        options.side,
        STEPS_PER_EPOCH=options.steps,
        USE_RPN_ROIS=options.proposals,
    )
    model = mrcnn.mask_rcnn.MaskRCNN("training", config, folder)
    participant = None
    if options.turns is not None:
        side, process = options.place
        # They have met now.
        images = options.batch // this_process().count
        participant = Participant(Turns.of(options.turns), side, process, images)
    if options.go_on:
        model.load_weights(model.find_last())
    began = _weights(model.keras_model)
    if options.nudge:
        nudge(model.keras_model, options.nudge)
    model.train(
        squares(shift=options.shift, side=options.side),
        None,
        options.rate,
        options.epochs,
        "all",
        custom_callbacks=[Keep()],
    )
    weights = _weights(model.keras_model)
    found = {f"weight_{number}": value for number, value in enumerate(weights)}
    found["moved"] = np.max(
        [np.abs(new - old).max() for new, old in zip(weights, began, strict=True)]
    )
    found["losses"] = np.array(losses)
    if out is not None and this_process().writes:
        np.savez(out, **found)
    return found


def _weights(network: Any) -> list[np.ndarray]:
    import keras

    return [
        np.array(keras.ops.convert_to_numpy(variable)) for variable in network.trainable_variables
    ]


def nudge(network: Any, most: float) -> None:
    """Multiply all trainable weights by 1 + x, |x| <= `most`: what rounding could have done."""
    rng = np.random.default_rng(0)
    for variable, value in zip(network.trainable_variables, _weights(network), strict=True):
        changed = value.astype(np.float64) * (1 + most * rng.uniform(-1, 1, value.shape))
        variable.assign(changed.astype(np.float32))


def difference(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> tuple[list, float]:
    """The largest differences of losses, step by step, and of the weights."""
    losses = np.abs(one["losses"] - other["losses"]).max(axis=1)
    weights = max(
        float(np.abs(one[name] - other[name]).max()) for name in one if name.startswith("weight")
    )
    return [float(value) for value in losses], weights


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--stop-after", type=int, help="epoch after which a training is left")
    parser.add_argument("--rate", type=float, default=0.002)
    parser.add_argument("--shift", type=int, default=0)
    parser.add_argument("--nudge", type=float, default=0, help="relative, of all weights")
    parser.add_argument("--proposals", action="store_true")
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--go-on", action="store_true")
    parser.add_argument("--die-at", type=int)
    parser.add_argument("--processors", type=int, nargs="+", help="the only ones to use")
    parser.add_argument("--turns", help="as Turns.text has them")
    parser.add_argument("--place", type=int, nargs=2, help="side and process among those")
    parser.add_argument("--side", type=int, default=SIDE, help="of the images, in pixels")
    parser.add_argument("--folder", help="of the runs and of where processes meet")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    names = ("WORLD_SIZE", "JAX_NUM_PROCESSES")
    processes = next((int(os.environ[name]) for name in names if name in os.environ), 1)
    prepare(max(options.devices), processes, options.processors)
    if options.eager and os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
    found = []
    for devices in options.devices:
        with tempfile.TemporaryDirectory() as folder:
            found.append(train(devices, options, options.folder or folder, options.out))
    for other in found[1:]:
        losses, weights = difference(found[0], other)
        print(f"losses {max(losses):.2e}, first step {losses[0]:.2e}, weights {weights:.2e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
