"""The comparison of training ingredients: its variants are trainings that can run."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import recipe
from mrcnn.app.train import training_settings
from mrcnn.data.augmentation import Augmentation
from rbc import APPLICATION


@pytest.mark.parametrize("name", recipe.VARIANTS)
def test_every_variant_is_a_training_that_can_be_configured(name, tmp_path):
    variant = recipe.VARIANTS[name]
    arguments = recipe.recipe_arguments(variant, tmp_path, ["train", "extra"], 400)
    options = APPLICATION.parse(arguments)
    config = APPLICATION.make_config(
        {**training_settings(APPLICATION, options, None), **variant.settings}
    )
    assert config.STEPS_PER_EPOCH * config.EPOCHS == 400
    assert options.subset == ["train", "extra"]
    # A whole field of 768 x 576 has about as many pixels as four parts.
    pixels = {"whole": (1, "square")}.get(name, (4, "crop"))
    assert pixels == (config.BATCH_SIZE, config.IMAGE_RESIZE_MODE)
    assert ("batch" if name == "batch" else "group") == config.NORMALIZATION
    assert ("resnet50" if name == "paper" else "resnet18") == config.BACKBONE
    Augmentation(overlay=options.overlay, **(variant.augmentation or {}))


def test_variants_differ_from_the_recipe():
    plain = recipe.recipe_arguments(recipe.VARIANTS["recipe"], "d", ["train"], 400)
    for name, variant in recipe.VARIANTS.items():
        same_command = recipe.recipe_arguments(variant, "d", ["train"], 400) == plain
        changes = variant.settings or variant.averaged or variant.augmentation != {}
        assert (same_command and not changes) == (name == "recipe")


def test_the_moving_average_is_what_a_training_ends_with():
    class Model:
        weights = [np.zeros(2), np.ones(1)]

        def get_weights(self):
            return [weight.copy() for weight in self.weights]

        def set_weights(self, weights):
            self.weights = weights

    average, model = recipe.weight_average(0.75), Model()
    average.set_model(model)
    average.on_train_batch_end(0)
    model.weights = [np.full(2, 4.0), np.full(1, -3.0)]
    average.on_train_batch_end(1)
    model.weights = [np.full(2, 9.0), np.full(1, 9.0)]
    average.on_train_end()
    np.testing.assert_array_equal(model.weights[0], [1.0, 1.0])
    np.testing.assert_array_equal(model.weights[1], [0.0])


FIGURES = {"f1": 0.9, "f1_75": 0.8, "mean_iou": 0.85, "pq": 0.7, "recall_at_0.9": 0.5}


@pytest.fixture
def folders(tmp_path):
    for subset in ("train", "val"):
        (tmp_path / "data" / subset).mkdir(parents=True)
    command = ["--dataset", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    return SimpleNamespace(
        out=tmp_path / "out", command=[*command, "--fields", "train", "--only", "seed", "recipe"]
    )


def test_what_is_there_is_not_trained_again_and_a_failure_is_told(folders, capsys):
    calls = []

    def run(name, arguments, out):
        calls.append(name)
        if name == "seed":
            return 1
        (out / name).mkdir(parents=True)
        (out / name / recipe.RESULT).write_text(json.dumps(FIGURES))
        return 0

    assert recipe.main(folders.command, run=run) == 1
    assert recipe.main(folders.command, run=run) == 1
    assert calls == ["seed", "recipe", "seed"]
    output = capsys.readouterr()
    assert "| the recipe | 0.900 | 0.800 | 0.850 | 0.700 | 50.0 % |" in output.out
    assert "another seed" not in output.out
    assert "seed failed" in output.err


@pytest.mark.parametrize("bad", [["--steps", "401"], ["--steps", "0"], ["--fields", "extra"]])
def test_a_wrong_command_line_ends_with_status_2(folders, bad, capsys):
    with pytest.raises(SystemExit) as ended:
        recipe.main([*folders.command, *bad])
    assert ended.value.code == 2
    assert "extra" in capsys.readouterr().err or "--steps" in bad
