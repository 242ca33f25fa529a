"""The names of classes in the YAML files that lie beside YOLO's labels.

Of YAML no more is read than the key `names` in its usual forms: a list or a table, on one line or
on several.
"""

import re
from pathlib import Path

from mrcnn.errors import DataError

_KEY = re.compile(r"^names\s*:\s*(.*)$")
_ITEM = re.compile(r"^\s*-\s+(.+)$")
_ENTRY = re.compile(r"^\s*['\"]?(\d{1,6})['\"]?\s*:\s*(.+)$")
# A word in quotes, or one up to the next comma.
_WORD = re.compile(r"""\s*(?:'((?:[^']|'')*)'|"([^"]*)"|([^,'"]+))\s*(?:,|$)""")


def names_in_yaml(path: Path) -> dict[int, str]:
    """Names of classes by number.

    Raises:
        DataError: the file cannot be read, or has no `names` in a form that is read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    for number, line in enumerate(lines):
        found = _KEY.match(line)
        if found:
            first = _without_comment(found[1])
            names = _in_a_row(first, lines[number + 1 :]) if first else _below(lines[number + 1 :])
            if names:
                return names
            break
    raise DataError(
        f"{path}: no `names` of classes. Expected is a list such as names: [cell, dirt], or a line "
        "`0: cell` for each below `names:`."
    )


def _in_a_row(first: str, rest: list[str]) -> dict[int, str]:
    """Of `[a, b]` or `{0: a, 1: b}`, which may go on over lines."""
    closing = {"[": "]", "{": "}"}.get(first[0])
    if closing is None:
        return {}
    text = first
    for line in rest:
        if text.endswith(closing):
            break
        text += " " + _without_comment(line)
    if not text.endswith(closing):
        return {}
    inner = text[1:-1].strip().removesuffix(",")
    if closing == "}":
        entries = [_ENTRY.match(part) for part in inner.split(",")]
        return {int(entry[1]): _plain(entry[2]) for entry in entries if entry}
    words = []
    while inner:
        word = _WORD.match(inner)
        if word is None:
            return {}
        words.append(_unquoted(word))
        inner = inner[word.end() :]
    return dict(enumerate(words))


def _below(lines: list[str]) -> dict[int, str]:
    """Of lines `- a` or `0: a`."""
    names: dict[int, str] = {}
    for line in lines:
        line = _without_comment(line)
        if not line:
            continue
        item, entry = _ITEM.match(line), _ENTRY.match(line)
        if item:
            names[len(names)] = _plain(item[1])
        elif entry:
            names[int(entry[1])] = _plain(entry[2])
        else:
            break
    return names


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line).rstrip()


def _plain(text: str) -> str:
    word = _WORD.match(text.strip())
    return _unquoted(word) if word and word.end() == len(text.strip()) else text.strip()


def _unquoted(word: re.Match) -> str:
    single, double, bare = word.groups()
    return (single.replace("''", "'") if single is not None else double or bare or "").strip()
