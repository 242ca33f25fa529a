"""The parity command: its judgment, its table, and what it says when it cannot measure."""

import json
import math

import numpy as np
import pytest

from benchmarks import parity, parity_functions, parity_layers
from benchmarks.figures import (
    Figure,
    Figures,
    difference,
    failures,
    format_table,
    match_boxes,
    relative_difference,
    resolve,
)
from benchmarks.golden import ARRAY_FILES, WEIGHTS_CHECK, find_golden, golden_weight
from mrcnn.errors import DataError


class StoredGolden:
    """The smaller golden arrays that the tests carry, in the place of the whole folder."""

    def __init__(self, golden):
        self.golden = golden

    def __getitem__(self, name):
        return self.golden(name)

    def masks(self, file, name):
        shape = tuple(self[file][f"{name}_shape"])
        bits = np.unpackbits(self[file][f"{name}_packed"])[: np.prod(shape)]
        return bits.reshape(shape).astype(bool)

    def config(self, **changes):
        from mrcnn.config import Config

        settings = {"BACKBONE": "resnet50", "NUM_CLASSES": 3, "TRAIN_ROIS_PER_IMAGE": 32}
        settings |= {"MASK_SHAPE": [28, 28], "MINI_MASK_SHAPE": (28, 28)}
        return type("StoredConfig", (Config,), {**settings, **changes})()


# --- Judgment ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "limit", "binding", "status"),
    [
        (0.0, 0.0, True, "pass"),
        (1e-4, 1e-4, True, "pass"),
        (1.01e-4, 1e-4, True, "FAIL"),
        (math.inf, 1e-4, True, "FAIL"),
        (math.nan, 1e-4, True, "FAIL"),
        (None, 1e-4, True, "missing"),
        (5.0, None, True, "info"),
        (5.0, 1e-4, False, "info"),
    ],
)
def test_a_figure_is_judged_by_its_limit(value, limit, binding, status):
    figure = Figure("stage", "name", value, limit, binding)
    assert figure.status == status
    assert bool(failures({"jax": [figure]})) == (status in ("FAIL", "missing"))


@pytest.mark.parametrize("value", [0.25, None, math.inf])
def test_figures_survive_json(value):
    figure = Figure("stage", "name", value, 0.5, True, "a note", ("conv1/bias",))
    stored = json.loads(json.dumps(figure.to_json(), allow_nan=False))
    assert stored["status"] == figure.status
    assert Figure.from_json(stored) == figure


def test_a_stage_that_raises_is_a_failure_and_the_next_is_measured(capsys):
    figures = Figures()
    with figures.guard("stage", "first"):
        raise ValueError("shapes differ")
    with figures.guard("stage", "second"):
        figures.add("stage", "second", 0, 0)
    assert [figure.status for figure in figures] == ["FAIL", "pass"]
    assert figures[0].note == "ValueError: shapes differ"
    assert "Traceback" in capsys.readouterr().err


# --- Comparisons ----------------------------------------------------------------------------------


def test_difference_is_the_largest_and_wants_equal_shapes_and_kinds():
    assert difference([1.0, 2.5], np.array([1.0, 2.0])) == 0.5
    assert difference([True, False], np.array([True, True])) == 1
    assert difference(np.int32(3), np.int64(3)) == 0
    assert difference(np.int32(3), np.int64(3), same_dtype=True) == math.inf
    assert difference([1, 0], np.array([True, False])) == math.inf
    assert difference([1.0], np.array([[1.0]])) == math.inf
    assert difference([np.nan], np.array([1.0])) == math.inf
    assert difference([1.0], np.array([np.nan])) == math.inf
    assert difference(np.zeros((0, 4)), np.zeros((0, 4))) == 0
    # A number where the golden array holds one does not become equal by overflow.
    assert difference(np.uint8(0), np.uint8(255)) == 255


def test_relative_difference_is_relative_to_the_largest_golden_value():
    assert relative_difference([1.0, -9.0], np.array([1.0, -10.0])) == 0.1
    assert relative_difference([0.5], np.array([0.0])) == 0.5


def test_boxes_are_paired_one_to_one_and_by_class():
    golden = np.array([[0, 0, 1, 1], [0, 0, 2, 2], [5, 5, 6, 6]], float)
    rows, paired = match_boxes(golden[[2, 0, 1]] + 0.01, golden)
    np.testing.assert_array_equal(rows, [1, 2, 0])
    np.testing.assert_array_equal(paired, [0, 1, 2])
    # Two boxes alike, of two classes that stand the other way round.
    rows, _ = match_boxes(golden[[0, 0]], golden[[0, 0]], np.array([2, 1]), np.array([1, 2]))
    np.testing.assert_array_equal(rows, [1, 0])
    rows, paired = match_boxes(golden[:1], golden)
    np.testing.assert_array_equal([rows, paired], [[0], [0]])


def test_a_missing_function_is_none_and_a_broken_module_is_not_hidden(tmp_path, monkeypatch):
    assert resolve("mrcnn.utils.compute_overlaps") is not None
    assert resolve("mrcnn.utils.no_such_function") is None
    assert resolve("mrcnn.no_such_module.f") is None
    (tmp_path / "breaks_on_import.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        resolve("breaks_on_import.f")


# --- Table ----------------------------------------------------------------------------------------


def test_the_table_shows_stages_limits_backends_and_notes():
    results = {
        "tensorflow": [
            Figure("losses", "L2", 2.5e-7, 1e-5),
            Figure("masks", "IoU", 0, 0, note="15 are left out"),
            Figure("losses", "step 3", 2e-3, 1e-3, binding=False),
        ],
        "jax": [
            Figure("losses", "L2", 3e-5, 1e-5, note="see L2"),
            Figure("masks", "IoU", None, 0, note="15 are left out"),
        ],
    }
    lines = format_table(results).splitlines()
    assert lines[0].split() == ["stage", "limit", "tensorflow", "jax"]
    assert [line.split() for line in lines[2:7]] == [
        ["losses"],
        ["L2", "1e-5", "2.5e-07", "ok", "3.0e-05", "FAIL"],
        ["step", "3", "1e-3", "2.0e-03", "over", "-"],
        ["masks"],
        ["IoU", "exact", "0", "ok", "missing"],
    ]
    assert lines[-2:] == ["  losses: L2 (jax): see L2", "  masks: IoU: 15 are left out"]
    assert failures(results) == [
        "jax: losses: L2: 3.0e-05, limit 1e-05",
        "jax: masks: IoU: missing, limit 0",
    ]


# --- Golden numbers -------------------------------------------------------------------------------


def test_a_missing_folder_ends_the_command_with_status_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MRCNN_GOLDEN", str(tmp_path / "elsewhere"))
    assert parity.main([]) == 2
    error = capsys.readouterr().err
    assert "elsewhere: there is no such folder" in error
    assert "--golden DIR" in error and "MRCNN_GOLDEN" in error
    assert parity.main(["--golden", str(tmp_path)]) == 2
    assert "golden_inference.npz" in capsys.readouterr().err


def test_a_backend_that_is_not_installed_is_named(tmp_path, monkeypatch, capsys):
    for name in [f"golden_{name}.npz" for name in ARRAY_FILES] + [WEIGHTS_CHECK]:
        (tmp_path / name).touch()
    assert find_golden(tmp_path) == tmp_path
    monkeypatch.setattr(parity.importlib.util, "find_spec", lambda name: None)
    assert parity.main(["--golden", str(tmp_path), "--backends", "jax"]) == 2
    assert "not installed: jax" in capsys.readouterr().err


def test_an_unknown_backend_ends_the_command_with_status_2():
    with pytest.raises(SystemExit) as stopped:
        parity.main(["--backends", "mxnet"])
    assert stopped.value.code == 2


@pytest.mark.parametrize(("value", "status"), [(1e-7, 0), (1e-5, 1)])
def test_the_status_says_whether_all_limits_are_kept(tmp_path, monkeypatch, capsys, value, status):
    for name in [f"golden_{name}.npz" for name in ARRAY_FILES] + [WEIGHTS_CHECK]:
        (tmp_path / name).touch()

    def measured(backend, golden, stages, folder):
        figures = [Figure("layers", "x", 0, 0), Figure("layers", "y", value, 1e-6)]
        return {"versions": {backend: "1"}, "seconds": 1.0, "figures": figures}

    monkeypatch.setattr(parity, "measure", measured)
    monkeypatch.setattr(parity.importlib.util, "find_spec", lambda name: name != "torch" or None)
    output = tmp_path / "figures.json"
    assert parity.main(["--golden", str(tmp_path), "--json", str(output)]) == status
    assert f"{2 * status} of 4 figures fail." in capsys.readouterr().out
    stored = json.loads(output.read_text())["backends"]
    assert set(stored) == {"tensorflow", "jax"}
    assert stored["jax"]["figures"][1]["status"] == ("FAIL" if status else "pass")


def test_a_process_that_dies_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(parity.sys, "executable", "false")
    result = parity.measure("tensorflow", tmp_path, ["layers"], tmp_path)
    (figure,) = result["figures"]
    assert figure.status == "FAIL" and "status 1" in figure.note


def test_golden_weights_follow_from_their_names():
    kernel = golden_weight("fpn_p2", "kernel", (3, 3, 4, 5))
    assert kernel.dtype == np.float32
    np.testing.assert_array_equal(kernel, golden_weight("fpn_p2", "kernel", (3, 3, 4, 5)))
    assert not np.array_equal(kernel, golden_weight("fpn_p3", "kernel", (3, 3, 4, 5)))
    assert (golden_weight("bn_conv1", "moving_variance", (64,)) >= 0.5).all()
    with pytest.raises(DataError, match="conv1/weight"):
        golden_weight("conv1", "weight", (3,))


def test_golden_weights_are_those_of_the_original():
    # Values that the recorded check lists for the first convolution.
    np.testing.assert_array_equal(
        golden_weight("conv1", "kernel", (7, 7, 3, 64)).ravel()[:3],
        np.float32([-0.09740755, -0.13664576, -0.055725016]),
    )
    np.testing.assert_array_equal(
        golden_weight("conv1", "bias", (64,))[:2], np.float32([-0.0064449427, -0.05769753])
    )


# --- Measurements on the arrays that the tests carry ----------------------------------------------


def test_box_functions_are_measured(golden):
    data = StoredGolden(golden)["utils"]
    cases = list(parity_functions.box_cases(data))
    assert len(cases) == 8
    for case in cases:
        actual = case.call(resolve(case.path))
        assert parity_functions.largest_difference(actual, case) <= parity_functions.LIMIT
        spoiled = np.asarray(actual) + 1
        assert parity_functions.largest_difference(spoiled, case) >= 1


def test_layers_are_measured(golden):
    figures = Figures()
    parity_layers.measure(StoredGolden(golden), figures)
    by_name = {figure.name: figure for figure in figures}
    assert len(by_name) == len(figures) > 40
    for name in ("ops.boxes.clip_boxes", "ProposalLayer, 10 at 0.3", "training.losses.mrcnn_class"):
        assert by_name[name].status == "pass", by_name[name]
    assert not [figure for figure in figures if figure.note.startswith("ValueError")]
