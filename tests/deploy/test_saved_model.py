"""`export --format savedmodel`: what comes out of the file is what Keras gives."""

import json

import numpy as np
import pytest

from mrcnn.app.main import main
from mrcnn.deploy.ports import input_ports, output_ports
from tests.deploy.exported import NAMES, assert_same, needs_tensorflow

pytestmark = needs_tensorflow


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    assert main(["export", str(tiny.folder), "--format", "savedmodel", "--out", str(folder)]) == 0
    return folder


def test_the_network_gives_what_keras_gives(exported, tiny):
    tf = pytest.importorskip("tensorflow")
    signature = tf.saved_model.load(str(exported / "network")).signatures["serving_default"]
    inputs = {name: tf.constant(values) for name, values in tiny.inputs.items()}
    found = {name: np.asarray(value) for name, value in signature(**inputs).items()}
    assert_same(found, tiny)


def test_the_folder_says_what_it_is(exported, tiny):
    assert {path.name for path in exported.iterdir()} == {"network", "config.json", "README.md"}
    settings = json.loads((exported / "config.json").read_text())
    assert settings == json.loads((tiny.folder / "config.json").read_text())
    text = (exported / "README.md").read_text()
    for line in (
        "| `input_image` | [batch, height, width, 3] |",
        "| `input_image_meta` | [batch, 15] |",
        "| `input_anchors` | [batch, anchors, 4] |",
        "| `detections` | [batch, 20, 6] |",
        "| `mrcnn_mask` | [batch, 20, 28, 28, 3] |",
        "| `rpn_class` | [batch, anchors, 2] |",
        "1 round, 2 long",
        "tiny.h5 (sha256 ",
    ):
        assert line in text


def test_ports_are_in_the_order_of_the_network(tiny):
    assert [port.name for port in input_ports(tiny.model)] == list(tiny.inputs)
    assert [port.name for port in output_ports(tiny.model)] == list(NAMES)


def test_what_is_there_is_replaced_only_when_asked(exported, tiny, capsys):
    command = ["export", str(tiny.folder), "--format", "savedmodel", "--out", str(exported)]
    assert main(command) == 2
    assert f"{exported / 'network'}: is there already" in capsys.readouterr().err
