"""The Keras model of the detector, which keeps its weights in Matterport's files."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.files import atomic_path, atomic_write
from mrcnn.nets.any_shape import make_graph_of_any_shape
from mrcnn.nets.layers import register
from mrcnn.nets.sharing import Sharing, filled_up
from mrcnn.nets.speed.folding import Foldable
from mrcnn.ops.tensor import Tensor
from mrcnn.weights.loading import LoadReport, load_weights
from mrcnn.weights.saving import save_model, save_weights
from mrcnn.weights.sources import check_for_keras

# What Keras 3 itself writes and reads. Any other name is an HDF5 file in Matterport's layout.
_KERAS3_ENDINGS = (".weights.h5", ".weights.json", ".keras")
_HDF5_ENDINGS = (".h5", ".hdf5")


@register
class DetectorModel(keras.Model):
    """A functional model whose weights go to and come from `.h5` files as in Keras 2.

    Names that end in `.weights.h5`, `.weights.json` or `.keras` are left to Keras 3. While the
    model runs, batch norm with stored statistics is part of the convolutions, see
    `mrcnn.nets.speed.folding`; in models made of some of its layers it is not.

    Attributes:
        sharing: the devices that compute its batches.
        any_shape: whether images of several shapes are to come, see `mrcnn.nets.any_shape`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._foldable = Foldable(self)
        self.sharing = Sharing()
        self.any_shape = False

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        with self._foldable.folded(training):
            return super().call(inputs, training=training, mask=mask)

    def compile(self, optimizer: Any = "rmsprop", *args: Any, **kwargs: Any) -> None:
        """As in Keras; an optimizer that was made elsewhere is made again on the devices."""
        with self.sharing.scope():
            if self.sharing.replicas > 1 and not getattr(optimizer, "built", True):
                optimizer = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
            super().compile(optimizer, *args, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """As in Keras, which leaves it to models that have a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built and getattr(self, "optimizer", None) is not None:
            self.optimizer.build(self.trainable_variables)

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        with self.sharing.scope():
            return super().fit(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        with self.sharing.scope():
            return super().evaluate(*args, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        with self.sharing.scope():
            return super().predict(*args, **kwargs)

    def predict_on_batch(self, x: Sequence[np.ndarray]) -> Any:
        """As in Keras; each of several devices gets its part of the batch."""
        replicas = self.sharing.replicas
        if replicas == 1:
            if self.any_shape and self.predict_function is None:
                make_graph_of_any_shape(self, len(x[0]))
            return super().predict_on_batch(x)
        rows = len(x[0])
        with self.sharing.scope():
            outputs = super().predict_on_batch(self.sharing.parts(filled_up(x, replicas)))
        return keras.tree.map_structure(lambda output: output[:rows], outputs)

    def _make_predict_function(self) -> None:
        """Nothing is to be done before threads detect; programs for Keras 2 call it."""

    def save_weights(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        save_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the weights, in one step.

        Args:
            filepath: the file to make or replace; in Matterport's layout unless it ends in
                `.weights.h5` or `.weights.json`.
            overwrite: False keeps a file that is there already.
            save_format: "h5" takes Matterport's layout whatever the name is.
            **kwargs: for Keras 3, with its names.

        Raises:
            WeightsError: the file is there and must not be replaced, or `save_format` is unknown.
        """
        if save_format not in (None, "h5", "hdf5", "keras"):
            raise WeightsError(
                f"save_format is {save_format!r}: TensorFlow checkpoints are not written any more. "
                "Leave it out and give a name that ends in .h5."
            )
        _check_free(filepath, overwrite)
        if save_format is None and str(filepath).endswith(_KERAS3_ENDINGS):
            if _is_more_than_a_file(filepath, kwargs):
                super().save_weights(filepath, overwrite=True, **kwargs)
                return
            content = _FileInMemory(filepath)
            super().save_weights(content)
            atomic_write(filepath, content.getbuffer())
        else:
            _refuse(kwargs, filepath)
            save_weights(self, filepath)

    def load_weights(
        self,
        filepath: str | os.PathLike,
        by_name: bool = False,
        skip_mismatch: bool = False,
        **kwargs: Any,
    ) -> LoadReport | None:
        """Read weights by the names of layers; after an error the model is as it was.

        Args:
            filepath: see `mrcnn.weights.loading.load_weights`. Names of Keras 3 are left to
                Keras, which restores the optimizer as well, unless `by_name` is asked for.
            by_name: True loads what fits and leaves the rest as it was; False wants all of it.
            skip_mismatch: as `by_name`.
            **kwargs: for Keras 3, with its names.

        Returns:
            What was loaded and what was not, which is printed if something was not; None where
            Keras did it.

        Raises:
            WeightsError: see `mrcnn.weights.loading.load_weights`.
        """
        if str(filepath).endswith(_KERAS3_ENDINGS) and not by_name:
            check_for_keras(filepath)
            self._load_by_keras(filepath, skip_mismatch=skip_mismatch, **kwargs)
            return None
        _refuse(kwargs, filepath)
        report = load_weights(self, filepath, strict=not (by_name or skip_mismatch))
        if report.misfits or report.missing:
            print(report)
        return report

    def _load_by_keras(self, filepath: str | os.PathLike, **kwargs: Any) -> None:
        optimizer = getattr(self, "optimizer", None)
        variables = [*self.variables, *(optimizer.variables if optimizer else ())]
        # Copies: with PyTorch the arrays are the variables' own memory.
        before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
        try:
            super().load_weights(filepath, **kwargs)
        except Exception as error:  # whatever it or the HDF5 library runs into
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
            raise WeightsError(
                f"{filepath}: Keras cannot load it into this model, which is as it was "
                f"({type(error).__name__}: {error})."
            ) from error

    def save(self, filepath: str | os.PathLike, overwrite: bool = True, **kwargs: Any) -> None:
        """Write the whole model, in one step.

        Args:
            filepath: `.keras` or `.h5`, from which `keras.saving.load_model` makes the model again
                in a program that imported `mrcnn.model`.
            overwrite: False keeps a file that is there already.
            **kwargs: for Keras 3, with `.keras`. For `.h5`, `include_optimizer` and `save_format`
                are accepted; the optimizer is not written.

        Raises:
            WeightsError: the file is there and must not be replaced.
        """
        _check_free(filepath, overwrite)
        if str(filepath).endswith(_HDF5_ENDINGS):
            kwargs = {
                name: value
                for name, value in kwargs.items()
                if name not in ("include_optimizer", "save_format")
            }
            _refuse(kwargs, filepath)
            save_model(self, filepath)
        else:
            if _is_more_than_a_file(filepath, kwargs):
                super().save(filepath, overwrite=True, **kwargs)
                return
            with atomic_path(filepath) as temporary:
                super().save(temporary, overwrite=True)


class _FileInMemory(io.BytesIO):
    """What Keras takes for the file of a name: on a full disk, HDF5 ends the whole program."""

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__()
        self._name = str(path)

    def __str__(self) -> str:
        return self._name


def _is_more_than_a_file(path: str | os.PathLike, options: dict[str, Any]) -> bool:
    """Whether Keras writes several files, or to another machine, and does that by itself."""
    return bool(options) or "://" in str(path)


def _check_free(path: str | os.PathLike, overwrite: bool) -> None:
    if not overwrite and Path(path).exists():
        raise WeightsError(
            f"{path}: is there already. Give another name, or overwrite=True to replace it."
        )


def _refuse(kwargs: dict, path: str | os.PathLike) -> None:
    if kwargs:
        raise TypeError(
            f"{path}: {', '.join(kwargs)} cannot be used with a file in Matterport's layout."
        )
