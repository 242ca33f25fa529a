"""How far a command is: plain lines in files, a bar with speed and time left on a terminal."""

import io
import re
import sys
from contextlib import redirect_stdout

from mrcnn.app.progress import progress_of


def go_through(total, done):
    with progress_of(total, done, "cells") as progress:
        for number in range(done, total):
            progress.line(f"line {number}")
            progress.advance(10)
        progress.note("  [bold]a[bold].png: doubtful")


def test_without_a_terminal_each_picture_is_a_line(capsys):
    go_through(3, 1)
    assert capsys.readouterr().out == "line 1\nline 2\n  [bold]a[bold].png: doubtful\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(monkeypatch, total, done):
    for name, value in (("TERM", "xterm"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    with redirect_stdout(Terminal()) as stream:
        go_through(total, done)
    return stream.getvalue()


def test_on_a_terminal_there_is_a_bar_and_only_notes_are_lines(monkeypatch):
    said = on_terminal(monkeypatch, 5, 2)
    assert "line" not in said
    assert "[bold]a[bold].png: doubtful" in said
    last = [
        line for line in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", said).split("\n") if "5/5" in line
    ][-1]
    assert re.search(r"5/5 0:00:00 left, \d+ pictures, \d+ cells a minute", last)


def test_without_the_library_of_the_bar_there_are_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    assert on_terminal(monkeypatch, 2, 0).startswith("line 0\nline 1\n")
