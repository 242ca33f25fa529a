"""The convolution of all networks: the plain one, which knows quicker ways to the same numbers."""

import math
from typing import Any

import keras
from keras import ops

from mrcnn.nets import initial
from mrcnn.nets.layers import register
from mrcnn.nets.speed.running import running
from mrcnn.nets.speed.winograd import convolve_3x3, fewer_products_pay
from mrcnn.ops.tensor import Shape, Tensor


def _needs_fewer_products() -> bool:
    """Whether the backend's own convolution has no such algorithm: on a GPU it does."""
    return keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")


@register
class Convolution(keras.layers.Conv2D):
    """`keras.layers.Conv2D` that can take on the batch norm behind it; see `nets.speed.folding`."""

    def __init__(self, filters: int, kernel_size: int | tuple[int, int], **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        # The kernel is scaled as it is stored, and rounded to the compute precision once.
        self.autocast = False

    def build(self, input_shape: Shape) -> None:
        if initial.are_drawn():
            super().build(input_shape)
            return
        drawn = vars(self)["kernel_initializer"]
        self.kernel_initializer = keras.initializers.Zeros()
        super().build(input_shape)
        self.kernel_initializer = drawn

    def call(self, inputs: Tensor) -> Tensor:
        kernel, bias = self.kernel, self.bias if self.use_bias else None
        norm, regions = getattr(running, "norms", {}).get(self, (None, None))
        if norm is not None and self._is_worth_folding(inputs.shape, regions):
            kernel, bias = norm.fold_into(kernel, bias)
            running.passive.add(norm)
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

    def _takes_fewer_products(self, inputs: Tensor) -> bool:
        return (
            getattr(running, "infers", False)
            and self.kernel_size == (3, 3)
            and self.strides == self.dilation_rate == (1, 1)
            and self.padding == "same"
            and self.groups == 1
            and self.compute_dtype == "float32"
            and fewer_products_pay(inputs.shape, self.filters)
            and _needs_fewer_products()
        )

    def _is_worth_folding(self, inputs_shape: Shape, regions: int | None) -> bool:
        """Whether scaling the kernel takes less than scaling the output, as far as is known."""
        _, height, width, _ = self.compute_output_shape(inputs_shape)
        if not height or not width or not regions:
            return True
        return regions * height * width >= math.prod(self.kernel.shape[:-1])


@register
class DepthwiseConvolution(keras.layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D` that can take on the batch norm behind it.

    One output channel for each of the inputs'.
    """

    def __init__(self, kernel_size: int | tuple[int, int], **kwargs: Any) -> None:
        super().__init__(kernel_size, **kwargs)
        # As in `Convolution`.
        self.autocast = False

    def call(self, inputs: Tensor) -> Tensor:
        kernel, bias = self.kernel, self.bias if self.use_bias else None
        norm, _ = getattr(running, "norms", {}).get(self, (None, None))
        if norm is not None:
            # The last axis of the kernel counts outputs of a channel, and there is one. A model
            # around this layer may round the kernel, but never the norm's statistics.
            kernel = ops.cast(ops.squeeze(kernel, -1), self.variable_dtype)
            scaled, bias = norm.fold_into(kernel, bias)
            kernel = ops.expand_dims(scaled, -1)
            running.passive.add(norm)
        inputs, kernel = (ops.cast(value, self.compute_dtype) for value in (inputs, kernel))
        outputs = ops.depthwise_conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        if bias is not None:
            outputs = ops.add(outputs, ops.cast(bias, self.compute_dtype))
        return self.activation(outputs)


def _multiply(inputs: Tensor, kernel: Tensor) -> Tensor:
    """A convolution whose kernel covers the whole map, [B, H, W, C] to [B, 1, 1, K].

    One matrix product, of which a processor does half as many again a second.
    """
    products = ops.matmul(
        ops.reshape(inputs, (-1, math.prod(inputs.shape[1:]))),
        ops.reshape(kernel, (-1, kernel.shape[-1])),
    )
    return products[:, None, None]
