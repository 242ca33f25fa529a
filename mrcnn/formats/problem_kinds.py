"""What is wrong with annotations: once for each kind, with the number of others like it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# How messages of a reader, and those about an outline, say where.
_PARTS = "region|annotation|shape|object|feature|ROI|row|line|label|image|category"
_IN_FILE = re.compile(
    rf"""(.*?\b({_PARTS}) \d+( \(.*?\))?|(entry|image) ("[^"]*"|'[^']*'))(: |, | (?=is ))"""
)
_REGION = re.compile(r"region \d+")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_MOST_PLACES = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        where: the file, an image or the annotations.
        text: what is wrong, with the region where there is one.
        is_error: whether training stops at it, or leaves it out; else it may be a mistake.
        kind: what it has in common with others that are wrong in the same way; by default the text
            without its numbers and the names of image and region.
    """

    where: str
    text: str
    is_error: bool = True
    kind: str = ""

    @property
    def place(self) -> str:
        """The image and the region, as short as they can be named."""
        of_reader, of_image = _IN_FILE.match(self.text), _REGION.match(self.text)
        if of_reader:
            return of_reader[1].removeprefix(f"{self.where}, ").removeprefix(f"{self.where}/")
        name = Path(self.where).name
        return f"{name}, {of_image.group()}" if of_image else name

    @property
    def group(self) -> tuple[bool, str]:
        """Equal for findings of one kind."""
        if self.kind:
            return self.is_error, self.kind
        text = self.text
        for name in (self.where, str(Path(self.where).parent), Path(self.where).name):
            text = text.replace(name, "*")
        return self.is_error, _NUMBER.sub("#", _IN_FILE.sub("", text))


def by_kind(findings: Iterable[Finding]) -> list[list[Finding]]:
    """The findings of each kind, in the order of the first of them."""
    kinds: dict[Any, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.group, []).append(finding)
    return list(kinds.values())


def more_like_it(others: Sequence[Finding]) -> str:
    """How many more of a kind there are, and where some of them are."""
    places = list(dict.fromkeys(finding.place for finding in others))
    rest = "; ..." if len(places) > _MOST_PLACES else ""
    return f"and {len(others)} more like it: {'; '.join(places[:_MOST_PLACES])}{rest}"
