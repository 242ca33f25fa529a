"""Write the graphs beside the weights that come with the project, for ONNX Runtime and OpenVINO.

    python -m benchmarks.recipe_graphs [FOLDER]

They hold operations and no weights: new weights need no new graph, another structure does, and so
does a change of the rooms that make graphs. It takes the extra `onnx`.
"""

import argparse
from pathlib import Path

from mrcnn.app.runtimes import graph_path
from mrcnn.deploy.network import detector_file
from mrcnn.inference.model_folder import read_model_folder
from mrcnn.weights.places import shipped_weights
from rbc_cells.shape_graph import shape_file
from rbc_cells.shapes import GRAPH


def write_graphs(folder: Path) -> list[Path]:
    """Write both graphs to a folder; returns the files."""
    config, weights = read_model_folder(shipped_weights("rbc").parent)
    detector, shapes = folder / graph_path(weights).name, folder / GRAPH
    detector_file(config).write(detector)
    shape_file().write(shapes)
    return [detector, shapes]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipe_graphs")
    parser.add_argument("folder", type=Path, nargs="?", default=shipped_weights("rbc").parent)
    print(*write_graphs(parser.parse_args().folder), sep="\n")
