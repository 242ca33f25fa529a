"""A program for two cards, on a machine whose processor stands for them."""

from .colour_network import ONE_CLASS
from .conftest import figures
from .scenes import render_scenes, write_mask_folders


def test_a_program_for_two_cards_trains_and_detects_on_both(run_program, make_weights, tmp_path):
    scenes = render_scenes(3)
    write_mask_folders(tmp_path / "plates", scenes)
    program = str(__file__).replace("test_two_devices", "plates_two_gpus")
    printed = run_program(
        "two_processors.py", program, "plates", make_weights(ONE_CLASS), eagerly=True
    )
    assert figures(r"Colonies: (\d+)", printed) == [len(scene.shapes) for scene in scenes]
    # Training, inference, and nothing else.
    assert "Devices: 2 2" in printed
    (checkpoint,) = tmp_path.glob("logs/plates*/mask_rcnn_plates_0001.h5")
    assert str(checkpoint.relative_to(tmp_path)) in printed
