"""The pictures that the client programs work on, and annotations in the formats of the field."""

import json
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import skimage.draw
import skimage.io

KINDS = ("disc", "square", "triangle")
COLOURS = {"disc": (230, 60, 40), "square": (60, 210, 80), "triangle": (70, 110, 240)}
# Shapes of about the same width and height, whatever their kind.
RELATIVE_RADIUS = {"disc": 1.0, "square": 1.35, "triangle": 1.2}
HEIGHT, WIDTH = 120, 160


@dataclass
class Shape:
    """One object of a scene: outline in pixels, and the circle or box that it was drawn from."""

    kind: str
    y: float
    x: float
    radius: float

    def outline(self) -> tuple[list[int], list[int]]:
        """(ys, xs) of the corners of its polygon."""
        angles = {
            "disc": np.linspace(0, 2 * np.pi, 24, endpoint=False),
            "square": np.pi / 4 + np.arange(4) * np.pi / 2,
            "triangle": -np.pi / 2 + np.arange(3) * 2 * np.pi / 3,
        }[self.kind]
        ys = np.rint(self.y + self.radius * np.sin(angles)).astype(int)
        xs = np.rint(self.x + self.radius * np.cos(angles)).astype(int)
        return ys.tolist(), xs.tolist()

    def mask(self) -> np.ndarray:
        """bool [HEIGHT, WIDTH]."""
        return skimage.draw.polygon2mask((HEIGHT, WIDTH), np.stack(self.outline(), axis=1))

    def box(self) -> tuple[int, int, int, int]:
        """(y1, x1, y2, x2), the last row and column excluded."""
        rows, columns = np.nonzero(self.mask())
        return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


@dataclass
class Scene:
    """A picture of bright shapes on noise, and what is on it."""

    name: str
    image: np.ndarray
    shapes: list[Shape]


def render_scenes(count: int, kinds=KINDS, seed: int = 0, per_scene: int = 3) -> list[Scene]:
    """Scenes whose shapes lie in columns of their own, so that none covers another."""
    rng = np.random.default_rng(seed)
    scenes = []
    for number in range(count):
        image = rng.integers(0, 50, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        shapes = []
        column = WIDTH / per_scene
        for place in range(per_scene):
            kind = kinds[(number + place) % len(kinds)]
            shape = Shape(
                kind=kind,
                y=float(rng.uniform(35, HEIGHT - 35)),
                x=float((place + 0.5) * column + rng.uniform(-3, 3)),
                radius=float(rng.uniform(17.5, 20) * RELATIVE_RADIUS[kind]),
            )
            image[shape.mask()] = COLOURS[shape.kind]
            shapes.append(shape)
        scenes.append(Scene(f"scene_{number:02}", image, shapes))
    return scenes


# --- Annotations -------------------------------------------------------------------------------


def _save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    skimage.io.imsave(path, image, check_contrast=False)


def _via_polygon(shape: Shape) -> dict:
    ys, xs = shape.outline()
    return {"name": "polygon", "all_points_x": xs, "all_points_y": ys}


def write_via1(folder: Path, scenes: list[Scene]) -> None:
    """VGG Image Annotator 1: the regions of an image are a dictionary with the keys "0", "1"."""
    entries = {}
    for scene in scenes:
        _save(folder / f"{scene.name}.png", scene.image)
        entries[f"{scene.name}.png1234"] = {
            "fileref": "",
            "size": 1234,
            "filename": f"{scene.name}.png",
            "base64_img_data": "",
            "file_attributes": {},
            "regions": {
                str(number): {"shape_attributes": _via_polygon(shape), "region_attributes": {}}
                for number, shape in enumerate(scene.shapes)
            },
        }
    # The tool keeps images that nobody has annotated yet.
    entries["empty.png99"] = {"filename": "empty.png", "size": 99, "regions": {}}
    (folder / "via_region_data.json").write_text(json.dumps(entries))


def via2_shape(shape: Shape, form: str) -> dict:
    """The shape's attributes as one of the forms that VIA draws."""
    y1, x1, y2, x2 = shape.box()
    cy, cx, radius = round(shape.y), round(shape.x), round(shape.radius)
    return {
        "polygon": _via_polygon(shape),
        "rect": {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1},
        "circle": {"name": "circle", "cx": cx, "cy": cy, "r": radius},
        "ellipse": {"name": "ellipse", "cx": cx, "cy": cy, "rx": radius, "ry": radius * 0.8},
    }[form]


def write_via2(folder: Path, scenes: list[Scene]) -> None:
    """VGG Image Annotator 2: the regions of an image are a list; each has a class name."""
    forms = {"disc": ("circle", "ellipse"), "square": ("rect", "polygon"), "triangle": ("polygon",)}
    entries = {}
    for number, scene in enumerate(scenes):
        _save(folder / f"{scene.name}.png", scene.image)
        entries[f"{scene.name}.png1234"] = {
            "filename": f"{scene.name}.png",
            "size": 1234,
            "regions": [
                {
                    "shape_attributes": via2_shape(
                        shape, forms[shape.kind][number % len(forms[shape.kind])]
                    ),
                    "region_attributes": {"name": shape.kind},
                }
                for shape in scene.shapes
            ],
            "file_attributes": {},
        }
    (folder / "via_export_json.json").write_text(json.dumps(entries))


def write_mask_folders(folder: Path, scenes: list[Scene]) -> None:
    """A folder for each image, with the picture (RGBA) and a file for each mask."""
    for scene in scenes:
        opaque = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
        place = folder / scene.name
        _save(place / "images" / f"{scene.name}.png", np.concatenate([scene.image, opaque], axis=2))
        for number, shape in enumerate(scene.shapes):
            _save(place / "masks" / f"{number:03}.png", shape.mask().astype(np.uint8) * 255)


# The ids of the categories have gaps, as those of COCO.
COCO_CATEGORIES = {"disc": 3, "square": 7, "triangle": 18}


def write_coco(folder: Path, subset: str, scenes: list[Scene]) -> None:
    """COCO instances: polygons, and in the first image a crowd as run lengths."""
    images, annotations = [], []
    for number, scene in enumerate(scenes):
        image_id = 1000 + 17 * number
        file_name = f"{image_id:012}.png"
        _save(folder / subset / file_name, scene.image)
        images.append({"id": image_id, "file_name": file_name, "width": WIDTH, "height": HEIGHT})
        for place, shape in enumerate(scene.shapes):
            y1, x1, y2, x2 = shape.box()
            crowd = number == 0 and place == len(scene.shapes) - 1
            ys, xs = shape.outline()
            annotations.append(
                {
                    "id": 1 + len(annotations),
                    "image_id": image_id,
                    "category_id": COCO_CATEGORIES[shape.kind],
                    "iscrowd": int(crowd),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": int(shape.mask().sum()),
                    "segmentation": (
                        {"size": [HEIGHT, WIDTH], "counts": run_lengths(shape.mask())}
                        if crowd
                        else [[float(value) for xy in zip(xs, ys, strict=True) for value in xy]]
                    ),
                }
            )
    categories = [
        {"id": number, "name": kind, "supercategory": "shape"}
        for kind, number in COCO_CATEGORIES.items()
    ]
    path = folder / "annotations" / f"instances_{subset}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {"info": {}, "images": images, "annotations": annotations, "categories": categories}
        )
    )


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed counts: columns first, zeros first."""
    flat = mask.ravel(order="F").astype(np.int8)
    ends = np.flatnonzero(np.diff(flat, prepend=0)).tolist()
    return np.diff([0, *ends, flat.size]).tolist()


def write_voc(folder: Path, scenes: list[Scene]) -> None:
    """Pascal VOC: pictures in images/, one XML file with boxes for each in annots/."""
    (folder / "annots").mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(scenes, start=1):
        _save(folder / "images" / f"{number:05}.jpg", scene.image)
        objects = []
        for shape in scene.shapes:
            y1, x1, y2, x2 = shape.box()
            objects.append(
                f"<object><name>{escape(shape.kind)}</name><pose>Unspecified</pose><bndbox>"
                f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
                "</bndbox></object>"
            )
        (folder / "annots" / f"{number:05}.xml").write_text(
            f"<annotation><folder>images</folder><filename>{number:05}.jpg</filename>"
            f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
            + "".join(objects)
            + "</annotation>"
        )
