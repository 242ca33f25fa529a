"""How `benchmarks.distribution` judges; what it compares is small in tests/training."""

import json

import numpy as np
import pytest

from benchmarks import distribution
from benchmarks.distribution import Side, main
from benchmarks.distribution_run import difference


def run_of(loss: float, weight: float = 1.0) -> dict[str, np.ndarray]:
    return {"losses": np.array([[1.0, 2.0], [loss, 2.0]]), "weight_0": np.array([0.0, weight])}


def test_the_largest_difference_of_each_step_and_of_all_weights():
    losses, weights = difference(run_of(3.0), run_of(3.5, weight=0.75))
    assert (losses, weights) == ([0.0, 0.5], 0.25)


@pytest.mark.parametrize(("apart", "status"), [(5e-5, 0), (5e-4, 1)])
def test_what_is_beyond_its_limit_fails(monkeypatch, tmp_path, capsys, apart, status):
    asked = []

    def train(side, *options):
        asked.append((str(side), options))
        return run_of(3.0 if side.devices == 1 else 3.0 + apart)

    monkeypatch.setattr(distribution, "train", train)
    path = tmp_path / "found.json"
    options = ["--only", "agree", "--backends", "torch", "--steps", "2", "--json", str(path)]
    assert main(options) == status
    steps = ("--steps", "2")
    assert asked == [("torch, 1 devices", steps), ("torch, 2 processes", steps)]
    losses, weights = json.loads(path.read_text())
    assert losses["what"] == "agree: torch, 2 processes: losses of 2 steps"
    assert losses["value"] == pytest.approx(apart)
    assert (losses["fits"], weights["fits"]) == (not status, True)
    assert ("FAIL" in capsys.readouterr().out) == bool(status)


def test_a_restart_is_two_trainings_and_the_second_one_is_of_one_device(monkeypatch):
    began = []

    def start(side, folder, *options, together=True):
        began.append((str(side), options[options.index("--devices") + 1], "--go-on" in options))
        np.savez(folder / "found.npz", **run_of(3.0))
        return []

    monkeypatch.setattr(distribution, "start", start)
    distribution.train(Side("jax", 2), "--steps", "2", "--then-alone")
    assert began == [("jax, 2 devices", "2", False), ("jax, 1 devices", "1", True)]
