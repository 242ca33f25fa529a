"""Batch norm as a part of the convolution before it, while a whole detector runs.

Statistics that do not change make batch norm a scale and a shift for each channel, which the
kernel and the bias of the convolution before it can hold. The layers stay as they are in the
graph, in files and for whoever asks for their outputs. Only while a whole detector runs does the
convolution work with a scaled kernel, and the normalization passes on what it is given, which
spares a pass over each feature map, forward and backward, and the memory of what lies between. The
scaled kernel is made anew each time: it follows every change of the weights, and the gradients
reach all of them.
"""

import contextlib
from collections.abc import Iterator

import keras

from mrcnn.nets.convolution import Convolution, DepthwiseConvolution
from mrcnn.nets.normalization import BatchNorm
from mrcnn.nets.speed.running import running


class Foldable:
    """Which batch norms of a model follow a convolution that can take them on.

    Args:
        model: a functional model. A pair counts where nothing else reads the convolution's output;
            wrappers that apply a layer to each region are looked into.
    """

    def __init__(self, model: keras.Model) -> None:
        self._pairs = []
        for layer in model.layers:
            norm = getattr(layer, "layer", layer)
            if not isinstance(norm, BatchNorm):
                continue
            producers = {
                tensor._keras_history.operation
                for node in layer._inbound_nodes
                for tensor in node.input_tensors
            }
            producer = producers.pop()
            convolution = getattr(producer, "layer", producer)
            readers = {node.operation for node in producer._outbound_nodes}
            foldable = isinstance(convolution, Convolution | DepthwiseConvolution)
            if not producers and readers == {layer} and foldable:
                regions = producer.output.shape[1] if producer is not convolution else 1
                self._pairs.append((convolution, norm, regions))

    @contextlib.contextmanager
    def folded(self, training: bool | None) -> Iterator[None]:
        """While this lasts, the convolutions take on the norms whose statistics are stored ones."""
        norms = {
            convolution: (norm, regions)
            for convolution, norm, regions in self._pairs
            if norm.train_bn is False or not training
        }
        before = dict(vars(running))
        vars(running).update(norms=norms, passive=set(), infers=not training)
        try:
            yield
        finally:
            vars(running).clear()
            vars(running).update(before)
