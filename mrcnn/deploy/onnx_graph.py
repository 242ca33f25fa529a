"""A graph of ONNX while it is put together: operations one after the other, values by name."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mrcnn.inference.network_file import Weight
from mrcnn.weights.matching import WantedLayer, WantedWeight

# Of 2022: what reads ONNX today knows it.
OPERATOR_SET = 18
_IR_VERSION = 8
# Numbers that ONNX has for types.
FLOAT, UINT8, INT32, INT64, BOOL, DOUBLE = 1, 2, 6, 7, 9, 11
# See `OnnxGraph.loop`.
Step = Callable[[Any, list[Any]], tuple[list[Any], list[Any]]]


class OnnxGraph:
    """Operations and constants, in the order in which they were added.

    graph = OnnxGraph()
    total = graph("Add", "a", graph.constant(np.float32(1)))
    """

    def __init__(self) -> None:
        # Names of the nested models whose layers are being added.
        self.models: tuple[str, ...] = ()
        self.settings: list[str] = []
        self.weights: list[Weight] = []
        self.layers: list[WantedLayer] = []
        self._nodes: list[Any] = []
        self._infos: list[Any] = []
        self._count = 0
        self._initializers: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def __call__(self, operation: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add an operation of one output; returns the name of that.

        Args:
            operation: name of an operation of ONNX.
            *inputs: names of values; "" for one that is left out.
            name: of the output; by default a new one.
            **attributes: of the operation.
        """
        return self.several(operation, inputs, 1, name, **attributes)[0]

    def several(
        self, operation: str, inputs: Sequence[str], count: int, name: str = "", **attributes: Any
    ) -> list[str]:
        """Add an operation of `count` outputs; see `__call__`."""
        from onnx import helper

        name = name or f"{operation.lower()}_{self._count}"
        self._count += 1
        outputs = [name] if count == 1 else [f"{name}_{number}" for number in range(count)]
        self._nodes.append(
            helper.make_node(operation, list(inputs), outputs, name=name, **attributes)
        )
        return outputs

    def tell_channels(self, maps: str, count: int) -> None:
        """Say how many channels feature maps have, where the operations before do not say it.

        ONNX Runtime lays maps out as it is quickest only where it knows that.

        Args:
            maps: name of a value [N, C, H, W].
            count: C.
        """
        from onnx import helper

        shape = [None, count, None, None]
        self._infos.append(helper.make_tensor_value_info(maps, FLOAT, shape))

    def constant(self, values: Any, dtype: type = np.float32, name: str = "") -> str:
        """The name of numbers that do not change; equal ones are stored once."""
        from onnx import numpy_helper

        array = np.ascontiguousarray(values, dtype).reshape(np.shape(values))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = name or f"constant_{len(self._initializers)}"
            self._initializers.append(numpy_helper.from_array(array, name))
            self._constants[key] = name
        return self._constants[key]

    def setting(self, name: str) -> str:
        """The name of a setting's value, which is put in later."""
        if name not in self.settings:
            self.settings.append(name)
        return name

    def weight(
        self,
        layer: Any,
        variable: str,
        axes: Sequence[int] | None = None,
        shape: Sequence[int] | None = None,
        times: int = 1,
    ) -> str:
        """The name of a weight, which is put in later.

        Args:
            layer: of Keras.
            variable: attribute of the layer: "kernel".
            axes, shape, times: see `mrcnn.inference.network_file.Weight`.
        """
        wanted = WantedLayer(
            self.models,
            layer.name,
            tuple(WantedWeight(each.name, tuple(each.shape)) for each in layer.weights),
        )
        if wanted not in self.layers:
            self.layers.append(wanted)
        number = [id(each) for each in layer.weights].index(id(getattr(layer, variable)))
        weight = Weight(
            f"{layer.name}/{variable}",
            self.layers.index(wanted),
            number,
            None if axes is None else tuple(axes),
            None if shape is None else tuple(shape),
            times,
        )
        # The layers of the RPN are on every level.
        if weight not in self.weights:
            self.weights.append(weight)
        return weight.name

    def integers(self, *values: int) -> str:
        """A vector of whole numbers, as axes and shapes are given."""
        return self.constant(values, np.int64)

    def sizes(self, value: str, start: int, end: int) -> str:
        """The lengths of some axes of a value, int64 [end - start]."""
        return self("Shape", value, start=start, end=end)

    def joined(self, *parts: str) -> str:
        """Vectors of whole numbers one after the other."""
        return self("Concat", *parts, axis=0)

    def loop(
        self,
        count: str,
        states: Sequence[str],
        types: Sequence[int],
        scans: Sequence[int],
        step: Step,
    ) -> list[str]:
        """Do something `count` times.

        Args:
            count: whole number, one value.
            states: values that the first step gets.
            types: numbers that ONNX has for their types.
            scans: those of what each step gives besides.
            step: adds the operations of a step: gets the names of its number, counted from 0, and
                of the states; gives the next states and what it gives besides.

        Returns:
            names of the last states, and of what all steps gave besides, stacked.
        """
        from onnx import helper

        name = f"loop_{self._count}"
        outer, self._nodes = self._nodes, []
        given = [f"{name}_state_{number}" for number, _ in enumerate(states)]
        following, found = step(f"{name}_number", given)
        results = [self("Identity", each) for each in (*following, *found)]
        goes_on = self("Identity", f"{name}_goes_on")

        def info(value: str, kind: int, shape: Sequence[int] | None = None) -> Any:
            return helper.make_tensor_value_info(value, kind, shape)

        body = helper.make_graph(
            self._nodes,
            name,
            [
                info(f"{name}_number", INT64, ()),
                info(f"{name}_goes_on", BOOL, ()),
                *map(info, given, types),
            ],
            [info(goes_on, BOOL, ()), *map(info, results, (*types, *scans))],
        )
        self._nodes = outer
        return self.several("Loop", [count, "", *states], len(results), name, body=body)

    def content(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
        """The model, without weights and settings.

        Args:
            inputs, outputs: value infos of `onnx`.
        """
        from onnx import helper

        graph = helper.make_graph(
            self._nodes,
            "network",
            list(inputs),
            list(outputs),
            self._initializers,
            value_info=self._infos,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPERATOR_SET)],
            ir_version=_IR_VERSION,
            producer_name="mrcnn-keras3",
        )
        return model.SerializeToString()
