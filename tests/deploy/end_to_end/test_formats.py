"""`export --end-to-end`: each format finds in a picture what the pipeline of Keras finds."""

import numpy as np
import pytest

from mrcnn.app.main import main
from mrcnn.errors import ConfigError
from mrcnn.inference import Predictor
from mrcnn.instances import Instances
from tests.deploy.exported import TinyModel, needs_tensorflow

NAMES = ("boxes", "classes", "scores", "masks")
# At these gray levels are exact in each precision: weights that were not learned make much of one.
SCALES = (0, 2)


@pytest.fixture(scope="module")
def model(tiny_config, tmp_path_factory):
    config = tiny_config(
        NORMALIZATION="group",
        CLASS_NAMES=("round", "long"),
        IMAGE_RESIZE_MODE="pad64",
        IMAGE_FIT=True,
        IMAGE_PADDING="reflect",
        SUBPIXEL_MASKS=True,
        MASK_MARGIN=0.1,
        DETECTION_NMS_THRESHOLD=0.5,
        DETECTION_MAX_MASK_OVERLAP=0.4,
    )
    model = TinyModel(config, tmp_path_factory.mktemp("model"))
    # Masks that were not learned are one half everywhere, and their outlines are chance.
    layer = model.model.get_layer("mrcnn_mask").layer
    layer.kernel.assign(40 * layer.kernel)
    model.model.save_weights(model.weights)
    return model


class EagerRunner:
    """Keras without a graph, which would take longer to make than it saves."""

    def __init__(self, model):
        self.config, self.model = model.config, model.model

    def run(self, inputs):
        return [np.asarray(each) for each in self.model(inputs, training=False)]


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(2).integers(0, 256, (100, 128, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def expected(model, picture):
    """What Keras finds, by the scale of the picture."""
    predictor = Predictor(model.config, EagerRunner(model), watch_limits=False)
    return {scale: predictor.predict(picture, scale=scale or None).instances for scale in SCALES}


def export(model, format_name, folder):
    command = ["export", str(model.folder), "--format", format_name, "--out", str(folder)]
    return main([*command, "--end-to-end"])


def assert_same(run, picture, instances_of):
    """`run` gives arrays of inputs, both by their names."""
    for scale, expected in instances_of.items():
        found = run({"image": picture, "scale": np.array([scale], np.float32)})
        assert {name: str(found[name].dtype) for name in NAMES} == {
            "boxes": "int32",
            "classes": "int32",
            "scores": "float32",
            "masks": "uint8",
        }
        assert len(expected) >= 5
        assert (np.diff(found["scores"]) <= 0).all()
        masks = found["masks"].astype(bool).transpose(1, 2, 0)
        instances = Instances.from_masks(masks, found["classes"], found["scores"])
        np.testing.assert_array_equal(instances.boxes, found["boxes"])
        # Two that are equally sure may change places.
        places = expected.overlap(instances).argmax(1)
        assert sorted(places) == list(range(len(expected)))
        paired = instances.take(places)
        shared = expected.intersections(paired).diagonal()
        union = expected.areas() + paired.areas() - shared
        # Of a small mask one pixel is more than a hundredth.
        assert (union - shared <= np.maximum(1, 0.01 * union)).all()
        np.testing.assert_array_equal(paired.class_ids, expected.class_ids)
        np.testing.assert_allclose(paired.scores, expected.scores, rtol=0, atol=1e-3)


def test_onnx(model, picture, expected, tmp_path):
    pytest.importorskip("onnx", exc_type=ImportError)
    onnxruntime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    assert export(model, "onnx", tmp_path) == 0
    session = onnxruntime.InferenceSession(
        tmp_path / "network.onnx", providers=["CPUExecutionProvider"]
    )
    shapes = {port.name: port.shape for port in [*session.get_inputs(), *session.get_outputs()]}
    assert shapes == {
        "image": ["height", "width", 3],
        "scale": [1],
        "boxes": ["objects", 4],
        "classes": ["objects"],
        "scores": ["objects"],
        "masks": ["objects", "height", "width"],
    }
    text = (tmp_path / "README.md").read_text()
    for line in (
        "| `image` | [height, width, 3] | uint8 |",
        "`DETECTION_MAX_MASK_OVERLAP` = 0.4",
        "no tiles",
        'network.run(\n    ["boxes", "classes", "scores", "masks"],',
    ):
        assert line in text
    assert_same(
        lambda given: dict(zip(NAMES, session.run(list(NAMES), given), strict=True)),
        picture,
        expected,
    )


def test_openvino(model, picture, expected, tmp_path):
    pytest.importorskip("onnx", exc_type=ImportError)
    openvino = pytest.importorskip("openvino", exc_type=ImportError)
    assert export(model, "openvino", tmp_path) == 0
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.Core().compile_model(str(tmp_path / "network.xml"), "CPU", options)

    def run(given):
        found = network(given)
        return {name: np.array(found[name]) for name in NAMES}

    assert_same(run, picture, expected)


@needs_tensorflow
def test_saved_model(model, picture, expected, tmp_path):
    tf = pytest.importorskip("tensorflow")
    assert export(model, "savedmodel", tmp_path) == 0
    signature = tf.saved_model.load(str(tmp_path / "network")).signatures["serving_default"]

    def run(given):
        found = signature(**{name: tf.constant(values) for name, values in given.items()})
        return {name: value.numpy() for name, value in found.items()}

    assert_same(run, picture, expected)


def test_a_function_of_shapes_is_refused(model):
    from mrcnn.deploy.end_to_end.network import check

    config = type(model.config)()
    config.BACKBONE, config.COMPUTE_BACKBONE_SHAPE = len, len
    with pytest.raises(ConfigError, match=r"COMPUTE_BACKBONE_SHAPE .* export it without"):
        check(config)
