"""3x3 convolutions with a quarter of the multiplications (Lavin & Gray 2015, section 4).

A tile of 4x4 outputs is a product of two polynomials along each axis. Evaluated at six points
each, the product is one multiplication a point: 36 for a tile, where the plain sum takes 144.
Evaluation and interpolation are products with small fixed matrices, and what lies between is a
matrix product over the channels for each of the 36 points.

The price is rounding: on float32 data the result is within some 3e-6 of the largest value, with
the points chosen here; the usual 0, 1, -1, 2, -2 give 1e-5. It is meant for float32 on processors
without such an algorithm of their own.
"""

import math

import numpy as np
from keras import ops

from mrcnn.ops.tensor import Shape, Tensor

TILE = 4
TAPS = 3
PATCH = TILE + TAPS - 1
# Evenly spread and close to 1, so that no power of them is large or small; infinity is the sixth.
POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)
# Below this many channels in times channels out, and cells of all maps, moving data takes longer
# than multiplying.
LEAST_CHANNEL_PAIRS = 256 * 256
LEAST_CELLS = 512


def _transforms() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices of input [36, 36], kernel [36, 9] and output [16, 36], float32."""
    powers = np.vander(POINTS, PATCH, increasing=True)
    at_infinity = np.eye(PATCH)[-1]
    others = [[q for q in POINTS if q != point] for point in POINTS]
    # Lagrange's polynomials: numerators go to the input, denominators to the kernel.
    numerators = np.zeros((PATCH, PATCH))
    for row, roots in enumerate([*others, POINTS]):
        coefficients = np.poly(roots)[::-1]
        numerators[row, : len(coefficients)] = coefficients
    denominators = np.array(
        [
            np.prod([point - other for other in rest])
            for point, rest in zip(POINTS, others, strict=True)
        ]
    )
    of_kernel = np.vstack([powers[:, :TAPS] / denominators[:, None], at_infinity[-TAPS:]])
    of_output = np.vstack([powers[:, :TILE], at_infinity[-TILE:]]).T
    return _on_both_axes(numerators), _on_both_axes(of_kernel), _on_both_axes(of_output)


def _on_both_axes(matrix: np.ndarray) -> np.ndarray:
    return np.kron(matrix, matrix).astype(np.float32)


_INPUT, _KERNEL, _OUTPUT = _transforms()


def fewer_products_pay(inputs_shape: Shape, filters: int) -> bool:
    """Whether `convolve_3x3` is quicker on a processor than the plain sum, as measured.

    Args:
        inputs_shape: (B, H, W, C); None for what is not known, and taken to be large.
        filters: channels of the result.
    """
    *cells, channels = inputs_shape
    if channels is not None and channels * filters < LEAST_CHANNEL_PAIRS:
        return False
    known = [side for side in cells if side is not None]
    return len(known) < len(cells) or math.prod(known) >= LEAST_CELLS


def convolve_3x3(inputs: Tensor, kernel: Tensor) -> Tensor:
    """Convolution with stride 1 and zeros around the map.

    Args:
        inputs: float32 [B, H, W, C].
        kernel: float32 [3, 3, C, K].

    Returns:
        float32 [B, H, W, K].
    """
    batch, height, width = ops.shape(inputs)[:3]
    channels, filters = kernel.shape[2:]
    down, across = (height + (TILE - 1)) // TILE, (width + (TILE - 1)) // TILE
    rows, columns = TILE * down + (TAPS - 1), TILE * across + (TAPS - 1)
    border = ((0, 0), (1, rows - (height + 1)), (1, columns - (width + 1)), (0, 0))
    cells = ops.reshape(ops.pad(inputs, border), (-1, channels))

    # Rows of `cells` by place in the patch, image and tile.
    image, patch = ops.arange(batch, dtype="int32"), ops.arange(PATCH, dtype="int32")
    first_row, first_column = (TILE * ops.arange(n, dtype="int32") for n in (down, across))
    in_patch = _sums(patch * columns, patch)
    first_cell = _sums(image * (rows * columns), _sums(first_row * columns, first_column))
    values = ops.take(cells, _sums(in_patch, first_cell), axis=0)

    points = PATCH * PATCH
    values = ops.matmul(_INPUT, ops.reshape(values, (points, -1)))
    kernel = ops.matmul(_KERNEL, ops.reshape(kernel, (TAPS * TAPS, -1)))
    values = ops.matmul(
        ops.reshape(values, (points, -1, channels)),
        ops.reshape(kernel, (points, channels, filters)),
    )
    values = ops.matmul(_OUTPUT, ops.reshape(values, (points, -1)))

    # Rows of `values` by image and place in the map; tiles beyond the map's edge are left out.
    tiles = down * across
    y, x = ops.arange(height, dtype="int32"), ops.arange(width, dtype="int32")
    of_row = y % TILE * (TILE * batch * tiles) + y // TILE * across
    of_column = x % TILE * (batch * tiles) + x // TILE
    places = _sums(image * tiles, _sums(of_row, of_column))
    values = ops.take(ops.reshape(values, (-1, filters)), places, axis=0)
    return ops.reshape(values, (inputs.shape[0] or -1, height, width, filters))


def _sums(first: Tensor, second: Tensor) -> Tensor:
    """Of every number of [M] and every one of [N], int32 [M * N], those of the second together."""
    return ops.reshape(ops.expand_dims(first, 1) + second, (-1,))
