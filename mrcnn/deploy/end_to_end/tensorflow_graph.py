"""The operations of ONNX that `arrays` uses, done by TensorFlow as they are asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mrcnn.deploy.end_to_end.arrays import TYPES
from mrcnn.deploy.onnx_graph import Step
from mrcnn.deploy.ports import Port

_TYPES = {number: tf.as_dtype(dtype) for dtype, number in TYPES.items()}


def _reduced(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(value: Any, axes: Any = None, keepdims: int = 0) -> Any:
        return function(value, axes, keepdims=bool(keepdims))

    return reduce


def _unsqueezed(value: Any, axes: Any) -> Any:
    for axis in sorted(np.asarray(axes).tolist()):
        value = tf.expand_dims(value, axis)
    return value


def _part(value: Any, starts: Any, ends: Any, axes: Any) -> Any:
    sizes = tf.shape(value, out_type=tf.int64)
    for number, axis in enumerate(np.asarray(axes).tolist()):
        places = tf.range(starts[number], tf.minimum(ends[number], sizes[axis]))
        value = tf.gather(value, places, axis=axis)
    return value


def _padded(value: Any, sides: Any) -> Any:
    return tf.pad(value, tf.transpose(tf.reshape(sides, [2, -1])))


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "Abs": tf.abs,
    "Add": tf.add,
    "And": tf.logical_and,
    "Cast": lambda value, to: tf.cast(value, _TYPES[to]),
    "Ceil": tf.math.ceil,
    "Concat": lambda *values, axis: tf.concat(values, axis),
    "Div": tf.divide,
    "Equal": tf.equal,
    "Expand": tf.broadcast_to,
    "Floor": tf.floor,
    "Gather": lambda value, indices, axis: tf.gather(value, indices, axis=axis),
    "GatherND": tf.gather_nd,
    "Greater": tf.greater,
    "GreaterOrEqual": tf.greater_equal,
    "Less": tf.less,
    "LessOrEqual": tf.less_equal,
    "MatMul": tf.matmul,
    "Max": tf.maximum,
    "Min": tf.minimum,
    "Mod": tf.math.floormod,
    "Mul": tf.multiply,
    "NonZero": lambda value: tf.transpose(tf.where(value)),
    "Not": tf.logical_not,
    "Or": tf.logical_or,
    "Pad": _padded,
    "Range": tf.range,
    "ReduceMax": _reduced(tf.reduce_max),
    "ReduceMean": _reduced(tf.reduce_mean),
    "ReduceMin": _reduced(tf.reduce_min),
    "ReduceSum": _reduced(tf.reduce_sum),
    "Reshape": tf.reshape,
    "Round": tf.round,
    "Slice": _part,
    "Squeeze": lambda value, axes: tf.squeeze(value, np.asarray(axes).tolist()),
    "Sub": tf.subtract,
    "Transpose": lambda value, perm: tf.transpose(value, perm),
    "Unsqueeze": _unsqueezed,
    "Where": tf.where,
}


class TensorflowGraph:
    """A `mrcnn.deploy.end_to_end.arrays.Graph` whose values are tensors."""

    def __call__(self, operation: str, *inputs: Any, **attributes: Any) -> Any:
        """See `Graph`."""
        return _OPERATIONS[operation](*inputs, **attributes)

    def several(
        self, operation: str, inputs: Sequence[Any], count: int, **attributes: Any
    ) -> list[Any]:
        """See `Graph`."""
        if operation != "TopK":
            raise KeyError(operation)
        values, most = inputs
        found = tf.math.top_k(values, tf.cast(most[0], tf.int32))
        return [found.values, tf.cast(found.indices, tf.int64)]

    def constant(self, values: Any, dtype: type = np.float32) -> Any:
        """See `Graph`; an array of NumPy, which stays known while a function is traced."""
        return np.asarray(values, dtype)

    def sizes(self, value: Any, start: int, end: int) -> Any:
        """See `Graph`."""
        return tf.shape(value, out_type=tf.int64)[start:end]

    def loop(
        self,
        count: Any,
        states: Sequence[Any],
        types: Sequence[int],
        scans: Sequence[int],
        step: Step,
    ) -> list[Any]:
        """See `Graph`."""
        length = tf.cast(count, tf.int32)
        lists = [tf.TensorArray(_TYPES[kind], length, infer_shape=False) for kind in scans]

        def do(number: Any, given: list[Any], lists: list[Any]) -> tuple[Any, list[Any], list[Any]]:
            following, found = step(number, given)
            filled = [
                each.write(tf.cast(number, tf.int32), value)
                for each, value in zip(lists, found, strict=True)
            ]
            # States keep their shapes, which a loop inside the step forgets.
            same = [
                tf.ensure_shape(after, before.shape)
                for after, before in zip(following, given, strict=True)
            ]
            return number + 1, same, filled

        _, last, filled = tf.while_loop(
            lambda number, *_: number < count,
            do,
            (tf.constant(0, tf.int64), [tf.convert_to_tensor(each) for each in states], lists),
        )
        return [*last, *(each.stack() for each in filled)]


def function_of(function: Callable[..., Any], inputs: Sequence[Port]) -> Any:
    """A `tf.function` of inputs of a kind."""
    signature = [
        tf.TensorSpec(
            [size if isinstance(size, int) else None for size in port.shape],
            tf.as_dtype(port.dtype),
            name=port.name,
        )
        for port in inputs
    ]
    return tf.function(function, input_signature=signature, autograph=False)
