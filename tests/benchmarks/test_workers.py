"""How the speed of workers is told; the figures themselves need a quiet machine."""

import pytest

from benchmarks import workers


def test_the_speed_is_that_while_all_are_at_work():
    # After loading two pictures seem to be done in no time, and the last one takes long.
    done = [10.0, 10.1, 11.0, 13.0, 15.0, 17.0, 18.0, 19.0, 30.0]
    assert workers.speed(done, 1) == 3 / 6
    # Two at a time, which are done a little after one another.
    assert workers.speed([*done, *(each + 0.5 for each in done)], 2) == 1


def test_a_way_that_is_slower_than_the_target_fails(tmp_path, monkeypatch, capsys):
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(b"picture")
    taken = []

    def alone(images, out):
        taken.append(len(images))
        return 2.0

    monkeypatch.setattr(workers, "alone", alone)
    for by_workers, status in ((1.9, 0), (1.7, 1)):
        monkeypatch.setattr(workers, "workers", lambda *_, speed=by_workers: speed)
        assert workers.main([str(tmp_path), "--rounds", "1"]) == status
    assert taken == [20, 20]
    assert '"ratio": 0.85' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        workers.main([str(tmp_path), "--repeat", "4"])
