"""Annotation files that the tests of this folder share."""

import json
from pathlib import Path

import pytest


class ViaFiles:
    """Makes the contents of VIA annotation files, and writes them to a folder."""

    TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, content, name="via.json") -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def region(self, value="normal", shape=TRIANGLE, attribute="name", **others):
        return {"shape_attributes": shape, "region_attributes": {attribute: value, **others}}

    def image(self, *regions, name="a.jpg", size=100):
        return {
            "filename": name,
            "size": size,
            "regions": list(regions),
            "file_attributes": {"caption": "x"},
        }

    def export(self, *images):
        return {f"{entry['filename']}{entry['size']}": entry for entry in images}

    def save(self, *images) -> Path:
        return self.write(self.export(*images))

    def coco(self, segmentation, *, identity=1, **annotation):
        return {
            "info": {},
            "licenses": [],
            "images": [
                {"id": identity, "width": 20, "height": 20, "file_name": "a.jpg"},
                {"id": 2, "width": 20, "height": 20, "file_name": "empty.jpg"},
            ],
            "categories": [{"supercategory": "name", "id": 7, "name": "normal"}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": str(identity),
                    "category_id": 7,
                    "segmentation": segmentation,
                    "iscrowd": 0,
                    **annotation,
                }
            ],
        }


@pytest.fixture
def via(tmp_path) -> ViaFiles:
    return ViaFiles(tmp_path)
