"""Graphs are made once: not for every image, number of cells, epoch or number of detections."""

import keras
import numpy as np
import pytest

from mrcnn.model import MaskRCNN
from mrcnn.nets.model import DetectorModel

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="PyTorch computes without a graph"
)


@pytest.fixture
def traces(monkeypatch):
    """Counts how often the network is traced: by mode, True for training."""
    count = {True: 0, False: 0}
    call = DetectorModel.call

    def counting(self, inputs, training=None, mask=None):
        count[bool(training)] += 1
        return call(self, inputs, training=training, mask=mask)

    monkeypatch.setattr(DetectorModel, "call", counting)
    return count


def test_training_is_traced_once(traces, tiny_config, disks, tmp_path):
    rng = np.random.default_rng(0)
    cells = [[(*rng.uniform(20, 108, 2), 8.0) for _ in range(n)] for n in (0, 1, 5, 15)]
    model = MaskRCNN("training", tiny_config(TRAIN_ROIS_PER_IMAGE=60), tmp_path)
    traces.update({True: 0, False: 0})
    model.train(disks(*cells), disks(*cells[1:]), 0.001, epochs=2, layers="all")
    assert traces == {True: 1, False: 1}


def test_detection_is_traced_once_for_a_shape(traces, tiny_config, tmp_path):
    model = MaskRCNN("inference", tiny_config(), tmp_path)
    rng = np.random.default_rng(0)
    traces.update({True: 0, False: 0})
    for height, width in ((128, 128), (60, 100), (300, 200), (128, 128)):
        model.detect([rng.integers(0, 255, (height, width, 3), dtype=np.uint8)])
    assert traces == {True: 0, False: 1}
