"""Normalisation, and convolutions that take on the batch norm behind them.

Statistics that do not change make batch norm a scale and a shift for each channel, which the
kernel and the bias of the convolution before it can hold. The layers stay as they are in the
graph, in files and for whoever asks for their outputs. Only while a whole detector runs does the
convolution work with a scaled kernel, and the normalisation passes on what it is given, which
spares a pass over each feature map, forward and backward, and the memory of what lies between. The
scaled kernel is made anew each time: it follows every change of the weights, and the gradients
reach all of them.

While a whole detector infers, large 3x3 convolutions also take an algorithm with fewer products
where that is quicker; see `mrcnn.ops.winograd`.
"""

import contextlib
import math
import threading
from collections.abc import Iterator

import keras
from keras import ops

from mrcnn.nets.layers import register
from mrcnn.ops.winograd import convolve_3x3, fewer_products_pay

# Matterport's files were trained with these; Keras' own default of today would be the same.
BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.99
GROUP_NORM_GROUPS = 32

# What the model that runs in this thread has folded, and whether it infers.
_running = threading.local()


def _needs_fewer_products() -> bool:
    """Whether the backend's own convolution has no such algorithm: on a GPU it does."""
    return keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")


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
            if not producers and readers == {layer} and isinstance(convolution, Convolution):
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
        before = dict(vars(_running))
        vars(_running).update(norms=norms, passive=set(), infers=not training)
        try:
            yield
        finally:
            vars(_running).clear()
            vars(_running).update(before)


@register
class Convolution(keras.layers.Conv2D):
    """`keras.layers.Conv2D` that can take on the batch norm behind it; see `Foldable`."""

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        # The kernel is scaled as it is stored, and rounded to the compute precision once.
        self.autocast = False

    def call(self, inputs):
        kernel, bias = self.kernel, self.bias if self.use_bias else None
        norm, regions = getattr(_running, "norms", {}).get(self, (None, None))
        if norm is not None and self._is_worth_folding(inputs.shape, regions):
            kernel, bias = norm.fold_into(kernel, bias)
            _running.passive.add(norm)
        inputs, kernel = (ops.cast(value, self.compute_dtype) for value in (inputs, kernel))
        covers = self.padding == "valid" and inputs.shape[1:3] == self.kernel_size
        if covers and self.groups == 1:
            outputs = _multiply(inputs, kernel)
        elif self._takes_fewer_products(inputs):
            outputs = convolve_3x3(inputs, kernel)
        else:
            outputs = self.convolution_op(inputs, kernel)
        if bias is not None:
            outputs = ops.add(outputs, ops.cast(bias, self.compute_dtype))
        return self.activation(outputs)

    def _takes_fewer_products(self, inputs) -> bool:
        return (
            getattr(_running, "infers", False)
            and self.kernel_size == (3, 3)
            and self.strides == self.dilation_rate == (1, 1)
            and self.padding == "same"
            and self.groups == 1
            and self.compute_dtype == "float32"
            and fewer_products_pay(inputs.shape, self.filters)
            and _needs_fewer_products()
        )

    def _is_worth_folding(self, inputs_shape, regions: int | None) -> bool:
        """Whether scaling the kernel takes less than scaling the output, as far as is known."""
        _, height, width, _ = self.compute_output_shape(inputs_shape)
        if not height or not width or not regions:
            return True
        return regions * height * width >= math.prod(self.kernel.shape[:-1])


def _multiply(inputs, kernel):
    """A convolution whose kernel covers the whole map, [B, H, W, C] to [B, 1, 1, K].

    One matrix product, of which a processor does half as many again a second.
    """
    products = ops.matmul(
        ops.reshape(inputs, (-1, math.prod(inputs.shape[1:]))),
        ops.reshape(kernel, (-1, kernel.shape[-1])),
    )
    return products[:, None, None]


@register
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation whose use of batch statistics is part of the layer.

    Args:
        train_bn: False: always the stored statistics, also while training (gamma and beta still
            learn). True or None: batch statistics while training, stored ones otherwise.
    """

    def __init__(self, train_bn: bool | None = None, **kwargs):
        kwargs.setdefault("epsilon", BATCH_NORM_EPSILON)
        kwargs.setdefault("momentum", BATCH_NORM_MOMENTUM)
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def call(self, inputs, training=None, mask=None):
        if self in getattr(_running, "passive", ()):
            return inputs
        if self.train_bn is False:
            training = False
        return super().call(inputs, training=training, mask=mask)

    def fold_into(self, kernel, bias):
        """What a convolution without this layer computes the same with.

        Args:
            kernel: [..., channels] of the convolution before this layer.
            bias: [channels], or None.

        Returns:
            kernel and bias for the stored statistics.
        """
        scale = ops.rsqrt(self.moving_variance + self.epsilon)
        if self.scale:
            scale = scale * self.gamma
        shift = ((0.0 if bias is None else bias) - self.moving_mean) * scale
        return kernel * scale, shift + self.beta if self.center else shift

    def get_config(self):
        return {**super().get_config(), "train_bn": self.train_bn}


def normalization_layer(
    channels: int, name: str, normalization: str = "batch", train_bn: bool | None = False
) -> keras.layers.Layer:
    """The configured normalisation under its layer name.

    Args:
        channels: of the feature map that it is for.
        name: layer name of the batch normalisation, such as "bn2a_branch2a". Group normalisation
            takes the same name with "gn" for "bn": weights of one do not fit the other.
        normalization: "batch" or "group".
        train_bn: see `BatchNorm`.
    """
    if normalization == "batch":
        return BatchNorm(train_bn, name=name)
    groups = next(
        number
        for number in range(min(GROUP_NORM_GROUPS, channels), 0, -1)
        if channels % number == 0
    )
    return keras.layers.GroupNormalization(
        groups, epsilon=BATCH_NORM_EPSILON, name=name.replace("bn", "gn", 1)
    )


def normalize(x, name: str, normalization: str = "batch", train_bn: bool | None = False):
    """Apply `normalization_layer` to a feature map [..., C]."""
    return normalization_layer(x.shape[-1], name, normalization, train_bn)(x)
