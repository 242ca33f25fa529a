"""The formats that a network can be exported in, without importing what writes them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Format:
    """A format of exported networks.

    Attributes:
        network: name of the file, or of the folder, of the network.
        title: of the format, with its article.
        write: writes a `mrcnn.deploy.tracing.TracedNetwork` to a path.
        usage: lines of Python that run the network, for its README.
    """

    network: str
    title: str
    write: Callable[[Any, Path], None]
    usage: str


def _write_saved_model(network: Any, path: Path) -> None:
    from mrcnn.deploy.saved_model import write_saved_model

    write_saved_model(network, path)


FORMATS = {
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
    ),
}
