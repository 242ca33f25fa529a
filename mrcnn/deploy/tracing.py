"""The network as one function of TensorFlow, with names for what goes in and comes out."""

from dataclasses import dataclass
from typing import Any

import keras

from mrcnn.deploy.ports import input_ports, output_ports
from mrcnn.errors import ConfigError


@dataclass(frozen=True)
class TracedNetwork:
    """An inference graph that TensorFlow can write.

    Attributes:
        function: a `tf.function` of the inputs by name, which gives the outputs by name.
        signature: a `tf.TensorSpec` of each input.
        variables: the weights that it reads.
    """

    function: Any
    signature: list[Any]
    variables: list[Any]


def check_backend() -> None:
    """ConfigError where TensorFlow is not the backend of this program."""
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"Networks are exported by TensorFlow, and the backend is {keras.backend.backend()}: "
            "install TensorFlow, and set KERAS_BACKEND=tensorflow."
        )


def plain_model(model: keras.Model) -> keras.Model:
    """A model of the same layers that does without the quicker ways of `mrcnn.nets.speed`.

    They are made for one processor, and other runtimes have their own.
    """
    return keras.Model(model.inputs, model.outputs)


def trace(model: keras.Model) -> TracedNetwork:
    """Make the function of a model.

    Args:
        model: an inference graph in float32, see `mrcnn.nets.detector.build_inference_model`.

    Raises:
        ConfigError: TensorFlow is not the backend.
    """
    check_backend()
    import tensorflow as tf

    plain = plain_model(model)
    inputs, outputs = input_ports(plain), output_ports(plain)
    signature = [
        tf.TensorSpec(tensor.shape, tf.float32, name=port.name)
        for tensor, port in zip(plain.inputs, inputs, strict=True)
    ]

    @tf.function(input_signature=signature, autograph=False)
    def detect(input_image: Any, input_image_meta: Any, input_anchors: Any) -> dict[str, Any]:
        found = plain([input_image, input_image_meta, input_anchors], training=False)
        return {port.name: value for port, value in zip(outputs, found, strict=True)}

    variables = [variable.value for variable in plain.variables]
    return TracedNetwork(detect, signature, variables)
