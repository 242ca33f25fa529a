"""A network as a graph of ONNX without its weights, and the weights put into it.

One file holds the operations of a network and says which weights of a file they take, and which
settings of the configuration. So it stays small, goes with any weights of the network, trained
anew or not, and with settings of detection that differ from one program to the next. It is written
by `mrcnn.deploy.network`, which knows Keras; reading and filling it takes NumPy alone.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.files import atomic_write
from mrcnn.ops.outputs import InferenceOutputs
from mrcnn.weights.matching import WantedLayer, WantedWeight, read_weights

# Of the layout of the file: a program takes no other.
FORMAT = 1
_GRAPH, _DESCRIPTION, _DETECTION = "graph.onnx", "graph.json", "detection.onnx"
# A ZIP archive has no earlier day: the same network makes the same bytes.
_DAY = (1980, 1, 1, 0, 0, 0)
# Fields of the protocol buffers of ONNX, and what its tensors call their types.
_GRAPH_OF_MODEL, _INITIALIZER_OF_GRAPH = 7, 5
_SIZES, _TYPE, _NAME, _CONTENT = 1, 2, 8, 9
_TYPES = {"float32": 1, "int64": 7}
_LONGEST = 100 << 20
# Of the part that selects detections: what it takes, and what is missing beside the limit.
DETECTION_INPUTS = ("rpn_rois", "mrcnn_class", "mrcnn_bbox", "input_image_meta")
DETECTION_SETTINGS = ("BBOX_STD_DEV", "DETECTION_MIN_CONFIDENCE", "DETECTION_NMS_THRESHOLD")


@dataclass(frozen=True)
class Weight:
    """How a value of the graph is made of a weight of a layer.

    Attributes:
        name: of the value.
        layer: which of the file's layers it belongs to, counted from 0.
        number: which of the layer's weights it is, counted from 0.
        axes: in which order its axes lie there, or None for that of the file.
        shape: that it has then, or None for the one that it has.
        times: how many times it is laid one after the other.
    """

    name: str
    layer: int
    number: int
    axes: tuple[int, ...] | None = None
    shape: tuple[int, ...] | None = None
    times: int = 1

    def made_of(self, array: np.ndarray) -> np.ndarray:
        """The value, from the weight."""
        if self.axes is not None:
            array = array.transpose(self.axes)
        if self.shape is not None:
            array = array.reshape(self.shape)
        return np.tile(array, self.times) if self.times > 1 else array


@dataclass(frozen=True)
class NetworkFile:
    """The operations of a network, and what has to be put into them.

    Attributes:
        graph: a model of ONNX, whose initializers for weights and settings are missing.
        layers: that the weights belong to.
        weights: that are missing.
        settings: names of the settings that are missing, see `filled`.
        structure: what the network was built with and cannot be changed, settings by name.
        detection: the part of a detector that selects detections, as a model of its own; None for
            another network, and in what earlier versions wrote.
    """

    graph: bytes
    layers: tuple[WantedLayer, ...]
    weights: tuple[Weight, ...]
    settings: tuple[str, ...]
    structure: Mapping[str, Any]
    detection: bytes | None = None

    def write(self, path: str | os.PathLike) -> None:
        """Write the file, in one step."""
        description = {
            "format": FORMAT,
            "structure": self.structure,
            "settings": self.settings,
            "layers": self.layers,
            "weights": [asdict(weight) for weight in self.weights],
        }
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            members: dict[str, str | bytes] = {
                _DESCRIPTION: json.dumps(description),
                _GRAPH: self.graph,
            }
            if self.detection is not None:
                members[_DETECTION] = self.detection
            for name, data in members.items():
                member = zipfile.ZipInfo(name, _DAY)
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, data)
        atomic_write(path, content.getvalue())

    @classmethod
    def read(cls, path: str | os.PathLike) -> Self:
        """Read a file that `write` made.

        Raises:
            WeightsError: there is none, or it is damaged or of another version.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                has_detection = _DETECTION in archive.namelist()
                members = (_DESCRIPTION, _GRAPH, *([_DETECTION] if has_detection else []))
                if any(archive.getinfo(each).file_size > _LONGEST for each in members):
                    raise ValueError("it is absurdly large")
                found = json.loads(archive.read(_DESCRIPTION))
                graph = archive.read(_GRAPH)
                detection = archive.read(_DETECTION) if has_detection else None
            if found["format"] != FORMAT:
                raise ValueError(f"it has format {found['format']!r}, expected is {FORMAT}")
            return cls(
                graph,
                tuple(_layer(*each) for each in found["layers"]),
                tuple(_weight(each) for each in found["weights"]),
                tuple(found["settings"]),
                found["structure"],
                detection,
            )
        except FileNotFoundError:
            raise WeightsError(f"{path}: there is no such file.") from None
        except Exception as error:  # the ZIP reader raises whatever it runs into
            raise WeightsError(
                f"{path}: is not the graph of a network that this version wrote ({error}). "
                "Make it anew."
            ) from error

    def filled(self, weights: str | os.PathLike, settings: Mapping[str, np.ndarray]) -> bytes:
        """The whole model, as ONNX has it.

        Args:
            weights: file of the weights, see `mrcnn.weights.loading.load_weights`.
            settings: values by the names of settings, float32 or int64; those that the graph does
                not ask for are left out.

        Raises:
            WeightsError: the file cannot be read, or is of another network.
        """
        arrays = list(read_weights(self.layers, weights).values())
        values = {each.name: each.made_of(arrays[each.layer][each.number]) for each in self.weights}
        values.update((name, settings[name]) for name in self.settings)
        return b"".join([self.graph, *_initializers(values)])

    def unlimited(self, settings: Mapping[str, np.ndarray]) -> bytes | None:
        """The model of `detection` that keeps all detections, as ONNX has it.

        Args:
            settings: see `filled`.
        """
        if self.detection is None:
            return None
        most = settings["POST_NMS_ROIS_INFERENCE"]
        values = {name: settings[name] for name in DETECTION_SETTINGS}
        return b"".join(
            [self.detection, *_initializers({**values, "DETECTION_MAX_INSTANCES": most})]
        )


def detection_inputs(outputs: InferenceOutputs, image_meta: np.ndarray) -> dict[str, np.ndarray]:
    """What the model of `NetworkFile.unlimited` takes, by its names, float32."""
    given = {name: getattr(outputs, name) for name in DETECTION_INPUTS[:-1]}
    return {
        name: np.ascontiguousarray(value, np.float32)
        for name, value in {**given, DETECTION_INPUTS[-1]: image_meta}.items()
    }


def _layer(models: Sequence[str], name: str, weights: Iterable[Any]) -> WantedLayer:
    return WantedLayer(
        tuple(models), name, tuple(WantedWeight(each, tuple(shape)) for each, shape in weights)
    )


def _weight(stored: Mapping[str, Any]) -> Weight:
    lists = {
        name: None if stored[name] is None else tuple(stored[name]) for name in ("axes", "shape")
    }
    return Weight(**{**stored, **lists})


def _initializers(values: Mapping[str, np.ndarray]) -> Iterable[bytes]:
    """A model of nothing but values: behind the bytes of another one it adds them to that.

    Messages of protocol buffers are joined so, and a model can be filled without the library.
    """
    for name, array in values.items():
        sizes = b"".join(_field(_SIZES, size) for size in array.shape)
        head = sizes + _field(_TYPE, _TYPES[array.dtype.name]) + _field(_NAME, name.encode())
        content = np.ascontiguousarray(array).tobytes()
        start = head + _key(_CONTENT, 2) + _number(array.nbytes)
        tensor = len(start) + array.nbytes
        initializer = _key(_INITIALIZER_OF_GRAPH, 2) + _number(tensor)
        yield _key(_GRAPH_OF_MODEL, 2) + _number(len(initializer) + tensor) + initializer + start
        yield content


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _key(number, 0) + _number(value)
    return _key(number, 2) + _number(len(value)) + value


def _key(number: int, kind: int) -> bytes:
    return _number(number << 3 | kind)


def _number(value: int) -> bytes:
    """A number of protocol buffers: seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
