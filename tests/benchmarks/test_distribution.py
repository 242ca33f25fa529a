"""How `benchmarks.distribution` judges; what it compares is small in tests/training."""

import json

import keras
import numpy as np
import pytest

from benchmarks import distribution
from benchmarks.distribution import Side, main
from benchmarks.distribution_run import difference, nudge


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
    plain = ("--steps", "4", "--rate", "2e-05")
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


def test_the_control_is_computed_once_for_two_sides_of_a_backend(monkeypatch):
    asked = []

    def train(side, *options):
        asked.append((str(side), "--nudge" in options))
        return run_of([1, 1])

    monkeypatch.setattr(distribution, "train", train)
    assert main(["--only", "agree", "--backends", "jax"]) == 0
    one, two, processes = "jax, 1 devices", "jax, 2 devices", "jax, 2 processes"
    assert asked == [(one, False), (one, True), (two, False), (processes, False)]


def test_a_restart_is_two_trainings_and_the_second_one_is_of_one_device(monkeypatch):
    began = []

    def start(side, folder, *options, together=True):
        began.append((str(side), *options[:2], *options[options.index("--epochs") :]))
        np.savez(folder / "found.npz", **run_of([3.0]))
        return []

    monkeypatch.setattr(distribution, "start", start)
    distribution.train(Side("jax", 2), "--steps", "2", "--then-alone")
    assert began == [
        ("jax, 2 devices", "--devices", "2", "--epochs", "2", "--stop-after", "1"),
        ("jax, 1 devices", "--devices", "1", "--epochs", "2", "--go-on"),
    ]


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
