"""The graphs beside the weights that come with the project belong to them."""

import h5py
import pytest

from mrcnn.app.runtimes import graph_path
from mrcnn.inference.model_folder import read_model_folder
from mrcnn.inference.network_file import NetworkFile
from mrcnn.inference.network_settings import structure_of, values_of
from mrcnn.weights.matching import read_weights
from mrcnn.weights.places import shipped_weights
from rbc_cells.shapes import FILE, GRAPH, SHAPES

RBC = shipped_weights("rbc")


def test_the_graph_goes_with_settings_and_weights():
    config, weights = read_model_folder(RBC.parent)
    file = NetworkFile.read(graph_path(weights))
    assert file.structure == structure_of(config)
    assert set(file.settings) == set(values_of(config))
    stored = NetworkFile.read(RBC.with_name(GRAPH))
    assert stored.structure == {"shapes": list(SHAPES)}
    for path, graph in ((weights, file), (RBC.with_name(FILE), stored)):
        found = read_weights(graph.layers, path)
        taken = {(each.layer, each.number) for each in graph.weights}
        assert len(taken) == sum(map(len, found.values()))
        with h5py.File(path) as opened:
            names = [name for layer in opened.values() for name in layer.attrs["weight_names"]]
        assert len(names) == len(taken)


def test_graphs_are_those_that_the_layers_make(tmp_path):
    pytest.importorskip("onnx", exc_type=ImportError)
    from benchmarks.recipe_graphs import write_graphs

    for path in write_graphs(tmp_path):
        # `python -m benchmarks.recipe_graphs` writes them anew.
        assert NetworkFile.read(path) == NetworkFile.read(RBC.with_name(path.name)), path.name
