"""How the speed of workers is told; the figures themselves need a quiet machine."""

import pytest

from benchmarks import workers


def test_the_speed_leaves_out_the_start():
    # Loading took 10 seconds.
    assert workers.speed([10.0, 12.0, 14.0], 1) == 1 / 2
    # Two at a time.
    assert workers.speed([10.1, 10.0, 12.1, 12.0], 2) == pytest.approx(2 / 2.0, rel=0.1)


def test_a_way_that_is_slower_than_the_target_fails(tmp_path, monkeypatch, capsys):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"picture")
    taken = []

    def alone(images, out):
        taken.append(len(images))
        return 2.0

    monkeypatch.setattr(workers, "alone", alone)
    for by_workers, status in ((1.9, 0), (1.7, 1)):
        monkeypatch.setattr(workers, "workers", lambda *_, speed=by_workers: speed)
        assert workers.main([str(tmp_path), "--repeat", "2", "--rounds", "1"]) == status
    assert taken == [6, 6]
    assert '"ratio": 0.85' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        workers.main([str(tmp_path)])
