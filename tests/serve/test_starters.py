"""Files to double-click."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mrcnn.serve.starters import starter_text, write_starter


def test_a_file_for_each_system():
    command = ["C:\\Python\\python.exe", "C:\\my cells\\rbc.py"]
    name, text = starter_text(command, Path("100% cells"), "win32")
    assert name == "Start.bat" and "\r\n" in text
    assert 'C:\\Python\\python.exe "C:\\my cells\\rbc.py" serve --project "100%% cells"\r\n' in text
    name, text = starter_text(
        ["/usr/bin/python3", "/my cells/rbc.py"], Path("/it's here"), "darwin"
    )
    assert name == "Start.command"
    assert text.endswith("'/my cells/rbc.py' serve --project '/it'\"'\"'s here'\n")


@pytest.mark.skipif(os.name != "posix", reason="the file is run by a shell")
def test_it_runs(tmp_path):
    folder = tmp_path / "it's $HOME"
    folder.mkdir()
    program = "import sys; print(sys.argv[1:])"
    path = write_starter(folder, [sys.executable, "-c", program])
    done = subprocess.run([path], capture_output=True, text=True, check=True)
    assert done.stdout == f"{['serve', '--project', str(folder)]}\n"
    before = path.stat().st_mtime_ns
    assert write_starter(folder, [sys.executable, "-c", program]) == path
    assert path.stat().st_mtime_ns == before
