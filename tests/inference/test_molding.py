"""Images as the network takes them."""

import warnings

import numpy as np
import pytest

from mrcnn.data import molding
from mrcnn.data import moulding as masks
from mrcnn.data.anchors import normalized_anchors
from mrcnn.errors import DataError
from mrcnn.inference import moulding
from mrcnn.inference.molding import (
    MoldedImage,
    anchors_by_shape,
    batch_inputs,
    mold,
    mold_together,
)
from mrcnn.inference.predictor import Predictor
from tests.inference.bright_spots import SpotsConfig, field


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("factor", "mean_pixel", "warns"),
    [(1 / 255, 120.0, True), (1.0, 120.0, False), (0.0, 120.0, False), (1 / 255, 0.5, False)],
)
def test_an_image_that_the_network_would_see_black_is_told(
    tiny_config, image, factor, mean_pixel, warns
):
    config = tiny_config(MEAN_PIXEL=np.full(3, mean_pixel))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mold(image * factor, config)
    assert ["from 0 to 1" in str(warning.message) for warning in caught] == [True] * warns


def test_a_molded_image_tells_where_it_came_from():
    image = field(shape=(30, 60))
    config = SpotsConfig.from_dict({"IMAGE_FIT": True})
    molded = mold(image, config)
    assert molded.picture.shape == (64, 128, 3) and molded.picture.dtype == np.uint8
    assert molded.original_shape == (30, 60, 3)
    assert molded.scale == molded.meta[11] == 128 / 60
    np.testing.assert_array_equal(molded.window, [0, 0, 64, 128])
    np.testing.assert_array_equal(molded.meta[7:11], molded.window)


def test_images_of_one_batch_have_one_shape():
    images = [field(shape=(30, 60)), field(shape=(64, 64))]
    pixels, metas, windows = mold_together(images, SpotsConfig())
    assert (pixels.shape, metas.shape, windows.shape) == ((2, 64, 64, 3), (2, 15), (2, 4))
    assert pixels.dtype == metas.dtype == np.float64
    for wrong in ([], [*images, field(shape=(64, 65))]):
        with pytest.raises(DataError, match="one batch needs at least one image and one shape"):
            mold_together(wrong, SpotsConfig())


def test_a_batch_is_filled_up_with_its_last_image():
    config = SpotsConfig.from_dict({"IMAGES_PER_GPU": 3})
    anchors_for = anchors_by_shape(config)
    molded = [mold(field(((0, 0, 5, 5), value)), config) for value in (100, 200)]
    pixels, metas, anchors = batch_inputs(molded, config, anchors_for)
    assert all(values.dtype == np.float32 for values in (pixels, metas, anchors))
    assert pixels[:, 0, 0, 0].tolist() == [100, 200, 200]
    np.testing.assert_array_equal(anchors, [normalized_anchors(config, (64, 64))] * 3)
    for side in range(64, 64 * 30, 64):
        anchors_for((64, side))
    assert anchors_for.cache_info().currsize <= 16


def test_the_path_and_the_names_of_earlier_versions():
    assert moulding.mould is mold and moulding.mould_together is mold_together
    assert moulding.batch_inputs is batch_inputs and moulding.MouldedImage is MoldedImage
    assert Predictor.predict_moulded is Predictor.predict_molded
    assert all(getattr(masks, name) is getattr(molding, name) for name in masks.__all__)
