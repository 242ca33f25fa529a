"""The pictures of a run on its report: what stands around each, and what page.js draws over it."""

from collections.abc import Sequence
from typing import Any

from mrcnn.drawing.palette import CLASS_COLORS
from mrcnn.report.page.detected.picture import DetectedPicture
from mrcnn.report.page.rendering import embedded_json
from mrcnn.report.page.typeset import clean, count
from mrcnn.report.words import Words

# An object that the model is less sure of than this is worth a look.
UNSURE = 0.9
CUT = "cut"
# Columns of yes and no have numbers.
_SAID = {"1": "yes", "0": "no"}


def class_kind(class_id: int) -> str:
    """The layer of a class, and a class of its outlines."""
    return f"class-{class_id}"


def class_style(classes: Sequence[str]) -> str:
    """Rules for the outlines of each class and its layer; the colors are those of overlays."""
    rules = []
    for class_id in range(1, len(classes) + 1):
        red, green, blue = CLASS_COLORS[(class_id - 1) % len(CLASS_COLORS)]
        kind = class_kind(class_id)
        rules.append(f".outline.color-{class_id} {{ stroke: rgb({red}, {green}, {blue}); }}")
        rules.append(f".no-{kind} .stage .{kind} {{ display: none; }}")
    return "\n".join(rules)


def layers(classes: Sequence[str], words: Words) -> list[dict[str, Any]]:
    """The buttons that show and hide objects: one for each class, and one for what is cut."""
    of_classes = [
        {
            "kind": class_kind(number),
            "color": number,
            # A key for each digit.
            "key": str(number) if number < 10 else None,
            "title": words.named(name),
        }
        for number, name in enumerate(classes, start=1)
    ]
    cut = {"kind": CUT, "color": None, "key": "b", "title": words("Cut by the border")}
    return [*of_classes, cut]


def page_data(classes: Sequence[str], words: Words) -> dict[str, Any]:
    """All that page.js needs beside the pictures.

    Args:
        classes: names of classes 1, 2, ...
        words: what objects are called.
    """
    kinds: dict[str, dict[str, Any]] = {
        class_kind(number): {"title": words("{Object}"), "layers": [class_kind(number)]}
        for number in range(1, len(classes) + 1)
    }
    kinds[CUT] = {"title": words("Cut by the border: {object}"), "layers": [CUT]}
    return {
        "classes": [clean(words.named(name)) for name in classes],
        "ignoreBorder": False,
        "chosen": 0,
        "kinds": kinds,
        "texts": {
            "class": words("class"),
            "score": words("Score"),
            "classPredicted": words("Class"),
            "diameterPredicted": words("Diameter"),
            "objectsOf": words("{Objects} of"),
            "decimal": words.decimal,
        },
    }


def card_data(
    name: str, shown: DetectedPicture, line: dict[str, str], words: Words
) -> dict[str, Any]:
    """What stands around a picture, and as JSON what is drawn over it.

    Args:
        name: of the image.
        shown: what is to be seen.
        line: of the table of counts.
        words: what objects and images are called.
    """
    numbers = words(
        "{objects_found}: {whole} whole, {cut} cut by the border",
        objects_found=words.counted(int(line[words_column(line)])),
        whole=words.number(int(line["whole"])),
        cut=words.number(int(line["cut"])),
    )
    return {
        "name": name,
        "numbers": numbers,
        "warning": line.get("warning") or None,
        "picture": shown.picture,
        "alt": words(
            "{Image} {name}, {width} by {height} pixels",
            name=name,
            width=count(shown.width),
            height=count(shown.height),
        ),
        "width": shown.width,
        "height": shown.height,
        "is_drawn": not shown.cells and line[words_column(line)] != "0",
        "data": embedded_json(_field(name, shown, words)),
    }


def words_column(line: dict[str, str]) -> str:
    """The column of all objects, which is called as these are: the one before "whole"."""
    names = list(line)
    return names[names.index("whole") - 1]


def _field(name: str, shown: DetectedPicture, words: Words) -> dict[str, Any]:
    return {
        "name": clean(name),
        "width": shown.width,
        "height": shown.height,
        "truth": [],
        "detections": [_detection(cell, shown, words) for cell in shown.cells],
        "points": [{"shown": list(range(len(shown.cells))), "pairs": []}],
        "columns": [words.named(_title(column)) for column in shown.columns],
    }


def _detection(cell: dict[str, Any], shown: DetectedPicture, words: Words) -> dict[str, Any]:
    kept = ("outline", "at", "class", "diameter", "number", "score")
    made = {
        **{key: cell[key] for key in kept},
        "color": cell["class"],
        "kind": CUT if cell["border"] else class_kind(cell["class"]),
        "unsure": cell["score"] < UNSURE,
    }
    if shown.pixel_size is not None:
        made["size"] = f"{words.number(cell['diameter'] * shown.pixel_size, 2)} µm"
    if any(cell["told"]):
        made["told"] = [clean(words.named(_SAID.get(text, text))) for text in cell["told"]]
    return made


def _title(column: str) -> str:
    return column.replace("_", " ").capitalize()
