"""What each ingredient of the training recipe for blood cells is worth.

    python -m benchmarks.recipe --dataset DIR --out DIR [--only NAME ...] [--steps 400]
        [--fields SUBSET ...]

Trains the model of docs/training.md from random weights once as it is, once with another seed (the
difference that chance makes), and once for each ingredient left out, put in or replaced; detects in
the fields of `val` with each, and prints a table. All have the same number of steps and as many
pixels a step. Each has a process of its own and its folder in --out; what is there already is not
trained again, so a call that was cut off can be repeated, and several calls with other names can
share a folder.

The exit status is 0, 1 if a training failed, 2 for a wrong command line.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.golden import ROOT
from mrcnn.app.settings import AUTO_JITTER
from mrcnn.files import atomic_write

SAMPLE = ROOT / "samples" / "rbc"
RECIPE = (
    "--weights none --backbone resnet18 --light --normalization group --precision mixed_bfloat16 "
    "--image-size 768 --crop 320 --batch-size 4 --learning-rate 0.02 --overlay 0.5 --epochs 4"
).split()
RESULT = "result.json"


@dataclass(frozen=True)
class Variant:
    """One change of the recipe.

    Attributes:
        title: its line in the table.
        options: of `rbc.py train`, after those of the recipe, which they overrule.
        without: words of the recipe's command line that are left out.
        settings: attributes of the configuration.
        augmentation: arguments of `Augmentation` besides `overlay`, or None for none at all.
        averaged: share of the moving average of the weights that a step keeps.
    """

    title: str
    options: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    augmentation: dict[str, Any] | None = field(default_factory=dict)
    averaged: float = 0.0


UNCHANGED_COLORS = {"brightness": 0.0, "contrast": 0.0, "color": 0.0, "gamma": 0.0}
VARIANTS = {
    "recipe": Variant("the recipe"),
    "seed": Variant("another seed", options=("--seed", "2")),
    "overlay": Variant("- cells laid over (`--overlay 0.5`)", options=("--overlay", "0")),
    "mask56": Variant(
        "masks of 56 x 56 (`MASK_SHAPE`)",
        settings={"MASK_SHAPE": [56, 56], "MASK_POOL_SIZE": 28, "MINI_MASK_SHAPE": (112, 112)},
    ),
    "average": Variant("+ moving average of the weights (0.98 a step)", averaged=0.98),
    "plain": Variant("- all augmentation", augmentation=None),
    "turns": Variant(
        "- mirrors and quarter turns",
        augmentation={"flip_horizontal": 0.0, "flip_vertical": 0.0, "quarter_turns": False},
    ),
    "scale": Variant("- change of size", augmentation={"scale": (1.0, 1.0)}),
    "auto": Variant(
        "each data set at the scale of its cells, sizes varied from 0.6 to 1.6 (`--scale auto`)",
        options=("--scale", "auto"),
        augmentation={"scale": AUTO_JITTER},
    ),
    "colors": Variant("- change of colors", augmentation=UNCHANGED_COLORS),
    "blur": Variant(
        "- blur and noise", augmentation={"blur_probability": 0.0, "noise_probability": 0.0}
    ),
    "batch": Variant(
        "batch normalization for group normalization", options=("--normalization", "batch")
    ),
    "anchors": Variant("the paper's anchors", options=("--anchors", "paper")),
    "whole": Variant(
        "whole fields in squares of 768 x 768, one a step, for four parts",
        without=("--crop", "320"),
        options=("--batch-size", "1"),
    ),
    "constant": Variant("a constant learning rate, no warm-up", options=("--schedule", "constant")),
    "slow": Variant("learning rate 0.005 for 0.02", options=("--learning-rate", "0.005")),
    "paper": Variant(
        "the paper's network and anchors (ResNet-50, Matterport's heads)",
        without=("--light",),
        options=("--backbone", "resnet50", "--anchors", "paper"),
    ),
    "float32": Variant("float32 for bfloat16", options=("--precision", "float32")),
}


def recipe_arguments(variant: Variant, dataset: Path, subsets: Sequence[str], steps: int) -> list:
    """The command line of `rbc.py train`."""
    recipe = list(RECIPE)
    for word in variant.without:
        recipe.remove(word)
    return [
        *("train", "--dataset", str(dataset), "--subset", *subsets, *recipe),
        *("--anchors", "auto", "--steps", str(steps // 4), "--seed", "1", *variant.options),
    ]


def weight_average(share: float) -> Any:
    """A callback that ends a training with the moving average of its weights."""
    import keras

    class MovingAverage(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights = self.model.get_weights()
            if not hasattr(self, "average"):
                self.average = weights
            for kept, weight in zip(self.average, weights, strict=True):
                kept += (1 - share) * (weight - kept)

        def on_train_end(self, logs=None):
            self.model.set_weights(self.average)

    return MovingAverage()


def train_and_evaluate(variant: Variant, arguments: list[str], out: Path, dataset: Path) -> dict:
    """Train one variant here, detect with it, and return its figures."""
    import rbc
    from mrcnn.app.object_sizes import scale_by_objects
    from mrcnn.app.train import anchors_for_objects, load_subsets, training_settings
    from mrcnn.data.augmentation import Augmentation
    from mrcnn.model import MaskRCNN
    from mrcnn.weights.settings import CONFIG_FILE, settings_text

    options = rbc.APPLICATION.parse(arguments)
    settings = {**training_settings(rbc.APPLICATION, options, None), **variant.settings}
    config = rbc.APPLICATION.make_config(settings)
    training = load_subsets(rbc.APPLICATION, dataset, options.subset, config, options)
    if options.scale == "auto":
        settings |= scale_by_objects(config, rbc.APPLICATION.words, training)
    if options.anchors == "auto":
        settings["RPN_ANCHOR_SCALES"] = anchors_for_objects(training, config, rbc.APPLICATION.words)
    config = rbc.APPLICATION.make_config(settings)
    model = MaskRCNN("training", config, str(out / "logs"))
    augmentation = None
    if variant.augmentation is not None:
        augmentation = Augmentation(overlay=options.overlay, **variant.augmentation)
    model.train(
        training,
        None,
        learning_rate=config.LEARNING_RATE,
        epochs=config.EPOCHS,
        layers="all",
        augmentation=augmentation,
        custom_callbacks=[weight_average(variant.averaged)] if variant.averaged else [],
    )
    weights = out / "final" / "weights.h5"
    weights.parent.mkdir(exist_ok=True)
    model.save_weights(str(weights))
    atomic_write(weights.parent / CONFIG_FILE, settings_text(config))
    command = ["evaluate", "--dataset", str(dataset), "--weights", str(weights), "--sweep"]
    # What comes after the network would even out what trainings are worth.
    command += ["--outline", "network"]
    command += ["--min-conf", "0.7", "0.9", "--out", str(out / "evaluation")]
    if status := rbc.main(command):
        raise SystemExit(status)
    return figures_of(json.loads((out / "evaluation" / "summary.json").read_text()))


def figures_of(summary: dict[str, Any]) -> dict[str, float]:
    """What the table shows of an evaluation."""
    points = {point["min_confidence"]: point["quality"] for point in summary["operating_points"]}
    best = summary["sweep"]["best"]["f1"]["min_confidence"]
    quality = points[best]["ignore"]
    return {
        "confidence": best,
        "f1": quality["0.50"]["pooled"]["f1"],
        "f1_75": quality["0.75"]["pooled"]["f1"],
        "mean_iou": quality["0.50"]["pooled"]["mean_iou"],
        "pq": quality["0.50"]["pooled"]["pq"],
        "recall_at_0.9": points[0.9]["ignore"]["0.50"]["pooled"]["recall"],
    }


def table(results: dict[str, dict[str, float]]) -> str:
    """Markdown, in the order of `VARIANTS`."""
    lines = [
        "| | F1 | F1 at IoU 0.75 | mean IoU | PQ | found at confidence 0.9 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in VARIANTS:
        if name in results:
            row = results[name]
            cells = [f"{row[key]:.3f}" for key in ("f1", "f1_75", "mean_iou", "pq")]
            cells.append(f"{100 * row['recall_at_0.9']:.1f} %")
            lines.append(f"| {VARIANTS[name].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measured(out: Path) -> dict[str, dict[str, float]]:
    """The figures that a folder holds."""
    return {
        name: json.loads((out / name / RESULT).read_text())
        for name in VARIANTS
        if (out / name / RESULT).is_file()
    }


def _run_alone(name: str, arguments: Sequence[str], out: Path) -> int:
    """One variant in a process of its own; its output goes to a file."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{name}: {VARIANTS[name].title} (log: {folder / 'log'})", flush=True)
    command = [sys.executable, "-m", "benchmarks.recipe", *arguments, "--here", name]
    environment = {**os.environ, "PYTHONPATH": str(SAMPLE)}
    with open(folder / "log", "w", encoding="utf-8") as log:
        return subprocess.run(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False
        ).returncode


def main(
    arguments: Sequence[str] | None = None,
    run: Callable[[str, Sequence[str], Path], int] = _run_alone,
) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipe", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), metavar="NAME")
    parser.add_argument("--steps", type=int, default=400, help="a multiple of 4")
    parser.add_argument("--fields", nargs="+", default=["train", "extra"], metavar="SUBSET")
    parser.add_argument("--here", choices=list(VARIANTS), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.steps < 4 or options.steps % 4:
        parser.error(f"--steps {options.steps}: give a multiple of 4")
    dataset, out = options.dataset.resolve(), options.out.resolve()
    for subset in (*options.fields, "val"):
        if not (dataset / subset).is_dir():
            parser.error(f"--dataset {options.dataset}: there is no folder {subset} in it")
    if options.here:
        variant = VARIANTS[options.here]
        command = recipe_arguments(variant, dataset, options.fields, options.steps)
        figures = train_and_evaluate(variant, command, out / options.here, dataset)
        atomic_write(out / options.here / RESULT, json.dumps(figures, indent=2) + "\n")
        return 0
    handed_on = ["--dataset", str(dataset), "--out", str(out), "--steps", str(options.steps)]
    handed_on += ["--fields", *options.fields]
    failed = []
    for name in options.only or VARIANTS:
        if not (out / name / RESULT).is_file() and run(name, handed_on, out):
            failed.append(name)
    print(table(measured(out)))
    for name in failed:
        print(f"{name} failed: see {out / name / 'log'}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
