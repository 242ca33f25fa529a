"""The size of objects in a picture, asked of a network that knows them at one size only."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label, regionprops
from skimage.transform import resize

from mrcnn.inference.scale import answer, estimate
from mrcnn.instances import Instances
from mrcnn.pictures import Picture

KNOWN = 48.0


def picture_of(diameter: float, across: float, aspect: float = 1.3, seed: int = 0) -> Picture:
    """Dark discs of a diameter (pixels) in rows, `across` of them along the shorter side."""
    pitch = diameter * 1.3
    height = round(across * pitch)
    width = round(height * aspect)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    row, column = y // pitch, x // pitch
    shift = rng.uniform(-0.1, 0.1, 2) * diameter
    inside = (
        np.hypot(y - (row + 0.5) * pitch - shift[0], x - (column + 0.5) * pitch - shift[1])
        < diameter / 2
    )
    image = np.where(inside[..., None], (150, 60, 90), (230, 225, 220)).astype(np.uint8)
    return Picture.of(image)


class Network:
    """Finds dark discs; the surer, the nearer their shown size is to the one that it knows.

    Discs far larger than that it takes for heaps of smaller things, as networks do.
    """

    def __init__(self, sureness: float = 1.0) -> None:
        self.cost = 0
        self.sureness = sureness

    def look(self, image: np.ndarray, scale: float) -> Instances:
        shape = tuple(max(1, round(side * scale)) for side in image.shape[:2])
        self.cost += shape[0] * shape[1]
        shown = resize(image[..., 1].astype(float), shape, order=1, anti_aliasing=scale < 1)
        boxes, crops, scores = [], [], []
        for region in regionprops(label(shown < 140)):
            off = abs(math.log(region.equivalent_diameter_area / KNOWN))
            if off > math.log(1.6) and region.equivalent_diameter_area > KNOWN:
                continue
            y1, x1, y2, x2 = np.array(region.bbox) / scale
            box = [math.floor(y1), math.floor(x1), min(math.ceil(y2), image.shape[0])]
            box.append(min(math.ceil(x2), image.shape[1]))
            size = (box[2] - box[0], box[3] - box[1])
            mask = resize(region.image.astype(float), size, order=0) > 0.5
            boxes.append(box)
            crops.append(mask)
            scores.append(self.sureness * max(0.0, 0.99 - 0.15 * off))
        kept = [number for number, score in enumerate(scores) if score >= 0.5]
        return Instances(
            image.shape,
            np.array([boxes[number] for number in kept], int).reshape(-1, 4),
            [crops[number] for number in kept],
            [1] * len(kept),
            [scores[number] for number in kept],
        )


@settings(max_examples=25, derandomize=True)
@given(st.floats(12, 60), st.floats(3, 14), st.floats(1, 1.8), st.integers(0, 9))
def test_the_diameter_is_found_whatever_the_magnification(diameter, across, aspect, seed):
    found = estimate(picture_of(diameter, across, aspect, seed), KNOWN, Network().look)
    assert found is not None
    assert found.diameter == pytest.approx(diameter, rel=0.15)
    assert found.objects >= 3


def test_a_network_that_is_nowhere_sure_still_says_more_than_the_size_of_the_picture():
    picture = picture_of(30, 8)
    unsure = estimate(picture, KNOWN, Network(sureness=0.83).look)
    assert unsure.diameter == pytest.approx(30, rel=0.15)
    # No step found anything that the network believes, so none was left out.
    assert unsure.score < 0.85
    assert estimate(picture, KNOWN, Network(sureness=0.7).look) is None


def test_a_step_that_finds_a_single_object_is_followed_by_the_one_between():
    shown = []

    def look(image, scale):
        shown.append(min(image.shape[:2]) * scale)
        whole = Network().look(image, scale)
        return whole.take([0]) if len(shown) == 1 else whole

    found = estimate(picture_of(60, 4), KNOWN, look)
    assert shown[:2] == pytest.approx([128, 192], abs=1)
    assert found.diameter == pytest.approx(60, rel=0.15)


def test_the_cost_does_not_grow_with_the_picture():
    costs = []
    for across in (14, 56):
        network = Network()
        found = estimate(picture_of(12, across), KNOWN, network.look)
        assert found.diameter == pytest.approx(12, rel=0.15)
        costs.append(network.cost)
    assert costs[1] < 2.5 * costs[0]
    assert max(costs) < 12 * 192 * 192


def test_nothing_is_found_where_there_is_nothing():
    blank = Picture.of(np.full((300, 400, 3), 220, np.uint8))
    assert estimate(blank, KNOWN, Network().look) is None
    single = Picture.of(np.zeros((1, 1, 3), np.uint8))
    assert estimate(single, KNOWN, Network().look) is None


def test_an_answer_counts_whole_objects_that_are_sure():
    disc = np.hypot(*np.mgrid[-9.5:10, -9.5:10]) < 10
    boxes = np.array([[40, 40, 60, 60], [0, 10, 20, 30], [70, 70, 90, 90], [99, 40, 119, 60]])
    instances = Instances((120, 120), boxes, [disc] * 4, [1] * 4, [0.9, 0.9, 0.4, 0.7])
    found = answer(instances, 0.5)
    # The second touches the border, the fourth ends within a pixel of the network from it.
    assert found.objects == 1
    assert found.diameter == pytest.approx(20, rel=0.02)
    assert found.shown == pytest.approx(10, rel=0.02)
    assert found.score == 0.9
    assert answer(instances, 2.0).objects == 2
    assert answer(Instances.empty((9, 9)), 1.0) is None
