"""One measurement of this project, in a process of its own. Called by `benchmarks.speed`."""

import argparse
import importlib.metadata
import os

import keras
import numpy as np

from benchmarks import speed_floor
from benchmarks import speed_workload as workload
from mrcnn.config import Config
from mrcnn.data.anchors import pyramid_anchors
from mrcnn.data.batches import BatchMaker
from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import BatchLoader
from mrcnn.instances.geometry import extract_bboxes
from mrcnn.model import MaskRCNN, build_rpn_targets, compose_image_meta
from mrcnn.utils import minimize_mask, resize_image, resize_mask

FIELD_SHAPE = (1200, 1600)


class SpeedConfig(Config):
    """The paper's network at the size of the benchmark."""

    NAME = "speed"
    BACKBONE = "resnet50"
    NUM_CLASSES = workload.CLASSES
    IMAGES_PER_GPU = 1
    RPN_ANCHOR_SCALES = workload.ANCHOR_SCALES
    TRAIN_ROIS_PER_IMAGE = workload.TRAIN_ROIS
    ROI_POSITIVE_RATIO = workload.POSITIVE_RATIO
    PRE_NMS_LIMIT = workload.PRE_NMS_LIMIT
    POST_NMS_ROIS_TRAINING = workload.PROPOSALS
    POST_NMS_ROIS_INFERENCE = workload.PROPOSALS
    MAX_GT_INSTANCES = 100
    DETECTION_MAX_INSTANCES = 200
    # Every detection counts until the limit is reached.
    DETECTION_MIN_CONFIDENCE = 0.0
    DETECTION_NMS_THRESHOLD = 1.0
    SEED = 0


class Fields(Dataset):
    """Made-up fields, kept in memory, with polygons."""

    def __init__(self, fields: list[workload.Field]) -> None:
        super().__init__()
        for class_id in range(1, workload.CLASSES):
            self.add_class("cells", class_id, f"class {class_id}")
        for number, field in enumerate(fields):
            self.add_image("cells", number, None, field=field)
        self.prepare()

    def load_image(self, image_id: int) -> np.ndarray:
        """The picture."""
        return self.image_info[image_id]["field"].image

    def load_polygons(self, image_id: int) -> tuple[list[np.ndarray], np.ndarray]:
        """The polygons and their classes."""
        field = self.image_info[image_id]["field"]
        return field.polygons, field.class_ids

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """The same as masks of the whole picture."""
        field = self.image_info[image_id]["field"]
        return np.moveaxis(field.masks(), 0, -1).astype(bool), field.class_ids


def configure(options: argparse.Namespace) -> Config:
    """The configuration of the options."""
    settings = {
        "IMAGE_MIN_DIM": options.size,
        "IMAGE_MAX_DIM": options.size,
        "IMAGES_PER_GPU": options.batch,
        "MIXED_PRECISION": options.precision,
    }
    return type("SpeedConfig", (SpeedConfig,), settings)()


def train(options: argparse.Namespace) -> dict:
    """Training steps as `MaskRCNN.train` makes them, on a batch that is ready."""
    config = configure(options)
    model = MaskRCNN("training", config, "logs")
    model.set_trainable("heads" if options.task == "train-heads" else ".*", verbose=0)
    model.compile(1e-5, config.LEARNING_MOMENTUM)
    built = workload.seconds_since_start()
    batch = BatchLoader(Fields([workload.make_field(options.size, options.size)]), config)[0]

    def step() -> None:
        model.keras_model.train_on_batch(*batch)

    step()
    first = workload.seconds_since_start()
    seconds = workload.time_calls(step, options.calls)
    work = speed_floor.training_work(model.keras_model, config)
    return {"built": built, "first": first, "seconds": seconds, "work": work}


def spread_detections(model: MaskRCNN) -> None:
    """Let random weights detect as trained ones do: boxes all over the image, of one class.

    Without it the deltas of a network with random weights are so large that every box becomes the
    whole image.
    """
    network = model.keras_model
    for name, factor in {
        "rpn_model": 1e-3,
        "mrcnn_bbox_fc": 0.0,
        "mrcnn_class_logits": 1e-3,
    }.items():
        layer = network.get_layer(name)
        for weight in layer.weights:
            if name != "rpn_model" or weight.path.split("/")[-2] != "rpn_conv_shared":
                weight.assign(weight * factor)
    bias = network.get_layer("mrcnn_class_logits").layer.bias
    bias.assign(np.eye(workload.CLASSES)[1])


def detect(options: argparse.Namespace) -> dict:
    """`MaskRCNN.detect` with a given number of detections among 200 possible ones."""
    config = configure(options)
    model = MaskRCNN("inference", config, "logs")
    spread_detections(model)
    built = workload.seconds_since_start()
    images = [workload.make_field(options.size, options.size).image] * options.batch
    scores = model.detect(images)[0]["scores"]
    first = workload.seconds_since_start()
    if options.detections < len(scores):
        layer = model.keras_model.get_layer("mrcnn_detection")
        layer.min_confidence = float(scores[options.detections - 1])
        model.keras_model.make_predict_function(force=True)
        model.detect(images)
    found = []

    def call() -> None:
        found[:] = [model.detect(images)[0]["masks"].shape[-1]]

    seconds = workload.time_calls(call, options.calls)
    work = speed_floor.inference_work(model.keras_model, config, found[0])
    return {
        "built": built,
        "first": first,
        "seconds": seconds,
        "work": work,
        "detections": found[0],
    }


def load(options: argparse.Namespace) -> dict:
    """One training item from polygons, and the same through masks of the whole picture."""
    config = configure(options)
    dataset = Fields([workload.make_field(*FIELD_SHAPE)])
    maker = BatchMaker(dataset, config)
    cold_config = configure(options)
    cold_config.LOADER_CACHE_MB = 0
    cold = BatchMaker(dataset, cold_config)
    anchors = pyramid_anchors(config, config.IMAGE_SHAPE)

    def by_stacks() -> None:
        image = dataset.load_image(0)
        masks, class_ids = dataset.load_mask(0)
        picture, window, scale, padding, crop = resize_image(
            image, config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM, mode=config.IMAGE_RESIZE_MODE
        )
        masks = resize_mask(masks, scale, padding, crop)
        boxes = extract_bboxes(masks)
        minimize_mask(boxes, masks, config.MINI_MASK_SHAPE)
        compose_image_meta(0, image.shape, picture.shape, window, scale, [1] * config.NUM_CLASSES)
        build_rpn_targets(picture.shape, anchors, class_ids, boxes, config)

    def of(batches: BatchMaker):
        return lambda: batches.make([0], [np.random.default_rng(0)])

    return {
        "seconds": workload.time_calls(of(maker), 3 * options.calls),
        "seconds_without_cache": workload.time_calls(of(cold), options.calls),
        "seconds_by_stacks": workload.time_calls(by_stacks, options.calls),
    }


def device() -> dict:
    """The GPU in use and the most of its memory that was taken, in MiB; "cpu" without one."""
    backend = keras.backend.backend()
    name, peak = "cpu", None
    if backend == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU")[:1]:
            name = tf.config.experimental.get_device_details(gpu).get("device_name", "gpu")
            peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    elif backend == "jax":
        import jax

        if jax.default_backend() == "gpu":
            name = jax.devices()[0].device_kind
            peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)
    else:
        import torch

        if torch.cuda.is_available():
            name, peak = torch.cuda.get_device_name(), torch.cuda.max_memory_allocated()
    return {"device": name, "gpu_peak_mib": None if peak is None else peak / 2**20}


def main() -> None:
    """Measure one task and print the result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("train-all", "train-heads", "detect", "load"))
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--detections", type=int, default=200)
    parser.add_argument("--calls", type=int, default=5)
    options = parser.parse_args()
    tasks = {"detect": detect, "load": load}
    result = tasks.get(options.task, train)(options)
    backend = keras.backend.backend()
    packages = ("keras", backend)
    workload.tell(
        {
            **result,
            **device(),
            "backend": backend,
            "versions": {name: importlib.metadata.version(name) for name in packages},
        }
    )


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
