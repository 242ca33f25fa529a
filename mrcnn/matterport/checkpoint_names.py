"""Names of weight files that Keras 2 took in `ModelCheckpoint`, and Keras 3 refuses."""

import functools
import os
from typing import Any

from keras.callbacks import ModelCheckpoint

_HDF5_ENDINGS = (".h5", ".hdf5")
_KERAS3_ENDING = ".weights.h5"


def accept_hdf5_names() -> None:
    """Let `ModelCheckpoint("x.h5", save_weights_only=True)` be made, as programs for Keras 2 do.

    Keras refuses the name before it knows of which model weights are saved. The models of this
    package write such files, in Matterport's layout; of any other model Keras refuses the name
    when the first checkpoint is saved. Calls that Keras accepts are not changed.
    """
    start = ModelCheckpoint.__init__
    if hasattr(start, "__wrapped__"):
        return

    @functools.wraps(start)
    def accept(self: ModelCheckpoint, filepath: Any, *arguments: Any, **named: Any) -> None:
        try:
            start(self, filepath, *arguments, **named)
        except ValueError:
            if not str(filepath).endswith(_HDF5_ENDINGS):
                raise
            # Whatever else is wrong is told again.
            start(self, f"{filepath}{_KERAS3_ENDING}", *arguments, **named)
            self.filepath = os.fspath(filepath)

    ModelCheckpoint.__init__ = accept
