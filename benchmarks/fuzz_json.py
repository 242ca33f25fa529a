"""Changed JSON files: annotations in VIA's and COCO's formats, and settings.

Every input is made from a valid file and a number, so that it can be made again. Changes are of
two kinds: of the values (one is replaced by an odd one, moved, repeated or left out) and of the
bytes of the text.
"""

import copy
import itertools
import json
import random
from collections.abc import Callable
from typing import Any

# Numbers as text, since no JSON writer makes all of them.
_NUMBERS = (
    "0 -0 1 -1 0.5 -1e-320 1e6 1000001 -1e9 1e308 1e999 -1e999 NaN Infinity -Infinity 2147483648 "
    "9223372036854775808 18446744073709551616 1e-400"
).split()
_NUMBERS += ["1" + "0" * 400, "-" + "9" * 4000, "7" * 5000]
_TEXTS = [
    "", " ", "a", "0", "nan", "large", "LARGE ", "besar", "polygon", "point", "../secret.jpg",
    "/etc/passwd", "C:\\secret.jpg", "\\\\server\\share\\a.jpg", "..\\a.jpg", "a\0b", "x" * 300,
    "y" * 5000, "\ud800", "a\udfff.jpg", "\u202egpj", "__class__", "__init__", "true", "{}", "=1+1",
    "a/../../b.jpg", "link/secret.jpg", "café.jpg", "\U0001f9ec",
]  # fmt: skip
_KEYS = (
    "filename regions size shape_attributes region_attributes name all_points_x all_points_y cx cy "
    "r rx ry theta x y width height id image_id category_id segmentation counts bbox iscrowd "
    "images annotations categories file_name _via_img_metadata project metadata file "
    "__class__ __init__ to_dict CLASS_NAMES NUM_CLASSES BACKBONE IMAGE_MAX_DIM NAME"
).split()
_BYTES = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b"\\u", b"\\ud800", b'"']
_POINTS = 1_000_000


class Raw(str):
    """Text that stands in a JSON file as it is."""


def written(value: Any) -> str:
    """A value as JSON; `Raw` text is put in as it is."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)}: {written(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value)


def odd_value(rng: random.Random) -> Any:
    """Something that hardly any place in a file is made for."""
    kind = rng.randrange(12)
    if kind < 4:
        return Raw(rng.choice(_NUMBERS))
    if kind < 7:
        return rng.choice(_TEXTS)
    if kind == 7:
        depth = rng.choice([1, 3, 60, 400, 900, 990, 1100, 20_000])
        return Raw("[" * depth + "]" * depth)
    if kind == 8:
        depth = rng.choice([1, 3, 60, 400, 900, 990, 1100])
        return Raw('{"a":' * depth + "1" + "}" * depth)
    if kind == 9:
        return [odd_value(rng) for _ in range(rng.randrange(4))]
    if kind == 10:
        return {rng.choice(_KEYS + _TEXTS): odd_value(rng) for _ in range(rng.randrange(4))}
    return rng.choice([None, True, False, [], {}, [[]], [None], [[1, 2], [3]]])


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every container with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, dict | list):
            _places(item, found)
    return found


def change_value(content: Any, rng: random.Random) -> None:
    """Make one change in a tree of values."""
    places = _places(content, [])
    if not places:
        return
    holder, key = rng.choice(places)
    change = rng.randrange(8)
    if change < 4:
        holder[key] = odd_value(rng)
    elif change == 4:
        del holder[key]
    elif change == 5:
        other, place = rng.choice(places)
        if not (isinstance(other, list) and place >= len(other)) and (
            not isinstance(other, dict) or place in other
        ):
            holder[key] = copy.deepcopy(other[place])
    elif change == 6 and isinstance(holder, dict):
        # The same key twice, the second one with another value.
        first, second = json.dumps(key), written(odd_value(rng))
        rest = written({k: v for k, v in holder.items() if k != key})
        holder.clear()
        holder[str(key)] = Raw(f'1, {first}: {second}, "rest": {rest}')
    elif isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(holder[key])] * rng.choice([1, 2, 50])
    else:
        holder[rng.choice(_KEYS + _TEXTS)] = odd_value(rng)


def change_bytes(content: bytes, rng: random.Random) -> bytes:
    """Make one change in the bytes of a text."""
    at = rng.randrange(len(content) + 1)
    length = rng.choice([1, 1, 2, 8, 64])
    change = rng.randrange(8)
    if change == 0:
        return content[:at]
    if change == 1:
        return content[:at] + content[at + length :]
    if change == 2:
        return content[:at] + rng.choice(_BYTES) + content[at:]
    if change == 3:
        return content[:at] + content[at : at + 200] + content[at:]
    if change == 4:
        return content[:at] + rng.choice(_NUMBERS).encode() + content[at + length :]
    if change == 5:
        return rng.choice(
            [
                lambda: content.decode(errors="replace").encode("utf-16", "replace"),
                lambda: b"\xef\xbb\xbf" + content,
                lambda: content + content,
                lambda: b"[" * 100_000,
                lambda: b"",
            ]
        )()
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10])):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def changed_json(seeds: list[Any], rng: random.Random, bombs: list[Callable[[], str]]) -> bytes:
    """An input made from one of the valid files, or now and then one that is only large.

    Args:
        seeds: what valid files hold.
        rng: decides; the same state gives the same input.
        bombs: make large files.
    """
    if bombs and rng.random() < 0.001:
        return rng.choice(bombs)().encode()
    content = copy.deepcopy(rng.choice(seeds))
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 8])):
        change_value(content, rng)
    text = written(content).encode("utf-8", "surrogatepass")
    if rng.random() < 0.35:
        for _ in range(rng.choice([1, 1, 2, 4])):
            text = change_bytes(text, rng)
    return text


# --- Valid files ---------------------------------------------------------------------------------

_SHAPES = [
    {"name": "polygon", "all_points_x": [1, 9.5, 5], "all_points_y": [2, 2, 8]},
    {"name": "polyline", "all_points_x": [1, 9, 5, 1], "all_points_y": [2, 2, 8, 2]},
    {"name": "rect", "x": 3, "y": 4, "width": 10, "height": 5},
    {"name": "circle", "cx": 20, "cy": 20, "r": 7.5},
    {"name": "ellipse", "cx": 20, "cy": 20, "rx": 7, "ry": 4, "theta": 0.4},
    {"name": "point", "cx": 5, "cy": 6},
]
_CLASSES = ["large", "besar", {"normal": True, "small": False}, ["small"]]


def via_seeds() -> list[Any]:
    """What valid VIA files hold: exports and projects of versions 1, 2 and 3, with all shapes."""
    regions = [
        {"shape_attributes": shape, "region_attributes": {"name": _CLASSES[n % 4], "note": "x"}}
        for n, shape in enumerate(_SHAPES)
    ]
    numbered = {str(number): region for number, region in enumerate(regions)}
    first = {"filename": "a.jpg", "size": 123, "regions": regions, "file_attributes": {}}
    second = {"filename": "inner/b.jpg", "size": -1, "regions": numbered}
    export = {"a.jpg123": first, "b.jpg-1": second}
    project = {
        "_via_settings": {"core": {}},
        "_via_img_metadata": export,
        "_via_attributes": {"region": {"name": {"type": "dropdown"}}, "file": {}},
    }
    third = {"project": {"pid": "1"}, "file": {"1": {"fname": "a.jpg"}}, "metadata": {}}
    return [export, project, {"a": first}, {"b": second}, third]


def via_bombs() -> list[Callable[[], str]]:
    """Files that are correct, or almost, and very large."""

    def points() -> str:
        xs = ",".join(str(n % 1000) for n in range(_POINTS))
        return _one_region(f'{{"name":"polygon","all_points_x":[{xs}],"all_points_y":[{xs}]}}')

    def circles() -> str:
        circle = (
            '{"shape_attributes":{"name":"circle","cx":1,"cy":1,"r":1000000},'
            '"region_attributes":{"name":"large"}}'
        )
        return f'{{"a":{{"filename":"a.jpg","regions":[{",".join([circle] * 8000)}]}}}}'

    def attributes() -> str:
        regions = (
            '{"shape_attributes":{"name":"rect","x":1,"y":1,"width":5,"height":5},'
            f'"region_attributes":{json.dumps({f"{n}_{m}": 1 for m in range(100)})}}}'
            for n in range(500)
        )
        return f'{{"a":{{"filename":"a.jpg","regions":[{",".join(regions)}]}}}}'

    def long_names() -> str:
        region = '{"shape_attributes":5}'
        return f'{{"a":{{"filename":"{"x" * 1_000_000}","regions":[{",".join([region] * 5000)}]}}}}'

    def nothing() -> str:
        return "[" + ",".join(["{}"] * 500_000) + "]"

    def mistakes() -> str:
        return f'{{"a":{{"filename":"a.jpg","regions":[{",".join(["5"] * _POINTS)}]}}}}'

    return [points, circles, attributes, long_names, nothing, mistakes]


def _one_region(shape: str) -> str:
    region = f'{{"shape_attributes":{shape},"region_attributes":{{"name":"large"}}}}'
    return f'{{"a":{{"filename":"a.jpg","regions":[{region}]}}}}'


def coco_seeds() -> list[Any]:
    """What valid COCO files hold: polygons, boxes, run lengths and crowds."""
    outlines = [
        [[1, 2, 9, 2, 5, 8]],
        [1, 2, 9, 2, 5, 8],
        [[1, 2, 9, 2, 5, 8], [10, 10, 15, 10, 12, 14]],
        [],
        {"size": [6, 5], "counts": [7, 3, 3, 3, 14]},
        {"size": [6, 5], "counts": "73O0;"},
        {"size": [6, 5], "counts": [0, 30]},
    ]
    annotations = [
        {
            "id": n,
            "image_id": n % 2 if n % 3 else str(n % 2),
            "category_id": 1 + n % 2,
            "segmentation": outline,
            "bbox": [1, 2, 8, 6],
            "area": 20,
            "iscrowd": int(n == 6),
        }
        for n, outline in enumerate(outlines)
    ]
    images = [
        {"id": n, "file_name": name, "height": 6, "width": 5}
        for n, name in enumerate(["a.jpg", "inner/b.jpg"])
    ]
    categories = [{"id": 1, "name": "large"}, {"id": "2", "name": "small", "supercategory": ""}]
    whole = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    small = {"images": images[:1], "annotations": annotations[4:5], "categories": categories}
    small["annotations"][0]["image_id"] = 0
    return [whole, copy.deepcopy(small)]


_CATEGORY = '{"id":1,"name":"large"}'


def coco_bombs() -> list[Callable[[], str]]:
    """Files that are correct, or almost, and very large, or stand for very much."""

    def whole(segmentation: str, times: int, size: int, categories: str = _CATEGORY) -> str:
        annotation = f'{{"image_id":1,"category_id":1,"segmentation":{segmentation}}}'
        return (
            f'{{"images":[{{"id":1,"file_name":"a.jpg","height":{size},"width":{size}}}],'
            f'"annotations":[{",".join([annotation] * times)}],"categories":[{categories}]}}'
        )

    def points() -> str:
        return whole("[[" + ",".join(str(n % 1000) for n in range(2 * _POINTS)) + "]]", 1, 100)

    def full_masks() -> str:
        side = 1_000_000
        return whole(f'{{"size":[{side},{side}],"counts":[0,{side * side}]}}', 5000, side)

    def striped_mask() -> str:
        counts = ",".join(["1"] * _POINTS)
        return whole(f'{{"size":[1000,{_POINTS // 1000}],"counts":[{counts}]}}', 1, 0)

    def noisy_mask() -> str:
        bits = random.Random(0).getrandbits(_POINTS)
        runs = [len(list(run)) for _, run in itertools.groupby(f"{bits:0{_POINTS}b}")]
        return whole(f'{{"size":[1000,{_POINTS // 1000}],"counts":{runs}}}', 1, 0)

    def unknown_categories() -> str:
        names = ",".join(f'{{"id":{n + 5},"name":"c{n}"}}' for n in range(20_000))
        return whole("[]", 10_000, 100, names)

    return [points, full_masks, striped_mask, noisy_mask, unknown_categories]


def settings_bombs() -> list[Callable[[], str]]:
    """Settings that are almost as large as they may be, and larger."""
    return [
        lambda: f'{{"MEAN_PIXEL":[{",".join(["1"] * 500_000)}]}}',
        lambda: f'{{"LOSS_WEIGHTS":{json.dumps({str(n): 1 for n in range(50_000)})}}}',
        lambda: json.dumps({f"X{n}": n for n in range(50_000)}),
        lambda: f'{{"NAME":"{"x" * 1_000_000}"}}',
        lambda: f'{{"NAME":"{"x" * 2_000_000}"}}',
    ]
