"""The feature pyramid's own layer: as Keras' UpSampling2D, and read under its first name."""

import keras
import numpy as np

from mrcnn.nets.fpn import Upsample


def test_each_cell_is_there_twice():
    cells = np.arange(2 * 3 * 4 * 2, dtype=np.float32).reshape(2, 3, 4, 2)
    upsampled = keras.ops.convert_to_numpy(Upsample()(cells))
    np.testing.assert_array_equal(upsampled, cells.repeat(2, axis=1).repeat(2, axis=2))


def test_saved_models_of_either_name_are_read():
    saved = keras.saving.serialize_keras_object(Upsample(name="fpn_p5upsampled"))
    assert saved["registered_name"] == "mrcnn>Doubled"
    for name in ("Doubled", "Upsample"):
        read = keras.saving.deserialize_keras_object({**saved, "class_name": name})
        assert type(read) is Upsample and read.name == "fpn_p5upsampled"
