"""`check` tells everything at once, and `train --on-error skip` leaves it out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rbc
from mrcnn.errors import DataError
from rbc import RBCDataset


def check(capsys, *arguments) -> tuple[int, list[str]]:
    status = rbc.main(["check", *map(str, arguments)])
    return status, capsys.readouterr().out.splitlines()


@pytest.fixture
def good(dataset_dir: Path, field_image) -> Path:
    """The data set with another picture in each file."""
    pixels = np.array(field_image)
    for number, path in enumerate(sorted(dataset_dir.glob("*/*.png"))):
        pixels[0, 0] = number
        Image.fromarray(pixels).save(path)
    return dataset_dir


def test_a_good_data_set(good, capsys):
    status, lines = check(capsys, good)
    assert status == 0
    assert lines == ["train, val: 3 fields with 15 cells; 0 errors, 0 things to look at."]
    assert check(capsys, good, "--subset", "val")[1][0].startswith("val: 1 fields with 5 cells")


def spoil(folder: Path, annotate, regions) -> None:
    """A subset with one problem of each kind."""
    with Image.open(folder / "a.png") as image:
        picture = np.array(image)
    truncated = (folder / "a.png").read_bytes()[:900]
    (folder / "cut.png").write_bytes(truncated)
    Image.fromarray(picture).save(folder / "copy.bmp")
    picture[0, 0] = 99
    for name in ("empty.png", "many.png", "stray.jpg"):
        picture[0, 1] += 1
        Image.fromarray(picture).save(folder / name)
    more = [regions[number] for number in (1, 2, 3, 0, 4, 4)]
    bad = json.loads(json.dumps([*regions, *more]))
    bad[2]["region_attributes"]["name"] = "huge"
    bad[3]["shape_attributes"]["all_points_x"][0] = "12"
    bad[5]["shape_attributes"]["all_points_x"] = [300, 310, 305]
    bad[5]["shape_attributes"]["all_points_y"] = [10, 10, 20]
    bad[6]["shape_attributes"] = {"name": "point", "cx": 4, "cy": 5}
    bad[7]["shape_attributes"]["all_points_x"] = [3, 9, 6]
    bad[7]["shape_attributes"]["all_points_y"] = [3, 3, 3]
    bad[9]["shape_attributes"]["all_points_x"] = [100, 120, 100, 126]
    bad[9]["shape_attributes"]["all_points_y"] = [100, 120, 120, 100]
    bad[10]["shape_attributes"]["all_points_x"] = [60, 63, 60]
    bad[10]["shape_attributes"]["all_points_y"] = [2, 2, 5]
    annotate(
        folder,
        {
            "a.png": bad,
            "b.png": regions,
            "cut.png": regions,
            "gone.png": regions,
            "copy.bmp": regions,
            "empty.png": [],
            "many.png": regions * 41,
            "../val/c.png": [],
            "../../outside.png": [],
        },
    )


EXPECTED = {
    "via_region_data.json": [
        "error: image 'a.png', region 4: 'all_points_x'",
        "error: image 'a.png', region 3: unknown class 'huge'",
    ],
    "a.png": [
        "look: has 1 point regions",
        "look: region 6 lies outside the image, which has 128 x 128 pixels",
        "look: region 9 covers the same pixels as another (IoU 1.00): region 1",
        "look: region 10 crosses itself at x 11",
        "look: region 11 covers ",
        "look: region 8 has no area",
    ],
    "cut.png": ["error: Cannot read the image"],
    "gone.png": ["error: The annotations name the image 'gone.png', but"],
    "copy.bmp": ["look: is the same picture as"],
    "empty.png": ["look: has no outlined cell"],
    "many.png": [
        "look: has 205 cells; MAX_GT_INSTANCES is 200",
        "look: has 205 cells; DETECTION_MAX_INSTANCES is 200",
    ],
    "../val/c.png": ["look: has no outlined cell", "error: The annotations name"],
    "stray.jpg": ["look: is not in the annotations"],
}


def test_everything_that_is_wrong_is_told_at_once(good, annotate, regions, capsys):
    spoil(good / "train", annotate, regions)
    status, lines = check(capsys, good, "--all")
    assert status == 2
    assert lines[-2].startswith("train, val: 10 fields with ")
    assert lines[-1] == "`rbc.py train --on-error skip` leaves out what has errors."
    told: dict[str, list[str]] = {}
    for line in lines[:-2]:
        if line.startswith("  "):
            told[list(told)[-1]].append(line.strip())
        else:
            told[line.removeprefix(f"{good / 'train'}/")] = []
    for name, expected in EXPECTED.items():
        for start in expected:
            assert any(line.startswith(start) for line in told[name]), (start, told[name])
    assert "b.png" not in told


def test_a_kind_of_error_is_said_once_with_a_count(good, annotate, regions, capsys):
    for number, region in enumerate(regions):
        region["region_attributes"]["name"] = f"{number % 2}"
    annotate(good / "train", {name: regions * 80 for name in ("a.png", "b.png", "gone.png")})
    annotate(good / "val", {"c.png": [], "lost.png": []})
    status, lines = check(capsys, good)
    assert status == 2
    assert len(lines) == 12
    assert lines[1].startswith("  error: image 'a.png', region 1: unknown class '0'")
    assert lines[2] == (
        "    and 1199 more like it: "
        + "; ".join(f"image 'a.png', region {number}" for number in range(2, 7))
        + "; ..."
    )
    assert any(
        line.startswith("  error: The annotations name the image 'gone.png'") for line in lines
    )
    assert "    and 1 more like it: lost.png" in lines
    assert "`rbc.py check --all` says each by itself." in lines
    assert "; 1202 errors, " in lines[-2]
    assert sum("unknown class" in line for line in check(capsys, good, "--all")[1]) == 1200


def test_kinds_are_those_of_files_for_one_image_too(good, capsys):
    for subset, names in (("train", "ab"), ("val", "c")):
        (good / subset / "via_region_data.json").unlink()
        for name in names:
            shapes = [{"label": "huge", "points": [[1, 2], [9, 2], [5, 8]]}] * 30
            content = {"version": "5.4.1", "imagePath": f"{name}.png", "shapes": shapes}
            (good / subset / f"{name}.json").write_text(json.dumps(content))
    status, lines = check(capsys, good)
    assert status == 2
    (number,) = (n for n, line in enumerate(lines) if "unknown class 'huge'" in line)
    assert lines[number].startswith(f"  error: {good / 'train' / 'a.json'}, shape 1: ")
    assert lines[number + 1].startswith("    and 89 more like it: a.json, shape 2; a.json, shape 3")


def test_a_subset_without_its_file_is_looked_at(good, capsys):
    (good / "val" / "via_region_data.json").unlink()
    (good / "notes").mkdir()
    status, lines = check(capsys, good)
    assert status == 2
    assert lines[1].startswith(f"  error: {good / 'val'}: no annotations")
    assert lines[-2].startswith("train, val: 2 fields with 10 cells; 1 errors")


def test_boxes_and_crowds_are_told(good, capsys):
    box = {"image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 30]}
    coco = {
        "images": [{"id": 1, "file_name": "c.png", "height": 128, "width": 128}],
        "annotations": [{**box, "id": 1}, {**box, "id": 2, "iscrowd": 1}],
        "categories": [{"id": 1, "name": "normal"}],
    }
    (good / "val" / "via_region_data.json").write_text(json.dumps(coco))
    status, lines = check(capsys, good)
    assert status == 0
    assert "  look: has 1 cells that are boxes without masks" in lines
    assert any(line.startswith("  look: has 1 crowds") for line in lines)


def test_files_of_the_annotation_are_told_too(good, capsys):
    (good / "train" / "via_region_data.json").write_text("{")
    status, lines = check(capsys, good)
    assert status == 2
    assert "not valid JSON" in "\n".join(lines)
    assert "val: 1 fields" in lines[-2] or "1 fields with 5 cells" in lines[-2]


def test_a_picture_of_another_size_than_the_annotations_say(good, capsys):
    path = good / "val" / "via_region_data.json"
    content = json.loads(path.read_text())
    content["c.png"]["size"] = 12345
    path.write_text(json.dumps(content))
    status, lines = check(capsys, good)
    assert status == 0
    assert "the annotations were made on a file of 12345" in lines[1]

    coco = {
        "images": [{"id": 1, "file_name": "c.png", "height": 64, "width": 128}],
        "annotations": [],
        "categories": [],
    }
    path.write_text(json.dumps(coco))
    status, lines = check(capsys, good)
    assert status == 2
    assert "error: has 128 x 128 pixels; the annotations are for one of 128 x 64" in lines[2]
    with pytest.raises(DataError, match=r"c\.png: has 128 x 128 pixels; the annotations are"):
        RBCDataset().load_rbc(good, "val")


def test_an_image_that_is_listed_twice(good, regions, capsys):
    path = good / "train" / "via_region_data.json"
    entry = {"filename": "a.png", "regions": regions}
    path.write_text(json.dumps({"a.png1": {**entry, "size": 1}, "a.png2": {**entry, "size": 2}}))
    status, lines = check(capsys, good)
    assert status == 2
    assert "  error: image 'a.png' is listed 2 times" in lines
    with pytest.raises(DataError, match=r"1 of 2 .*\n.*a\.png: is listed more than once"):
        RBCDataset().load_rbc(good, "train")
    dataset = RBCDataset()
    with pytest.warns(UserWarning, match="a.png: is listed more than once"):
        dataset.load_rbc(good, "train", on_error="skip")
    assert [info["id"] for info in dataset.image_info] == ["a.png"]


def test_wrong_folders(tmp_path, capsys):
    assert rbc.main(["check", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert rbc.main(["check", str(tmp_path)]) == 2
    assert "no subset" in capsys.readouterr().err


def test_skipping_leaves_out_what_cannot_be_used(good, annotate, regions):
    spoil(good / "train", annotate, regions)
    dataset = RBCDataset()
    with pytest.raises(DataError, match="region 4"):
        RBCDataset().load_rbc(good, "train")
    with pytest.warns(UserWarning) as warned:
        dataset.load_rbc(good, "train", on_error="skip")
    text = "\n".join(str(warning.message) for warning in warned)
    assert "6 images and regions cannot be used and are left out" in text
    assert "unknown class 'huge'" in text and "gone.png" in text and "cut.png" in text
    names = [info["id"] for info in dataset.image_info]
    assert names == ["a.png", "b.png", "copy.bmp", "empty.png", "many.png"]
    # Of eleven regions two are wrong, a point and one without area.
    assert len(dataset.image_info[0]["polygons"]) == 7
    assert len(dataset.image_info[1]["polygons"]) == 5


def test_skipping_does_not_go_on_with_nothing(good, annotate, regions):
    annotate(good / "train", {"gone.png": regions})
    with pytest.raises(DataError, match="1 of 1 listed images cannot be used"):
        RBCDataset().load_rbc(good, "train", on_error="skip")
