"""Showing figures where there is no display, and saving pictures of the image's size."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from mrcnn.drawing.figures import new_axes, save_picture, show
from mrcnn.drawing.grids import display_images
from mrcnn.drawing.instances import display_instances
from mrcnn.errors import DataError, OutputError


def test_showing_without_a_display_is_silent(monkeypatch):
    new_axes(2, 3)
    # matplotlib warns where it believes that there is a display which its backend does not use.
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.warns(UserWarning, match="non-interactive"):
        plt.show()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show()


def test_other_warnings_of_showing_are_heard(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: warnings.warn("something else", stacklevel=1))
    with pytest.warns(UserWarning, match="something else"):
        show()


def saved(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("shape", [(1, 1), (37, 120), (120, 61), (333, 444)])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_picture_has_the_pixels_of_the_image(tmp_path, shape, scale):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    ax = display_instances(image, [], [], [], ["BG"], title="title", figsize=(7, 5))
    save_picture(ax, tmp_path / "picture.png", scale)
    expected = image.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(saved(tmp_path / "picture.png"), expected)


def test_a_picture_shows_what_is_drawn(tmp_path, scene):
    image, boxes, masks, class_ids = scene
    names = ["BG", "cat", "dog"]
    ax = display_instances(
        image, boxes, masks, class_ids, names, figsize=(4, 3), colors=["red", "blue"]
    )
    save_picture(ax, tmp_path / "picture.png", scale=10)
    picture = saved(tmp_path / "picture.png")
    assert picture.shape == (600, 800, 3)
    # Outside the instances the image, inside it tinted, and on the outline the pure color.
    np.testing.assert_array_equal(picture[445:450, 105:110], np.full((5, 5, 3), image[44, 10]))
    np.testing.assert_array_equal(picture[254, 354], np.asarray(ax.images[0].get_array())[25, 35])
    assert (picture[250:260, 495:505] == (255, 0, 0)).all(axis=2).any()


def test_saving_leaves_the_figure_as_it_was(tmp_path, scene):
    figure, (left, right) = plt.subplots(1, 2, figsize=(6, 3))
    names = ["BG", "cat", "dog"]
    display_instances(*scene, names, title="left", ax=left)
    display_instances(*scene, names, title="right", ax=right)
    figure.canvas.draw()
    before = np.array(figure.canvas.buffer_rgba())
    save_picture(right, tmp_path / "right.png")
    assert saved(tmp_path / "right.png").shape == (60, 80, 3)
    figure.canvas.draw()
    np.testing.assert_array_equal(figure.canvas.buffer_rgba(), before)


def test_pictures_of_one_of_several_images_and_of_another_format(tmp_path):
    images = [np.full((20, 30), 7.5), np.full((50, 40, 3), 90, np.uint8)]
    axes = display_images(images)
    save_picture(axes[1], tmp_path / "new folder" / "second.TIF")
    assert (saved(tmp_path / "new folder" / "second.TIF") == 90).all()
    with plt.rc_context({"savefig.bbox": "tight", "savefig.dpi": 30}):
        save_picture(axes[0], str(tmp_path / "first.png"))
    assert saved(tmp_path / "first.png").shape == (20, 30, 3)


def test_a_picture_that_cannot_be_saved(tmp_path, scene):
    with pytest.raises(DataError, match="no image on these axes"):
        save_picture(new_axes(2, 2), tmp_path / "a.png")
    ax = display_instances(*scene, ["BG", "cat", "dog"], figsize=(3, 3))
    with pytest.raises(DataError, match=r"picture\.xyz.*the format.*'png'"):
        save_picture(ax, tmp_path / "picture.xyz")
    with pytest.raises(DataError, match="scale is 0"):
        save_picture(ax, tmp_path / "a.png", scale=0)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        save_picture(ax, tmp_path / "file" / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
