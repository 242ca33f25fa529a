"""Looking inside the network, as Matterport's notebooks do."""

import numpy as np
import pytest

from mrcnn import model as modellib
from mrcnn.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 255, (100, 120, 3)).astype(np.uint8)


@pytest.fixture
def model(tiny_config, tmp_path):
    return modellib.MaskRCNN(
        mode="inference", config=tiny_config(NORMALIZATION="group"), model_dir=tmp_path
    )


def test_outputs_of_layers_are_those_of_the_model(model, image):
    layer = model.keras_model.get_layer
    names = ("rpn_class", "rpn_bbox", "ROI", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask")
    found = model.run_graph([image], [(name, layer(name).output) for name in names])
    assert list(found) == list(names)
    inputs = model.mold_inputs([image])
    anchors = model.get_anchors(inputs[0].shape[1:])
    outputs = model.keras_model.predict_on_batch(
        [inputs[0].astype("float32"), inputs[1].astype("float32"), anchors[None]]
    )
    for name, index in zip(names, (5, 6, 4, 1, 2, 3), strict=True):
        assert found[name].shape == outputs[index].shape
        # Feature maps differ in their last bit, since the graphs are not the same; a random network
        # makes more of it, and its heads most.
        share = 1e-4 if name.startswith("mrcnn") else 1e-5
        atol = share * np.abs(outputs[index]).max()
        np.testing.assert_allclose(found[name], outputs[index], atol=atol, err_msg=name)


def test_the_way_from_anchors_to_proposals(model, image):
    pillar = model.keras_model.get_layer("ROI").output
    names = ("pre_nms_anchors", "refined_anchors", "refined_anchors_clipped")
    stages = [(name, model.ancestor(pillar, f"ROI/{name}:0")) for name in names]
    stages.append(("kept", model.ancestor(pillar, "ROI/rpn_non_max_suppression:0")))
    found = model.run_graph([image], [*stages, ("proposals", pillar)])
    anchors = {tuple(anchor) for anchor in model.get_anchors((128, 128, 3)).tolist()}
    assert found["pre_nms_anchors"].shape == (1, 500, 4)
    assert all(tuple(anchor) in anchors for anchor in found["pre_nms_anchors"][0].tolist())
    np.testing.assert_allclose(
        found["refined_anchors_clipped"], np.clip(found["refined_anchors"], 0, 1), atol=1e-6
    )
    kept = found["kept"]
    assert kept.dtype == np.int32 and (np.diff(kept) > 0).all()
    proposals = found["proposals"][0]
    np.testing.assert_allclose(found["refined_anchors_clipped"][0, kept], proposals[: len(kept)])
    assert not proposals[len(kept) :].any()


def test_ancestors_are_found_by_name(model):
    detections = model.keras_model.get_layer("mrcnn_detection").output
    assert model.ancestor(detections, "ROI:0") is model.keras_model.get_layer("ROI").output
    assert model.ancestor(detections, "pool_squeeze") is not None
    assert model.ancestor(detections, "no_such_layer") is None
    checked = []
    model.ancestor(detections, "mrcnn_class_logits:0", checked)
    assert checked
    # The mask head comes after the detections.
    assert model.ancestor(detections, "mrcnn_mask_conv1") is None


def test_molded_images_are_taken_as_they_are(model, image, capsys):
    molded, metas, _ = model.mold_inputs([image])
    output = model.keras_model.get_layer("res2b_out").output
    one = model.run_graph([image], {"res2b_out": output})["res2b_out"]
    other = model.run_graph(molded, [("res2b_out", output)], image_metas=metas)["res2b_out"]
    np.testing.assert_array_equal(one, other)
    assert "res2b_out                shape: (1, 32, 32, 64)" in capsys.readouterr().out


def test_a_training_graph_can_be_looked_into(tiny_config, tmp_path, image):
    model = modellib.MaskRCNN("training", tiny_config(), tmp_path)
    found = model.run_graph([image], [("ROI", model.keras_model.get_layer("ROI").output)])
    assert found["ROI"].shape == (1, 100, 4)
    with pytest.raises(ConfigError, match="depend on more than the inputs"):
        model.run_graph([image], [("loss", model.keras_model.get_layer("rpn_class_loss").output)])


def test_what_is_no_tensor_is_named(model, image):
    with pytest.raises(ConfigError, match="'anchors' is None: expected a symbolic tensor"):
        model.run_graph([image], [("anchors", None)])
    with pytest.raises(ConfigError, match="outputs is empty"):
        model.run_graph([image], [])


def test_layers_with_weights(model):
    layers = model.get_trainable_layers()
    names = {layer.name for layer in layers}
    assert {"conv1", "rpn_model", "mrcnn_mask", "mrcnn_class_conv1"} <= names
    assert not {"ROI", "mrcnn_class", "res2a_out"} & names
    wrapped = model.keras_model.get_layer("mrcnn_mask")
    inner = model.find_trainable_layer(wrapped)
    assert inner is not wrapped and inner in layers
    assert inner.kernel.shape == (1, 1, 32, 3)
    assert model.find_trainable_layer(inner) is inner


def test_anchors_in_pixels_are_those_last_asked_for(model, image):
    assert model.anchors.shape == (4092, 4)
    model.detect([image])
    pixels = model.anchors
    normalized = model.get_anchors((128, 128, 3))
    np.testing.assert_allclose(pixels, normalized * 127 + [0, 0, 1, 1], atol=1e-4)
    model.get_anchors((64, 128, 3))
    assert model.anchors.shape == (2046, 4)


def test_molding_gives_the_original_s_types(model, image):
    molded, metas, windows = model.mold_inputs([image, image])
    assert [array.dtype.name for array in (molded, metas, windows)] == [
        "float64", "float64", "int64",
    ]  # fmt: skip
    assert windows.tolist() == [[10, 0, 117, 128]] * 2


def test_images_that_mold_to_several_shapes_are_refused(tiny_config, tmp_path, image):
    config = tiny_config(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=None)
    model = modellib.MaskRCNN("inference", config, tmp_path)
    with pytest.raises(DataError, match="one batch needs at least one image and one shape"):
        model.mold_inputs([image, image[:50, :50]])
    with pytest.raises(DataError, match="one batch needs"):
        model.mold_inputs([])


def test_log_says_shape_range_and_type(capsys):
    modellib.log("nothing but this")
    modellib.log("masks", np.array([[True, False]]))
    modellib.log("empty", np.zeros((0, 4)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "nothing but this"
    assert lines[1].split() == [
        "masks", "shape:", "(1,", "2)", "min:", "0.00000", "max:", "1.00000", "bool",
    ]  # fmt: skip
    assert "(0, 4)" in lines[2] and "float64" in lines[2]
