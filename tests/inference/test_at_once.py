"""Pictures that are predicted several at the same time."""

import threading
import time
import warnings
from dataclasses import replace

import pytest

from mrcnn.errors import DataError, LimitWarning
from mrcnn.inference import Predictor, ScaledPredictor
from mrcnn.inference.at_once import one_by_one, several_at_once
from mrcnn.inference.processors import at_once
from tests.inference.bright_spots import BrightSpots
from tests.inference.test_scaled import Config, discs


def predict(number):
    """Later pictures are done sooner; one number in ten cannot be predicted."""
    time.sleep(0.01 * (3 - number % 4))
    if number % 10 == 7:
        raise DataError(f"{number} cannot be")
    return f"of {number}"


def several(images, predict, failed=None):
    return several_at_once(images, predict, 3, failed)


def numbers(count, last=None):
    """So many pictures, and perhaps one that cannot be read."""
    yield from range(count)
    if last is not None:
        raise last


@pytest.mark.parametrize("way", [one_by_one, several])
def test_predictions_and_failures_come_in_the_order_of_the_pictures(way):
    told = []
    for found in way(numbers(20), predict, lambda error: told.append(str(error))):
        told.append(found)
    expected = [f"{n} cannot be" if n % 10 == 7 else f"of {n}" for n in range(20)]
    assert told == expected
    assert list(way(iter(()), predict)) == []


@pytest.mark.parametrize("way", [one_by_one, several])
def test_what_goes_wrong_is_raised_once_all_before_it_is_given(way):
    found = []
    with pytest.raises(DataError, match="7 cannot be"):
        for each in way(numbers(20), predict):
            found.append(each)
    assert found == [f"of {n}" for n in range(7)]
    # A source that ends is none of the pictures.
    for failure in (DataError("ended"), KeyError("ended")):
        found, told = [], []
        with pytest.raises(type(failure), match="ended"):
            for each in way(numbers(6, failure), predict, told.append):
                found.append(each)
        assert (found, told) == ([f"of {n}" for n in range(6)], [])


def test_as_many_as_were_asked_for_are_predicted_at_the_same_time_and_no_more_are_held():
    together, most, under_way = threading.Barrier(3), 0, 0
    counting, taken = threading.Lock(), []

    def slow(number):
        nonlocal most, under_way
        with counting:
            under_way += 1
            most = max(most, under_way)
        together.wait(timeout=20)
        with counting:
            under_way -= 1
        return number

    def images():
        for number in range(12):
            taken.append(number)
            yield number

    for number in several(images(), slow):
        assert len(taken) <= number + 1 + 3 + 2
    assert (most, len(taken)) == (3, 12)


def test_a_picture_that_is_done_does_not_wait_for_the_next_to_be_read():
    read = threading.Event()

    def images():
        yield 0
        assert read.wait(timeout=20)
        yield 1

    found = several(images(), predict)
    assert next(found) == "of 0"
    read.set()
    assert list(found) == ["of 1"]


def test_no_thread_is_left_where_it_is_left_early():
    before = threading.active_count()
    done = []

    def noted(number):
        time.sleep(0.01)
        done.append(number)
        return number

    found = several(numbers(100), noted)
    assert next(found) == 0
    found.close()
    assert threading.active_count() == before
    assert len(done) <= 1 + 3 + 1


def scaled(several, **settings):
    config = Config.from_dict(settings)
    runner = BrightSpots(config)
    runner.at_once = several
    return ScaledPredictor(Predictor(config, runner), diameter=24), runner


def test_what_is_found_does_not_depend_on_how_many_are_predicted_at_the_same_time():
    images = [discs(24, count) for count in (2, 5, 3, 4, 2, 6)]
    predictor, runner = scaled(3)
    found, expected = (
        [replace(each, timing={}).to_json() for each in one.predict_many(images)]
        for one in (predictor, scaled(1)[0])
    )
    assert found == expected
    assert all(name.startswith("predict") for name in runner.threads)


@pytest.mark.parametrize("several", [1, 2])
def test_a_limit_is_warned_of_in_the_line_that_asks(several):
    few = {"DETECTION_MAX_INSTANCES": 5, "POST_NMS_ROIS_INFERENCE": 80}
    predictor, _ = scaled(several, **few)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(predictor.predict_many([discs(24, 4)] * 4))
    (warning,) = caught
    assert issubclass(warning.category, LimitWarning)
    assert warning.filename == __file__


def test_how_many_are_predicted_at_the_same_time(monkeypatch):
    for threads, pictures, expected in (("1", 9, 1), ("2", 9, 2), ("16", 9, 4), ("16", 3, 3)):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        assert at_once(pictures) == expected
    assert at_once() == 4
    assert at_once(0) == 1
