"""Images side by side."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn.drawing.grids import display_images, display_top_masks
from mrcnn.errors import DataError


def arrays(axes):
    return [np.asarray(ax.images[0].get_array()) for ax in axes]


def titles(axes):
    return [ax.get_title() for ax in axes]


def grid_of(ax):
    return ax.get_subplotspec().get_gridspec().get_geometry()


def test_images_with_titles(shows):
    images = [np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30)]
    axes = display_images(images, ["a", "b", "c"], cols=2)
    for shown, image in zip(arrays(axes), images, strict=True):
        np.testing.assert_array_equal(shown, image)
    assert titles(axes) == ["a", "b", "c"]
    assert [grid_of(ax) for ax in axes] == [(2, 2)] * 3
    assert not any(ax.axison for ax in axes)
    assert (shows, len(plt.get_fignums())) == ([1], 1)
    assert plt.gcf() is axes[0].figure


@pytest.mark.parametrize(("count", "cols", "rows"), [(1, 4, 1), (4, 4, 1), (5, 4, 2), (3, 1, 3)])
def test_as_many_rows_as_needed(count, cols, rows):
    axes = display_images([np.eye(3)] * count, cols=cols)
    assert len(axes) == count
    assert grid_of(axes[0]) == (rows, cols)
    assert axes[0].figure.get_size_inches().tolist() == pytest.approx([14, 14 * rows / cols])


def test_color_map_norm_and_interpolation():
    (ax,) = display_images(
        [np.eye(3)], cmap="Blues", norm=plt.Normalize(0, 10), interpolation="none"
    )
    (image,) = ax.images
    assert image.get_cmap().name == "Blues"
    assert image.get_interpolation() == "none"
    assert image.get_clim() == (0, 10)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int8, np.int64, np.float16, np.float64])
def test_stack_of_masks_of_any_type(kind):
    stack = (np.random.default_rng(0).random((3, 5, 7)) > 0.5).astype(kind)
    axes = display_images(stack, cmap="Blues")
    for shown, mask in zip(arrays(axes), stack, strict=True):
        np.testing.assert_array_equal(shown, mask.astype(np.float64))
    axes[0].figure.canvas.draw()


def test_activations_are_not_cut_to_bytes():
    activations = np.array([[[-3.5, 0.25], [300.0, 1.0]]], np.float32)
    (shown,) = arrays(display_images(activations))
    np.testing.assert_array_equal(shown, activations[0])


def test_floating_point_colors_and_single_channels():
    shown = arrays(display_images([np.full((2, 2, 3), 0.5), np.full((2, 2, 1), 0.5)]))
    assert shown[0].shape == (2, 2, 3)
    assert (shown[0] == 128).all()
    assert shown[1].shape == (2, 2)


def test_one_image_instead_of_a_list():
    image = np.zeros((30, 40, 3), np.uint8)
    (ax,) = display_images(image)
    np.testing.assert_array_equal(ax.images[0].get_array(), image)


def test_too_few_and_too_many_titles():
    assert titles(display_images([np.eye(2)] * 3, ["a"])) == ["a", "", ""]
    assert titles(display_images([np.eye(2)], ["a", "b"])) == ["a"]


def test_no_images(shows):
    assert display_images([]) == []
    assert shows == [1]


@pytest.mark.parametrize(
    ("images", "cols"),
    [([np.zeros((2, 2, 2))], 4), ([np.array([["a"]])], 4), ([np.zeros((0, 4))], 4), ([], 0)],
)
def test_what_cannot_be_shown(images, cols):
    with pytest.raises(DataError):
        display_images(images, cols=cols)
    assert plt.get_fignums() == []


@pytest.fixture
def classes():
    """Masks [10, 10, 5]: class 1 has 2 + 4 pixels, class 2 none, class 3 has 30, class 4 six."""
    masks = np.zeros((10, 10, 5), bool)
    masks[0, :2, 0] = masks[1, :4, 1] = masks[3:6, :, 3] = masks[9, :6, 4] = True
    return masks, np.array([1, 1, 2, 3, 4])


NAMES = ["BG", "one", "two", "three", "four"]


def test_largest_classes_first(classes):
    masks, class_ids = classes
    image = np.full((10, 10, 3), 9, np.uint8)
    axes = display_top_masks(image, masks, class_ids, NAMES)
    assert titles(axes) == ["H x W=10x10", "three", "one", "four", "-"]
    shown = arrays(axes)
    np.testing.assert_array_equal(shown[0], image)
    np.testing.assert_array_equal(shown[1], masks[:, :, 3])
    np.testing.assert_array_equal(shown[2], masks[:, :, 0] + 2 * masks[:, :, 1])
    assert not shown[4].any()
    assert grid_of(axes[0]) == (1, 5)
    assert axes[1].images[0].get_cmap().name == "Blues_r"
    axes[0].figure.canvas.draw()


def test_limit_of_classes(classes):
    masks, class_ids = classes
    image = np.zeros((10, 10, 3), np.uint8)
    axes = display_top_masks(image, masks.astype(np.uint8), class_ids.tolist(), NAMES, limit=1)
    assert titles(axes) == ["H x W=10x10", "three"]


@pytest.mark.parametrize("masks", [np.zeros((10, 10, 0)), np.zeros((0,)), []])
def test_top_masks_without_instances(masks):
    axes = display_top_masks(np.zeros((10, 10, 3), np.uint8), masks, [], NAMES, limit=2)
    assert titles(axes) == ["H x W=10x10", "-", "-"]


def test_top_masks_that_do_not_fit(classes):
    masks, class_ids = classes
    image = np.zeros((10, 10, 3), np.uint8)
    with pytest.raises(DataError, match="4 class_ids"):
        display_top_masks(image, masks, class_ids[:4], NAMES)
    with pytest.raises(DataError, match=r"\(10, 10, 5\)"):
        display_top_masks(image[:5], masks, class_ids, NAMES)
    with pytest.raises(DataError, match="class 3, but class_names has 2 names"):
        display_top_masks(image, masks, class_ids, NAMES[:2])
    assert plt.get_fignums() == []
