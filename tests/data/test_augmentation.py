"""Frames move pictures, masks and polygons alike; augmentation draws them from its generator."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.data.augmentation import Augmentation, random_place
from mrcnn.data.frames import Frame
from mrcnn.errors import ConfigError
from mrcnn.instances import Instances

shapes = st.tuples(st.integers(1, 20), st.integers(1, 20))
moves = st.lists(st.sampled_from(["flip 0", "flip 1", "transpose", "turn"]), max_size=5)
STILL = Augmentation(
    flip_horizontal=0, flip_vertical=0, quarter_turns=False, scale=(1, 1), brightness=0,
    contrast=0, color=0, gamma=0, blur=0, noise=0,
)  # fmt: skip


def move_frame(frame: Frame, steps: list[str]) -> Frame:
    for step in steps:
        if step == "transpose":
            frame = frame.transposed()
        elif step == "turn":
            frame = frame.turned(1)
        else:
            frame = frame.flipped(int(step[-1]))
    return frame


def move_array(array: np.ndarray, steps: list[str]) -> np.ndarray:
    """The same steps done by numpy on the first two axes."""
    for step in steps:
        if step == "transpose":
            array = array.swapaxes(0, 1)
        elif step == "turn":
            array = np.rot90(array)
        else:
            array = np.flip(array, int(step[-1]))
    return array


def paste(array: np.ndarray, shape, offset) -> np.ndarray:
    """`array` at `offset` in zeros, what sticks out cut off."""
    canvas = np.zeros((100, 100, *array.shape[2:]), array.dtype)
    y, x = offset[0] + 40, offset[1] + 40
    canvas[y : y + array.shape[0], x : x + array.shape[1]] = array
    return canvas[40 : 40 + shape[0], 40 : 40 + shape[1]]


@given(shapes, shapes, st.tuples(st.integers(-20, 20), st.integers(-20, 20)), moves, st.data())
def test_flips_and_turns_are_those_of_numpy(picture_shape, shape, offset, steps, data):
    picture = np.random.default_rng(0).integers(1, 256, (*picture_shape, 3)).astype(np.uint8)
    masks = data.draw(hnp.arrays(bool, (*picture_shape, 2)))
    frame = move_frame(Frame.at(shape, offset), steps)

    expected = move_array(paste(picture, shape, offset), steps)
    image = frame.map_image(picture)
    np.testing.assert_array_equal(image, expected)

    instances = frame.map_instances(Instances.from_masks(masks, [0, 1]).tight())
    expected_masks = move_array(paste(masks, shape, offset), steps)
    kept = np.flatnonzero(expected_masks.any(axis=(0, 1)))
    assert instances.class_ids.tolist() == kept.tolist()
    np.testing.assert_array_equal(instances.full_masks(), expected_masks[:, :, kept])

    y1, x1, y2, x2 = frame.window(picture_shape)
    shown = np.zeros(expected.shape[:2], bool)
    shown[y1:y2, x1:x2] = True
    np.testing.assert_array_equal(shown, expected.any(axis=2))
    assert frame.scale == 1


@given(shapes, st.integers(0, 9))
def test_four_turns_and_two_flips_change_nothing(shape, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)
    frame = Frame.at(shape, (0, 0))
    for same in (
        frame.turned(4),
        frame.flipped(0).flipped(0),
        frame.flipped(1).flipped(1),
        frame.transposed().transposed(),
        frame.turned(2).flipped(0).flipped(1),
    ):
        np.testing.assert_array_equal(same.map_image(picture), picture)


@settings(max_examples=60)
@given(
    st.floats(0.5, 2),
    st.tuples(st.floats(-10, 10), st.floats(-10, 10)),
    moves,
    st.integers(0, 1000),
)
def test_scaled_masks_and_polygons_stay_together(scale, offset, steps, seed):
    """A mask moved by pixels and its polygon moved by points cover the same, up to the edge."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    polygon = rng.uniform(14, 26, 2) + 10 * np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    drawn = Instances.from_polygons([polygon], [1], (40, 40))
    frame = move_frame(Frame.at((64, 64), offset, scale), steps)

    moved_mask = frame.map_instances(drawn).full_masks()
    moved_polygon = frame.map_points(polygon + 0.5) - 0.5
    window = frame.window((40, 40))
    redrawn = Instances.from_polygons([moved_polygon], [1], (64, 64), window).full_masks()
    different = np.count_nonzero(moved_mask != redrawn)
    assert different < 0.5 * 2 * np.pi * 10 * max(scale, 1) * scale + 4
    assert frame.scale == pytest.approx(scale)


def test_scaled_image_interpolates_between_pixel_centers():
    """A ramp stays a ramp: its value at a place is that of the place it came from."""
    ramp = np.zeros((40, 60, 3), np.uint8)
    ramp[:, :, 0] = 4 * np.arange(60)
    ramp[:, :, 1] = 6 * np.arange(40)[:, None]
    frame = Frame.at((64, 64), (-3.3, 2.6), 1.3)
    image = frame.map_image(ramp).astype(float)
    y1, x1, y2, x2 = frame.window(ramp.shape)
    rows, columns = np.mgrid[y1:y2, x1:x2]
    source_x = (columns + 0.5 - 2.6) / 1.3 - 0.5
    source_y = (rows + 0.5 + 3.3) / 1.3 - 0.5
    part = image[y1:y2, x1:x2]
    np.testing.assert_allclose(part[..., 0], 4 * np.clip(source_x, 0, 59), atol=0.51)
    np.testing.assert_allclose(part[..., 1], 6 * np.clip(source_y, 0, 39), atol=0.51)
    image[y1:y2, x1:x2] = 0
    assert not image.any()


def test_a_part_of_a_large_picture_equals_the_same_part_of_all():
    picture = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    whole = Frame.at((400, 400), (0.4, 0.7), 1.2).map_image(picture)
    part = Frame.at((64, 64), (0.4 - 50, 0.7 - 90), 1.2).map_image(picture)
    np.testing.assert_array_equal(part, whole[50:114, 90:154])


@given(shapes, shapes, st.sampled_from([1.0, 0.7, 1.6]), st.integers(0, 10**6))
def test_random_place_shows_as_much_as_fits(shape, picture_shape, scale, seed):
    frame = random_place(shape, picture_shape, np.random.default_rng(seed), scale)
    low = frame.map_points(np.zeros((1, 2)))[0]
    high = frame.map_points(np.array([picture_shape], float))[0]
    for axis in (0, 1):
        side, picture_side = shape[axis], picture_shape[axis] * scale
        if picture_side <= side:
            assert low[axis] >= -1e-9 and high[axis] <= side + 1e-9
        else:
            assert low[axis] <= 1e-9 and high[axis] >= side - 1e-9
    if scale == 1:
        assert np.array_equal(frame.offset, np.rint(frame.offset))


def test_nothing_to_vary_changes_nothing():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    frame = Frame.at((40, 40), (10, 5))
    assert STILL.draw_frame(frame, picture.shape, rng) is frame
    np.testing.assert_array_equal(STILL.vary_pixels(picture, rng), picture)


def test_every_orientation_is_drawn_about_as_often():
    augmentation = Augmentation(scale=(1, 1))
    rng = np.random.default_rng(0)
    counts: dict[bytes, int] = {}
    corner = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for _ in range(1600):
        frame = augmentation.draw_frame(Frame.at((2, 2), (0, 0)), (2, 2), rng)
        key = frame.map_image(corner).tobytes()
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 8
    assert min(counts.values()) > 140


def test_input_that_is_not_square_keeps_its_shape():
    augmentation = Augmentation()
    for seed in range(20):
        frame = augmentation.draw_frame(
            Frame.at((20, 30), (0, 0)), (20, 30), np.random.default_rng(seed)
        )
        assert frame.shape == (20, 30)
        assert not frame.swaps_axes


def test_the_generator_decides_everything():
    picture = np.random.default_rng(0).integers(0, 256, (50, 60, 3)).astype(np.uint8)
    augmentation = Augmentation(blur_probability=1, noise_probability=1)
    images = []
    for seed in (4, 4, 5):
        rng = np.random.default_rng(seed)
        frame = augmentation.draw_frame(Frame.at((64, 64), (0, 0)), picture.shape, rng)
        images.append(augmentation.vary_pixels(frame.map_image(picture), rng))
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).any()


def test_scale_stays_in_its_range():
    augmentation = Augmentation(scale=(0.5, 2))
    rng = np.random.default_rng(0)
    scales = [
        augmentation.draw_frame(Frame.at((64, 64), (0, 0)), (50, 60), rng).scale for _ in range(300)
    ]
    assert 0.5 <= min(scales) < 0.55
    assert 1.8 < max(scales) <= 2
    assert 0.4 < np.mean(np.array(scales) < 1) < 0.6


@pytest.mark.parametrize("value", [0, 128, 255])
def test_colors_vary_within_their_limits(value):
    picture = np.full((16, 16, 3), value, np.uint8)
    augmentation = Augmentation(
        brightness=0.1, contrast=0, color=0.05, gamma=0, blur_probability=0, noise_probability=0
    )
    varied = np.array(
        [
            augmentation.vary_pixels(picture, np.random.default_rng(seed))[0, 0]
            for seed in range(100)
        ]
    )
    assert varied.max() <= min(255, round(value * 1.1 * 1.05))
    assert varied.min() >= round(value * 0.9 * 0.95) - 1
    if value == 128:
        assert varied.std() > 3
        assert (varied[:, 0] != varied[:, 1]).any()


def test_noise_and_blur_do_what_they_say():
    edge = np.zeros((32, 32, 3), np.uint8)
    edge[:, 16:] = 200
    still = {name: 0 for name in ("brightness", "contrast", "color", "gamma")}
    blurred = Augmentation(**still, blur=2, blur_probability=1, noise=0).vary_pixels(
        edge, np.random.default_rng(1)
    )
    assert len(np.unique(blurred)) > 2
    assert (blurred[0] == blurred[31]).all()
    noisy = Augmentation(**still, blur=0, noise=10, noise_probability=1).vary_pixels(
        np.full((64, 64, 3), 100, np.uint8), np.random.default_rng(1)
    )
    assert 0.5 < noisy.std() < 11
    assert abs(noisy.mean() - 100) < 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (0, 5, 3), (5, 0, 3)])
def test_tiny_and_empty_pictures(shape):
    augmentation = Augmentation(blur_probability=1, noise_probability=1)
    varied = augmentation.vary_pixels(np.zeros(shape, np.uint8), np.random.default_rng(0))
    assert varied.shape == shape
    assert varied.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("flip_horizontal", 1.5, "from 0 to 1"),
        ("noise_probability", -0.1, "from 0 to 1"),
        ("brightness", 1, "below 1"),
        ("blur", -1, "at least 0"),
        ("scale", (1.2, 0.8), "the smaller first"),
        ("scale", (0, 1), "above 0"),
    ],
)
def test_values_that_cannot_be(name, value, allowed):
    with pytest.raises(ConfigError, match=rf"Augmentation\.{name} is .*{allowed}"):
        Augmentation(**{name: value})


def test_the_earlier_name_of_color():
    augmentation = Augmentation(colour=0.3, gamma=0.1)
    assert augmentation == Augmentation(color=0.3, gamma=0.1)
    assert (augmentation.colour, Augmentation().colour) == (0.3, 0.08)
    assert dataclasses.replace(augmentation, color=0.2).colour == 0.2
    with pytest.raises(ConfigError, match=r"Augmentation\.color is 2: must be"):
        Augmentation(colour=2)
    with pytest.raises(TypeError, match="hue"):
        Augmentation(hue=2)
