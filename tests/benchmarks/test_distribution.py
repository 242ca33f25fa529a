"""How `benchmarks.distribution` judges; what it compares is small in tests/training."""

import json
import subprocess
import sys
import threading
import time

import keras
import numpy as np
import pytest

from benchmarks import distribution, distribution_sides, distribution_speed
from benchmarks.distribution import main
from benchmarks.distribution_run import difference, nudge
from benchmarks.distribution_sides import Ended, Side, Started, run_to_the_end
from benchmarks.distribution_speed import Round, round_of
from benchmarks.distribution_turns import SETTLE, WARM_UP, Participant, Turns, Window


def run_of(losses: list[float], weight: float = 1.0) -> dict[str, np.ndarray]:
    steps = np.array([[loss, 2.0] for loss in losses])
    return {"losses": steps, "weight_0": np.array([0.0, weight]), "moved": np.array(0.01)}


def test_the_largest_difference_of_each_step_and_of_all_weights():
    losses, weights = difference(run_of([1.0, 3.0]), run_of([1.0, 3.5], weight=0.75))
    assert (losses, weights) == ([0.0, 0.5], 0.25)


@pytest.mark.parametrize(
    ("nudged", "early", "late", "weight", "wrong"),
    [
        (0, 0, 5e-5, 0, []),
        (0, 0, 5e-4, 0, ["torch, 2 processes: losses of 4 steps"]),
        (0, 5e-5, 0, 0, ["torch, 2 processes: losses of the first 3 steps"]),
        (0, 0, 0, 5e-4, ["torch, 2 processes: weights, of what moved"]),
        # What departs from itself shows nothing, however near the others are.
        (5e-4, 0, 0, 0, ["torch, one nudged: losses of 4 steps"]),
    ],
)
def test_what_is_beyond_its_limit_fails_and_so_does_a_control(
    monkeypatch, tmp_path, capsys, nudged, early, late, weight, wrong
):
    asked = []

    def train(side, *options):
        asked.append((str(side), options))
        if side.devices == 1:
            return run_of([1, 1, 1, 1 + nudged * ("--nudge" in options)])
        return run_of([1 + early, 1, 1, 1 + late], 1 + weight)

    monkeypatch.setattr(distribution, "train", train)
    path = tmp_path / "found.json"
    options = ["--only", "agree", "--backends", "torch", "--steps", "4", "--json", str(path)]
    assert main(options) == bool(wrong)
    plain = ("--steps", "2", "--epochs", "2", "--rate", "1e-05")
    assert asked == [
        ("torch, 1 devices", plain),
        ("torch, 1 devices", (*plain, "--nudge", "1e-07")),
        ("torch, 2 processes", plain),
    ]
    figures = json.loads(path.read_text())
    assert [each["what"] for each in figures if not each["fits"]] == [f"agree: {w}" for w in wrong]
    found = {each["what"].removeprefix("agree: "): each["value"] for each in figures}
    assert found["torch, one nudged: losses of 4 steps"] == pytest.approx(nudged)
    assert found["torch, 2 processes: losses of 4 steps"] == pytest.approx(max(early, late))
    assert found["torch, 2 processes: weights, of what moved"] == pytest.approx(100 * weight)
    assert ("FAIL" in capsys.readouterr().out) == bool(wrong)


@pytest.fixture
def started(monkeypatch):
    """The processes that are started, which leave a training at once."""
    began = []

    def start(side, folder, *options):
        began.append((str(side), *options))
        np.savez(folder / "found.npz", **run_of([3.0] if "--go-on" in options else [1.0, 3.0]))
        return [Ended(0, 0.0, "")]

    monkeypatch.setattr(distribution_sides, "start", start)
    distribution_sides.train.cache_clear()
    yield began
    distribution_sides.train.cache_clear()


def test_what_two_parts_or_two_sides_ask_for_is_computed_once(started):
    options = ["--only", "agree", "restart", "--backends", "jax", "--steps", "2"]
    assert main(options) == 0
    kinds = [
        (side, *(word for word in ("--nudge", "--stop-after", "--go-on") if word in words))
        for side, *words in started
    ]
    one, two, processes = "jax, 1 devices", "jax, 2 devices", "jax, 2 processes"
    assert kinds == [
        (one,),
        (one, "--nudge"),
        (two,),
        (processes,),
        # Restarts: the training of one device is known already.
        (two, "--stop-after"),
        (one, "--go-on"),
        (processes, "--stop-after"),
        (one, "--go-on"),
    ]


def test_a_restart_is_compared_with_the_later_half_of_the_whole(monkeypatch, capsys):
    def train(side, *options):
        return run_of([7.0, 3.0] if side.devices == 1 else [4.0 if restarts else 3.0])

    monkeypatch.setattr(distribution, "train", train)
    for restarts in (False, True):
        # One of the later steps is another's.
        assert main(["--only", "restart", "--backends", "torch", "--steps", "2"]) == restarts
        assert ("FAIL" in capsys.readouterr().out) == restarts


def test_a_training_that_fails_ends_all_with_what_it_said(monkeypatch, tmp_path):
    monkeypatch.setattr(
        distribution_sides,
        "start",
        lambda *_: [Ended(0, 0.0, ""), Ended(1, 0.0, "no such thing")],
    )
    with pytest.raises(SystemExit, match=r"a training failed\.\nno such thing"):
        distribution_sides.succeed(Side("torch", 2, 2), tmp_path)


@pytest.mark.parametrize(("share", "wrong"), [(0.91, False), (0.89, True)])
def test_speed_is_the_median_of_the_rounds(monkeypatch, tmp_path, share, wrong):
    rounds = [
        Round(together=4 * each, alone=4.0, processor=1 + each, waited=each / 10)
        for each in (share, 0.1, 2.0)
    ]
    monkeypatch.setattr(distribution, "rounds_of", lambda side: rounds)
    path = tmp_path / "found.json"
    options = ["--only", "speed", "--backends", "torch", "--json", str(path)]
    assert main(options) == wrong
    found = {
        each["what"].partition(": ")[2]: each["value"] for each in json.loads(path.read_text())
    }
    assert found == pytest.approx(
        {
            "torch, 2 processes: share of time that waits for the loader": share / 10,
            "torch, 2 processes: images a second together": 4 * share,
            "torch, 2 processes: processor time of an image, of that alone": 1 + share,
            "torch, 2 processes: of what two alone reach": share,
        }
    )


def test_a_round_adds_up_the_processes_of_a_side():
    together = [Window(images=8, seconds=4.0, processor=3.0, waited=0.4)] * 2
    alone = [
        Window(images=8, seconds=2.0, processor=2.0, waited=0.0),
        Window(images=8, seconds=4.0, processor=2.0, waited=0.0),
    ]
    found = round_of(together, alone)
    assert (found.together, found.alone) == (4.0, 6.0)
    assert found.processor == pytest.approx(1.5)
    assert found.waited == pytest.approx(0.1)
    assert found.share == pytest.approx(2 / 3)


def test_what_is_begun_and_each_round_is_told_at_once(monkeypatch, capsys):
    """Two sides of made-up processes, which are as many threads here."""

    def launch(side, folder, *options, together=True):
        where = Turns.of(options[options.index("--turns") + 1])
        number = int(options[options.index("--place") + 1])
        threads.extend(
            threading.Thread(target=work, args=(Participant(where, number, process, 2), together))
            for process in range(side.processes)
        )
        return []

    def work(participant, together):
        waited = 0.0
        for _ in range(participant.turns.all_steps):
            at_work.append(participant.side)
            time.sleep(0.01 if together else 0.002)
            at_work.append(participant.side)
            waited += 0.001
            participant.step(waited)

    def run_to_the_end(side, started, meanwhile):
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            meanwhile()
            time.sleep(0.005)

    threads: list[threading.Thread] = []
    at_work: list[int] = []
    monkeypatch.setattr(distribution_speed, "ROUNDS", 3)
    monkeypatch.setattr(distribution_speed, "launch", launch)
    monkeypatch.setattr(distribution_speed, "run_to_the_end", run_to_the_end)
    found = distribution_speed.rounds_of(Side("tensorflow", 2))
    # One process together, and two alone.
    assert len(threads) == 3
    assert len(found) == 3
    # After the first steps, each side has its turns while the other one waits.
    steps = 2 * (SETTLE + distribution_speed.STEPS)
    turns = at_work[2 * 3 * WARM_UP :]
    for number in range(3):
        of_round = turns[number * 3 * steps : (number + 1) * 3 * steps]
        assert of_round == [0] * steps + [1] * 2 * steps
    said = capsys.readouterr().err
    assert "tensorflow, 2 devices and two alone begin" in said
    for number, each in enumerate(found, 1):
        assert f"round {number} of {len(found)}" in said
        assert f"{each.share:.3f}" in said
        assert each.waited > 0
    assert np.median([each.together for each in found]) < 2 / 0.01


def test_all_end_where_one_of_those_that_take_turns_fails(tmp_path):
    def of(text: str) -> Started:
        path = tmp_path / f"{len(text)}.txt"
        with open(path, "w") as output:
            command = [sys.executable, "-c", text]
            return Started(subprocess.Popen(command, stdout=output, stderr=output), path)

    waits, fails = of("import time; time.sleep(600)"), of("raise SystemExit('no such thing')")
    with pytest.raises(SystemExit, match=r"a training failed\.\nno such thing"):
        run_to_the_end(Side("torch", 2, 2), [waits, fails], lambda: None)
    assert waits.process.poll() is not None


def test_a_nudge_is_as_small_as_rounding_and_the_same_each_time():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(50)])
    network.layers[0].kernel.assign(np.linspace(-3, 3, 200).reshape(4, 50))
    kernel, bias = before = network.get_weights()
    nudge(network, 1e-6)
    changed = network.get_weights()[0]
    apart = np.abs(changed / kernel - 1)
    assert 5e-7 < apart.max() < 1.2e-6
    np.testing.assert_array_equal(network.get_weights()[1], bias)
    network.set_weights(before)
    nudge(network, 1e-6)
    np.testing.assert_array_equal(network.get_weights()[0], changed)
