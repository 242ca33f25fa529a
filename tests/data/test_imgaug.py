"""Augmenters of imgaug, built as programs build them."""

import os
import subprocess
import sys

import imgaug
import imgaug.augmenters as iaa
import numpy as np
import pytest

from mrcnn.data.imgaug_augmentation import apply_imgaug, is_imgaug
from mrcnn.errors import ConfigError, DataError
from mrcnn.instances import Instances

GEOMETRIC = {
    "Fliplr": iaa.Fliplr(1.0),
    "Flipud": iaa.Flipud(1.0),
    "quarter turn": iaa.Affine(rotate=90),
    "Rot90": iaa.Rot90(1),
    "Rot90 of three": iaa.Rot90(3),
    "shift": iaa.Affine(translate_px={"x": 7, "y": -3}),
    "TranslateX": iaa.TranslateX(px=5),
    "Crop": iaa.Crop(px=(2, 2, 2, 2), keep_size=True),
    "Sequential": iaa.Sequential([iaa.Fliplr(1.0), iaa.Affine(rotate=180), iaa.Multiply(0.9)]),
    "OneOf": iaa.OneOf([iaa.Affine(rotate=90), iaa.Affine(rotate=270)]),
    "SomeOf": iaa.SomeOf(2, [iaa.Fliplr(1.0), iaa.Flipud(1.0), iaa.Rot90(1)]),
    "Sometimes": iaa.Sometimes(1.0, iaa.Flipud(1.0)),
}
PIXELS = {
    "Multiply": iaa.Multiply((0.5, 0.9)),
    "Add": iaa.Add(20),
    "GaussianBlur": iaa.GaussianBlur(sigma=2.0),
    "AverageBlur": iaa.AverageBlur(k=5),
    "AdditiveGaussianNoise": iaa.AdditiveGaussianNoise(scale=20),
    "LinearContrast": iaa.LinearContrast(0.7),
    "Dropout": iaa.Dropout(0.3),
    "Grayscale": iaa.Grayscale(1.0),
    "Sharpen": iaa.Sharpen(alpha=1.0),
}
# The backend that is imported soonest.
LIGHT = {**os.environ, "KERAS_BACKEND": "numpy"}


@pytest.fixture
def scene():
    """Three rectangles, two of which overlap, and a crowd; the image shows the first."""
    image = np.full((60, 60, 3), 30, np.uint8)
    masks = np.zeros((60, 60, 4), bool)
    for number, (y1, x1, y2, x2) in enumerate(
        [(8, 12, 25, 31), (20, 25, 40, 50), (45, 5, 50, 20), (50, 40, 58, 58)]
    ):
        masks[y1:y2, x1:x2, number] = True
    image[masks[..., 0]] = (220, 40, 90)
    return image, masks, Instances.from_masks(masks, [1, 2, 1, -1]).tight()


@pytest.mark.parametrize("augmenter", GEOMETRIC.values(), ids=GEOMETRIC)
def test_masks_move_with_the_image(scene, augmenter):
    image, _, instances = scene
    moved, found = apply_imgaug(augmenter, image, instances, seed=3)
    assert not np.array_equal(moved, image)
    assert found.class_ids.tolist() == [1, 2, 1, -1][: len(found)] or len(found) < 4
    shown = moved[..., 0] > 125
    first = found.full_masks()[..., 0]
    # Interpolation may decide otherwise about a line of pixels along the outline.
    assert np.count_nonzero(shown != first) <= np.count_nonzero(first) * 0.15


@pytest.mark.parametrize("augmenter", PIXELS.values(), ids=PIXELS)
def test_what_changes_pixels_leaves_masks_alone(scene, augmenter):
    image, masks, instances = scene
    varied, found = apply_imgaug(augmenter, image, instances, seed=3)
    assert not np.array_equal(varied, image)
    np.testing.assert_array_equal(found.full_masks(), masks)
    np.testing.assert_array_equal(found.boxes, instances.boxes)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_exact(scene, turns):
    image, masks, instances = scene
    turned, found = apply_imgaug(iaa.Rot90(turns), image, instances)
    np.testing.assert_array_equal(turned, np.rot90(image, -turns))
    np.testing.assert_array_equal(found.full_masks(), np.rot90(masks, -turns))
    assert found.class_ids.tolist() == [1, 2, 1, -1]


def test_overlapping_instances_keep_their_shared_pixels(scene):
    image, masks, instances = scene
    _, found = apply_imgaug(iaa.Fliplr(1.0), image, instances)
    np.testing.assert_array_equal(found.full_masks(), masks[:, ::-1])


def test_what_leaves_the_image_is_dropped(scene):
    image, _, instances = scene
    _, found = apply_imgaug(iaa.Affine(translate_px={"x": -26}), image, instances)
    # The first keeps 5 columns, the third has gone.
    assert found.class_ids.tolist() == [1, 2, -1]
    assert found.boxes[0].tolist() == [8, 0, 25, 5]


def test_a_seed_decides_and_draws_differ_without(scene):
    image, _, instances = scene
    augmenter = iaa.Affine(rotate=(-45, 45), scale=(0.8, 1.2))
    one, two, three = (apply_imgaug(augmenter, image, instances, seed=s)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)
    imgaug.seed(5)
    free = [apply_imgaug(augmenter, image, instances)[0] for _ in range(2)]
    assert not np.array_equal(*free)
    imgaug.seed(5)
    np.testing.assert_array_equal(apply_imgaug(augmenter, image, instances)[0], free[0])


def test_an_image_without_instances(scene):
    image = scene[0]
    turned, found = apply_imgaug(iaa.Flipud(1.0), image, Instances.empty(image.shape))
    np.testing.assert_array_equal(turned, image[::-1])
    assert len(found) == 0 and found.image_shape == (60, 60)


@pytest.mark.parametrize(
    "augmenter",
    [
        iaa.Resize(0.5),
        iaa.Crop(px=5, keep_size=False),
        iaa.Affine(rotate=45, fit_output=True),
    ],
)
def test_a_change_of_size_is_refused(scene, augmenter):
    image, _, instances = scene
    with pytest.raises(DataError, match=r"image of shape \(60, 60, 3\) into"):
        apply_imgaug(augmenter, image, instances)


def test_an_augmenter_that_fails_is_named(scene):
    instances = scene[2]
    with pytest.raises(ConfigError, match=r"Grayscale failed on an image of shape \(60, 60, 4\)"):
        apply_imgaug(iaa.Grayscale(1.0), np.zeros((60, 60, 4), np.uint8), instances)


def test_augmenters_are_known_without_importing_imgaug():
    assert is_imgaug(iaa.Fliplr(0.5)) and is_imgaug(iaa.Sequential([]))
    assert not is_imgaug(None) and not is_imgaug([iaa.Fliplr(0.5)])
    code = "import sys, mrcnn.model; assert 'imgaug' not in sys.modules, 'imported'"
    subprocess.run([sys.executable, "-c", code], env=LIGHT, check=True, capture_output=True)


def test_a_program_may_import_imgaug_first():
    code = (
        "import imgaug\nfrom imgaug import augmenters as iaa\n"
        "import numpy as np\nfrom mrcnn import model as modellib, utils\n"
        "print(iaa.Fliplr(1.0).augment_image(np.arange(12, dtype='uint8').reshape(2, 2, 3)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=LIGHT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(2, 2, 3)"
