"""Looking inside a network: values of any tensor for given images, and tensors found by name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.nets.proposals import ProposalLayer, ProposalStages


def evaluate_tensors(
    model: keras.Model,
    outputs: Mapping[str, Any] | Iterable[tuple[str, Any]],
    inputs: list[np.ndarray],
) -> dict[str, np.ndarray]:
    """The values that tensors of a model take.

    Args:
        model: the model that the tensors belong to.
        outputs: names for the result and symbolic tensors, as a dictionary or as pairs.
        inputs: values for the first inputs of the model, which must be those that the tensors
            depend on.

    Returns:
        the values as arrays, under the names given.

    Raises:
        ConfigError: there is no tensor under a name, or one depends on further inputs.
    """
    outputs = dict(outputs)
    if not outputs:
        raise ConfigError("outputs is empty: name at least one tensor.")
    for name, tensor in outputs.items():
        if not keras.utils.is_keras_tensor(tensor):
            raise ConfigError(
                f"outputs: {name!r} is {tensor!r}: expected a symbolic tensor of the model, such "
                "as model.keras_model.get_layer('rpn_class').output."
            )
    try:
        part = keras.Model(model.inputs[: len(inputs)], list(outputs.values()))
    except ValueError as error:
        raise ConfigError(
            f"outputs: the tensors {list(outputs)} depend on more than the inputs "
            f"{[tensor.name for tensor in model.inputs[: len(inputs)]]} ({error})."
        ) from error
    tensors = [keras.ops.convert_to_tensor(value, dtype="float32") for value in inputs]
    # As values and not compiled: the number of rows of some tensors depends on the image.
    values = part(tensors, training=False)
    values = values if isinstance(values, list | tuple) else [values]
    return {
        name: keras.ops.convert_to_numpy(value) for name, value in zip(outputs, values, strict=True)
    }


def find_ancestor(tensor: Any, name: str | re.Pattern, checked: list | None = None) -> Any:
    """A tensor from which another one is computed.

    Tensors have the name of their layer with ":0", for example "rpn_class:0". Inside a proposal
    layer there are also "ROI/pre_nms_anchors:0", "ROI/refined_anchors:0",
    "ROI/refined_anchors_clipped:0" and "ROI/rpn_non_max_suppression:0", see `ProposalStages`.

    Args:
        tensor: where the search starts, a symbolic tensor.
        name: a part of the name, or a regular expression; a number that Keras has appended to a
            part of the name does not matter.
        checked: tensors that the search passes over; those that it has seen are added.

    Returns:
        the symbolic tensor nearest to `tensor`, or None.
    """
    pattern = re.compile(name.replace("/", r"(_\d+)*/")) if isinstance(name, str) else name
    checked = checked if checked is not None else []
    seen = {id(known) for known in checked}
    waiting = [tensor]
    while waiting:
        current = waiting.pop(0)
        for candidate, parent in _inside(current):
            if pattern.search(candidate):
                return parent()
        for parent_name, parent in _parents(current):
            if id(parent) in seen:
                continue
            if pattern.search(parent_name):
                return parent
            seen.add(id(parent))
            checked.append(parent)
            waiting.append(parent)
    return None


def _parents(tensor: Any) -> Iterator[tuple[str, Any]]:
    """Names and tensors that a tensor is computed from directly."""
    operation, node_index, _ = tensor._keras_history
    for parent in operation._inbound_nodes[node_index].input_tensors:
        producer, _, index = parent._keras_history
        yield f"{producer.name}:{index}", parent


def _inside(tensor: Any) -> Iterator[tuple[str, Any]]:
    """Names of what a proposal layer computes on the way, and functions that give the tensors."""
    operation, node_index, _ = tensor._keras_history
    if isinstance(operation, ProposalLayer):
        inputs = operation._inbound_nodes[node_index].input_tensors
        for stage in ProposalStages.NAMES:
            yield (
                f"{operation.name}/{stage}:0",
                lambda stage=stage: ProposalStages(operation)(inputs)[stage],
            )


def trainable_layer_of(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer that holds the weights: of a wrapper such as PerRegion the one inside."""
    while getattr(layer, "layer", None) is not None:
        layer = layer.layer
    return layer


def layers_that_have_weights(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a model that hold weights, unwrapped; a nested model counts as one."""
    layers = getattr(model, "inner_model", model).layers
    return [found for found in map(trainable_layer_of, layers) if found.weights]
