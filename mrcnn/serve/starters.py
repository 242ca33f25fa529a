"""What starts the program again: its command, and files to double-click, for each system."""

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mrcnn.files import atomic_write


def starter_text(command: Sequence[str], project: Path, platform: str) -> tuple[str, str]:
    """Name and text of the file for a system.

    Args:
        command: that starts the program.
        project: the folder of the page.
        platform: as of `sys.platform`.
    """
    arguments = [*command, "serve", "--project", str(project)]
    if platform == "win32":
        # In a batch file a percent sign is written twice.
        line = subprocess.list2cmdline(arguments).replace("%", "%%")
        return "Start.bat", f"@echo off\r\nchcp 65001 >nul\r\n{line}\r\nif errorlevel 1 pause\r\n"
    name = "Start.command" if platform == "darwin" else "start.sh"
    return name, f"#!/bin/sh\nexec {shlex.join(arguments)}\n"


def write_starter(folder: Path, command: Sequence[str]) -> Path:
    """Write the file for this system into the folder of a project, where it is not there yet.

    Args:
        folder: of the project.
        command: that starts the program.

    Returns:
        the file.

    Raises:
        OutputError: it cannot be written.
    """
    name, text = starter_text(command, folder, sys.platform)
    path = folder / name
    if not path.exists() or path.read_bytes() != text.encode():
        atomic_write(path, text.encode())
        if os.name == "posix":
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def own_command() -> list[str]:
    """What starts this program again: by its interpreter, or the file that an installation made."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return [sys.executable, "-m", script.parent.name]
    if script.is_file() and script.suffix != ".exe":
        return [sys.executable, str(script.resolve())]
    program = script if script.suffix == ".exe" else script.with_suffix(".exe")
    return [str(program)] if program.is_file() else [sys.executable, "-m", "mrcnn"]
