"""What a file is that no reader of annotations takes, and what to give instead."""

from collections.abc import Mapping
from typing import Any

_SIGNATURES = {
    b"\x93NUMPY": (
        "a NumPy file, such as Cellpose's _seg.npy, which may run any program when it is read: "
        "save the masks as PNG or TIFF (in Cellpose File > Save masks as PNG/tif)"
    ),
    b"\xff\xd8\xff": (
        "a JPEG picture; the numbers of a label image get lost in it: save it as PNG or TIFF"
    ),
    b"\x1f\x8b": "packed by gzip: unpack it",
    b"\x89HDF": "an HDF5 file: export the annotations as COCO, or as label images",
    b"SQLite format 3": "a database: export the annotations as COCO",
    b"%PDF": "a PDF",
    b"Rar!": "a RAR archive: unpack it",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it",
}
_OWN_JSON = "its own JSON: export the annotations as COCO"


def what_it_is(content: Any) -> str:
    """What a message says after "FILE is ", without the period; "" where nothing is known.

    Args:
        content: the bytes of a file, or what its JSON holds.
    """
    if isinstance(content, bytes):
        return _of_bytes(content)
    if isinstance(content, list):
        return _of_list(content)
    return _of_object(content) if isinstance(content, Mapping) else ""


def _of_bytes(content: bytes) -> str:
    if not content or content.isspace():
        return "empty: export the annotations again"
    for signature, name in _SIGNATURES.items():
        if content.startswith(signature):
            return name
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.lower().startswith((b"<!doctype html", b"<html")):
        return "a web page, not the file that it links to: download that one"
    if b"CSV_HEADER" in start[:1000]:
        return "a table of VIA 3; read are the formats of VIA 1 and 2: export from VIA 2 as JSON"
    if start.startswith(b"<"):
        return (
            "XML of a kind that is not read: read are CVAT's ('CVAT for images') and Pascal VOC's"
        )
    first = start.split(b"\n", 1)[0]
    # Text in columns; JSON begins with one of the brackets or a quote.
    if first and first[:1] not in b'[{"' and (first.count(b",") >= 3 or first.count(b"\t") >= 3):
        return (
            "a table (CSV) of a kind that is not read: tables of annotations are those of VIA, "
            "Roboflow and MakeSense, with the columns that these programs write"
        )
    return ""


def _of_list(content: list) -> str:
    first = content[0] if content and isinstance(content[0], Mapping) else {}
    if "image_id" in first and ("category_id" in first or "segmentation" in first):
        return (
            "a list of results in COCO's format, detections without the images that they belong "
            "to: put it into an object as 'annotations', with 'images' and 'categories'"
        )
    if "data" in first and ("annotations" in first or "completions" in first):
        return f"an export of Label Studio in {_OWN_JSON} or YOLO"
    if "Labeled Data" in first or "data_row" in first:
        return f"an export of Labelbox in {_OWN_JSON}"
    return ""


def _of_object(content: Mapping) -> str:
    keys = set(content)
    if {"images", "categories"} <= keys or {"annotations", "categories"} <= keys:
        missing = "annotations" if "annotations" not in keys else "images"
        return f"COCO without {missing!r}: export it again, with the list of the {missing}"
    if "objects" in keys and "size" in keys:
        return f"an annotation of Supervisely in {_OWN_JSON}"
    if "data_row" in keys or "projects" in keys:
        return f"an export of Labelbox in {_OWN_JSON}"
    if {"annotations", "item"} <= keys or {"annotations", "image", "dataset"} <= keys:
        return f"an export of V7 in {_OWN_JSON}"
    if {"instances", "metadata"} <= keys:
        return f"an export of SuperAnnotate in {_OWN_JSON}"
    if content.get("type") == "Topology":
        return "TopoJSON: export the objects as GeoJSON"
    return ""
