"""Folders of annotated fields, good and bad."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from mrcnn.errors import DataError
from rbc import RBCDataset


def load(dataset_dir, subset="train", **options) -> RBCDataset:
    dataset = RBCDataset()
    dataset.load_rbc(dataset_dir, subset, **options)
    dataset.prepare()
    return dataset


def test_fields_cells_and_classes(dataset_dir):
    dataset = load(dataset_dir)
    assert dataset.class_names == ["BG", "large", "normal", "small", "undefined"]
    assert [info["id"] for info in dataset.image_info] == ["a.png", "b.png"]
    assert dataset.load_image(0).shape == (128, 128, 3)
    assert dataset.image_reference(1).endswith("b.png")
    cells = dataset.load_instances(0)
    assert cells.class_ids.tolist() == [2, 1, 3, 2, 4]
    np.testing.assert_allclose(cells.areas()[:4], np.pi * np.square([14, 16, 10, 13]), rtol=0.03)
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (128, 128, 5) and masks.dtype == bool
    assert class_ids.dtype == np.int32


def test_drawn_cells_are_where_the_outlines_are(dataset_dir):
    dataset = load(dataset_dir)
    image = dataset.load_image(0)
    masks = dataset.load_mask(0)[0].any(axis=-1)
    stained = image[..., 1] < 205
    assert not (stained & ~binary_dilation(masks, iterations=2)).any()
    assert stained[masks].mean() > 0.8


def test_indonesian_names(dataset_dir, annotate, regions):
    names = ["Besar", "kecil", "normal", "tak terdefinisi", "tidak terdefinisi"]
    for region, name in zip(regions, names, strict=True):
        region["region_attributes"] = {"ukuran": name}
    annotate(dataset_dir / "train", {"a.png": regions})
    assert load(dataset_dir).load_instances(0).class_ids.tolist() == [1, 3, 2, 4, 4]


def test_one_class_takes_every_region(dataset_dir, annotate, regions):
    for region in regions:
        region["region_attributes"] = {}
    annotate(dataset_dir / "train", {"a.png": regions})
    dataset = load(dataset_dir, class_names=["cell"])
    assert dataset.class_names == ["BG", "cell"]
    assert dataset.load_instances(0).class_ids.tolist() == [1] * 5


def test_a_field_without_cells_stays(dataset_dir, annotate, regions):
    annotate(dataset_dir / "train", {"a.png": [], "b.png": regions})
    dataset = load(dataset_dir)
    assert len(dataset.load_instances(0)) == 0
    assert len(dataset.load_instances(1)) == 5


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: image.convert("L"),
        lambda image: image.convert("RGBA"),
        lambda image: Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 200),
        lambda image: image.resize((1, 1)),
    ],
    ids=["gray", "alpha", "16-bit", "1x1"],
)
def test_unusual_images_work(dataset_dir, field_image, convert):
    convert(field_image).save(dataset_dir / "train" / "a.png")
    dataset = load(dataset_dir)
    image = dataset.load_image(0)
    assert image.dtype == np.uint8 and image.shape[2] == 3
    assert dataset.load_instances(0).image_shape == image.shape[:2]


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "no" / "train"))):
        load(tmp_path / "no")


def test_missing_annotations(dataset_dir):
    (dataset_dir / "train" / "via_region_data.json").unlink()
    with pytest.raises(DataError, match=r"train: no annotations.*via_region_data\.json"):
        load(dataset_dir)


def test_the_only_json_file_is_taken_and_two_are_not(dataset_dir):
    folder = dataset_dir / "train"
    (folder / "via_region_data.json").rename(folder / "export.json")
    assert RBCDataset.find_annotations(folder).name == "export.json"
    (folder / "other.json").write_text("{}")
    with pytest.raises(DataError, match=r"export\.json, other\.json could all be"):
        RBCDataset.find_annotations(folder)


def test_broken_annotations(dataset_dir):
    path = dataset_dir / "train" / "via_region_data.json"
    path.write_text(path.read_text()[:-30])
    with pytest.raises(DataError, match=r"via_region_data\.json.*not valid JSON"):
        load(dataset_dir)


def test_no_image_is_listed(dataset_dir):
    (dataset_dir / "train" / "via_region_data.json").write_text("{}")
    with pytest.raises(DataError, match="no image is listed"):
        load(dataset_dir)


def test_unknown_class_names_file_and_region(dataset_dir, annotate, regions):
    regions[2]["region_attributes"]["name"] = "gigantic"
    annotate(dataset_dir / "train", {"a.png": regions})
    with pytest.raises(DataError) as caught:
        load(dataset_dir)
    for text in ("via_region_data.json", "a.png", "region 3", "gigantic"):
        assert text in str(caught.value)


def test_unknown_shape_names_file_and_region(dataset_dir, annotate, regions):
    regions[3]["shape_attributes"]["name"] = "star"
    annotate(dataset_dir / "train", {"a.png": regions})
    with pytest.raises(DataError) as caught:
        load(dataset_dir)
    for text in ("via_region_data.json", "a.png", "region 4", "star"):
        assert text in str(caught.value)


def test_every_bad_image_is_listed_at_once(dataset_dir):
    folder = dataset_dir / "train"
    (folder / "a.png").unlink()
    content = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError) as caught:
        load(dataset_dir)
    message = str(caught.value)
    assert "2 of 2 listed images cannot be used" in message
    assert re.search(r"a\.png.* does not exist", message)
    assert re.search(r"b\.png.* damaged or cut short", message)


def test_long_lists_of_bad_images_are_cut(dataset_dir):
    folder = dataset_dir / "train"
    entries = {
        f"{number}.png": {"filename": f"{number}.png", "regions": []} for number in range(13)
    }
    (folder / "via_region_data.json").write_text(json.dumps(entries))
    with pytest.raises(DataError) as caught:
        load(dataset_dir)
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("13 of 13 listed images cannot be used:")
    assert lines[0].startswith("  The annotations name the image '0.png', but it does not exist")
    assert lines[1:] == [
        "    and 12 more like it: 1.png; 2.png; 3.png; 4.png; 5.png; ...",
        "  `rbc.py check --all` lists all",
    ]


def test_regions_that_cannot_be_used_are_told_together_by_kind(dataset_dir, annotate, regions):
    regions[0]["region_attributes"]["name"] = "gigantic"
    regions[2]["region_attributes"]["name"] = "gigantic"
    regions[3]["shape_attributes"]["name"] = "star"
    annotate(dataset_dir / "train", {"a.png": regions, "b.png": regions})
    path = dataset_dir / "train" / "via_region_data.json"
    with pytest.raises(DataError) as caught:
        load(dataset_dir)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: 6 images and regions cannot be used:"
    assert lines[1].startswith("  image 'a.png', region 4: ") and "star" in lines[1]
    assert lines[2] == "    and 1 more like it: image 'b.png', region 4"
    assert lines[3].startswith("  image 'a.png', region 1: unknown class 'gigantic'")
    assert lines[4] == (
        "    and 3 more like it: image 'a.png', region 3; image 'b.png', region 1; "
        "image 'b.png', region 3"
    )
    assert lines[5:] == ["  `rbc.py check --all` lists all"]


def test_an_image_outside_the_folder_is_refused(dataset_dir, annotate, regions):
    annotate(dataset_dir / "train", {"../val/c.png": regions})
    with pytest.raises(DataError, match="not inside the folder"):
        load(dataset_dir)
