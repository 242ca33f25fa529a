"""The fuzzing command finds what it is to find, and the readers pass some hundred inputs."""

import json
import random
from collections import Counter

import pytest
from PIL import Image

from benchmarks import fuzz, fuzz_formats, fuzz_json, fuzz_weights
from benchmarks.fuzz_worker import FORMATS, kind_of, try_input
from mrcnn.formats import read_annotations


def test_planted_faults_are_found_and_their_inputs_are_kept(tmp_path, capsys):
    failures, figures = tmp_path / "failures", tmp_path / "figures.json"
    arguments = ["--only", "planted", "--inputs", "8", "--hang", "1", "--seed", "5"]
    arguments += ["--failures", str(failures), "--json", str(figures)]
    assert fuzz.main(arguments) == 1
    (report,) = json.loads(figures.read_text())
    assert report["inputs"] == 8
    assert report["results"] == {"failure": 6, "DataError": 1, "accepted": 1}
    why = {failure["number"]: failure["why"] for failure in report["failures"]}
    assert sorted(why) == [0, 1, 2, 3, 4, 6]
    assert "KeyError: 'planted'" in why[0]
    assert "hangs" in why[1]
    assert "ended the process" in why[2]
    assert "MemoryError" in why[3]
    # The slow one, which a hang may be taken for where the machine is busy.
    assert "took 1" in why[4] or "hangs" in why[4]
    # Its own error that hides another.
    assert "MemoryError" in why[6] and "DataError" in why[6]
    assert {path.name: path.read_text() for path in failures.iterdir()} == {
        f"planted_5_{number}_a.json": str(number) for number in sorted(why)
    }
    assert "input 2: ended the process" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FORMATS)
def test_readers_of_other_formats_pass_some_inputs(tmp_path, kind):
    """In this process, which needs no start of its own."""
    tried = kind_of(kind, tmp_path)
    results = Counter()
    for number in range(100):
        rng = random.Random(f"{kind} 2 {number}")
        name, content = tried.make(rng, number)
        (tmp_path / name).write_bytes(content)
        result, told = try_input(tried, tmp_path / name, rng)
        assert result != "failure", told
        results[result] += 1
        (tmp_path / name).unlink()
    assert set(results) == {"accepted", "DataError"}


@pytest.mark.parametrize("kind", ["via", "coco", "settings"])
def test_readers_pass_some_inputs(tmp_path, kind):
    report = fuzz.fuzz(kind, 150, 2, tmp_path / "failures")
    assert report.failures == []
    assert report.inputs == 150 == sum(report.results.values())
    assert set(report.results) == {"accepted", "ConfigError" if kind == "settings" else "DataError"}
    assert 0 < report.slowest_seconds < 1
    assert not (tmp_path / "failures").exists()


def test_the_same_seed_makes_the_same_inputs(tmp_path):
    model = fuzz_weights.build_model()
    files = fuzz_weights.seeds(model, tmp_path)
    assert set(files) == {".h5", ".weights.h5", ".keras"}
    for make in (
        lambda rng: fuzz_json.changed_json(fuzz_json.via_seeds(), rng, []),
        lambda rng: fuzz_json.changed_json(fuzz_json.coco_seeds(), rng, []),
        lambda rng: fuzz_weights.changed_bytes(files[".h5"][0], rng),
    ):
        inputs = [make(random.Random(number)) for number in range(50)]
        assert inputs == [make(random.Random(number)) for number in range(50)]
        assert len(set(inputs)) > 40


def test_unchanged_seeds_are_read(tmp_path):
    """What is changed are files that the readers take; else nothing beyond their doors is tried."""
    model = fuzz_weights.build_model()
    for ending, contents in fuzz_weights.seeds(model, tmp_path).items():
        path = tmp_path / f"a{ending}"
        path.write_bytes(contents[0])
        report = model.load_weights(path, by_name=True)
        assert len(report.loaded) == 3


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in ("labels", "yolo")])
def test_unchanged_files_of_all_formats_are_read(tmp_path, kind):
    Image.new("RGB", (50, 40)).save(tmp_path / fuzz_formats.IMAGE)
    for content in fuzz_formats.seeds(kind):
        if kind in ("labelme", "geojson"):
            content = json.dumps(content).encode()
        if isinstance(content, bytes) and b"<!ENTITY" in content:
            continue
        path = tmp_path / (fuzz_formats.NAMES[kind] if kind != "imagej" else "a.roi")
        path.write_bytes(content)
        (image,) = read_annotations(path)
        assert image.polygons or image.point_regions
