"""A first answer comes soon: `detect` imports nothing that it has no use for."""

import os
import subprocess
import sys
from pathlib import Path

import rbc

SAMPLE = Path(rbc.__file__).parent
# All that `detect` imports before it has looked at a picture, and what it measures cells with.
IMPORTS = """
import sys
from mrcnn.app.application import loaded
import mrcnn.app.detect, mrcnn.app.detection.run, mrcnn.inference.onnx_runner, rbc
program = rbc.APPLICATION
for hook in (program.refine_hook, program.classify_hook, program.told_hook, program.measure_hook,
             program.foreground_hook):
    loaded(hook)
print(*sorted(set(sys.argv[1:]) & set(sys.modules)))
"""
NEEDLESS = (
    *("keras", "tensorflow", "jax", "torch", "onnx", "openvino", "h5py", "dask", "pandas"),
    *("matplotlib", "cv2", "numba", "tifffile", "zarr", "imagecodecs", "requests"),
    *("scipy.linalg", "scipy.spatial", "scipy.optimize", "scipy.stats", "scipy.interpolate"),
    *("skimage.measure._regionprops", "skimage.segmentation", "skimage.io"),
    *("ssl", "http.client", "urllib.request", "xml.dom", "unittest.mock"),
)


def test_detect_imports_nothing_that_it_has_no_use_for():
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SAMPLE.parents[1]), str(SAMPLE)]),
    }
    result = subprocess.run(
        [sys.executable, "-c", IMPORTS, *NEEDLESS], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
