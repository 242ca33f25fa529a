"""The plug-in of napari, without napari: its manifest, and what it makes of layers."""

import importlib
import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from mrcnn.app.application import loaded
from mrcnn.app.finding import Finder
from mrcnn.app.methods import Method
from mrcnn.errors import DataError
from mrcnn.inference import Predictor
from mrcnn.napari_plugin import segmenting
from mrcnn.napari_plugin.segmenting import Objects, pixels_of, segment_layer
from tests.inference.bright_spots import BrightSpots, field
from tests.serve.made_up import APPLICATION, SPOTS, PageConfig

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(segmenting.__file__).parent


@pytest.fixture
def made_up(monkeypatch):
    """A network that finds bright spots in the place of any model; what was asked of it."""
    asked = []

    def choose(application, options):
        asked.append(options)
        config = PageConfig()
        finder = Finder(APPLICATION, Predictor(config, BrightSpots(config)))
        return Method("network", finder, PageConfig.CLASS_NAMES, [0.7], True)

    monkeypatch.setattr(segmenting, "choose_detector", choose)
    monkeypatch.setitem(segmenting._PROGRAMS, "objects of the model", APPLICATION)
    segmenting._method.cache_clear()
    yield asked
    segmenting._method.cache_clear()


def layer(data, **more) -> SimpleNamespace:
    return SimpleNamespace(data=data, name="field", **more)


def test_labels_and_measurements(made_up):
    image = layer(field(*SPOTS), scale=np.array([0.1, 0.1]))
    ((labels, told, kind),) = segment_layer(image, "objects of the model")
    assert kind == "labels" and told["name"] == "field: objects" and told["scale"] == (0.1, 0.1)
    assert labels.shape == (64, 64) and np.unique(labels).tolist() == [0, 1, 2, 3]
    assert (labels[5:25, 6:30] == 1).all()
    features = told["features"]
    assert features["index"] == [1, 2, 3] and features["class"] == ["bright", "dim", "dim"]
    assert features["area"] == [480, 240, 192] and features["score"][0] == pytest.approx(0.9412)
    assert np.isnan(features["area_um2"]).all()
    assert all(len(column) == 3 for column in features.values())


def test_options_and_a_model_that_is_loaded_once(made_up):
    for _ in range(2):
        ((_, told, _),) = segment_layer(
            layer(field(*SPOTS)), "objects of the model", Path("my_model"), 0.5, 0.1
        )
    (options,) = made_up
    assert (options.weights, options.min_conf, options.pixel_size) == ("my_model", 0.5, 0.1)
    assert told["features"]["area_um2"][0] == pytest.approx(4.8)


def test_an_empty_layer(made_up):
    ((labels, told, _),) = segment_layer(layer(field()), "objects of the model")
    assert not labels.any() and told["features"]["index"] == []


@pytest.mark.parametrize(
    "data",
    [
        np.full((4, 5), 7, np.uint8),
        np.full((4, 5, 3), 7, np.uint8),
        np.full((4, 5, 4), 7, np.uint8),
        np.linspace(0, 1, 20).reshape(4, 5),
        np.arange(20, dtype=np.uint16).reshape(4, 5) * 300,
    ],
)
def test_data_of_layers(data):
    pixels = pixels_of(data)
    assert pixels.dtype == np.uint8 and pixels.shape == (4, 5, 3)
    if data.dtype == np.uint8:
        assert (pixels == 7).all()
    else:
        assert pixels.min() == 0 and pixels.max() == 255


@pytest.mark.parametrize("shape", [(3,), (7, 4, 5), (2, 4, 5, 3)])
def test_what_is_no_picture(shape):
    with pytest.raises(DataError, match="expected is one picture"):
        pixels_of(np.zeros(shape, np.uint8))


def test_the_manifest_names_what_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, place),) = project["entry-points"]["napari.manifest"].items()
    package, _, file = place.partition(":")
    manifest = json.loads(
        (Path(importlib.import_module(package).__file__).parent / file).read_text()
    )
    assert manifest["name"] == name == project["name"]
    (command,) = manifest["contributions"]["commands"]
    assert command["id"].startswith(f"{name}.")
    module, _, function = command["python_name"].partition(":")
    assert getattr(importlib.import_module(module), function) is segment_layer
    (widget,) = manifest["contributions"]["widgets"]
    assert widget["command"] == command["id"]


def test_the_programs_are_there():
    assert set(get_args(Objects)) == set(segmenting._PROGRAMS)
    names = [loaded(program).name for program in segmenting._PROGRAMS.values()]
    assert names == ["rbc", "mrcnn"]


def test_napari_takes_the_manifest():
    npe2 = pytest.importorskip("npe2", reason="npe2 comes with napari")
    manifest = npe2.PluginManifest.from_file(FOLDER / "napari.json")
    assert manifest.contributions.widgets[0].autogenerate


def test_napari_runs_the_command(made_up):
    """Without a window: the command by its manifest, on a layer of napari, and what it takes."""
    npe2 = pytest.importorskip("npe2", reason="npe2 comes with napari")
    layers = pytest.importorskip("napari.layers", reason="napari is not installed")
    components = pytest.importorskip("napari.components", reason="napari is not installed")
    plugins = npe2.PluginManager()
    plugins.register(npe2.PluginManifest.from_file(FOLDER / "napari.json"))
    plugins.activate("mrcnn-keras3")
    (widget,) = plugins.iter_widgets()
    viewer = components.ViewerModel()
    image = viewer.add_layer(layers.Image(field(*SPOTS), rgb=True, name="field", scale=(0.1, 0.1)))
    ((labels, told, kind),) = plugins.commands.execute(
        widget.command, (image, "objects of the model")
    )
    added = viewer.add_layer(layers.Layer.create(labels, told, kind))
    assert isinstance(added, layers.Labels) and added.name == "field: objects"
    assert tuple(added.scale) == (0.1, 0.1) and added.data.max() == 3
    assert added.features["index"].tolist() == [1, 2, 3]
    assert added.features["area"].tolist() == [480, 240, 192]
