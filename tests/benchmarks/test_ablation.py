"""What the parts of the recipe are worth: its variants, their data and the table."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import ablation
from benchmarks.recipe_laboratories import KINDS, SETTINGS
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.formats import write_coco
from mrcnn.instances import Instances
from rbc import APPLICATION

SHAPE = (60, 80)


@pytest.mark.parametrize("name", ablation.VARIANTS)
def test_every_variant_is_a_training_that_the_program_knows(tmp_path, name):
    variant = ablation.VARIANTS[name]
    sets = {each: tmp_path / each for each in (*ablation.WEIGHTS, "chula_named", "txl_boxes")}
    words = ablation.command(variant, sets, tmp_path / "logs", 300, ["--max-minutes", "9"])
    options = APPLICATION.parse(words)
    assert (options.steps, options.epochs, options.max_minutes) == (50, 6, 9)
    shares = dict(
        zip((path.name for path in options.dataset), options.dataset_weights, strict=True)
    )
    expected = {"fields": 3, "smears": 2, "txl": 5, "chula": 2}
    if variant.without:
        del expected[variant.without]
    one, other = variant.instead
    assert shares == {other if each == one else each: share for each, share in expected.items()}


def test_variants_differ_from_the_whole_in_one_thing():
    def options(name):
        sets = dict.fromkeys((*ablation.WEIGHTS, "chula_named", "txl_boxes"), "set")
        return vars(
            APPLICATION.parse(ablation.command(ablation.VARIANTS[name], sets, "l", 300, []))
        )

    usual = options("all")

    def differing(name):
        return {key for key, value in options(name).items() if value != usual[key]}

    assert differing("another seed") == {"seed"}
    assert differing("no change of size") == {"scale_jitter"}
    assert differing("batch norm") == {"normalization", "batch_norm"}
    assert differing("Lite0, random start") - differing("batch norm") == {"backbone"}
    assert differing("Lite0, ImageNet start") - differing("Lite0, random start") == {"weights"}


def test_regions_to_ignore_become_background(tmp_path):
    source = tmp_path / "chula" / "train"
    source.mkdir(parents=True)
    Image.new("RGB", SHAPE[::-1]).save(source / "a.jpg")
    cells = Instances(
        SHAPE, [(0, 0, 10, 10), (30, 40, 40, 50)], [np.ones((10, 10), bool)] * 2, [1, 1]
    )
    cells = cells.replaced(ignore=np.array([False, True]))
    write_coco(source / "instances.json", {"a.jpg": cells}, KINDS)
    ablation.without_ignored(tmp_path / "chula", tmp_path / "named")
    dataset = AnnotatedDataset()
    dataset.load(tmp_path / "named", "train", KINDS)
    dataset.prepare()
    instances = dataset.load_instances(0)
    assert instances.boxes.tolist() == [[0, 0, 10, 10]] and not instances.ignore.any()


def test_weights_are_kept_with_the_settings_of_the_finished_model(tmp_path):
    run = tmp_path / "logs" / "rbc20260101T0000"
    run.mkdir(parents=True)
    (run / "mask_rcnn_rbc_0001.h5").write_bytes(b"first")
    (run / "mask_rcnn_rbc_0002.h5").write_bytes(b"second")
    (run / "config.json").write_text(json.dumps({"OBJECT_DIAMETER": 48.0}))
    (run / "losses.csv").write_text("epoch,loss,val_loss\n1,2.0,1.5\n2,1.0,0.75\n")
    losses = ablation.trained(tmp_path / "logs", tmp_path / "all")
    assert losses == [1.5, 0.75]
    assert (tmp_path / "all" / "network.h5").read_bytes() == b"second"
    stored = json.loads((tmp_path / "all" / "config.json").read_text())
    assert stored == {"OBJECT_DIAMETER": 48.0, **SETTINGS}


def test_the_table_has_a_line_for_each_variant():
    figures = {"txl red F1": 0.9, "val F1": 0.85}
    done = {
        "all": {**figures, "losses": [2.0, 1.25]},
        "without txl": {**figures, "txl red F1": 0.5, "losses": [2.5]},
    }
    assert ablation.table(done, 100).splitlines() == [
        "|  | txl red F1 | val F1 | loss in validation, every 50 of 100 steps |",
        "| --- | --- | --- | --- |",
        "| all | 0.900 | 0.850 | 2.00, 1.25 |",
        "| without txl | 0.500 | 0.850 | 2.50 |",
    ]


def test_variants_of_earlier_calls_are_in_the_table(tmp_path):
    for name in ("without txl", "Lite0, random start", "all"):
        folder = ablation.folder_of(tmp_path, name)
        folder.mkdir()
        (folder / "figures.json").write_text(json.dumps({"losses": [len(name)]}))
    done = ablation.done_in(tmp_path)
    assert list(done) == ["all", "without txl", "Lite0, random start"]
    assert done["all"] == {"losses": [3]}


def test_steps_that_are_no_whole_epochs_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        ablation.main(["--data", str(tmp_path), "--out", str(tmp_path), "--steps", "70"])
    assert left.value.code == 2
    assert "--steps 70: give a multiple of 50" in capsys.readouterr().err


def test_a_folder_without_the_data_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        ablation.main(["--data", str(tmp_path), "--out", str(tmp_path)])
    assert left.value.code == 2
    assert "there is no folder rbc/train" in capsys.readouterr().err
