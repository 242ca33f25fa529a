"""Where nothing is to be seen there is no object, whatever a network says."""

import io

import numpy as np
import pytest
from PIL import Image

from mrcnn.inference.blank import is_blank


def flat(level, shape=(300, 400)):
    return np.full((*shape, 3), level, np.uint8)


def disc(image, diameter, level, center=(150, 200)):
    """The image with a disc of another level."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    inside = np.hypot(y - center[0], x - center[1]) <= diameter / 2
    return np.where(inside[..., None], np.uint8(level), image)


def noisy(image, deviation):
    noise = np.random.default_rng(0).normal(0, deviation, image.shape)
    return np.uint8(np.clip(image + noise, 0, 255))


def as_jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=70)
    return np.asarray(Image.open(file))


def shaded(shape=(300, 400)):
    """Light that falls to 70 % toward the corners."""
    y, x = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.repeat(np.uint8(240 * (1 - 0.15 * (x**2 + y**2)))[..., None], 3, axis=2)


@pytest.mark.parametrize("level", [0, 120, 255])
def test_one_color_and_what_a_camera_makes_of_it(level):
    assert is_blank(flat(level))
    assert is_blank(noisy(flat(level), 5))
    assert is_blank(as_jpeg(noisy(flat(level), 5)))
    assert is_blank(flat((230, 190, 210)))


def test_light_that_falls_off():
    image = shaded((900, 1200))
    assert np.ptp(image) > 60
    assert is_blank(image) and is_blank(as_jpeg(noisy(image, 3)))


@pytest.mark.parametrize("diameter", [12, 40, 200])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_pale_object_is_enough(diameter, channel):
    image = flat(230)
    assert not is_blank(disc(image, diameter, 200))
    one = image.copy()
    one[..., channel] = disc(image, diameter, 205)[..., channel]
    assert not is_blank(one)
    assert not is_blank(noisy(disc(shaded(), diameter, 160), 4))


def test_a_gradient_is_light():
    x = np.linspace(0, 255, 400)
    assert is_blank(np.repeat(np.uint8(np.tile(x, (300, 1)))[..., None], 3, axis=2))


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (8, 8), (17, 17), (200, 130)])
def test_small_images(shape):
    assert is_blank(flat(200, shape))
    assert is_blank(flat(200, shape)[..., :1])
    half = flat(200, shape)
    half[:, : shape[1] // 2] = 20
    # One square has nothing beside it.
    assert is_blank(half) == (max(shape) <= 8)
