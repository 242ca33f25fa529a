"""Where a picture lies in the input of the network: shifted, scaled, mirrored or turned.

Everything here is parallel to the axes. Places are measured in edge coordinates: the image begins
at (0, 0), and the center of pixel (r, c) is at (r + 0.5, c + 0.5), so that scaling is a plain
product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.instances import Instances


@dataclass(frozen=True)
class Frame:
    """A map from the pixels of a picture to the pixels of the network's input.

    Attributes:
        shape: (height, width) of the input.
        matrix: float64 [2, 2], a positive scale times a turn by quarters or a reflection.
        offset: float64 [2]; a place (y, x) of the picture goes to `matrix @ (y, x) + offset`.
    """

    shape: tuple[int, int]
    matrix: np.ndarray
    offset: np.ndarray

    @classmethod
    def at(cls, shape: Sequence[int], offset: Sequence[float], scale: float = 1.0) -> "Frame":
        """The picture's upper left corner goes to `offset` (y, x), its sides are scaled."""
        return cls((int(shape[0]), int(shape[1])), np.eye(2) * scale, np.asarray(offset, float))

    @property
    def scale(self) -> float:
        """Pixels of the input per pixel of the picture."""
        return float(np.abs(self.matrix[0]).sum())

    @property
    def swaps_axes(self) -> bool:
        """Whether rows of the picture become columns."""
        return bool(self.matrix[0, 0] == 0)

    def flipped(self, axis: int) -> "Frame":
        """The same input upside down (axis 0) or mirrored left to right (axis 1)."""
        matrix, offset = self.matrix.copy(), self.offset.copy()
        matrix[axis] *= -1
        offset[axis] = self.shape[axis] - offset[axis]
        return Frame(self.shape, matrix, offset)

    def transposed(self) -> "Frame":
        """The same input with rows and columns exchanged."""
        return Frame(self.shape[::-1], self.matrix[::-1].copy(), self.offset[::-1].copy())

    def turned(self, quarters: int) -> "Frame":
        """The same input turned counterclockwise by quarters of a full turn, as `numpy.rot90`."""
        frame = self
        for _ in range(quarters % 4):
            frame = frame.transposed().flipped(0)
        return frame

    def window(self, picture_shape: Sequence[int]) -> tuple[int, int, int, int]:
        """(y1, x1, y2, x2) of the pixels of the input whose centers show the picture."""
        corners = np.array([(0, 0), picture_shape[:2]], float) @ self.matrix.T + self.offset
        low, high = corners.min(axis=0), corners.max(axis=0)
        # Exact arithmetic would give whole numbers where the scale is 1.
        y1, x1 = np.maximum(np.ceil(low - 0.5 - 1e-9), 0).astype(int)
        y2, x2 = np.minimum(np.ceil(high - 0.5 - 1e-9), self.shape).astype(int)
        return int(y1), int(x1), max(int(y1), int(y2)), max(int(x1), int(x2))

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Edge coordinates [K, 2] of the picture to edge coordinates of the input."""
        return points @ self.matrix.T + self.offset

    def map_image(self, image: np.ndarray) -> np.ndarray:
        """The picture in its place, bilinear where the scale is not 1; zeros around it.

        Args:
            image: [H, W, C].

        Returns:
            [height, width, C] of `shape`, in the dtype of the image.
        """
        window = self.window(image.shape)
        rows, columns = self._sources(window)
        # Of a picture much larger than the input only the part that is shown is touched.
        if columns.size:
            first = max(0, int(columns.min() - 1))
            image = image[:, first : int(columns.max()) + 2]
            columns = columns - first
        if self.scale == 1 and np.array_equal(self.offset, np.rint(self.offset)):
            part = image[np.floor(rows).astype(np.int64)][:, np.floor(columns).astype(np.int64)]
        else:
            part = _interpolate(_interpolate(image, rows, 0), columns, 1)
            if image.dtype.kind != "f":
                part = np.rint(part, out=part)
            part = part.astype(image.dtype)
        if self.swaps_axes:
            part = part.transpose(1, 0, 2)
        result = np.zeros((*self.shape, image.shape[2]), image.dtype)
        y1, x1, y2, x2 = window
        result[y1:y2, x1:x2] = part
        return result

    def map_instances(self, instances: Instances) -> Instances:
        """The masks in their places: each pixel of the input shows the pixel at its center.

        Instances of which nothing is left are dropped.
        """
        boxes, crops = [], []
        for box, crop in zip(instances.boxes, instances.crops, strict=True):
            inner = Frame(self.shape, self.matrix, self.map_points(box[None, :2].astype(float))[0])
            window = inner.window(crop.shape)
            rows, columns = inner._sources(window)
            rows = np.clip(np.floor(rows).astype(np.int64), 0, crop.shape[0] - 1)
            columns = np.clip(np.floor(columns).astype(np.int64), 0, crop.shape[1] - 1)
            part = crop[rows][:, columns]
            boxes.append(window)
            crops.append(part.T if self.swaps_axes else part)
        return Instances.from_crops(self.shape, boxes, crops, instances.class_ids)

    def _sources(self, window: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Edge coordinates of the picture, its rows and its columns, that a window shows."""
        y1, x1, y2, x2 = window
        centers = (np.arange(y1, y2) + 0.5, np.arange(x1, x2) + 0.5)
        sources = []
        for picture_axis in (0, 1):
            axis = 1 - picture_axis if self.swaps_axes else picture_axis
            factor = self.matrix[axis, picture_axis]
            sources.append((centers[axis] - self.offset[axis]) / factor)
        return sources[0], sources[1]


def _interpolate(values: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along one axis at edge coordinates; the border repeats outwards.

    Returns:
        float32, as many along `axis` as there are places.
    """
    last = values.shape[axis] - 1
    places = np.clip(places - 0.5, 0, last)
    lower = np.floor(places).astype(np.int64)
    upper = np.minimum(lower + 1, last)
    shape = [1] * values.ndim
    shape[axis] = -1
    fraction = (places - lower).astype(np.float32).reshape(shape)
    below = np.take(values, lower, axis).astype(np.float32)
    result = np.take(values, upper, axis).astype(np.float32)
    result -= below
    result *= fraction
    result += below
    return result
