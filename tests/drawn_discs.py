"""Annotated data sets of discs, each set with its diameter."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

_ANGLES = np.linspace(0, 2 * np.pi, 64, endpoint=False)


def disc(y: float, x: float, diameter: float) -> np.ndarray:
    return np.stack([y + diameter / 2 * np.sin(_ANGLES), x + diameter / 2 * np.cos(_ANGLES)], 1)


def draw_set(folder: Path, width: float, images: int = 2, side: int = 400) -> None:
    """Images of twelve discs of that width, and of one more, which the left border cuts."""
    folder.mkdir(parents=True)
    fields = {}
    for number in range(images):
        image = Image.new("RGB", (side, side), (230, 220, 225))
        draw = ImageDraw.Draw(image)
        rows, columns = (0.7, 1.9, 3.1), (0.7, 1.6, 2.5, 3.4)
        places = [(side * row / 4, side * column / 4) for row in rows for column in columns]
        regions = []
        for y, x in [*places, (side / 4, 0.0)]:
            points = disc(y, x, width)
            draw.polygon([(px, py) for py, px in points], (180, 110, 130))
            shape = {"name": "polygon"}
            shape["all_points_y"], shape["all_points_x"] = points.clip(0).T.tolist()
            regions.append({"shape_attributes": shape, "region_attributes": {"name": "disc"}})
        name = f"{number}.png"
        image.save(folder / name)
        fields[name] = {"filename": name, "size": 0, "regions": regions}
    (folder / "via_region_data.json").write_text(json.dumps(fields))
