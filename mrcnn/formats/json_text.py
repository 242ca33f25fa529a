"""JSON files: from anyone, with size, text and keys checked; of any length, written in parts."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError, shown
from mrcnn.files import atomic_write

# COCO's largest file has 450 MB, and takes some gigabytes of memory. Nothing larger is meant.
_MAX_BYTES = 1 << 29
# Where text has one half of a pair that stands for one character, no file or screen takes it.
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def write_json(
    path: str | os.PathLike, whole: Mapping[str, Any], key: str, items: Iterable[str], brackets: str
) -> None:
    """Write an object of which one value is too long to be held: it is written item by item.

    Args:
        path: the file to make or replace.
        whole: the object, in the order of its keys.
        key: of the long value, whatever stands there.
        items: its parts as JSON text.
        brackets: "[]" or "{}" around them.

    Raises:
        OutputError: it cannot be written.
    """

    def write(temporary: Path) -> None:
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(json_parts(whole, key, items, brackets))
            file.write("\n")

    atomic_write(path, write)


def json_parts(
    whole: Mapping[str, Any], key: str, items: Iterable[str], brackets: str
) -> Iterator[str]:
    """The text of an object in parts, of which one value is long; the arguments of `write_json`."""
    between = "{"
    for name, value in whole.items():
        yield f"{between}{json.dumps(name)}: "
        between = ", "
        if name != key:
            yield json.dumps(value)
            continue
        yield brackets[0]
        for number, item in enumerate(items):
            yield f", {item}" if number else item
        yield brackets[1]
    yield "}"


def read_json(path: Path, program: str = "") -> Any:
    """What a JSON file of annotations holds.

    Args:
        path: the file.
        program: that writes such files, for messages; "" where several do.

    Raises:
        DataError: the file is missing, too large or no JSON, or what it holds would be lost: a key
            that an object has twice, half a character.
    """
    return parse_json(read_bytes(path, program), path, program)


def parse_json(content: bytes, path: Path, program: str = "") -> Any:
    """As `read_json`, from the bytes of the file."""
    if not content or content.isspace():
        raise DataError(f"{path} is empty: export the annotations {_from(program)}again.")
    try:
        read = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_repetition)
        if _HALF_CHARACTER.search(content):
            json.dumps(read, ensure_ascii=False).encode()
        return read
    except _RepeatedKeyError as error:
        raise DataError(
            f"{path} has the key {shown(error.args[0])} twice in one object, so one of the two "
            "would be lost: give each entry a key of its own, or remove one."
        ) from None
    except UnicodeEncodeError:
        raise DataError(
            f"{path} has half a character (an escape from \\ud800 to \\udfff without the other "
            "half of its pair): export it again."
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    except json.JSONDecodeError as error:
        where = f"{error.msg} in line {error.lineno}, column {error.colno}"
        # What does not begin as JSON was none.
        is_json = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
        advice = "It may have been cut short; export" if is_json else "Export"
        raise DataError(
            f"{path} is not valid JSON: {where}. {advice} it {_from(program)}again."
        ) from None
    except RecursionError:
        kind = f"a {program}" if program else "an annotation"
        raise DataError(f"{path} is not {kind} file: it is nested too deeply.") from None
    except ValueError as error:
        # For example an integer of thousands of digits.
        raise DataError(f"{path} is not valid JSON: {error}.") from None


def read_bytes(path: Path, program: str = "") -> bytes:
    """The content of an annotation file.

    Raises:
        DataError: it is missing, no file, too large, or cannot be read.
    """
    if path.is_dir():
        kind = f"{program} annotation" if program else "annotation"
        raise DataError(f"{path} is a folder; expected is the {kind} file in it (JSON).")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(
                f"{path} has more than {_MAX_BYTES >> 20} MiB, which no annotation file has."
            )
        return path.read_bytes()
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise DataError(
                f"The folder {path.parent} does not exist; expected is a folder with images and "
                f"the annotation file {path.name}."
            ) from None
        others = sorted(other.name for other in path.parent.glob("*.json"))[:5]
        hint = f" JSON files there: {', '.join(others)}." if others else ""
        raise DataError(
            f"The annotation file {path} does not exist: export the annotations {_from(program)}as "
            f"JSON to this place.{hint}"
        ) from None
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from None


def _from(program: str) -> str:
    return f"from {program} " if program else ""


class _RepeatedKeyError(Exception):
    """A key stands twice in an object of a JSON file."""


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(key)
            seen.add(key)
    return found
