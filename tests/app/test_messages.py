"""What the package logs is shown by its commands, and by them alone."""

import logging

import pytest

from mrcnn.app.messages import messages_shown


def say():
    logging.getLogger("mrcnn.training.run_state").info("Going on from epoch %d.", 3)
    logging.getLogger("mrcnn.training.fitting").warning("Momentum begins anew.")
    logging.getLogger("another").info("Nothing of ours.")


def test_a_command_prints_plain_lines(capsys):
    with messages_shown():
        say()
    assert capsys.readouterr() == ("Going on from epoch 3.\nMomentum begins anew.\n", "")


def test_all_is_as_it_was_when_the_command_has_ended(capsys):
    package = logging.getLogger("mrcnn")
    before = package.level, list(package.handlers)
    with pytest.raises(KeyboardInterrupt), messages_shown():
        raise KeyboardInterrupt
    assert (package.level, package.handlers) == before
    say()
    assert "Going on" not in capsys.readouterr().out
