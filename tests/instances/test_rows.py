"""Rows of `Instances`: checked once, never changed, and taken, merged and moved as a whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.errors import DataError
from mrcnn.instances import Instances, PackedMasks

stacks = hnp.arrays(
    bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12), fill=st.nothing()
)


def of(masks: np.ndarray) -> Instances:
    """Instances with scores and a column, of a stack of masks that may be empty."""
    count = masks.shape[2]
    made = Instances.from_masks(masks, np.arange(1, count + 1), np.linspace(0.9, 0.1, count))
    return made.with_columns(number=np.arange(count), kind=np.array(["a"] * count))


def same(one: Instances, other: Instances) -> None:
    assert one.image_shape == other.image_shape
    for name in ("boxes", "class_ids", "scores", "ignore"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert sorted(one.columns) == sorted(other.columns)
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, other.columns[name], err_msg=name)
    for mine, theirs in zip(one.crops, other.crops, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=30)))
def test_a_mask_is_packed_and_unpacked(mask):
    packed = PackedMasks([mask, None, ~mask])
    np.testing.assert_array_equal(packed[0], mask)
    np.testing.assert_array_equal(packed[-1], ~mask)
    assert packed[1] is None
    assert packed[0].dtype == bool
    assert packed.areas().tolist() == [mask.sum(), 0, (~mask).sum()]
    assert packed.present().tolist() == [True, False, True]
    assert [each is None for each in packed[1:]] == [True, False]
    assert PackedMasks.of(packed) is packed


def test_packed_masks_take_an_eighth_and_cannot_be_changed():
    packed = PackedMasks([np.ones((80, 100), bool)])
    assert packed.nbytes == 1000
    packed[0][:] = False
    assert packed[0].all()


@pytest.mark.parametrize("mask", [np.zeros((2, 2, 2)), np.array(["a"])[None], [1]])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(DataError, match="Mask 0 has the shape"):
        PackedMasks([mask])


def test_each_array_has_one_type_and_cannot_be_written_to():
    box = np.array([[0, 0, 2, 2]], np.int64)
    made = Instances((5, 5, 3), box, [[[1, 0], [0, 1]]], [1.0], [np.float32(0.5)])
    assert made.image_shape == (5, 5)
    types = {name: getattr(made, name).dtype for name in ("boxes", "class_ids", "scores", "ignore")}
    assert types == {
        "boxes": np.int32,
        "class_ids": np.int32,
        "scores": np.float64,
        "ignore": bool,
    }
    assert made.crops[0].tolist() == [[True, False], [False, True]]
    box[:] = 9
    assert made.boxes.tolist() == [[0, 0, 2, 2]]
    for array in (made.boxes, made.class_ids, made.scores, made.ignore):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        made.boxes = box


ONE = np.ones((2, 2), bool)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(boxes=[[0, 0, 2, 2]] * 2), "2 boxes but 1 masks"),
        (dict(boxes=[[0, 0, 2, 3]]), r"mask 0 has the shape \(2, 2\), its box .* needs \(2, 3\)"),
        (dict(boxes=[[4, 4, 6, 6]]), r"Box 0, \(4, 4, 6, 6\), leaves the image of 5 x 5"),
        (dict(boxes=[[-1, 0, 1, 2]]), "leaves the image"),
        (dict(boxes=[[2, 2, 0, 0]], crops=[None]), "leaves the image"),
        (dict(boxes=[[0, 0, 2]]), r"shape \[N, 4\]"),
        (dict(boxes=[[0, 0, 2, 1.5]]), "boxes must be whole numbers"),
        (dict(boxes=[[0.0, 0.0, np.inf, 2.0]]), "boxes must be whole numbers"),
        (dict(boxes=[["a", 0, 2, 2]]), "boxes must be whole numbers"),
        (dict(class_ids=[1, 2]), "1 masks but 2 class ids"),
        (dict(class_ids=[0.5]), "class ids must be whole numbers"),
        (dict(class_ids=["large"]), "class ids must be whole numbers"),
        (dict(image_shape=(9,)), r"image shape is \(9,\); \(height, width\) is expected"),
        (dict(image_shape=(0, 9)), "both at least 1"),
        (dict(scores=[]), "1 masks but 0 scores"),
        (dict(scores=[np.nan]), "Score 0 is nan: expected is 0 to 1"),
        (dict(scores=[1.1]), "Score 0 is 1.1"),
        (dict(scores=[-0.1]), "Score 0 is -0.1"),
        (dict(ignore=[True, False]), r"ignore has the shape \(2,\)"),
        (dict(columns={"area": [1, 2]}), r"area has the shape \(2,\): expected is a row for each"),
        (dict(columns={"area": 3}), r"area has the shape \(\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    whole = dict(image_shape=(5, 5), boxes=[[0, 0, 2, 2]], crops=[ONE], class_ids=[1])
    Instances(**whole)
    with pytest.raises(DataError, match=message):
        Instances(**whole | arguments)


@given(stacks, st.data())
def test_everything_follows_take(masks, data):
    instances = of(masks)
    rows = data.draw(st.lists(st.integers(0, masks.shape[2] - 1), max_size=6))
    taken = instances.take(rows)
    np.testing.assert_array_equal(taken.full_masks(), masks[:, :, rows])
    for name in ("boxes", "class_ids", "scores", "ignore"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(instances, name)[rows])
    assert taken.columns["number"].tolist() == rows
    chosen = data.draw(hnp.arrays(bool, masks.shape[2]))
    same(instances.take(chosen), instances.take(np.flatnonzero(chosen)))


@given(stacks, st.data())
def test_parts_merged_are_the_whole(masks, data):
    instances = of(masks)
    cut = data.draw(st.integers(0, masks.shape[2]))
    parts = [instances.take(range(cut)), instances.take(range(cut, masks.shape[2]))]
    same(Instances.merged(parts), instances)
    same(Instances.merged([instances]), instances)


def test_only_what_is_alike_is_merged():
    one = Instances((5, 5), [[0, 0, 2, 2]], [ONE], [1], [0.5])
    for other, message in (
        (one.replaced(image_shape=(6, 5)), r"an image of \(6, 5\), the first \(5, 5\)"),
        (one.replaced(scores=None), "scores: False, the first True"),
        (one.with_columns(area=[4]), r"the columns \['area'\], the first \[\]"),
    ):
        with pytest.raises(DataError, match=message):
            Instances.merged([one, other])
    with pytest.raises(DataError, match="at least one"):
        Instances.merged([])


@given(stacks, st.integers(-15, 15), st.integers(-15, 15), st.tuples(*[st.integers(1, 20)] * 2))
def test_moving_is_moving_the_pixels(masks, dy, dx, shape):
    moved = of(masks).tight().moved(dy, dx, shape)
    expected = np.zeros((*shape, masks.shape[2]), bool)
    for y, x, number in np.argwhere(masks):
        if 0 <= y + dy < shape[0] and 0 <= x + dx < shape[1]:
            expected[y + dy, x + dx, number] = True
    kept = np.flatnonzero(expected.any(axis=(0, 1)))
    assert moved.columns["number"].tolist() == kept.tolist()
    np.testing.assert_array_equal(moved.full_masks(), expected[:, :, kept])
    same(moved, moved.tight())


def test_boxes_and_points_are_moved_and_cut_off_too():
    boxes = Instances.from_boxes((10, 10), [[0, 0, 4, 4], [5, 5, 5, 5], [8, 8, 10, 10]], [1, 2, 3])
    moved = boxes.moved(-2, 1, (8, 8))
    assert moved.boxes.tolist() == [[0, 1, 2, 5], [3, 6, 3, 6]]
    assert moved.class_ids.tolist() == [1, 2]
    assert not moved.has_mask().any()


@given(stacks, stacks)
def test_overlap_is_that_of_whole_masks(masks, others):
    height, width = (max(masks.shape[axis], others.shape[axis]) for axis in (0, 1))
    one, other = (
        np.pad(each, ((0, height - each.shape[0]), (0, width - each.shape[1]), (0, 0)))
        for each in (masks, others)
    )
    shared = np.einsum("hwn,hwm->nm", one.astype(int), other.astype(int))
    unions = one.sum((0, 1))[:, None] + other.sum((0, 1))[None] - shared
    first, second = of(one), of(other)
    np.testing.assert_array_equal(first.intersections(second), shared)
    expected = np.divide(shared, unions, out=np.zeros(shared.shape), where=unions > 0)
    np.testing.assert_array_equal(first.overlap(second), expected)
    np.testing.assert_array_equal(
        first.touches_border(),
        one[0].any(0) | one[-1].any(0) | one[:, 0].any(0) | one[:, -1].any(0),
    )


def test_where_a_mask_lacks_boxes_are_compared():
    shape, boxes = (10, 10), [[0, 0, 4, 4], [0, 2, 4, 6]]
    cross = np.eye(4, dtype=bool) | np.eye(4, dtype=bool)[::-1]
    mixed = Instances(shape, boxes, [cross, None], [1, 1])
    assert mixed.areas().tolist() == [8, 16]
    np.testing.assert_allclose(mixed.overlap(mixed), [[1, 8 / 24], [8 / 24, 1]], rtol=1e-15)


def test_what_needs_masks_says_so():
    boxes = Instances.from_boxes((9, 9), [[0, 0, 4, 4]], [1], [0.5])
    for ask in (
        boxes.full_masks,
        boxes.label_image,
        boxes.run_lengths,
        boxes.outlines,
        lambda: boxes.without_duplicates(0.5),
    ):
        with pytest.raises(DataError, match="Instance 0 is a box without a mask"):
            ask()


def test_duplicates_go_by_score():
    near = np.ones((4, 4), bool)
    boxes = [[0, 0, 4, 4], [0, 0, 4, 4], [0, 3, 4, 7]]
    three = Instances((9, 9), boxes, [near] * 3, [1, 2, 1], [0.8, 0.9, 0.7])
    three = three.with_columns(number=[0, 1, 2])
    assert three.without_duplicates(0.5).columns["number"].tolist() == [1, 2]
    assert three.without_duplicates(1).columns["number"].tolist() == [1, 0, 2]
    with pytest.raises(DataError, match="Only instances with scores"):
        three.replaced(scores=None).without_duplicates(0.5)


@given(stacks)
def test_run_lengths_there_and_back(masks):
    instances = of(masks).tight()
    back = Instances.from_run_lengths(
        instances.run_lengths(), instances.class_ids, instances.image_shape, instances.scores
    )
    same(back.with_columns(**instances.columns), instances)
    for form in (instances.full_masks(), list(instances.crops), instances.run_lengths()):
        result = {
            "rois": instances.boxes,
            "class_ids": instances.class_ids,
            "scores": instances.scores,
            "masks": form,
        }
        detected = Instances.from_detection(result, (*instances.image_shape, 3))
        same(detected.with_columns(**instances.columns), instances)


def test_a_detection_of_another_image_is_refused():
    result = {"rois": [], "class_ids": [], "scores": [], "masks": np.zeros((4, 5, 0), bool)}
    with pytest.raises(DataError, match="Masks of 4 x 5 pixels for an image of 6 x 7"):
        Instances.from_detection(result, (6, 7, 3))
