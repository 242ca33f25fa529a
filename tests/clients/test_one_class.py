"""Programs for one class: colour splash, run lengths, boxes of XML files.

The programs are in the manner of those that people wrote for Matterport's Mask R-CNN, and run as
they are. The pictures are bright shapes, and the weights that the programs get find such shapes; so
what a program makes of its detections is compared with what is on the pictures.
"""

import csv
import json
import os
import re

import cv2
import numpy as np
import pytest
import skimage.io

from .colour_network import ONE_CLASS
from .conftest import assert_is_drawn, figures, iou
from .scenes import HEIGHT, WIDTH, render_scenes, write_mask_folders, write_via1, write_voc


def test_one_class_via1_with_splash_on_image_and_video(run_program, make_weights, tmp_path):
    write_via1(tmp_path / "buoys" / "train", render_scenes(3))
    write_via1(tmp_path / "buoys" / "val", render_scenes(1, seed=1))
    (scene,) = render_scenes(1, seed=2)
    skimage.io.imsave(tmp_path / "sea.png", scene.image)
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    video = cv2.VideoWriter(str(tmp_path / "sea.avi"), codec, 5, (WIDTH, HEIGHT))
    for _ in range(3):
        video.write(scene.image[..., ::-1].copy())
    video.release()

    start = make_weights(ONE_CLASS)
    run_program("buoy.py", "train", "--dataset=buoys", f"--weights={start}", eagerly=True)
    (checkpoint,) = tmp_path.glob("logs/buoy*/*.h5")
    assert checkpoint.name == "mask_rcnn_buoy_0001.h5"

    printed = run_program(
        "buoy.py", "splash", "--weights=last", "--image=sea.png", "--video=sea.avi"
    )
    assert str(checkpoint) in printed
    assert figures(r"Instances: (\d+)", printed) == [len(scene.shapes)]
    (picture,) = tmp_path.glob("splash_*.png")
    splash = skimage.io.imread(picture)
    kept = np.all(splash == scene.image, axis=2)
    assert np.all(kept | (np.ptp(splash, axis=2) == 0))
    truth = np.any([shape.mask() for shape in scene.shapes], axis=0)
    assert iou(kept & (np.ptp(scene.image, axis=2) > 0), truth) > 0.7

    (film,) = tmp_path.glob("splash_*.avi")
    frames = cv2.VideoCapture(str(film))
    assert frames.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    _, frame = frames.read()
    assert frame.shape == (HEIGHT, WIDTH, 3)
    # JPEG blurs the colours, but red stays red (BGR) and the background grey.
    coloured = np.ptp(frame.astype(int), axis=2) > 60
    assert iou(coloured, truth) > 0.6


def test_mask_folders_with_imgaug_and_run_lengths(run_program, make_weights, tmp_path):
    scenes = render_scenes(2, seed=1)
    write_mask_folders(tmp_path / "plates" / "stage1_train", render_scenes(3))
    write_mask_folders(tmp_path / "plates" / "stage1_test", scenes)

    start = make_weights(ONE_CLASS)
    printed = run_program(
        "colonies.py", "train", "--dataset=plates", "--subset=train", f"--weights={start}",
        eagerly=True,
    )  # fmt: skip
    assert printed.index("Learning heads") < printed.index("Learning all")
    names = sorted(path.name for path in tmp_path.glob("logs/colonies*/*.h5"))
    assert names == ["mask_rcnn_colonies_0001.h5", "mask_rcnn_colonies_0002.h5"]

    printed = run_program(
        "colonies.py", "detect", "--dataset=plates", "--subset=stage1_test", "--weights=last"
    )
    assert names[-1] in printed
    (submission,) = tmp_path.glob("results/colonies/submit_*/submit.csv")
    with submission.open() as lines:
        rows = list(csv.DictReader(lines))
    for scene in scenes:
        covered = np.zeros(HEIGHT * WIDTH, int)
        masks = []
        for row in rows:
            if row["ImageId"] == scene.name:
                mask = np.zeros(HEIGHT * WIDTH, bool)
                runs = np.array(row["EncodedPixels"].split(), int).reshape(-1, 2)
                for start, length in runs:
                    mask[start - 1 : start - 1 + length] = True
                assert mask.sum() == runs[:, 1].sum()
                covered += mask
                masks.append(mask.reshape(WIDTH, HEIGHT).T)
        assert covered.max() == 1
        for shape in scene.shapes:
            assert max(iou(mask, shape.mask()) for mask in masks) > 0.5
        assert_is_drawn(submission.parent / f"{scene.name}.png")


@pytest.mark.usefixtures("published_weights")
def test_boxes_of_voc_files_with_keywords_throughout(run_program, tmp_path):
    scenes = render_scenes(6)
    write_voc(tmp_path / "hedgehogs", scenes)
    printed = run_program("hedgehog.py", "hedgehogs", eagerly=True)

    assert "Train: 3\nTest: 2\n" in printed
    boxes = [list(shape.box()) for shape in scenes[0].shapes]
    assert f"Boxes: {boxes}" in printed
    samples = re.findall(r"sample \(1, 128, 128, 3\) float\d+ masks \(128, 128, \d+\)", printed)
    assert len(samples) == 5
    for subset in ("Train", "Test"):
        (mean_ap,) = figures(rf"{subset} mAP: ([\d.]+)", printed)
        assert 0 <= mean_ap <= 1
    assert_is_drawn(tmp_path / "actual_vs_predicted.png")
    assert (tmp_path / "hedgehog_mask_rcnn.h5").stat().st_size > 50e6
    assert len(list(tmp_path.glob("hedgehog_cfg*/mask_rcnn_hedgehog_cfg_0001.h5"))) == 1


@pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="it has graphs"
)
def test_own_training_and_graphs_with_outlines_that_leave_the_image(run_program, tmp_path):
    scenes = render_scenes(4)
    write_via1(tmp_path / "park" / "train", scenes)
    write_via1(tmp_path / "park" / "val", render_scenes(1, seed=1))
    # Somebody clicked on the right border of one picture and on the lower border of another.
    path = tmp_path / "park" / "train" / "via_region_data.json"
    entries = json.loads(path.read_text())
    for entry, ys, xs in zip(
        entries.values(),
        ([20, 60, 60], [20, 60, HEIGHT]),
        ([90, WIDTH, 90], [90, 120, 90]),
        strict=False,
    ):
        entry["regions"]["0"]["shape_attributes"].update(all_points_y=ys, all_points_x=xs)
    path.write_text(json.dumps(entries))

    printed = run_program("kangaroos.py", "park", eagerly=True)
    assert "parser: width\n" in printed
    losses = "loss mrcnn_bbox_loss mrcnn_class_loss mrcnn_mask_loss rpn_bbox_loss rpn_class_loss"
    names = sorted(f"{prefix}{name}" for prefix in ("", "val_") for name in losses.split())
    assert f"own training: {names}" in printed
    assert "checkpoints: ['mask_rcnn_kangaroo_0001.h5']" in printed
    ((first, second),) = re.findall(r"answers: \[(\d+), (\d+)\]", printed)
    assert first == second
    assert_is_drawn(tmp_path / "kangaroos.png")
