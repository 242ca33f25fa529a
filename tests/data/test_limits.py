"""Limits that leave out part of the ground truth are told once a run, and the largest need."""

import threading
import warnings

import pytest

from mrcnn.data.limits import LimitNotes
from mrcnn.data.loader import BatchLoader
from mrcnn.errors import LimitWarning


@pytest.fixture
def said():
    """`(call, ...)`: the LimitWarnings of some calls, each a list of messages."""

    def run(*calls):
        messages = []
        for call in calls:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                call()
            messages.append(
                [str(w.message) for w in caught if issubclass(w.category, LimitWarning)]
            )
        return messages

    return run


class TestNotes:
    def test_the_first_case_and_the_first_that_is_twice_as_much(self, said):
        notes = LimitNotes()

        def case(needed):
            notes.note("CELLS", needed, f"{needed} cells")
            notes.say()

        cases = [50, 60, 40, 99, 100, 199, 200]
        found = said(*(lambda needed=needed: case(needed) for needed in cases))
        assert found == [["50 cells"], [], [], [], ["100 cells"], [], ["200 cells"]]
        assert notes.needed == {"CELLS": 200}

    def test_the_largest_is_said_at_the_end(self, said):
        notes = LimitNotes()
        notes.note("CELLS", 50, "50 cells")
        notes.note("ROIS", 9, "9 rois")

        def at_the_end():
            notes.say(least_rise=1.0)

        def more():
            notes.note("CELLS", 51, "51 cells")

        found = said(notes.say, at_the_end, more, at_the_end, at_the_end)
        assert found == [["50 cells", "9 rois"], [], [], ["51 cells"], []]
        assert notes.messages == {"CELLS": "51 cells", "ROIS": "9 rois"}

    def test_threads_say_it_once(self, said):
        notes = LimitNotes()
        together = threading.Barrier(8)

        def work(number):
            together.wait(60)
            for needed in range(number, 4000, 8):
                notes.note("CELLS", 1000 + needed % 999, "many cells")
                notes.say()

        def run():
            threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert said(run) == [["many cells"]]
        assert notes.needed == {"CELLS": 1998}

    def test_the_warning_names_the_line_of_the_caller(self):
        notes = LimitNotes()
        notes.note("CELLS", 5, "5 cells")
        with pytest.warns(LimitWarning) as caught:
            notes.say(stacklevel=1)
        assert caught[0].filename == __file__


@pytest.fixture
def config_of(small_config):
    return lambda **settings: type("SmallerConfig", (small_config,), settings)()


@pytest.mark.parametrize("threads", [0, 3])
def test_loaders_tell_the_first_and_note_the_largest(cells_dataset, config_of, said, threads):
    counts = [5, 14, 17, 20, 3, 16, 1]
    config = config_of(TRAIN_ROIS_PER_IMAGE=200, STEPS_PER_EPOCH=7, IMAGES_PER_GPU=1)
    notes = LimitNotes()
    loader = BatchLoader(
        cells_dataset(counts), config, threads=threads, shuffle=False, limits=notes
    )

    def epoch():
        for index in range(len(loader)):
            loader[index]

    def visible(index):
        return int((loader[index][0][4] != 0).sum())

    first, end, second = said(epoch, loader.on_epoch_end, epoch)
    (message,) = first
    assert "MAX_GT_INSTANCES is 12: a random part of them is used" in message
    # Some cells can lie outside their image altogether.
    most = notes.needed["MAX_GT_INSTANCES"]
    assert 17 <= most <= 20
    assert notes.messages["MAX_GT_INSTANCES"].startswith(f"Image image3.png has {most} instances")
    assert end == second == []
    assert visible(3) == 12


def test_more_instances_than_proposals(cells_dataset, config_of, said):
    dataset = cells_dataset([11])
    settings = {"POST_NMS_ROIS_TRAINING": 6, "TRAIN_ROIS_PER_IMAGE": 200}
    for more, expected in (
        ({}, ["POST_NMS_ROIS_TRAINING is 6"]),
        ({"PRE_NMS_LIMIT": 4}, ["POST_NMS_ROIS_TRAINING is 6", "PRE_NMS_LIMIT is 4"]),
        ({"PRE_NMS_LIMIT": 4, "USE_RPN_ROIS": False}, []),
    ):
        loader = BatchLoader(dataset, config_of(**settings, **more), threads=0)
        (messages,) = said(lambda loader=loader: loader[0])
        assert len(messages) == len(expected)
        for message, part in zip(messages, expected, strict=True):
            assert part in message and "have no proposal to reach the heads" in message
