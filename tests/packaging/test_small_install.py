"""What is installed by `requirements/runtime.txt` is enough to detect, check and report.

The other libraries are taken away from a process; nothing is installed.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "requirements" / "runtime.txt"
MODULES = {
    "faster-coco-eval": "faster_coco_eval",
    "pillow": "PIL",
    "scikit-image": "skimage",
}
# Other backends, and what comes with other packages.
OTHERS = {"jax", "torch", "cv2", "numba", "onnx", "openvino", "tf2onnx", "pandas"}
# Commands one after the other, in a process without the modules that are named first.
RUN = """
import importlib.util, sys

away, find = set(sys.argv[1].split()), importlib.util.find_spec

class Away:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in away:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Away())
importlib.util.find_spec = lambda name, *rest: None if name in away else find(name, *rest)
import mrcnn.app.main, rbc
for line in sys.argv[2:]:
    program, *words = line.split()
    status = {"rbc": rbc.main, "mrcnn": mrcnn.app.main.main}[program](words)
    print(f"status {status}", flush=True)
"""


def packages(lines):
    return {re.match(r"[\w-]+", line).group() for line in lines if line[:1].isalnum()}


def test_what_it_has_is_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {*project["dependencies"], *project["optional-dependencies"]["onnx"]}
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line[:1].isalnum()} <= asked
    assert packages(lines) & {"tensorflow", "keras", "opencv-python", "numba"} == set()


def test_the_commands_of_a_laboratory_run(tmp_path):
    pytest.importorskip("onnxruntime", exc_type=ImportError)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    there = packages(FILE.read_text(encoding="utf-8").splitlines())
    away = {MODULES.get(name, name) for name in packages(project["dependencies"]) - there}
    assert {"keras", "tensorflow", "h5py", "matplotlib"} <= away
    picture = tmp_path / "data" / "val" / "field.png"
    picture.parent.mkdir(parents=True)
    cell = {"name": "circle", "cx": 50, "cy": 60, "r": 24}
    regions = [{"shape_attributes": cell, "region_attributes": {"name": "normal"}}]
    image = Image.new("RGB", (320, 240), (225, 225, 225))
    draw = ImageDraw.Draw(image)
    for y in (60, 130, 190):
        for x in (50, 120, 190, 260):
            draw.ellipse((x - 24, y - 24, x + 24, y + 24), fill=(190, 130, 140))
            draw.ellipse((x - 9, y - 9, x + 9, y + 9), fill=(215, 185, 190))
    image.save(picture)
    entry = {"filename": picture.name, "size": picture.stat().st_size, "regions": regions}
    text = json.dumps({picture.name: {**entry, "file_attributes": {}}})
    (picture.parent / "via_region_data.json").write_text(text)
    weights = ROOT / "weights" / "rbc" / "rbc.h5"
    commands = [
        f"rbc detect {picture} --out {tmp_path}/rbc --diameter 48",
        f"mrcnn detect {picture} --weights {weights} --out {tmp_path}/mrcnn --diameter 48",
        f"rbc check {tmp_path}/data",
        "rbc train",
    ]
    environment = {"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT}/samples/rbc"}
    result = subprocess.run(
        [sys.executable, "-c", RUN, " ".join(away | OTHERS), *commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    statuses = re.findall(r"^status (\d)$", result.stdout, re.M)
    assert statuses == ["0", "0", "0", "2"], result.stdout + result.stderr
    assert "which is not installed: pip install" in result.stderr
    for name in ("rbc", "mrcnn"):
        table = (tmp_path / name / ("cells.csv" if name == "rbc" else "objects.csv")).read_text()
        assert len(table.splitlines()) > 8
        assert (tmp_path / name / "report.html").is_file()
    header, first, *_ = (tmp_path / "rbc" / "cells.csv").read_text().splitlines()
    assert dict(zip(header.split(","), first.split(","), strict=True))["shape"]
