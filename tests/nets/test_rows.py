"""The mask head works for rows that hold a detection, and its output has all rows."""

import keras
import numpy as np
import pytest

from mrcnn.nets.layers import FilledBoxes, PadRows, PerRegion

STATIC = keras.backend.backend() == "jax"


def rows_of(*counts: int, limit: int = 7) -> np.ndarray:
    """Detections [B, limit, 6], so many of them filled in each image."""
    detections = np.zeros((len(counts), limit, 6), np.float32)
    for image, count in zip(detections, counts, strict=True):
        image[:count, :4] = [0.1, 0.2, 0.6, 0.7]
        image[:count, 4] = np.arange(1, count + 1)
        image[:count, 5] = 0.9
    return detections


@pytest.mark.parametrize(("counts", "rows"), [((3, 5), 5), ((0, 0), 1), ((7, 1), 7), ((2,), 2)])
def test_as_many_boxes_as_the_fullest_image_has(counts, rows):
    detections = rows_of(*counts)
    boxes = keras.ops.convert_to_numpy(FilledBoxes(dtype="float32")(detections))
    assert boxes.shape == (len(counts), 7 if STATIC else rows, 4)
    np.testing.assert_array_equal(boxes, detections[:, : boxes.shape[1], :4])


def test_the_number_of_rows_changes_from_call_to_call():
    inputs = keras.Input((7, 6))
    boxes = FilledBoxes(dtype="float32")(inputs)
    outputs = PerRegion(keras.layers.Dense(2, name="any"), rows=9)(boxes)
    model = keras.Model(inputs, [boxes, outputs])
    model.jit_compile = STATIC
    assert model.outputs[1].shape == (None, 9, 2)
    kernel, bias = model.get_layer("any").get_weights()
    for counts in ((3, 5), (0, 1), (7, 2)):
        detections = rows_of(*counts)
        boxes, values = model.predict_on_batch(detections)
        rows = 7 if STATIC else max(counts)
        assert boxes.shape[1] == rows
        expected = np.zeros((2, 9, 2), np.float32)
        expected[:, :rows] = detections[:, :rows, :4] @ kernel + bias
        np.testing.assert_allclose(values, expected, atol=1e-6)


def test_rows_are_padded_in_models_that_were_saved_with_a_layer_for_it():
    saved = keras.saving.serialize_keras_object(PadRows(6, name="detection_masks"))
    assert (saved["registered_name"], saved["config"]["rows"]) == ("mrcnn>FillUp", 6)
    read = keras.saving.deserialize_keras_object({**saved, "class_name": "FillUp"})
    values = rows_of(3, 5)[:, :5]
    padded = keras.ops.convert_to_numpy(read(values))
    np.testing.assert_array_equal(padded, np.pad(values, ((0, 0), (0, 1), (0, 0))))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(PadRows(5)(values)), values)
