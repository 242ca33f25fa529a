"""The confidence that a sweep leaves beside the weights."""

import json

import pytest

from mrcnn.app.threshold import (
    THRESHOLD_FILE,
    chosen_confidences,
    own_folder,
    store_threshold,
    stored_threshold,
)
from mrcnn.errors import ConfigError
from mrcnn.report.words import Words
from mrcnn.weights import places
from rbc import APPLICATION

WORDS = Words()


def test_each_weights_file_has_its_own(tmp_path):
    first, second = tmp_path / "a_0001.h5", tmp_path / "a_0002.h5"
    store_threshold(first, 0.31, {"subset": "val"})
    store_threshold(second, 0.42, {"subset": "val"})
    store_threshold(first, 0.33, {"subset": "test"})
    assert (stored_threshold(first, WORDS), stored_threshold(second, WORDS)) == (0.33, 0.42)
    stored = json.loads((tmp_path / THRESHOLD_FILE).read_text())
    assert stored["a_0001.h5"] == {"min_confidence": 0.33, "subset": "test"}


def test_auto_stands_for_it(tmp_path, capsys):
    weights = tmp_path / "w.h5"
    store_threshold(weights, 0.3127, {})
    assert chosen_confidences([0.9, "auto", 0.5, 0.5], weights, WORDS) == [0.3127, 0.5, 0.9]
    assert "w.h5: 0.3127" in capsys.readouterr().out
    assert chosen_confidences([0.9], None, WORDS) == [0.9]


def test_auto_without_a_sweep_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"no sweep of w.h5 is stored.*evaluate --sweep"):
        chosen_confidences(["auto"], tmp_path / "w.h5", WORDS)
    store_threshold(tmp_path / "other.h5", 0.5, {})
    with pytest.raises(ConfigError, match=r"no sweep of w.h5"):
        chosen_confidences(["auto"], tmp_path / "w.h5", WORDS)
    with pytest.raises(ConfigError, match="for a network"):
        chosen_confidences(["auto"], None, WORDS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"w.h5": {"min_confidence": "0.5"}}', "expected is a number"),
        ('{"w.h5": {"min_confidence": 7}}', "expected is a number"),
        ('{"w.h5": {"min_confidence": true}}', "expected is a number"),
        ('{"w.h5": {"min_confidence": NaN}}', "expected is a number"),
        ('{"w.h5": 0.5}', "expected is a number"),
    ],
)
def test_a_file_that_no_sweep_wrote_is_named(tmp_path, content, message):
    (tmp_path / THRESHOLD_FILE).write_text(content)
    with pytest.raises(ConfigError, match=rf"{THRESHOLD_FILE}: .*{message}"):
        stored_threshold(tmp_path / "w.h5", WORDS)


def test_a_new_sweep_replaces_a_broken_file(tmp_path):
    (tmp_path / THRESHOLD_FILE).write_text("{")
    store_threshold(tmp_path / "w.h5", 0.4, {})
    assert stored_threshold(tmp_path / "w.h5", WORDS) == 0.4


def test_of_the_project_s_own_model_it_is_kept_with_the_user_s_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "clone_root", lambda: tmp_path)
    shipped = tmp_path / "weights" / "rbc" / "rbc.h5"
    shipped.parent.mkdir(parents=True)
    shipped.write_bytes(b"first")
    store_threshold(shipped, 0.63, {})
    tracked = (shipped.parent / THRESHOLD_FILE).read_bytes()
    folder = own_folder(APPLICATION, shipped)
    assert folder == tmp_path / "logs"
    assert own_folder(APPLICATION, tmp_path / "rbc.h5") is None
    # Until there is a sweep of the user's, the one that came with the model counts.
    assert chosen_confidences(["auto"], shipped, WORDS, folder) == [0.63]
    store_threshold(shipped, 0.4, {"subset": "val"}, folder)
    assert (shipped.parent / THRESHOLD_FILE).read_bytes() == tracked
    assert chosen_confidences(["auto"], shipped, WORDS, folder) == [0.4]
    shipped.write_bytes(b"second")
    assert chosen_confidences(["auto"], shipped, WORDS, folder) == [0.63]
