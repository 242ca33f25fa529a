"""The methods of `MaskRCNN` that only programs written for Matterport's call."""

import numpy as np
import pytest

from mrcnn.errors import ConfigError, WeightsError
from mrcnn.model import MaskRCNN
from mrcnn.parallel_model import ParallelModel

pytestmark = pytest.mark.usefixtures("eager_module")


@pytest.fixture(scope="module")
def inference(tiny_config, tmp_path_factory):
    return MaskRCNN("inference", tiny_config(), tmp_path_factory.mktemp("logs"))


def test_molded_images_give_the_same_detections(inference):
    square = np.random.default_rng(1).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    molded, metas, _ = inference.mold_inputs([square])
    direct, molded_result = inference.detect([square])[0], inference.detect_molded(molded, metas)[0]
    for key in direct:
        np.testing.assert_array_equal(direct[key], molded_result[key])


def test_a_program_may_take_the_steps_itself(inference):
    """Mold, run, put back: what `detect` does."""
    image = np.random.default_rng(2).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    molded, metas, windows = inference.mold_inputs([image])
    anchors = inference.get_anchors(molded.shape[1:])
    outputs = inference.keras_model.predict_on_batch(
        [molded.astype(np.float32), metas.astype(np.float32), anchors[None]]
    )
    found = inference.unmold_detections(
        outputs[0][0], outputs[3][0], image.shape, molded.shape[1:], windows[0]
    )
    (expected,) = inference.detect([image])
    assert len(expected["rois"]) > 3
    for values, name in zip(found, ("rois", "class_ids", "scores", "masks"), strict=True):
        assert values.dtype == expected[name].dtype
        np.testing.assert_array_equal(values, expected[name])


def test_molded_images_are_for_inference(tiny_config, tmp_path):
    model = MaskRCNN("training", tiny_config(), tmp_path)
    with pytest.raises(ConfigError, match="mode='inference'"):
        model.detect_molded(np.zeros((1, 128, 128, 3)), np.zeros((1, 15)))


@pytest.mark.parametrize("given", ["logs/tiny/mask_rcnn_tiny_0001.h5"[1], ("logs", "a.h5"), None])
def test_what_other_versions_of_find_last_gave_is_refused(inference, given):
    with pytest.raises(WeightsError, match=r"no path of a weights file.*load_weights\(model\.find"):
        inference.load_weights(given)


def test_a_parallel_model_takes_the_keras_model(inference):
    with pytest.raises(ConfigError, match="was given a MaskRCNN: give its keras_model"):
        ParallelModel(inference, 2)


def test_a_name_of_no_layer_to_leave_out_is_printed(inference, tmp_path, capsys):
    inference.save_weights(tmp_path / "a.h5")
    report = inference.load_weights(tmp_path / "a.h5", exclude=["mrcnn_bbox_fc", "mrcnn_bbox_cf"])
    assert (report.excluded, report.unknown) == (["mrcnn_bbox_fc"], ["mrcnn_bbox_cf"])
    assert "(misspelled?): mrcnn_bbox_cf" in capsys.readouterr().out
