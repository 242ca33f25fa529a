"""ROIAlign of bins, and proposals level by level, against plain loops."""

import math

import numpy as np
import pytest
from keras import ops

from mrcnn.ops.image_meta import compose_image_meta
from mrcnn.ops.levelled import propose_by_level, refine_by_level
from mrcnn.ops.roi_align import bin_levels, pyramid_bins

RNG = np.random.default_rng(3)


def sampled(feature_map, y, x):
    """One bilinear sample [C] as `roi_align` of torchvision takes it."""
    height, width = feature_map.shape[:2]
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(feature_map.shape[-1])
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = y - top, x - left
    upper = (1 - dx) * feature_map[top, left] + dx * feature_map[top, right]
    lower = (1 - dx) * feature_map[bottom, left] + dx * feature_map[bottom, right]
    return (1 - dy) * upper + dy * lower


def binned(feature_map, box, stride, side):
    y1, x1, y2, x2 = np.asarray(box) / stride
    height, width = max(y2 - y1, 1) / side, max(x2 - x1, 1) / side
    grid = np.zeros((side, side, feature_map.shape[-1]))
    for row in range(side):
        for column in range(side):
            samples = [
                sampled(feature_map, y1 + (row + dy) * height, x1 + (column + dx) * width)
                for dy in (0.25, 0.75)
                for dx in (0.25, 0.75)
            ]
            grid[row, column] = np.mean(samples, axis=0)
    return grid


def test_a_bin_is_the_mean_of_four_samples():
    maps = [RNG.normal(size=(1, 128 // 2**n, 192 // 2**n, 3)) for n in (2, 3, 4, 5)]
    boxes = np.array(
        [
            *([10.5, 20.25, 47, 90], [0, 0, 128, 192], [100, 150, 128, 192]),
            # Smaller than a cell, and beyond every border.
            *([60, 60, 60.5, 61], [-30, -9, 20, 8], [110, 170, 190, 260]),
        ]
    )
    levels = np.array([2, 5, 3, 2, 2, 4])
    found = pyramid_bins(
        ops.convert_to_tensor(boxes[None], "float32"),
        ops.convert_to_tensor(levels[None], "int32"),
        [ops.convert_to_tensor(each, "float32") for each in maps],
        (4, 4),
    )
    expected = [
        binned(maps[level - 2][0], box, 2**level, 4)
        for box, level in zip(boxes, levels, strict=True)
    ]
    np.testing.assert_allclose(ops.convert_to_numpy(found)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("side", "level"), [(0, 2), (111.9, 2), (112, 3), (223.9, 3), (224, 4), (448, 5), (2000, 5)]
)
def test_levels_are_rounded_down(side, level):
    boxes = ops.convert_to_tensor([[[5.0, 7.0, 5.0 + side, 7.0 + side]]], dtype="float32")
    assert int(bin_levels(boxes)[0, 0]) == level


def overlap(first, second):
    height, width = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = max(height, 0) * max(width, 0)
    areas = [np.prod(each[2:] - each[:2]) for each in (first, second)]
    return shared / (sum(areas) - shared)


def test_proposals_are_chosen_level_by_level():
    counts, limit, shape = (60, 20, 3), 8, (96, 128)
    total = sum(counts)
    scores = RNG.uniform(size=total).astype(np.float32)
    corners = RNG.uniform((-10, -10), (70, 100), (total, 2))
    pixels = np.concatenate([corners, corners + RNG.uniform(1, 60, (total, 2))], axis=1)
    # Outside of the image: nothing of it is left.
    pixels[:2] += 500
    scores[:2] = 0.999
    deltas = RNG.normal(0, 0.5, (total, 4)).astype(np.float32)
    # More than 1,000 pixels of 16 are none.
    deltas[70, 3] = 40
    normal = ((pixels - [0, 0, 1, 1]) / [95, 127, 95, 127]).astype(np.float32)
    window = (0, 0, 90, 120)
    meta = compose_image_meta(0, (*shape, 3), (*shape, 3), window, 1.0, np.zeros(2))

    expected, start = [], 0
    for level, count in enumerate(counts):
        rows = start + np.argsort(-scores[start : start + count])[:limit]
        start += count
        for row in rows:
            box, delta = pixels[row], deltas[row] * [0.1, 0.1, 0.2, 0.2]
            sides = box[2:] - box[:2]
            center = box[:2] + 0.5 * sides + delta[:2] * sides
            sides = sides * np.exp(np.minimum(delta[2:], math.log(1000 / 16)))
            moved = np.concatenate([center - sides / 2, center + sides / 2])
            moved = np.clip(moved, 0, [90, 120, 90, 120])
            if (moved[2:] - moved[:2]).min() >= 1e-3:
                expected.append((scores[row], level, moved))
    kept = []
    for score, level, box in sorted(expected, key=lambda each: -each[0]):
        if all(level != other or overlap(box, known) <= 0.3 for _, other, known in kept):
            kept.append((score, level, box))
    assert 5 < len(kept) < len(expected)

    meta = ops.convert_to_tensor(meta[None], "float32")
    stages = refine_by_level(
        ops.convert_to_tensor(np.stack([1 - scores, scores], -1)[None]),
        ops.convert_to_tensor(deltas[None]),
        ops.convert_to_tensor(normal[None]),
        meta,
        counts,
        pre_nms_limit=limit,
        box_std_dev=(0.1, 0.1, 0.2, 0.2),
    )
    found = ops.convert_to_numpy(propose_by_level(stages, meta, 30, 0.3))[0]
    boxes = found * [95, 127, 95, 127] + [0, 0, 1, 1]
    np.testing.assert_allclose(boxes[: len(kept)], [box for *_, box in kept], atol=1e-3)
    assert not found[len(kept) :].any()
