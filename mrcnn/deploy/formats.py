"""The formats that a network can be exported in, without importing what writes them."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrcnn.errors import ConfigError

FLOAT32, INT8 = "float32", "int8"


@dataclass(frozen=True)
class Format:
    """A format of exported networks.

    Attributes:
        network: name of the file, or of the folder, of the network.
        title: of the format, with its article.
        write: writes a `mrcnn.deploy.network.Network` to a path, with kernels as numbers of
            a kind, for which it may look at pictures.
        usage: lines of Python that run the network, for its README.
        usage_end_to_end: those that run one that takes pictures as they are.
        by_tensorflow: whether TensorFlow writes it.
        libraries: that writing it takes beside Keras.
        extra: of the package that installs them.
        weights_as: the kinds of numbers that kernels can be stored as, the usual one first.
    """

    network: str
    title: str
    write: Callable[[Any, Path, str, Any], None]
    usage: str
    usage_end_to_end: str
    by_tensorflow: bool = False
    libraries: tuple[str, ...] = ()
    extra: str | None = None
    weights_as: tuple[str, ...] = (FLOAT32,)

    def check_weights(self, weights_as: str) -> None:
        """ConfigError for a kind of numbers that kernels cannot be stored as."""
        if weights_as not in self.weights_as:
            raise ConfigError(
                f"Kernels of {self.title} are stored as {' or '.join(self.weights_as)}, not as "
                f"{weights_as}."
            )

    def check_libraries(self) -> None:
        """ConfigError where a library is not installed."""
        missing = [name for name in self.libraries if importlib.util.find_spec(name) is None]
        if missing:
            raise ConfigError(
                f"To write {self.title} the library {' and '.join(missing)} is needed, which is "
                f"not installed. Install the extra `{self.extra}`: pip install "
                f"'mrcnn-keras3[{self.extra}]'."
            )


def _write_saved_model(network: Any, path: Path, weights_as: str, pictures: Any) -> None:
    from mrcnn.deploy.saved_model import write_saved_model

    write_saved_model(network, path)


def _write_onnx(network: Any, path: Path, weights_as: str, pictures: Any) -> None:
    from mrcnn.deploy.onnx_file import write_onnx

    write_onnx(network, path, weights_as, pictures)


def _write_openvino(network: Any, path: Path, weights_as: str, pictures: Any) -> None:
    from mrcnn.deploy.openvino_file import write_openvino

    write_openvino(network, path, weights_as)


FORMATS = {
    "onnx": Format(
        "network.onnx",
        "an ONNX file",
        _write_onnx,
        """\
import onnxruntime

network = onnxruntime.InferenceSession("network.onnx")
(detections,) = network.run(
    ["detections"],
    {"input_image": images, "input_image_meta": image_meta, "input_anchors": anchors},
)
""",
        """\
import numpy as np
import onnxruntime

network = onnxruntime.InferenceSession("network.onnx")
boxes, classes, scores, masks = network.run(
    ["boxes", "classes", "scores", "masks"],
    {"image": picture, "scale": np.zeros(1, np.float32)},
)
""",
        libraries=("onnx",),
        extra="onnx",
        weights_as=(FLOAT32, "float16", INT8),
    ),
    "openvino": Format(
        "network.xml",
        "a model of OpenVINO",
        _write_openvino,
        """\
import openvino

# Without the hint it computes in bfloat16 on processors that have it.
network = openvino.Core().compile_model("network.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
found = network(
    {"input_image": images, "input_image_meta": image_meta, "input_anchors": anchors}
)
detections = found["detections"]
""",
        """\
import numpy as np
import openvino

# Without the hint it computes in bfloat16 on processors that have it.
network = openvino.Core().compile_model("network.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
found = network({"image": picture, "scale": np.zeros(1, np.float32)})
boxes, masks = found["boxes"], found["masks"]
""",
        libraries=("onnx", "openvino"),
        extra="openvino",
        weights_as=(FLOAT32, "float16"),
    ),
    "savedmodel": Format(
        "network",
        "a SavedModel of TensorFlow",
        _write_saved_model,
        """\
import tensorflow as tf

network = tf.saved_model.load("network")
outputs = network.signatures["serving_default"](
    input_image=tf.constant(images),
    input_image_meta=tf.constant(image_meta),
    input_anchors=tf.constant(anchors),
)
detections = outputs["detections"].numpy()
""",
        """\
import tensorflow as tf

network = tf.saved_model.load("network")
outputs = network.signatures["serving_default"](image=tf.constant(picture), scale=tf.zeros(1))
boxes, masks = outputs["boxes"].numpy(), outputs["masks"].numpy()
""",
        by_tensorflow=True,
    ),
}
# All kinds of numbers that kernels can be stored as, in one format or another.
WEIGHTS_AS = tuple(dict.fromkeys(kind for each in FORMATS.values() for kind in each.weights_as))
