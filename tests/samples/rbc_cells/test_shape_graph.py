"""ONNX Runtime names the shapes that Keras names."""

import numpy as np
import pytest

from rbc_cells import shapes
from rbc_cells.shape_crops import SIDE


def test_logits_are_those_of_keras(monkeypatch):
    pytest.importorskip("onnxruntime", exc_type=ImportError)
    crops = np.random.default_rng(2).integers(90, 230, (3, SIDE, SIDE, 4)).astype(np.float32)
    crops[..., 3] = 0
    for crop, half in zip(crops, (9, 14, 20), strict=True):
        crop[32 - half : 32 + half, 32 - half : 32 + half, 3] = 255
    numbers = shapes.shape_numbers(crops)
    found = {}
    for backend in ("", "tensorflow"):
        monkeypatch.setattr(shapes, "_runs_on_onnx", lambda backend=backend: not backend)
        shapes._network.cache_clear()
        found[backend] = np.asarray(shapes._network()(crops, numbers))
    shapes._network.cache_clear()
    assert np.ptp(found[""]) > 1
    np.testing.assert_allclose(found[""], found["tensorflow"], rtol=0, atol=1e-4)
