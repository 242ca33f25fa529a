"""Predictions as JSON: the same again to the last bit, and refused where they cannot be right."""

import copy
import dataclasses
import json
import math
import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.inference import Prediction
from mrcnn.inference.prediction_json import plain_instances
from mrcnn.instances import Instances


def some_instances(seed=0, count=6, shape=(40, 50)):
    """Masks, boxes without a mask, empty masks; columns of every kind."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 30, (count, 2))
    boxes = np.hstack([corners, corners + rng.integers(0, 11, (count, 2))])
    crops = [rng.random((y2 - y1, x2 - x1)) < 0.4 for y1, x1, y2, x2 in boxes]
    if count > 1:
        crops[0], crops[1] = None, np.zeros_like(crops[1])
    columns = {
        "area": rng.random(count) * 1e9,
        "single": rng.random(count).astype(np.float32),
        "count": rng.integers(-(2**62), 2**62, count),
        "large": rng.integers(0, 2**63, count, np.uint64) * np.uint64(2),
        "round": rng.random(count) < 0.5,
        "kind": np.array(["röte", "", 'a "b"', "\n", "x", "normal"])[:count],
        "center": rng.random((count, 2)),
        "gaps": np.array([math.nan, math.inf, -math.inf, -0.0, 1e-320, 1.5])[:count],
    }
    return Instances(
        shape,
        boxes,
        crops,
        rng.integers(-1, 4, count),
        rng.random(count),
        ignore=rng.random(count) < 0.3,
        columns=columns,
    )


def some_prediction(**changes):
    made = Prediction(
        some_instances(),
        0.1 + 0.2,
        ("An image has 5 detections.", "ü"),
        {"mould": 0.1, "network": 1e-9, "place": 3.0},
        "rbc.h5 (sha256 0123456789ab)",
    )
    return dataclasses.replace(made, **changes)


def test_what_was_written_before_results_were_judged_is_read():
    values = some_prediction(quality=("limit", "scale")).to_dict()
    assert Prediction.from_dict(values).quality == ("limit", "scale")
    del values["quality"]
    assert Prediction.from_dict(values).quality == ()
    with pytest.raises(DataError, match="'quality' is 'limit'"):
        Prediction.from_dict({**values, "quality": "limit"})


def assert_same_instances(one, other):
    assert one.image_shape == other.image_shape
    for name in ("boxes", "class_ids", "scores", "ignore"):
        first, second = getattr(one, name), getattr(other, name)
        if first is None:
            assert second is None
            continue
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    for crop, again in zip(one.crops, other.crops, strict=True):
        assert (crop is None) == (again is None)
        if crop is not None:
            np.testing.assert_array_equal(crop, again)
    assert list(one.columns) == list(other.columns)
    for name, values in one.columns.items():
        again = other.columns[name]
        assert (values.dtype.kind, values.shape) == (again.dtype.kind, again.shape)
        if values.dtype.kind != "U":
            assert values.dtype == again.dtype
        assert values.tolist() == again.tolist() or values.tobytes() == again.tobytes()


def test_a_prediction_comes_back_to_the_last_bit():
    made = some_prediction()
    again = Prediction.from_json(made.to_json())
    assert (again.scale, again.notes, again.timing, again.model) == (
        made.scale, made.notes, made.timing, made.model,
    )  # fmt: skip
    assert_same_instances(made.instances, again.instances)
    assert again.to_json() == made.to_json()
    assert Prediction.from_json(made.to_json().encode()).to_dict() == made.to_dict()
    values = made.to_dict()
    assert (values["schema"], values["version"]) == ("mrcnn.prediction", 1)
    with pytest.warns(UserWarning, match="A prediction: is of version 2, .* up to 1"):
        later = Prediction.from_dict({**values, "version": 2, "weather": "fine"})
    assert later.to_dict() == values
    assert values["instances"]["masks"][0] is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.scale = 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 6))
def test_any_instances_come_back(seed, count):
    made = some_prediction(instances=some_instances(seed, count))
    assert_same_instances(made.instances, Prediction.from_json(made.to_json()).instances)


def test_nothing_and_what_has_no_scores():
    for instances in (
        Instances.empty((5, 7)),
        Instances.from_boxes((5, 7), [[0, 0, 5, 7]], [1]),
        some_instances().take([]),
    ):
        again = Prediction.from_json(some_prediction(instances=instances).to_json()).instances
        assert_same_instances(instances, again)


def test_a_mask_may_touch_both_ends_of_a_column():
    crop = np.zeros((5, 3), bool)
    crop[4, 0] = crop[0, 1] = True
    made = Instances((5, 7), [[0, 2, 5, 5]], [crop], [1], [0.5])
    again = Prediction.from_json(some_prediction(instances=made).to_json()).instances
    assert_same_instances(made, again)


def test_a_column_that_json_cannot_hold():
    made = some_instances().with_columns(when=np.array(["2020-01-01"] * 6, "datetime64[D]"))
    with pytest.raises(DataError, match=r"'when' is of type datetime64"):
        plain_instances(made)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "1", '"a"', "{", b"\xff\xfe\xff", "[" * 100_000,
        '{"schema": ' * 100_000, '{"schema": "other"}', '{"schema": ' + "9" * 5000 + "}",
        '{"schema": "mrcnn.prediction"}',
        '{"schema": "mrcnn.prediction", "version": "2"}',
        '{"schema": "mrcnn.prediction", "version": 1}',
    ],
)  # fmt: skip
def test_text_that_is_no_prediction(text):
    with pytest.raises(DataError, match=r"(?i)prediction") as caught:
        Prediction.from_json(text)
    assert len(str(caught.value)) < 1000


HUGE = 10**400
WRONG = [
    ("model", [None, 5, []]),
    ("scale", [None, "1", True, 0, -1, math.nan, math.inf, HUGE]),
    ("notes", [None, "text", [1], [None]]),
    ("timing", [None, [], {"mould": "1"}, {"mould": math.nan}, {"mould": True}, {"mould": HUGE}]),
    ("instances", [None, [], "text"]),
    ("instances.image_size", [None, [], [40], [40, 50, 3], ["40", 50], [-1, 50], [40.5, 50],
                              [2**31, 1], [0, 0], [4, 5], [True, 50], [HUGE, HUGE]]),
    ("instances.boxes", [None, [], [1], [[0, 0, 1]] * 6, [[0, 0, 1, None]] * 6,
                         [[0, 0, 1.5, 1]] * 6, [[0, 0, 2**32 + 3, 3]] * 6, [[5, 5, 3, 3]] * 6,
                         [[0, 0, HUGE, 3]] * 6, [[-1, 0, 3, 3]] * 6]),
    ("instances.class_ids", [None, {}, [1], ["1"] * 6, [1.0] * 6, [2**31] * 6, [True] * 6]),
    ("instances.scores", [[0.5], "text", [None] * 6, ["1"] * 6, [2] * 6, [-1] * 6, [HUGE] * 6,
                          [math.nan] * 6, [True] * 6]),
    ("instances.ignore", [None, [], [0] * 6, ["no"] * 6]),
    ("instances.masks", [None, [], [5] * 6, [[]] * 6, ["~"] * 6, ["0"] * 6, ["P"] * 6,
                         ["o" * 50] * 6, ["ü"] * 6, [{"size": [1, 1], "counts": "1"}] * 6]),
    ("instances.columns", [None, [], {"a": 1}, {"a": {}}]),
    ("instances.columns.area.type", [None, 5, "object", "O", "float128", "U9", "void", []]),
    ("instances.columns.area.shape", [None, [], [5], [6, 2], [6] + [1] * 40, ["6"], [HUGE], [6, -1],
                                      [6] + [2**31 - 1] * 7]),
    ("instances.columns.area.values", [None, [], [1] * 5, ["a"] * 6, [HUGE] * 6, [True] * 6,
                                       [[1]] * 6]),
    ("instances.columns.count.values", [[2**63] * 6, [1.0] * 6, [None] * 6, [True] * 6]),
    ("instances.columns.round.values", [[1] * 6, [None] * 6]),
    ("instances.columns.kind.values", [[1] * 6, [None] * 6]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in WRONG for value in values],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_values_that_cannot_be(path, value):
    values = some_prediction().to_dict()
    *owners, name = path.split(".")
    owner = values
    for key in owners:
        owner = owner[key]
    owner[name] = value
    with pytest.raises(DataError) as caught:
        Prediction.from_dict(values)
    assert len(str(caught.value)) < 1000


def test_anything_changed_is_read_or_refused():
    """Values put, taken away and changed at random."""
    rng = random.Random(0)
    junk = [None, True, -1, 0, 1e300, 2**40, "", "a", [], {}, [[]], [None], {"a": 1}]

    def change(value):
        if isinstance(value, dict) and value and rng.random() < 0.9:
            key = rng.choice(list(value))
            if rng.random() < 0.1:
                del value[key]
            else:
                value[key] = change(value[key])
            return value
        if isinstance(value, list) and value and rng.random() < 0.8:
            place = rng.randrange(len(value))
            value[place] = change(value[place])
            return value
        return rng.choice(junk)

    original, refused = some_prediction().to_dict(), 0
    for _ in range(600):
        try:
            Prediction.from_dict(change(copy.deepcopy(original))).to_json()
        except DataError:
            refused += 1
    assert 300 < refused < 600


def test_a_few_bytes_do_not_fill_the_memory():
    """A mask as large as its image says, and one that is larger than its box."""
    side = 60_000
    whole = {
        "image_size": [side, side], "class_ids": [1], "scores": [1.0], "ignore": [False],
        "columns": {},
    }  # fmt: skip
    from mrcnn.instances.run_length import compress

    everything = compress([0, side * side])
    for boxes, message in (
        ([[0, 0, side, side]], "at most 268435456"),
        ([[0, 0, 10, 10]], "which is not inside"),
    ):
        values = some_prediction().to_dict()
        values["instances"] = {**whole, "boxes": boxes, "masks": [everything]}
        tracemalloc.start()
        with pytest.raises(DataError, match=message):
            Prediction.from_json(json.dumps(values))
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.stop()
