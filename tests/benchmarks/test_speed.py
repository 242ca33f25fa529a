"""The speed benchmark: the work that it counts, and what it makes of measurements."""

import argparse

import numpy as np
import pytest

from benchmarks import speed, speed_floor
from benchmarks.speed_ours import Fields, configure
from benchmarks.speed_workload import make_field
from mrcnn.nets.detector import build_inference_model
from mrcnn.training.freezing import set_trainable
from mrcnn.training.model import build_training_model

OPTIONS = argparse.Namespace(size=512, batch=1, precision="float32")


def rounded(work: dict, kind: str) -> dict[str, float]:
    """Thousand millions of multiply-adds of each part."""
    return {part: round(float(entry[kind]) / 1e9, 1) for part, entry in work.items()}


def test_work_of_a_training_step():
    config = configure(OPTIONS)
    model = build_training_model(config)
    work = speed_floor.training_work(model, config)
    assert rounded(work, "forward") == {
        "backbone": 20.1,
        "feature pyramid": 14.8,
        "RPN": 25.9,
        "class and box head": 2.8,
        "mask head": 34.0,
    }
    # Twice the forward work, but for the first convolution and the RPN.
    assert rounded(work, "backward") == {
        "backbone": 39.7,
        "feature pyramid": 29.7,
        "RPN": 0.9,
        "class and box head": 5.6,
        "mask head": 68.0,
    }
    set_trainable(model, r"(mrcnn_.*)|(rpn_.*)|(fpn_.*)")
    heads = rounded(speed_floor.training_work(model, config), "backward")
    assert heads["backbone"] == 0 and heads["feature pyramid"] == 27.7


@pytest.mark.parametrize(("detections", "mask_head"), [(200, 103.0), (75, 38.6)])
def test_work_of_a_detection(detections, mask_head):
    config = configure(OPTIONS)
    work = speed_floor.inference_work(build_inference_model(config), config, detections)
    assert rounded(work, "forward")["mask head"] == mask_head
    assert rounded(work, "forward")["class and box head"] == 13.9
    assert set(rounded(work, "backward").values()) == {0.0}


def test_masks_are_what_the_polygons_enclose():
    field = make_field(256, 320, cells=20)
    dataset = Fields([field])
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (256, 320, 20) and class_ids.tolist() == field.class_ids.tolist()
    for mask, polygon, (y1, x1, y2, x2) in zip(
        np.moveaxis(masks, -1, 0), field.polygons, field.boxes, strict=True
    ):
        # The area of the polygon by the shoelace formula.
        y, x = polygon.T
        area = 0.5 * abs(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1)))
        assert mask.sum() == pytest.approx(area, rel=0.05)
        assert not mask[: int(y1)].any() and not mask[int(y2) + 1 :].any()
        assert not mask[:, : int(x1)].any() and not mask[:, int(x2) + 1 :].any()


def entry(side, seconds, **more):
    """A measurement as a run collects it."""
    result = {"first": 8.0, "peak_mib": 1000, "versions": {}, **more}
    result["seconds"] = [seconds, 2 * seconds, seconds]
    key = {"task": "training step, all", "side": side, "precision": "float32"}
    return {**key, **speed.summary([result])}


def test_images_a_second_on_a_gpu():
    measurements = [
        entry("torchvision", 0.4, gpu_peak_mib=4000.0, device="GPU X"),
        entry("tensorflow", 0.2, gpu_peak_mib=3000.0, device="GPU X"),
    ]
    bases = {"training step, all": measurements[0]}
    figures = {"settings": {"batch": 4}, "measurements": measurements}
    _, title, peer, ours = speed.format_gpu(figures, bases)
    assert title.startswith("GPU X") and title.split()[-3:] == ["GPU", "MiB", "ratio"]
    assert peer.split()[-4:] == ["10.0", "1.00", "4000", "1.00"]
    assert ours.split()[-4:] == ["20.0", "2.00", "3000", "0.75"]
    assert speed.format_gpu({"measurements": [entry("tensorflow", 1.0)]}, {}) == []


def test_report_has_ratios_to_the_peer():
    figures = {
        "settings": {"batch": 1},
        "peak_gmacs_per_second": {"float32": 100.0, "bfloat16": 200.0},
        "measurements": [
            entry("torchvision", 4.0),
            entry("tensorflow", 3.0, work={"mask head": {"forward": 1e11, "backward": 5e10}}),
        ],
        "loader": {
            "seconds": [0.02],
            "seconds_without_cache": [0.06],
            "seconds_by_stacks": [0.2],
        },
    }
    text = speed.format_report(figures, "torchvision")
    line = next(line for line in text.splitlines() if " tensorflow " in line)
    assert line.split()[-8:] == ["3.000", "0.75", "8.0", "1.00", "1000", "1.00", "150", "50%"]
    assert "200.0 ms, 10.0 x" in text


def test_a_process_that_fails_says_why():
    with pytest.raises(speed.BenchmarkError, match="no_such_module"):
        speed.measure("python3", "no_such_module", [])


def test_an_unknown_peer_ends_with_status_2(capsys):
    with pytest.raises(SystemExit) as stop:
        speed.main(["--against", "detectron"])
    assert stop.value.code == 2
    assert "torchvision" in capsys.readouterr().err
