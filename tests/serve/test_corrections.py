"""Acts on the objects of a picture, and the journal that keeps them."""

import json

import pytest

from mrcnn.errors import DataError
from mrcnn.serve.corrections import Corrections
from mrcnn.serve.journal import Journal

SIZE = (40, 60)
NAMES = ("dim", "bright")


def square(x: int, y: int, score: float, name: str = "dim") -> dict:
    outline = [[x, y], [x + 9, y], [x + 9, y + 9], [x, y + 9]]
    box = [y, x, y + 10, x + 10]
    return {"box": box, "class": name, "score": score, "outline": outline, "area": 100}


FOUND = [square(0, 0, 0.9), square(10, 0, 0.8), square(30, 0, 0.75, "bright"), square(0, 28, 0.6)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.png.jsonl"


def opened(path, result: str = "first") -> Corrections:
    return Corrections(Journal(path, result), SIZE, FOUND, NAMES, 0.7)


def do(corrections, kind, **more):
    return corrections.do({"kind": kind, **more}, "now")


def numbers(corrections) -> list[int]:
    return sorted(cell["id"] for cell in corrections.kept())


def test_what_was_found_counts_from_the_confidence_on(path):
    corrections = opened(path)
    assert numbers(corrections) == [1, 2, 3] and len(corrections.cells) == 4
    done = do(corrections, "confidence", value=0.5)
    assert done == {"removed": [], "added": [], "confidence": 0.5}
    assert numbers(corrections) == [1, 2, 3, 4]


ACTS = [
    ({"kind": "draw", "outline": [[40, 20], [50, 20], [50, 30]], "class": "bright"}, [1, 2, 3, 5]),
    ({"kind": "delete", "cells": [1, 3]}, [2]),
    ({"kind": "split", "cell": 1, "line": [[4, 0], [4, 9]]}, [2, 3, 5, 6]),
    ({"kind": "merge", "cells": [1, 2]}, [3, 5]),
    ({"kind": "class", "cells": [4], "class": "bright"}, [1, 2, 3, 4]),
    ({"kind": "reshape", "cell": 4, "outline": [[0, 25], [20, 25], [20, 35]]}, [1, 2, 3, 4]),
    ({"kind": "checked"}, [1, 2, 3]),
]


@pytest.mark.parametrize(("act", "left"), ACTS, ids=[act["kind"] for act, _ in ACTS])
def test_an_act_is_done_undone_done_again_and_read_again(path, act, left):
    corrections = opened(path)
    done = corrections.do(act, "now")
    assert numbers(corrections) == left and corrections.is_corrected
    known = {cell["id"]: cell for cell in corrections.cells.values()}
    before = {number: cell for number, cell in enumerate(FOUND, 1)}
    assert set(before) - set(known) == set(done["removed"])
    assert {cell["id"] for cell in done["added"]} >= set(known) - set(before)
    again = opened(path)
    assert list(again.cells.items()) == list(corrections.cells.items()) and again.number == 1
    do(again, "undo")
    assert numbers(again) == [1, 2, 3] and not again.is_corrected and not again.can_undo
    assert list(again.cells) == [1, 2, 3, 4]
    do(again, "redo")
    assert list(again.cells.items()) == list(corrections.cells.items()) and not again.can_redo
    assert opened(path).cells == corrections.cells


def test_classes_and_outlines_of_hand_are_sure(path):
    corrections = opened(path)
    do(corrections, "class", cells=[4], **{"class": "bright"})
    assert corrections.cells[4]["class"] == "bright" and corrections.cells[4]["score"] is None
    # The exact outline stays, since only its class was wrong.
    assert corrections.cells[4]["outline"] == FOUND[3]["outline"]
    do(corrections, "merge", cells=[1, 3 - 1])
    assert corrections.cells[5]["class"] == "dim" and corrections.cells[5]["box"] == [0, 0, 10, 20]


def test_numbers_are_never_given_twice(path):
    corrections = opened(path)
    outline = [[40, 20], [50, 20], [50, 30]]
    for _ in range(2):
        do(corrections, "draw", outline=outline, **{"class": "dim"})
        do(corrections, "undo")
    do(corrections, "draw", outline=outline, **{"class": "dim"})
    assert numbers(corrections) == [1, 2, 3, 7]
    assert opened(path).cells.keys() == corrections.cells.keys()


@pytest.mark.parametrize(
    "act",
    [
        None, {}, {"kind": "rename"}, {"kind": "undo"}, {"kind": "redo"}, {"kind": "detected"},
        {"kind": "delete"}, {"kind": "delete", "cells": []}, {"kind": "delete", "cells": [99]},
        {"kind": "delete", "cells": ["1"]}, {"kind": "delete", "cells": [[1]]},
        {"kind": "merge", "cells": [1]}, {"kind": "merge", "cells": [1, 1]},
        {"kind": "merge", "cells": [1, 4]}, {"kind": "class", "cells": [1], "class": "other"},
        {"kind": "draw", "outline": [[1, 1], [2, 2]], "class": "dim"},
        {"kind": "draw", "outline": [[1, 1], [9, 2], [3, 9]]}, {"kind": "split", "cell": 1},
        {"kind": "confidence", "value": "high"}, {"kind": "confidence", "value": 2},
    ],
)  # fmt: skip
def test_what_cannot_be_done_changes_nothing(path, act):
    corrections = opened(path)
    with pytest.raises(DataError):
        corrections.do(act, "now")
    assert numbers(corrections) == [1, 2, 3] and not path.exists()


def test_a_region_that_is_detected_anew(path):
    corrections = opened(path)
    found = [square(3, 3, 0.95), square(50, 3, 0.95)]
    done = corrections.add_detected(found, (0, 0, 20, 25), "now")
    # Only what has its middle in the region goes or comes.
    assert done["removed"] == [1, 2] and [cell["id"] for cell in done["added"]] == [5]
    assert numbers(opened(path)) == [3, 5]


def test_a_line_that_was_cut_short_was_never_confirmed(path):
    corrections = opened(path)
    do(corrections, "delete", cells=[1])
    whole = path.read_bytes()
    do(corrections, "delete", cells=[2])
    line = path.read_bytes()[len(whole) :]
    for length in range(len(line)):
        path.write_bytes(whole + line[:length])
        assert numbers(opened(path)) == [2, 3]
        assert path.read_bytes() == whole
    path.write_bytes(b'{"version": 1, "res')
    assert numbers(opened(path)) == [1, 2, 3]
    do(opened(path), "delete", cells=[1])
    assert numbers(opened(path)) == [2, 3]


def test_corrections_of_an_earlier_detection_are_set_aside(path):
    do(opened(path), "delete", cells=[1])
    kept = path.read_bytes()
    assert numbers(opened(path, "second")) == [1, 2, 3]
    assert path.with_suffix(".1.old").read_bytes() == kept and not path.exists()


def test_a_journal_of_a_later_version(path):
    path.write_text(json.dumps({"version": 2, "result": "first"}) + "\n")
    with pytest.raises(DataError, match="later version"):
        opened(path)
