"""Objects of every data set come to one size in training, whatever the magnification."""

import json

import numpy as np
import pytest

from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.data.augmentation import Augmentation
from mrcnn.data.object_sizes import SetSizes, object_diameters, show_at
from mrcnn.data.training_item import load_training_item
from mrcnn.errors import DataError
from tests.drawn_discs import disc, draw_set


def loaded(*folders):
    dataset = AnnotatedDataset()
    for folder in folders:
        dataset.load(folder, "train", ["disc"])
    dataset.prepare()
    return dataset


@pytest.fixture
def crops(small_config):
    class CropConfig(small_config):
        NUM_CLASSES = 2
        IMAGE_RESIZE_MODE = "crop"
        IMAGE_MIN_DIM = 192
        IMAGE_PADDING = "reflect"
        SUBPIXEL_MASKS = True
        MAX_GT_INSTANCES = 100

    return CropConfig()


def whole_diameters(item):
    """Of the discs that nothing cuts, by their areas, in pixels of the network."""
    instances = item.instances
    clear = ~instances.touches_border()
    # What the border of the image cut is one with its mirror image, and no disc.
    y1, x1, y2, x2 = instances.boxes.T
    clear &= np.abs((y2 - y1) - (x2 - x1)) <= 1
    return np.sqrt(4 / np.pi * instances.areas()[clear])


def test_small_and_large_discs_come_to_one_size(tmp_path, crops):
    draw_set(tmp_path / "small" / "train", 20)
    draw_set(tmp_path / "large" / "train", 90)
    dataset = loaded(tmp_path / "small", tmp_path / "large")
    sizes = show_at(48.0, dataset)
    assert {name: (round(each.diameter), each.is_mixed) for name, each in sizes.items()} == {
        str(tmp_path / "small"): (20, False),
        str(tmp_path / "large"): (90, False),
    }
    assert [dataset.image_scale(number) for number in range(4)] == pytest.approx(
        [48 / 20, 48 / 20, 48 / 90, 48 / 90], rel=0.01
    )
    for image_id in dataset.image_ids:
        found = [
            whole_diameters(
                load_training_item(dataset, crops, image_id, np.random.default_rng(seed))
            )
            for seed in range(12)
        ]
        assert sum(map(len, found)) >= 5
        assert np.abs(np.concatenate(found) - 48).max() <= 1


def test_sizes_vary_within_the_jitter(tmp_path, crops):
    draw_set(tmp_path / "large" / "train", 90, images=1)
    dataset = loaded(tmp_path / "large")
    show_at(48.0, dataset)
    scale = dataset.image_scale(0)
    jitter = Augmentation(scale=(0.6, 1.6))
    factors = []
    for seed in range(60):
        item = load_training_item(dataset, crops, 0, np.random.default_rng(seed), jitter)
        factor = item.image_meta[11] / scale
        factors.append(factor)
        # However small, the part is filled.
        assert item.image_meta[7:11].tolist() == [0, 0, 192, 192]
        assert item.image.min() > 0
        if len(found := whole_diameters(item)):
            assert np.abs(found - 48 * factor).max() <= 1.5
    assert 0.6 <= min(factors) < 0.65 and 1.5 < max(factors) <= 1.6
    # Log-uniform: as many below the middle as above it.
    assert 20 <= sum(factor < np.sqrt(0.6 * 1.6) for factor in factors) <= 40


def info(polygons, size=(400, 400)):
    return {"height": size[0], "width": size[1], "polygons": polygons}


def test_diameters_of_whole_and_cut_objects():
    found = object_diameters(info([disc(100, 100, 50), disc(200, 24.5, 50), disc(374, 200, 50)]))
    assert found.whole == pytest.approx([50], rel=0.002)
    assert len(found.cut) == 2


def test_of_boxes_without_masks_the_sides_tell_the_diameter():
    box = np.array([(100, 200), (100, 240), (110, 240), (110, 200)], float)
    both = {**info([box, box]), "is_box": [True, False]}
    found = object_diameters(both).whole
    assert found == pytest.approx([20, np.sqrt(4 / np.pi * 400)])


def field(diameter, count, size=(400, 400)):
    return info([disc(200, 200, diameter)] * count, size)


def test_fields_of_one_magnification_share_a_scale():
    sizes = SetSizes.of([field(82, 20), field(100, 20), field(124, 20)])
    assert not sizes.is_mixed
    assert sizes.diameter == pytest.approx(100, rel=0.01)
    assert sizes.diameter_in(field(124, 20)) == sizes.diameter
    assert sizes.diameter_in(field(500, 30, (9, 9))) == sizes.diameter


def test_one_odd_field_of_many_makes_no_second_magnification():
    assert not SetSizes.of([field(100, 12)] * 19 + [field(200, 12)]).is_mixed
    assert SetSizes.of([field(100, 12)] * 18 + [field(200, 12)] * 2).is_mixed


def test_where_magnifications_are_mixed_each_image_goes_by_its_own():
    far, near = (300, 400), (600, 800)
    sizes = SetSizes.of(
        [field(60, 20, far)] * 3 + [field(120, 30, near)] * 3 + [field(130, 9, near)]
    )
    assert sizes.is_mixed

    def diameter_in(*arguments):
        return sizes.diameter_in(field(*arguments))

    assert diameter_in(66, 10, far) == pytest.approx(66, rel=0.01)
    # Too few say nothing: the images of the same size do.
    assert diameter_in(66, 9, far) == pytest.approx(60, rel=0.01)
    assert diameter_in(66, 0, near) == pytest.approx(120, rel=0.01)
    assert diameter_in(66, 9, (1, 2)) == sizes.diameter == pytest.approx(120, rel=0.01)


def test_cut_objects_count_where_there_are_no_others():
    whole, cut = disc(100, 100, 50), disc(200, 24.5, 80)
    assert SetSizes.of([info([whole, cut, cut])]).diameter == pytest.approx(50, rel=0.01)
    assert SetSizes.of([info([cut])]).diameter == pytest.approx(80, rel=0.01)
    assert SetSizes.of([info([])]).diameter is None


def test_other_subsets_have_the_scale_of_the_training(tmp_path):
    draw_set(tmp_path / "a" / "train", 60)
    draw_set(tmp_path / "a" / "val", 66)
    draw_set(tmp_path / "b" / "val", 30)
    training = loaded(tmp_path / "a")
    validation = AnnotatedDataset()
    for name in "ab":
        validation.load(tmp_path / name, "val", ["disc"])
    validation.prepare()
    show_at(48.0, training, validation)
    scales = [validation.image_scale(number) for number in range(4)]
    assert scales == pytest.approx([0.8, 0.8, 1.6, 1.6], rel=0.01)


def test_images_without_objects(tmp_path):
    draw_set(tmp_path / "a" / "train", 60)
    draw_set(tmp_path / "empty" / "train", 60, images=1)
    path = tmp_path / "empty" / "train" / "via_region_data.json"
    path.write_text(json.dumps({"0.png": {"filename": "0.png", "size": 0, "regions": []}}))
    dataset = loaded(tmp_path / "a", tmp_path / "empty")
    assert show_at(48.0, dataset)[str(tmp_path / "empty")].diameter is None
    assert dataset.image_scale(0) == pytest.approx(0.8, rel=0.01)
    assert dataset.image_scale(2) is None


def test_objects_that_are_too_small_to_be_seen(tmp_path):
    draw_set(tmp_path / "a" / "train", 2.5)
    with pytest.raises(DataError, match=r"0\.png: annotated objects are 2\.5 pixels wide"):
        show_at(48.0, loaded(tmp_path / "a"))
