"""Files as version 0.1 wrote them when it was new are read for good: these are their texts."""

import json

from mrcnn.app.detection.record import check_goes_on, read_record
from mrcnn.app.record import store_record
from mrcnn.app.threshold import stored_threshold
from mrcnn.config import Config
from mrcnn.inference import Prediction
from mrcnn.report.page import report_page
from mrcnn.report.words import Words
from mrcnn.serve.journal import Journal
from mrcnn.serve.results import Result
from mrcnn.weights.settings import read_settings

CONFIG = """{"BACKBONE": "resnet18", "BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2], "NAME": "cells",
"CLASS_NAMES": ["red"], "IMAGE_MAX_DIM": 256, "IMAGE_SHAPE": [256, 256, 3], "NUM_CLASSES": 2}"""
TRAINING = """{"trainings": [{"command": ["rbc.py", "train"], "seed": 7}]}"""
DETECTION = """{"schema": "mrcnn.detection", "schema_version": 1, "method": "network",
"weights": {"file": "a.h5", "sha256": "00"}, "classes": ["red"], "confidence": 0.7,
"options": {"max_overlap": 0.5}, "settings": {"NAME": "cells"}}"""
CONFIDENCE = """{"a.h5": {"min_confidence": 0.61}}"""
SUMMARY = """{"schema": "mrcnn.evaluation", "schema_version": 2, "method": "network",
"classes": ["red"], "border": "ignore", "operating_points": [{"min_confidence": 0.7,
"accuracy_mean": 0.5, "images": [{"name": "a.png", "ground_truth": 2, "segmented": 1}],
"quality": {"ignore": {"0.50": {"pooled": {"tp": 1, "fp": 0, "fn": 1, "f1": 0.667}}}}}]}"""
PREDICTION = """{"schema": "mrcnn.prediction", "version": 1, "model": "a.h5", "scale": 0.5,
"diameter": null, "scale_source": "settings", "is_full": false, "notes": [],
"timing": {"mould": 0.25},
"instances": {"image_size": [4, 6], "boxes": [[0, 0, 2, 3]], "class_ids": [1],
"scores": [0.75], "ignore": [false], "masks": ["022000<"], "columns": {}}}"""
RESULT = """{"version": 1, "name": "8d", "size": [4, 6], "cells": [], "confidence": 0.7,
"floor": 0.3, "class_names": ["red"], "scale": {}, "doubts": [], "notes": [], "model": "a.h5"}"""
JOURNAL = """{"version": 1, "result": "8d"}
{"act": "delete", "cell": 3}
"""


def kept(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_without_a_version(tmp_path):
    kept(tmp_path, "config.json", CONFIG)
    config = Config.from_dict(read_settings(tmp_path / "a.h5"))
    assert (config.NAME, config.BACKBONE, config.IMAGE_MAX_DIM) == ("cells", "resnet18", 256)


def test_the_record_of_a_training_without_a_version(tmp_path):
    path = kept(tmp_path, "run.json", TRAINING)
    store_record(tmp_path, {"seed": 8})
    assert [each["seed"] for each in json.loads(path.read_text())["trainings"]] == [7, 8]


def test_a_run_of_detect_whose_tables_say_no_version_goes_on(tmp_path):
    kept(tmp_path, "run.json", DETECTION)
    now = {**json.loads(DETECTION), "tables_version": 1}
    check_goes_on(read_record(tmp_path), now, tmp_path)


def test_a_stored_confidence(tmp_path):
    kept(tmp_path, "min_confidence.json", CONFIDENCE)
    assert stored_threshold(tmp_path / "a.h5", Words(), tmp_path) == 0.61


def test_a_summary_without_later_figures():
    page = report_page(json.loads(SUMMARY), [])
    assert "0.667" in page and "a.png" in page


def test_a_prediction():
    prediction = Prediction.from_dict(json.loads(PREDICTION))
    assert prediction.timing == {"mould": 0.25} and prediction.quality == ()
    assert prediction.instances.boxes.tolist() == [[0, 0, 2, 3]]
    assert prediction.instances.crops[0].tolist() == [[True] * 3] * 2


def test_a_picture_of_a_project(tmp_path):
    result = Result.read(kept(tmp_path, "a.json", RESULT))
    assert (result.name, result.size, result.confidence) == ("8d", (4, 6), 0.7)
    journal = Journal(kept(tmp_path, "a.jsonl", JOURNAL), result.name)
    assert journal.records == [{"act": "delete", "cell": 3}]
