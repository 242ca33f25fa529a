"""The same source on PyTorch; see `running`. A file for each, so that they run side by side."""

from .running import numbers_of_the_original, three_steps_save_reload_detect


def test_three_steps_save_reload_detect(tmp_path):
    three_steps_save_reload_detect("torch", tmp_path)


def test_the_numbers_of_the_original():
    numbers_of_the_original("torch")
