"""Numbers of a graph that is being put together, to be reckoned with as with arrays of NumPy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from mrcnn.deploy.onnx_graph import BOOL, DOUBLE, FLOAT, INT32, INT64, UINT8, Step

TYPES: dict[type, int] = {
    np.float32: FLOAT,
    np.uint8: UINT8,
    np.int32: INT32,
    np.int64: INT64,
    np.bool_: BOOL,
    np.float64: DOUBLE,
}


class Graph(Protocol):
    """Takes operations of ONNX, by their names there; what its values are is its own matter."""

    def __call__(self, operation: str, *inputs: Any, **attributes: Any) -> Any:
        """The output of an operation that has one."""

    def several(self, operation: str, inputs: Sequence[Any], count: int, **attributes: Any) -> list:
        """The outputs of an operation."""

    def constant(self, values: Any, dtype: type = np.float32) -> Any:
        """Numbers that do not change."""

    def sizes(self, value: Any, start: int, end: int) -> Any:
        """The lengths of some axes of a value, int64 [end - start]."""

    def loop(
        self,
        count: Any,
        states: Sequence[Any],
        types: Sequence[int],
        scans: Sequence[int],
        step: Step,
    ) -> list[Any]:
        """Do something `count` times; see `OnnxGraph.loop`."""


@dataclass(frozen=True, eq=False)
class Array:
    """A value of a graph.

    Attributes:
        graph: that it is of.
        value: what the graph calls it.
        dtype: of its numbers, one of `TYPES`. What it is reckoned with has the same, or is a number
            of Python.
    """

    graph: Graph
    value: Any
    dtype: type

    def _with(
        self, operation: str, other: Any, dtype: type | None = None, swap: bool = False
    ) -> Self:
        pair = [self.value, self._value(other)]
        return self._new(operation, *(pair[::-1] if swap else pair), dtype=dtype)

    def _value(self, other: Any) -> Any:
        if isinstance(other, Array):
            if other.dtype is not self.dtype:
                raise TypeError(f"{other.dtype.__name__} is reckoned with {self.dtype.__name__}.")
            return other.value
        return self.graph.constant(other, self.dtype)

    def _new(
        self, operation: str, *values: Any, dtype: type | None = None, **attributes: Any
    ) -> Self:
        value = self.graph(operation, *values, **attributes)
        return type(self)(self.graph, value, dtype or self.dtype)

    def _axes(self, *numbers: int) -> Any:
        return self.graph.constant(numbers, np.int64)

    def __add__(self, other: Any) -> Self:
        return self._with("Add", other)

    def __sub__(self, other: Any) -> Self:
        return self._with("Sub", other)

    def __rsub__(self, other: Any) -> Self:
        return self._with("Sub", other, swap=True)

    def __mul__(self, other: Any) -> Self:
        return self._with("Mul", other)

    def __truediv__(self, other: Any) -> Self:
        return self._with("Div", other)

    def __rtruediv__(self, other: Any) -> Self:
        return self._with("Div", other, swap=True)

    def __mod__(self, other: Any) -> Self:
        return self._with("Mod", other)

    def __matmul__(self, other: "Array") -> Self:
        return self._with("MatMul", other)

    def __gt__(self, other: Any) -> Self:
        return self._with("Greater", other, np.bool_)

    def __ge__(self, other: Any) -> Self:
        return self._with("GreaterOrEqual", other, np.bool_)

    def __lt__(self, other: Any) -> Self:
        return self._with("Less", other, np.bool_)

    def __le__(self, other: Any) -> Self:
        return self._with("LessOrEqual", other, np.bool_)

    def equals(self, other: Any) -> Self:
        return self._with("Equal", other, np.bool_)

    def __and__(self, other: "Array") -> Self:
        return self._with("And", other)

    def __or__(self, other: "Array") -> Self:
        return self._with("Or", other)

    def __invert__(self) -> Self:
        return self._new("Not", self.value)

    def least(self, other: Any) -> Self:
        """The lower of each pair."""
        return self._with("Min", other)

    def most(self, other: Any) -> Self:
        """The higher of each pair."""
        return self._with("Max", other)

    def clip(self, low: Any, high: Any) -> Self:
        return self.most(low).least(high)

    def floor(self) -> Self:
        return self._new("Floor", self.value)

    def ceil(self) -> Self:
        return self._new("Ceil", self.value)

    def round(self) -> Self:
        """To the nearest whole number; halves to the even one."""
        return self._new("Round", self.value)

    def abs(self) -> Self:
        return self._new("Abs", self.value)

    def astype(self, dtype: type) -> Self:
        if dtype is self.dtype:
            return self
        return self._new("Cast", self.value, to=TYPES[dtype], dtype=dtype)

    def where(self, yes: Any, no: Any) -> "Array":
        """For each that is true of these the one, else the other; at least one is an `Array`."""
        typed = yes if isinstance(yes, Array) else no
        pair = (typed._value(yes), typed._value(no))
        return typed._new("Where", self.value, *pair)

    def sizes(self, start: int, end: int) -> Self:
        """Lengths of some axes, int64 [end - start]."""
        return type(self)(self.graph, self.graph.sizes(self.value, start, end), np.int64)

    def reshape(self, shape: "Array | Sequence[int]") -> Self:
        shape = shape if isinstance(shape, Array) else self.constant(shape, np.int64)
        return self._new("Reshape", self.value, shape.value)

    def expand(self, shape: "Array") -> Self:
        return self._new("Expand", self.value, shape.value)

    def unsqueeze(self, *axes: int) -> Self:
        return self._new("Unsqueeze", self.value, self._axes(*axes))

    def squeeze(self, *axes: int) -> Self:
        return self._new("Squeeze", self.value, self._axes(*axes))

    def transpose(self, *axes: int) -> Self:
        return self._new("Transpose", self.value, perm=list(axes))

    def take(self, indices: "Array | int", axis: int = 0) -> Self:
        """Rows, columns, ... by int64 numbers; one number takes the axis away."""
        indices = indices if isinstance(indices, Array) else self.constant(indices, np.int64)
        return self._new("Gather", self.value, indices.value, axis=axis)

    def take_points(self, indices: "Array") -> Self:
        """What lies at places int64 [N, K] of the first K axes."""
        return self._new("GatherND", self.value, indices.value)

    def part(self, start: "Array", end: "Array", *axes: int) -> Self:
        """From `start` to `end`, int64 [K], of K axes."""
        return self._new("Slice", self.value, start.value, end.value, self._axes(*axes))

    def pad(self, sides: "Array") -> Self:
        """Zeros before each axis and after each axis, int64 [2 * axes]."""
        return self._new("Pad", self.value, sides.value)

    def max(self, *axes: int, keepdims: bool = False) -> Self:
        return self._reduced("ReduceMax", axes, keepdims)

    def min(self, *axes: int, keepdims: bool = False) -> Self:
        return self._reduced("ReduceMin", axes, keepdims)

    def sum(self, *axes: int, keepdims: bool = False) -> Self:
        return self._reduced("ReduceSum", axes, keepdims)

    def mean(self, *axes: int) -> Self:
        return self._reduced("ReduceMean", axes, False)

    def _reduced(self, operation: str, axes: Sequence[int], keepdims: bool) -> Self:
        given = [self._axes(*axes)] if axes else []
        return self._new(operation, self.value, *given, keepdims=int(keepdims))

    def nonzero(self) -> Self:
        """Of a vector, where it is true, int64 [N]."""
        return self._new("NonZero", self.value, dtype=np.int64).squeeze(0)

    def falling(self) -> Self:
        """Of a vector [N], the order from the highest to the lowest; of equals the first first."""
        count = self.sizes(0, 1)
        found = self.graph.several("TopK", [self.unsqueeze(0).value, count.value], 2, axis=1)
        return type(self)(self.graph, found[1], np.int64).squeeze(0)

    def arange(self) -> Self:
        """0, 1, ... below this whole number, int64 [N]."""
        zero, one = (self.graph.constant(each, np.int64) for each in (0, 1))
        return self._new("Range", zero, self.value, one)

    def constant(self, values: Any, dtype: type) -> Self:
        """Numbers of the same graph."""
        return type(self)(self.graph, self.graph.constant(values, dtype), dtype)


def joined(*arrays: Array, axis: int = 0) -> Array:
    """One after the other along an axis that they have."""
    first = arrays[0]
    return first._new("Concat", first.value, *map(first._value, arrays[1:]), axis=axis)


def stacked(*numbers: Array) -> Array:
    """Single numbers as a vector."""
    return joined(*(each.reshape([1]) for each in numbers))


def loop(
    count: Array,
    states: Sequence[Array],
    scans: Sequence[type],
    step: Callable[[Array, list[Array]], tuple[Sequence[Array], Sequence[Array]]],
) -> list[Array]:
    """Do something a number of times.

    Args:
        count: int64, how many times.
        states: that the first step gets.
        scans: types of what each step gives besides; the shapes are the same in all.
        step: gets the number of the step and the states; gives the next states, and those.

    Returns:
        the last states, and what the steps gave, stacked.
    """
    graph, dtypes = count.graph, [each.dtype for each in states]

    def values_step(number: Any, values: list[Any]) -> tuple[list[Any], list[Any]]:
        given = [Array(graph, *pair) for pair in zip(values, dtypes, strict=True)]
        following, found = step(Array(graph, number, np.int64), given)
        return [each.value for each in following], [each.value for each in found]

    values = graph.loop(
        count.value,
        [each.value for each in states],
        [TYPES[each] for each in dtypes],
        [TYPES[each] for each in scans],
        values_step,
    )
    return [Array(graph, *pair) for pair in zip(values, [*dtypes, *scans], strict=True)]
