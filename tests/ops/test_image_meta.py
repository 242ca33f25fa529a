"""What a row of image meta holds is found by name, in arrays and in tensors."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.config import Config
from mrcnn.ops.image_meta import ImageMeta, compose_image_meta, image_meta_size

PARTS = {
    "image_id": 5,
    "original_image_shape": [50, 70, 3],
    "image_shape": [128, 192, 3],
    "window": [18, 1, 109, 128],
    "scale": 1.5,
    "active_class_ids": [1, 0, 1, 1],
}
ROW = compose_image_meta(**PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_what_is_put_in_comes_out(name):
    assert np.array_equal(getattr(ImageMeta(ROW), name), PARTS[name])
    rows = ops.convert_to_tensor(np.stack([ROW, 2 * ROW]).astype(np.float32))
    part = ops.convert_to_numpy(getattr(ImageMeta(rows), name))
    assert np.array_equal(part, np.stack([PARTS[name], 2 * np.array(PARTS[name])]))


def test_the_length_of_a_row():
    assert ROW.shape == (image_meta_size(4),)
    config = type("Cells", (Config,), {"NUM_CLASSES": 4})()
    assert len(ROW) == config.IMAGE_META_SIZE


def test_symbolic_rows():
    meta = ImageMeta(keras.Input((image_meta_size(4),)))
    shapes = [getattr(meta, name).shape for name in PARTS]
    assert shapes == [(None,), (None, 3), (None, 3), (None, 4), (None,), (None, 4)]
