"""The verdict on a long run, and the command line."""

import copy

import pytest

from benchmarks import load

HELD = {"threads": 9, "system threads": 20, "open files": 7, "objects": 500_000}
GOOD = {
    "calls": 2000,
    "end": 100,
    "mebibytes": [1300.0, 1310.0],
    "milliseconds": [50.0, 55.0],
    "held": [HELD, {**HELD, "system threads": 25, "objects": 500_900}],
    "around": [HELD, HELD],
    "versions": {"keras": "3"},
}
TOGETHER = {
    "calls": 100,
    "threads": 4,
    "built": 3,
    "detections": 500,
    "different": 0,
    "held": [HELD, {**HELD, "objects": 600_000}],
    "versions": {"keras": "3"},
}


def test_a_run_that_stays_as_it_began():
    assert load.complaints(GOOD) == load.complaints(TOGETHER) == []
    assert "last 100: 1310.0 MiB" in load.report("detections", GOOD)
    assert "around the run: threads 9 and 9" in load.report("steps", GOOD)
    assert "500 detections compared, 3 models built meanwhile: 0 answers differ" in load.report(
        "together", TOGETHER
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mebibytes": [1300.0, 1350.0]}, "memory grew by 50 MiB (at most 48)"),
        ({"milliseconds": [50.0, 65.0]}, "a call took 50 ms and in the end 65 ms"),
        (
            {"held": [HELD, {**HELD, "open files": 8}]},
            "open files grew from 7 to 8 from the first call to the last",
        ),
        (
            {"around": [HELD, {**HELD, "threads": 11}]},
            "threads grew from 9 to 11 over the run",
        ),
        (
            {"held": [HELD, {**HELD, "objects": 503_000}]},
            "the number of Python objects grew by 3000",
        ),
    ],
)
def test_what_grew_is_told(change, told):
    (complaint,) = load.complaints({**copy.deepcopy(GOOD), **change})
    assert complaint.startswith(told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"different": 2}, "2 of 100 answers differ"),
        ({"detections": 0}, "nothing was detected, so nothing was compared"),
    ],
)
def test_answers_that_differ_are_told(change, told):
    assert load.complaints({**TOGETHER, **change}) == [told]


@pytest.mark.parametrize(
    "arguments", [["--images", "0", "--steps", "0"], ["--images", "-1"], ["--threads", "0"]]
)
def test_numbers_that_cannot_be(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        load.main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_process_that_fails_is_told(monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("the process ended with status 3: see above")

    monkeypatch.setattr(load, "measure", fail)
    assert load.main(["--images", "40", "--steps", "0"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "40 images through MaskRCNN.detect: the process ended with status 3: see above",
        "2 images of several threads: the process ended with status 3: see above",
    ]
