"""`detect` is killed once in sixty pictures here; `benchmarks.runs` has more of both."""

import sys

import pytest

from benchmarks import runs


@pytest.mark.skipif(sys.platform == "win32", reason="a killed process has another status")
def test_a_killed_run_that_goes_on_has_each_picture_once(tmp_path):
    figures = runs.run(60, 1, 3, tmp_path)
    assert figures["wrong"] == []
    # What was told as done before a kill was not done again, but for what cannot be used.
    assert figures["told_at_last"] <= 60 - figures["told_by_killed"] + 2
    assert len(runs.names_in(tmp_path / "whole")) == 60
    assert not (tmp_path / "killed" / "p00050_overlay.jpg").exists()
    assert (tmp_path / "killed" / "p00059_overlay.jpg").exists()


def test_what_differs_is_told(tmp_path, monkeypatch):
    def follow(folder, out, kill_after, *options):
        out.mkdir(exist_ok=True)
        for name in runs.TABLES:
            (out / name).write_text(f"name,problem\na,\na,\n{out.name},bad\n")
        return {"told": 1, "status": 0, "seconds": 1.0, "memory": {}}

    monkeypatch.setattr(runs, "follow", follow)
    assert runs.run(1, 1, 1, tmp_path)["wrong"] == [
        "kill 1: pictures are there twice",
        "kill 1: the run had ended before",
        *(f"{name} differs" for name in runs.TABLES),
        "2 pictures in 3 lines",
        "1 pictures could not be used",
    ]
