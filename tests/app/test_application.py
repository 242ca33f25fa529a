"""An application: what its hooks are given, what its options do, what it is called."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.app.application import Application, Baseline
from mrcnn.app.commands import DETECT, EVALUATE, EXIT_STATUS
from mrcnn.app.option import Command, Option, settings_from
from mrcnn.config import Config
from mrcnn.instances import Instances
from mrcnn.report.words import Words

DATASET = "mrcnn.data.annotated:AnnotatedDataset"
IMAGE = np.zeros((20, 20, 3), np.uint8)
TWO = Instances(
    (20, 20), [[0, 0, 5, 5], [8, 8, 12, 12]], [np.ones((5, 5)), np.ones((4, 4))], [1, 1]
)
SHADE = Option("--shade", (EVALUATE, DETECT), choices=("deep", "pale"), default="deep")


class StarConfig(Config):
    NAME = "stars"
    CLASS_NAMES = ("star",)


def application(**changes) -> Application:
    return Application("stars", StarConfig, DATASET, **changes)


def moved(image, instances):
    return instances.moved(1, 1, image.shape)


def named(instances, class_names, shade):
    return instances.with_columns(told=[f"{shade} {class_names[0]}"] * len(instances))


def test_without_hooks_nothing_changes():
    plain = application()
    assert plain.refine(IMAGE, TWO, None) is TWO
    assert plain.classify(TWO, None) is TWO
    assert plain.measure(IMAGE, TWO, None) is TWO


def test_hooks_get_what_they_ask_for():
    made = application(refine=moved, classify=named, options=[SHADE])
    assert made.refine(IMAGE, TWO, None).boxes.tolist() == [[1, 1, 6, 6], [9, 9, 13, 13]]
    given = SimpleNamespace(shade="pale")
    told = made.classify(TWO, given, class_names=("star",)).columns["told"]
    assert told.tolist() == ["pale star"] * 2
    # What was not given is as declared.
    told = made.classify(TWO, None, class_names=("star",)).columns["told"]
    assert told.tolist() == ["deep star"] * 2


def test_a_hook_may_be_named_and_is_imported_when_it_is_called():
    made = application(refine="no_such_module:refine")
    with pytest.raises(ImportError):
        made.refine(IMAGE, TWO, None)


def test_a_baseline_finds_without_a_network():
    made = application(baselines={"none": Baseline(Instances.empty, "nothing", "Nothing")})
    assert len(made.baseline("none", None)((20, 20))) == 0
    options = made.parse(["evaluate", "--method", "none"])
    assert options.method == "none"
    assert made.words.methods == {"network": "Mask R-CNN", "none": "Nothing"}
    # Where there is one way only, it is no choice.
    with pytest.raises(SystemExit):
        application().parse(["evaluate", "--method", "network"])


def test_an_application_s_own_options_and_commands(capsys):
    command = Command("fly", "tests.app.test_application:fly", "fly", "Fly.", EXIT_STATUS)
    height = Option("--height", ("fly",), type=int, default=3)
    made = application(options=[SHADE, command, height])
    assert made.parse(["detect", "a.png"]).shade == "deep"
    assert made.main(["fly", "--height", "7"]) == 0
    assert capsys.readouterr().out == "stars at 7\n"
    with pytest.raises(SystemExit):
        made.parse(["train", "--shade", "pale"])


def fly(made, options) -> int:
    print(f"{made.name} at {options.height}")
    return 0


def test_no_option_of_a_command_is_declared_twice():
    made = application(options=[SHADE])
    for command in (
        "train",
        "evaluate",
        "detect",
        "check",
        "pack",
        "convert",
        "calibrate",
        "compare",
        "export",
    ):
        flags = [option.flag for option in made.options(command)]
        assert len(set(flags)) == len(flags), command


def test_of_two_options_that_set_one_setting_the_higher_priority_counts():
    low = Option("--low", ("train",), sets=("SIDE", "DEPTH"))
    high = Option("--high", ("train",), sets=lambda value: {"SIDE": 10 * value}, priority=1)
    given = SimpleNamespace(low=1, high=2)
    for order in ((low, high), (high, low)):
        assert settings_from(order, given) == {"SIDE": 20, "DEPTH": 1}
    assert settings_from((low, high), SimpleNamespace(low=1)) == {"SIDE": 1, "DEPTH": 1}


def test_the_configuration_has_as_many_classes_as_names():
    made = application()
    assert made.make_config().NUM_CLASSES == 2
    assert made.make_config().EPOCHS == 100
    config = made.make_config({"CLASS_NAMES": ["dwarf", "giant"], "EPOCHS": 3})
    assert (config.NUM_CLASSES, config.EPOCHS) == (3, 3)


@pytest.mark.parametrize(
    ("script", "program"),
    [("/usr/bin/stars", "stars"), ("samples/stars.py", "stars.py"), ("/usr/bin/pytest", "sky")],
)
def test_a_program_is_called_as_it_was_called(script, program, monkeypatch):
    monkeypatch.setattr(sys, "argv", [script])
    assert application(words=Words("sky")).words.program == program


def test_the_version_and_its_license(capsys):
    assert application().main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("stars 0.")
