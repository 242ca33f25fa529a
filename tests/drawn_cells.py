"""Small annotated data sets of blood cells, drawn so that every test knows what is in them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

CELLS = (
    (30, 34, 14, "normal"),
    (80, 40, 16, "large"),
    (50, 92, 10, "small"),
    (100, 100, 13, "normal"),
    (4, 100, 14, "undefined"),
)


def draw_field(size: int = 128, cells=CELLS) -> Image.Image:
    image = Image.new("RGB", (size, size), (232, 222, 224))
    draw = ImageDraw.Draw(image)
    for x, y, radius, _ in cells:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), (188, 120, 134))
        draw.ellipse(
            (x - radius / 3, y - radius / 3, x + radius / 3, y + radius / 3), (220, 190, 196)
        )
    return image


def via_regions(cells=CELLS) -> list[dict]:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return [
        {
            "shape_attributes": {
                "name": "polygon",
                "all_points_x": (x + radius * np.cos(angles)).round(2).tolist(),
                "all_points_y": (y + radius * np.sin(angles)).round(2).tolist(),
            },
            "region_attributes": {"name": class_name},
        }
        for x, y, radius, class_name in cells
    ]


def write_annotations(folder: Path, fields: dict[str, list[dict]]) -> Path:
    content = {
        name: {"filename": name, "size": 0, "regions": regions, "file_attributes": {}}
        for name, regions in fields.items()
    }
    path = folder / "via_region_data.json"
    path.write_text(json.dumps(content))
    return path


def write_subset(folder: Path, names: tuple[str, ...] = ("a.png", "b.png")) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        draw_field().save(folder / name)
    write_annotations(folder, {name: via_regions() for name in names})
    return folder


@pytest.fixture
def dataset_dir(tmp_path: Path) -> Path:
    """A data set with train (two fields) and val (one field); five cells a field, 128 x 128."""
    write_subset(tmp_path / "data" / "train")
    write_subset(tmp_path / "data" / "val", ("c.png",))
    return tmp_path / "data"


@pytest.fixture
def annotate():
    """The function that writes a VIA file: (folder, {image name: regions}) -> path."""
    return write_annotations


@pytest.fixture
def regions() -> list[dict]:
    """VIA regions of the five cells of a field."""
    return via_regions()


@pytest.fixture
def field_image() -> Image.Image:
    """A drawn field of five cells."""
    return draw_field()


@pytest.fixture(scope="session")
def make_field():
    """The function that draws a field of five cells."""
    return draw_field


@pytest.fixture(scope="session")
def make_subset():
    """The function that writes a subset: (folder, image names) -> folder."""
    return write_subset
