"""The methods of `MaskRCNN` that only programs written for Matterport's call."""

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from mrcnn.config import Config
from mrcnn.inference.matterport_result import as_dictionary
from mrcnn.inference.molding import mold_together, network_inputs
from mrcnn.inference.placing import unmold
from mrcnn.inference.predictor import Predictor
from mrcnn.matterport.log import log
from mrcnn.nets.inspection import (
    evaluate_tensors,
    find_ancestor,
    layers_that_have_weights,
    trainable_layer_of,
)


class MatterportMethods(ABC):
    """Detection in steps, and looks into the network."""

    # What the model has.
    mode: str
    config: Config
    keras_model: keras.Model
    _running: threading.RLock

    @property
    @abstractmethod
    def predictor(self) -> Predictor:
        """What detects with this model."""

    @abstractmethod
    def get_anchors(self, image_shape: Sequence[int]) -> np.ndarray:
        """Normalized anchors float32 [A, 4] of a molded image shape."""

    # --- Detection in steps ------------------------------------------------------------------

    def detect_molded(
        self, molded_images: np.ndarray, image_metas: np.ndarray, verbose: int = 0
    ) -> list[dict[str, Any]]:
        """Detect in images that are molded already.

        Args:
            molded_images: float [B, H, W, C], mean subtracted.
            image_metas: float [B, M].
            verbose: 1 prints shapes and ranges of the images.

        Returns:
            as `detect`, with boxes and masks in the pixels of the molded images.
        """
        predictor = self.predictor
        molded_images = np.asarray(molded_images)
        if verbose:
            log(f"{len(molded_images)} molded images to detect in")
            for image in molded_images:
                log("image", image)
        found = predictor.predict_molded(molded_images, image_metas, stacklevel=2)
        return [as_dictionary(instances) for instances in found]

    def mold_inputs(
        self, images: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Resize images and subtract the mean; see `mrcnn.inference.molding.mold_together`.

        Returns:
            molded images float64 [B, H, W, C], image meta float64 [B, M], windows int64 [B, 4]
            in pixels.
        """
        return mold_together(images, self.config)

    def unmold_detections(
        self,
        detections: np.ndarray,
        mrcnn_mask: np.ndarray,
        original_image_shape: Sequence[int],
        image_shape: Sequence[int],
        window: ArrayLike,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Detections of one image in its own pixels; see `mrcnn.inference.placing.unmold`.

        Returns:
            boxes int32 [N, 4], class ids int32 [N], scores float32 [N], masks bool [H, W, N].
        """
        found = unmold(detections, mrcnn_mask, original_image_shape, image_shape, window)
        boxes, class_ids, scores, masks = as_dictionary(found).values()
        return boxes, class_ids, scores, masks

    # --- Looking inside ----------------------------------------------------------------------

    def ancestor(self, tensor: Any, name: Any, checked: list | None = None) -> Any:
        """A tensor from which another is computed, by name, or None; see `find_ancestor`."""
        return find_ancestor(tensor, name, checked)

    def find_trainable_layer(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer that holds the weights, where `layer` is wrapped around it."""
        return trainable_layer_of(layer)

    def get_trainable_layers(self) -> list[keras.layers.Layer]:
        """The layers that hold weights, whether they train or not; the RPN counts as one."""
        return layers_that_have_weights(self.keras_model)

    def run_graph(
        self,
        images: Sequence[np.ndarray],
        outputs: Mapping[str, Any] | Iterable[tuple[str, Any]],
        image_metas: np.ndarray | None = None,
    ) -> "OrderedDict[str, np.ndarray]":
        """The values that tensors inside the network take on images.

        Args:
            images: [H, W, C] arrays of 0 to 255; or molded ones, where `image_metas` is given.
            outputs: pairs of a name for the result and a symbolic tensor.
            image_metas: float [B, M]; given, `images` are molded images [B, H, W, C].

        Returns:
            the values under their names, in order; their shapes and ranges are printed.

        Raises:
            ConfigError: see `mrcnn.nets.inspection.evaluate_tensors`.
        """
        if image_metas is None:
            molded_images, image_metas, _ = self.mold_inputs(images)
        else:
            molded_images = np.asarray(images)
        inputs = network_inputs(molded_images, image_metas, self.get_anchors)
        if self.mode == "training":
            # The training graph has its anchors inside.
            inputs = inputs[:2]
        with self._running:
            values = OrderedDict(evaluate_tensors(self.keras_model, outputs, inputs))
        for name, value in values.items():
            log(name, value)
        return values
