"""`Journal`: what people did to the objects of a picture, each act on the disk before it counts."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError, OutputError

_VERSION = 1


class Journal:
    """A file that only grows, a line for each act. One thread at a time.

    What a crash left of a line was never confirmed, and is cut off.

    Args:
        path: of the file, which is made with the first act.
        result: name of the detection that the acts change; a file of another one is set aside.

    Attributes:
        records: all acts so far, plain values.

    Raises:
        DataError: the file is of a later version.
        OutputError: it cannot be read or set aside.
    """

    def __init__(self, path: Path, result: str) -> None:
        self.path, self.result = path, result
        self.records: list[dict[str, Any]] = []
        try:
            self._read()
        except OSError as error:
            raise OutputError(f"{path}: cannot be read ({error.strerror}).") from error

    def _read(self) -> None:
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines:
            self.path.unlink()
            return
        head = lines[0]
        if head.get("version") != _VERSION:
            raise DataError(f"{self.path}: is of a later version than this program knows.")
        if head.get("result") != self.result:
            number = 1
            while (aside := self.path.with_suffix(f".{number}.old")).exists():
                number += 1
            self.path.rename(aside)
            return
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
        self.records = lines[1:]

    def append(self, record: dict[str, Any]) -> None:
        """Keep an act; when this returns it is on the disk.

        Args:
            record: plain values for JSON.

        Raises:
            OutputError: it cannot be written, and does not count.
        """
        lines = [record]
        is_new = not self.path.exists()
        if is_new:
            lines.insert(0, {"version": _VERSION, "result": self.result})
        content = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines).encode()
        length = 0 if is_new else self.path.stat().st_size
        try:
            with open(self.path, "ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                _flush_folder(self.path.parent)
        except OSError as error:
            # What cannot be cut off now is when the file is read again.
            with contextlib.suppress(OSError):
                os.truncate(self.path, length)
            raise OutputError(f"{self.path}: cannot be written ({error.strerror}).") from error
        self.records.append(record)


def _flush_folder(folder: Path) -> None:
    """Have the name of a new file on the disk as well, where systems can."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
