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


@pytest.mark.parametrize("middle", [(0.5, 0.5), (0.3, 0.6)])
def test_one_object_that_is_certain_is_enough(middle):
    y, x = np.mgrid[:120, :160]
    inside = np.hypot(y - middle[0] * 120, x - middle[1] * 160) < 25
    image = np.where(inside[..., None], (150, 60, 90), (230, 225, 220)).astype(np.uint8)
    found = estimate(Picture.of(image), KNOWN, Network().look)
    assert found.objects == 1
    assert found.diameter == pytest.approx(50, rel=0.05)
    assert found.certainty > 0.95
    assert estimate(Picture.of(image), KNOWN, Network(sureness=0.95).look) is None


def test_an_object_that_is_certain_counts_beside_one_that_may_be_none():
    y, x = np.mgrid[:120, :160]
    inside = np.hypot(y - 60, x - 80) < 25
    image = np.where(inside[..., None], (150, 60, 90), (230, 225, 220)).astype(np.uint8)

    def look(image, scale):
        whole = Network().look(image, scale)
        # And dust, of which it is not sure.
        dust = Instances(image.shape, [(2, 2, 12, 12)], [np.ones((10, 10), bool)], [1], [0.55])
        return Instances.merged([whole, dust])

    found = estimate(Picture.of(image), KNOWN, look)
    assert found.objects == 1
    assert found.diameter == pytest.approx(50, rel=0.05)


def test_many_objects_that_are_nearly_as_sure_count_more_than_few():
    def look(image, scale):
        objects = 2 if min(image.shape[:2]) * scale < 150 else 8
        size = 48 / scale
        boxes = [
            (20, 20 + n * (size + 1), 20 + size, 20 + n * (size + 1) + size) for n in range(objects)
        ]
        crops = [
            np.ones((round(b[2]) - round(b[0]), round(b[3]) - round(b[1])), bool) for b in boxes
        ]
        scores = [0.98 if objects == 2 else sure] * objects
        shape = (4000, 9000)
        return Instances(shape, np.round(boxes).astype(int), crops, [1] * objects, scores)

    picture = Picture.of(np.zeros((384, 384, 3), np.uint8))
    sure = 0.96
    assert estimate(picture, KNOWN, look).objects == 8
    sure = 0.88
    assert estimate(picture, KNOWN, look).objects == 2


@pytest.mark.parametrize(("clumps", "is_overruled"), [(6, True), (200, False)])
def test_many_more_objects_overrule_a_few_clumps(clumps, is_overruled):
    """Of two looks at little cells the first sees clumps, a few of them and well enough."""
    picture = picture_of(20, 14)
    sides = []

    def look(image, scale):
        sides.append(min(image.shape[:2]) * scale)
        whole = Network().look(image, scale)
        if len(sides) == 1:
            corners = [(2 + 8 * (n // 40), 2 + 8 * (n % 40)) for n in range(clumps)]
            boxes = [(y, x, y + 50, x + 50) for y, x in corners]
            crops, ids, scores = [np.ones((50, 50), bool)] * clumps, [1] * clumps, [0.87] * clumps
            return Instances(image.shape, boxes, crops, ids, scores)
        return whole.replaced(scores=whole.scores * 0.85) if len(sides) == 2 else whole

    found = estimate(picture, KNOWN, look)
    assert sides[:2] == pytest.approx([128, 192], abs=1)
    assert (found.diameter == pytest.approx(20, rel=0.15)) == is_overruled


@pytest.mark.parametrize(("usual", "is_right"), [(0.6, True), (0.2, False)])
def test_the_usual_scale_is_asked_early_where_the_first_look_is_not_sure(usual, is_right):
    picture = picture_of(80, 8)
    sides = []
    network = Network()

    def look(image, scale):
        sides.append(min(image.shape[:2]) * scale)
        # In the first look clumps, of which a network is not sure.
        sure = network.look(image, scale)
        return sure.replaced(scores=sure.scores * 0.8) if len(sides) == 1 else sure

    found = estimate(picture, KNOWN, look, usual)
    assert found.diameter == pytest.approx(80, rel=0.15)
    assert sides[1] == pytest.approx(usual * min(picture.shape))
    # It is enough where it is right; else the search goes on.
    assert (len(sides) == 2) == is_right


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


def test_an_answer_counts_sure_objects_of_which_half_is_seen():
    disc = np.hypot(*np.mgrid[-9.5:10, -9.5:10]) < 10
    seen = {
        "whole": ((40, 40, 60, 60), disc, 0.9),
        "unsure": ((70, 70, 90, 90), disc, 0.4),
        "cut above, center inside": ((0, 10, 13, 30), disc[7:], 0.8),
        "cut on the right, center inside": ((60, 108, 80, 120), disc[:, :12], 0.7),
        "cut below, center outside": ((112, 30, 120, 50), disc[:8], 0.95),
        "in a corner": ((0, 106, 14, 120), disc[6:, :14], 0.95),
    }
    boxes, masks, scores = zip(*seen.values(), strict=True)
    instances = Instances((120, 120), np.array(boxes), masks, [1] * len(boxes), scores)
    found = answer(instances, 0.5)
    assert found.objects == 3
    # What is cut counts as 0.97 of its width.
    assert found.diameter == pytest.approx(19.4)
    assert found.shown == pytest.approx(9.7)
    assert found.score == pytest.approx(0.8)
    assert answer(Instances.empty((9, 9)), 1.0) is None


def test_what_is_cut_counts_only_beside_few_whole_objects():
    disc = np.hypot(*np.mgrid[-9.5:10, -9.5:10]) < 10
    boxes = [(40, 20 * n, 60, 20 * n + 20) for n in range(1, 8)] + [(0, 80, 13, 100)]
    instances = Instances((120, 200), np.array(boxes), [disc] * 7 + [disc[7:]], [1] * 8, [0.9] * 8)
    assert answer(instances, 1.0).objects == 7
    assert answer(instances.take([0, 1, 7]), 1.0).objects == 3
    assert answer(instances.take([0, 1, 7]), 1.0, enough=2).objects == 2


def test_what_ends_within_a_pixel_of_the_network_from_the_border_may_go_on_beyond_it():
    disc = np.ones((6, 20), bool)
    instances = Instances((120, 120), np.array([[113, 40, 119, 60]]), [disc], [1], [0.9])
    # As one that is cut, less than half of it is seen.
    assert answer(instances, 0.5) is None
    assert answer(instances, 2.0).objects == 1
