"""Which file `--weights` means."""

import pytest

from mrcnn.app import model_files
from mrcnn.app.threshold import own_folder
from mrcnn.errors import WeightsError
from mrcnn.weights import places
from rbc import APPLICATION


def last_checkpoint(logs):
    return model_files.last_checkpoint(APPLICATION, logs)


def resolve_weights(weights, logs):
    return model_files.resolve_weights(APPLICATION, weights, logs)


def trained_weights(options):
    return model_files.trained_weights(APPLICATION, options)


def test_last_checkpoint_is_the_last_epoch_of_the_newest_run(tmp_path):
    for run, epochs in (("rbc20250101T0900", 3), ("rbc20260101T0900", 2), ("rbc20270101T0900", 0)):
        (tmp_path / run).mkdir()
        for epoch in range(1, epochs + 1):
            (tmp_path / run / f"mask_rcnn_rbc_{epoch:04d}.h5").touch()
    newest = tmp_path / "rbc20260101T0900" / "mask_rcnn_rbc_0002.h5"
    assert last_checkpoint(tmp_path) == newest
    assert resolve_weights("last", tmp_path) == newest
    run = tmp_path / "rbc20250101T0900"
    assert resolve_weights(str(run), tmp_path).name == "mask_rcnn_rbc_0003.h5"
    assert resolve_weights(str(newest), tmp_path) == newest


def test_best_weights_are_those_of_the_newest_run_that_has_some(tmp_path):
    for run in ("rbc20250101T0900", "rbc20260101T0900", "rbc20270101T0900"):
        (tmp_path / run).mkdir()
    with pytest.raises(WeightsError, match=r"No best.h5 in .*--validate-every"):
        resolve_weights("best", tmp_path)
    for run in ("rbc20250101T0900", "rbc20260101T0900"):
        (tmp_path / run / "best.h5").touch()
    assert resolve_weights("best", tmp_path) == tmp_path / "rbc20260101T0900" / "best.h5"
    assert resolve_weights("best", tmp_path / "rbc20250101T0900").parent.name == "rbc20250101T0900"


def test_no_checkpoint(tmp_path):
    with pytest.raises(WeightsError, match=r"No trained model.*rbc\.py train"):
        last_checkpoint(tmp_path / "logs")
    with pytest.raises(WeightsError, match="no such weights file"):
        resolve_weights(str(tmp_path / "none.h5"), tmp_path)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A project with weights of its own in an empty place."""
    monkeypatch.setattr(places, "clone_root", lambda: tmp_path)
    path = tmp_path / "weights" / "rbc" / "rbc.h5"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def evaluate_options(*arguments):
    return APPLICATION.parse(["evaluate", *map(str, arguments)])


def test_without_a_training_the_project_s_own_model_is_used(shipped, tmp_path):
    options = evaluate_options("--logs", tmp_path / "logs")
    assert trained_weights(options) == shipped
    run = tmp_path / "logs" / "rbc20260131T0930"
    run.mkdir(parents=True)
    checkpoint = run / "mask_rcnn_rbc_0003.h5"
    checkpoint.touch()
    assert trained_weights(options) == checkpoint
    assert trained_weights(evaluate_options("--weights", "rbc")) == shipped
    # Whoever names a folder of runs means a run.
    with pytest.raises(WeightsError, match=r"No trained model in .*elsewhere"):
        trained_weights(evaluate_options("--logs", tmp_path / "elsewhere"))


def test_a_second_model_of_the_project_has_a_name_too(shipped, capsys):
    second = shipped.parents[1] / "rbc-open" / "rbc-open.h5"
    # Of no model that comes with the project; and another program's.
    with pytest.raises(WeightsError, match=r"Expected `rbc`, `last`"):
        resolve_weights("rbc-open", shipped.parent)
    for folder in (second.parent, shipped.parents[1] / "spots"):
        folder.mkdir()
        (folder / "LICENSE.txt").touch()
    second.touch()
    assert APPLICATION.shipped == ["rbc", "rbc-open"]
    assert resolve_weights("rbc-open", shipped.parent) == second
    assert trained_weights(evaluate_options("--weights", "rbc-open")) == second
    assert own_folder(APPLICATION, second) == APPLICATION.default_logs
    with pytest.raises(WeightsError, match=r"Expected `rbc`, `rbc-open`, `last`"):
        resolve_weights("spots", shipped.parent)


def test_the_project_s_own_model_was_taken_away(shipped):
    shipped.unlink()
    with pytest.raises(WeightsError, match=r"are not there\. Restore the folder"):
        resolve_weights("rbc", shipped.parent)


def test_a_packed_model_is_named_by_its_folder(shipped):
    assert resolve_weights(str(shipped.parent), shipped.parent) == shipped


def test_a_model_that_another_program_packed_is_found_in_its_folder(tmp_path):
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "mrcnn.h5").touch()
    with pytest.raises(WeightsError, match=r"expected rbc.h5, config.json and .* found 'mrcnn.h5'"):
        resolve_weights(str(folder), tmp_path)
    (folder / "config.json").write_text("{}")
    assert resolve_weights(str(folder), tmp_path) == folder / "mrcnn.h5"
    (folder / "other.h5").touch()
    with pytest.raises(WeightsError, match=r"found 'mrcnn.h5', 'other.h5'. Give the file"):
        resolve_weights(str(folder), tmp_path)
    # What bears the program's own name is meant, and the last checkpoint of a run is.
    (folder / "mask_rcnn_rbc_0002.h5").touch()
    assert resolve_weights(str(folder), tmp_path) == folder / "mask_rcnn_rbc_0002.h5"
    (folder / "rbc.h5").touch()
    assert resolve_weights(str(folder), tmp_path) == folder / "rbc.h5"
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"No trained model in .*empty: .* found no .h5 file"):
        resolve_weights(str(tmp_path / "empty"), tmp_path)


def test_detect_takes_the_project_s_own_model_and_names_a_trained_one(shipped, tmp_path, capsys):
    def weights(*arguments):
        options = APPLICATION.parse(["detect", "a.png", *map(str, arguments)])
        return trained_weights(options)

    assert weights() == shipped
    named = "Weights: rbc, the model that comes with the project.\n"
    assert capsys.readouterr().out == named
    run = tmp_path / "logs" / "rbc20260131T0930"
    run.mkdir(parents=True)
    (run / "mask_rcnn_rbc_0003.h5").touch()
    (run / "best.h5").touch()
    assert weights() == shipped
    said = capsys.readouterr().out
    assert f"was trained: {run / 'mask_rcnn_rbc_0003.h5'}. `--weights last` takes it" in said
    assert weights("--weights", "last") == run / "mask_rcnn_rbc_0003.h5"
    assert weights("--weights", "best") == run / "best.h5"
    # Whoever names a folder of runs means a run.
    (tmp_path / "logs").rename(tmp_path / "others")
    assert weights("--logs", tmp_path / "others").name == "mask_rcnn_rbc_0003.h5"
    assert weights() == shipped


@pytest.mark.parametrize(
    ("epochs", "steps", "is_told"),
    [(1, 5, True), (3, 33, True), (1, 100, False), (4, 25, False)],
)
def test_a_training_of_less_than_an_epoch_is_told(
    shipped, tmp_path, capsys, epochs, steps, is_told
):
    run = tmp_path / "logs" / "rbc20260131T0930"
    run.mkdir(parents=True)
    (run / f"mask_rcnn_rbc_{epochs:04d}.h5").touch()
    (run / "config.json").write_text(f'{{"STEPS_PER_EPOCH": {steps}}}')
    trained_weights(evaluate_options())
    said = capsys.readouterr().out
    assert f"Weights: the last checkpoint, {run}" in said
    assert (f"was trained for {epochs * steps} steps, less than one usual epoch" in said) == is_told
