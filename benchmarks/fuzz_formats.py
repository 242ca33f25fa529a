"""Changed files of the formats that are no plain JSON of VIA or COCO: XML, tables, pictures, ROIs.

The valid files are those that the project writes, and others with what other programs write. Every
input is made from one of them and a number, as in `fuzz_json.py`.
"""

import io
import json
import random
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from benchmarks.fuzz_json import change_bytes, changed_json
from mrcnn.formats import (
    feature_collection,
    write_box_table,
    write_cvat,
    write_imagej,
    write_via_csv,
    write_voc,
)
from mrcnn.formats.labelme import labelme_file
from mrcnn.instances import Instances

# Kind -> name of the file; its image is beside it.
NAMES = {
    "labelme": "a.json",
    "geojson": "a.geojson",
    "xml": "a.xml",
    "tables": "a.csv",
    "imagej": "a_rois.zip",
    "labels": "a_masks.tif",
    "yolo": "a.txt",
}
IMAGE = "a.png"
_CLASSES = ("large", "normal", "small")
_WORDS = (
    "nan inf -inf 1e999 -0 0 1 -1 0.5 1e6 1000001 2147483648 1e-400 x , ; \" ' < > & &amp; &l9; "
    "]]> <!-- --> <![CDATA[ large besar 5,7 1,2;3,4 NaN 0x10 1_0 \u0663 \ud83e\uddec"
).split(" ")
_NUMBER = re.compile(rb"\d+(\.\d+)?")


def objects() -> Instances:
    """A ring, two parts, a disc, a box and a point."""
    rows, columns = np.mgrid[:9, :9]
    disc = (rows - 4) ** 2 + (columns - 4) ** 2 < 18
    ring = disc & ~((rows - 4) ** 2 + (columns - 4) ** 2 < 4)
    parts = disc.copy()
    parts[:, 4] = False
    boxes = [(1, 1, 10, 10), (20, 3, 29, 12), (5, 20, 14, 29), (15, 15, 20, 30), (3, 4, 3, 4)]
    crops = [ring, parts, disc, None, None]
    return Instances((40, 50), boxes, crops, [1, 2, 3, 1, 2])


def changed(kind: str, rng: random.Random, made: list[Any]) -> tuple[str, bytes]:
    """An input of a kind: name and content.

    Args:
        kind: a key of `NAMES`.
        rng: decides; the same state gives the same input.
        made: what `seeds` gave for the kind.
    """
    if kind in ("labelme", "geojson"):
        return NAMES[kind], changed_json(made, rng, [])
    if kind == "labels":
        return _changed_labels(rng)
    if kind == "imagej" and rng.random() < 0.8:
        return NAMES[kind], _archive([_changed_bytes(rng.choice(made), rng, False)])
    if kind == "imagej":
        return NAMES[kind], _changed_bytes(_archive(made), rng, False)
    return NAMES[kind], _changed_bytes(rng.choice(made), rng, True)


def seeds(kind: str) -> list[Any]:
    """Valid files of a kind; of ROIs the files in the archive, of labels none."""
    found = objects()
    if kind == "labelme":
        mask = io.BytesIO()
        Image.fromarray(np.ones((5, 4), np.uint8)).save(mask, "PNG")
        content = labelme_file(found, _CLASSES, IMAGE)
        others: list[dict] = [
            {"shape_type": "circle", "points": [[9, 9], [12, 9]]},
            {"shape_type": "mask", "points": [[9, 9], [12, 13]], "mask": _base64(mask.getvalue())},
            {"shape_type": "rectangle", "points": [[9, 9], [5, 2]], "group_id": 1},
            {"points": [[1, 2], [9, 2], [5, 8]], "group_id": 1},
        ]
        content["shapes"] += [{"label": "large", **each} for each in others]
        return [content]
    if kind == "geojson":
        collection = feature_collection(found, _CLASSES)
        return [collection, collection["features"], collection["features"][0]]
    if kind == "labels":
        return []
    if kind == "yolo":
        return [b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.3 0.1 0.2 0.4\n2 0.9 0.9 0.05 0.05\n"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        contents = []
        for write in _WRITES[kind]:
            write(path, found)
            contents.append(path.read_bytes())
        if kind == "imagej":
            with zipfile.ZipFile(path) as archive:
                return [archive.read(name) for name in archive.namelist()]
    return [*contents, *_FURTHER.get(kind, [])]


def _base64(content: bytes) -> str:
    import base64

    return base64.b64encode(content).decode()


_WRITES: dict[str, list[Callable[[Path, Instances], None]]] = {
    "xml": [
        lambda path, found: write_cvat(path, {IMAGE: found}, _CLASSES),
        lambda path, found: write_voc(path, found, _CLASSES, IMAGE),
    ],
    "tables": [
        lambda path, found: write_via_csv(path, {IMAGE: found}, _CLASSES),
        lambda path, found: write_box_table(path, {IMAGE: found}, _CLASSES),
    ],
    "imagej": [lambda path, found: write_imagej(path, found, _CLASSES)],
}
_FURTHER = {
    "xml": [
        b'<annotations><image id="0" name="a.png" width="50" height="40">'
        b'<polygon label="large" points="1,2;9,2;5,8"/><box label="large" xtl="1" ytl="2" xbr="9" '
        b'ybr="8" rotation="30"/><ellipse label="small" cx="9" cy="9" rx="5" ry="3"/><polyline '
        b'label="large" points="1,2;3,4"/><tag label="large"/></image></annotations>',
        b'<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY a "b">]><annotation><filename>a.png'
        b"</filename></annotation>",
        b"<annotation><filename>a.png</filename><object><name>large</name><bndbox><xmin>1</xmin>"
        b"<ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox><polygon><x1>1</x1><y1>2</y1><x2>9"
        b"</x2><y2>2</y2><x3>5</x3><y3>8</y3></polygon></object></annotation>",
    ],
    "tables": [
        b"label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\n"
        b"large,1,2,5,6,a.png,50,40\n",
        b"large,1,2,5,6,a.png,50,40\nsmall,3,4,5,6,a.png,50,40\n",
        b"class;filename;xmin;ymin;xmax;ymax;width;height\nlarge;a.png;1;2;9;8;50;40\n",
    ],
}


def _archive(rois: list[bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, packed in enumerate(rois):
            entry = zipfile.ZipInfo(f"{number:04d}-large.roi", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, packed)
    return content.getvalue()


def _changed_bytes(content: bytes, rng: random.Random, is_text: bool) -> bytes:
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 8])):
        if is_text and rng.random() < 0.6:
            content = _changed_text(content, rng)
        else:
            content = change_bytes(content, rng)
    return content


def _changed_text(content: bytes, rng: random.Random) -> bytes:
    """A number, or what stands between two separators, replaced by something odd."""
    places = [match.span() for match in _NUMBER.finditer(content[:20_000])]
    if not places:
        return content
    start, end = rng.choice(places)
    word = rng.choice(_WORDS).encode("utf-8", "surrogatepass")
    return content[:start] + word + content[end:]


def _changed_labels(rng: random.Random) -> tuple[str, bytes]:
    """A label image of any type, and now and then damaged."""
    kind = rng.choice(["uint8", "uint16", "int32", "float32", "int16", "uint32", "float64", "bool"])
    shape = rng.choice([(7, 9), (1, 1), (40, 50), (40, 50, 3), (3, 8, 9), (5, 6, 4), (2, 3, 4, 5)])
    most = rng.choice([2, 5, 200])
    generator = np.random.default_rng(rng.randrange(2**32))
    labels = (generator.integers(0, most, shape) - rng.choice([0, 0, 0, 1])).astype(kind)
    if kind.startswith("float") and rng.random() < 0.3:
        labels[..., 0] = rng.choice([np.nan, np.inf, 0.5, -1, 1e30])
    content = io.BytesIO()
    if rng.random() < 0.3 and labels.ndim in (2, 3):
        name = "a_masks.png"
        try:
            Image.fromarray(labels).save(content, "PNG")
        except (TypeError, OSError, ValueError):
            Image.fromarray(np.ones((4, 5), np.uint16)).save(content, "PNG")
    else:
        name = NAMES["labels"]
        options: dict[str, Any] = {"compression": rng.choice([None, "zlib", "packbits"])}
        if rng.random() < 0.3 and labels.ndim == 2:
            options["tile"] = (16, 16)
        tifffile.imwrite(content, labels, photometric="minisblack", **options)
    made = content.getvalue()
    return name, made if rng.random() < 0.4 else _changed_bytes(made, rng, False)


def names_of_classes() -> str:
    """What stands in YOLO's `data.yaml`."""
    return f"names: {json.dumps(list(_CLASSES))}\n"
