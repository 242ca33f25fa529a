"""`Corrections`: the objects of a picture as they are after all that people did to them."""

from collections.abc import Sequence
from typing import Any

from mrcnn.errors import DataError, shown
from mrcnn.serve.journal import Journal
from mrcnn.serve.shapes import drawn, merged, parts_of

UNDO, REDO = "undo", "redo"
# What the network did, not a person.
DETECTED = "detected"
# An object that a person made or looked at counts whatever the confidence.
Cell = dict[str, Any]


class Corrections:
    """Objects, and the acts that changed them. One thread at a time.

    An act is kept with what it did, not only with what was asked: objects that go, by their
    numbers, and objects that come. So a journal is read the same way by any later version.

    Args:
        journal: of the picture; its acts are done again.
        size: (height, width) of the picture.
        found: the objects that were detected, those first that count; see
            `mrcnn.serve.detection.cell`.
        class_names: that an object may have.
        confidence: from which on detected objects count.

    Attributes:
        cells: objects by their numbers, those that do not count as well.
        confidence: from which on they count now.
    """

    def __init__(
        self,
        journal: Journal,
        size: Sequence[int],
        found: Sequence[Cell],
        class_names: Sequence[str],
        confidence: float,
    ) -> None:
        self._journal, self._size = journal, tuple(size)
        self._class_names = tuple(class_names)
        self._found = {number: {**each, "id": number} for number, each in enumerate(found, 1)}
        self._first_confidence = confidence
        self._acts: list[dict[str, Any]] = []
        self._undone: list[dict[str, Any]] = []
        for record in journal.records:
            self._count(record)
        self._next = 1 + max(
            [0, *self._found, *(cell["id"] for each in journal.records for cell in _added(each))]
        )
        self._replay()

    @property
    def number(self) -> int:
        """How many acts there were, those that were undone and the undoing among them."""
        return len(self._journal.records)

    @property
    def is_corrected(self) -> bool:
        """Whether a person changed something, or said that all is right."""
        return any(act["kind"] != DETECTED for act in self._acts)

    @property
    def can_undo(self) -> bool:
        return bool(self._acts)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    def kept(self) -> list[Cell]:
        """The objects that count, those that were detected by falling score."""
        return [cell for cell in self.cells.values() if counts(cell, self.confidence)]

    def do(self, act: Any, at: str) -> dict[str, Any]:
        """Do what a person asks for; when this returns it is on the disk.

        Args:
            act: `kind` and what belongs to it: "draw" (`outline`, `class`), "delete" (`cells`),
                "split" (`cell`, `line`), "merge" (`cells`), "class" (`cells`, `class`), "reshape"
                (`cell`, `outline`), "confidence" (`value`), "checked", "undo", "redo".
            at: the time.

        Returns:
            numbers of the objects that are gone (`removed`), those that came or changed (`added`),
            and the `confidence`.

        Raises:
            DataError: it cannot be done.
            OutputError: it cannot be kept, and is not done.
        """
        kind = act.get("kind") if isinstance(act, dict) else None
        if kind not in (UNDO, REDO):
            return self._keep({"kind": kind, "at": at, **self._effect(kind, act)})
        if not (self._acts if kind == UNDO else self._undone):
            raise DataError(f"There is nothing to {kind}.")
        return self._keep({"kind": kind, "at": at})

    def _keep(self, record: dict[str, Any]) -> dict[str, Any]:
        self._journal.append(record)
        self._next = max([self._next, *(cell["id"] + 1 for cell in _added(record))])
        act = self._count(record)
        # Only what it names can change: a slide has a hundred thousand more.
        named = dict.fromkeys([*act["removed"], *(cell["id"] for cell in act["added"])])
        before = {number: self.cells.get(number) for number in named}
        if record["kind"] == UNDO:
            # What had gone comes back to its place among the others.
            self._replay()
        else:
            self._apply(act)
        now = {number: self.cells.get(number) for number in named}
        return {
            "removed": [number for number in named if before[number] and not now[number]],
            "added": [cell for number, cell in now.items() if cell and cell is not before[number]],
            "confidence": self.confidence,
        }

    def add_detected(self, found: Sequence[Cell], region: Sequence[int], at: str) -> dict[str, Any]:
        """Put what was detected in a region in the place of what was there.

        Args:
            found: objects, in pixels of the picture.
            region: (y, x, height, width) in pixels.
            at: the time.
        """
        y, x, height, width = region

        def is_inside(cell: Cell) -> bool:
            y1, x1, y2, x2 = cell["box"]
            middle_y, middle_x = (y1 + y2) / 2, (x1 + x2) / 2
            return y <= middle_y < y + height and x <= middle_x < x + width

        added = [
            {**cell, "id": self._next + number}
            for number, cell in enumerate(filter(is_inside, found))
        ]
        removed = [number for number, cell in self.cells.items() if is_inside(cell)]
        return self._keep({"kind": DETECTED, "at": at, "removed": removed, "added": added})

    def _effect(self, kind: Any, act: dict[str, Any]) -> dict[str, Any]:
        if kind == "draw":
            cell = {**drawn(act.get("outline"), self._size), "class": self._class(act)}
            return self._change([], [{**cell, "score": None}])
        if kind == "delete":
            return {"removed": self._numbers(act), "added": []}
        if kind == "split":
            cell = self._cell(act.get("cell"))
            parts = parts_of(cell["outline"], act.get("line"), self._size)
            return self._change([cell["id"]], [self._by_hand(cell, part) for part in parts])
        if kind == "merge":
            cells = [self.cells[number] for number in self._numbers(act, least=2)]
            one = merged([cell["outline"] for cell in cells], self._size)
            largest = max(cells, key=lambda cell: cell["area"])
            numbers = [cell["id"] for cell in cells]
            return self._change(numbers, [self._by_hand(largest, one)])
        if kind == "class":
            name = self._class(act)
            changed = [self.cells[number] for number in self._numbers(act)]
            added = [{**cell, "class": name, "score": None} for cell in changed]
            return {"removed": [], "added": added}
        if kind == "reshape":
            cell = self._cell(act.get("cell"))
            shape = drawn(act.get("outline"), self._size)
            return {"removed": [], "added": [{**self._by_hand(cell, shape), "id": cell["id"]}]}
        if kind == "confidence":
            value = act.get("value")
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise DataError(f"The confidence is {shown(value)}: expected is 0 to 1.")
            return {"removed": [], "added": [], "confidence": float(value)}
        if kind == "checked":
            return {"removed": [], "added": []}
        raise DataError(f"{shown(kind)} is nothing that can be done to objects.")

    def _change(self, removed: list[int], added: list[Cell]) -> dict[str, Any]:
        numbered = [{**cell, "id": self._next + place} for place, cell in enumerate(added)]
        return {"removed": removed, "added": numbered}

    @staticmethod
    def _by_hand(cell: Cell, shape: dict[str, Any]) -> Cell:
        """An object of the same class with another outline; its measurements are no more."""
        return {**shape, "class": cell["class"], "score": None}

    def _class(self, act: dict[str, Any]) -> str:
        name = act.get("class")
        if name not in self._class_names:
            raise DataError(f"{shown(name)} is no class: {', '.join(self._class_names)}.")
        return str(name)

    def _cell(self, number: Any) -> Cell:
        if not isinstance(number, int) or number not in self.cells:
            raise DataError(f"There is no object {shown(number)} any more.")
        return self.cells[number]

    def _numbers(self, act: dict[str, Any], least: int = 1) -> list[int]:
        numbers: Any = act.get("cells")
        are_numbers = isinstance(numbers, list) and all(type(each) is int for each in numbers)
        if not are_numbers or len(set(numbers)) < least:
            raise DataError(f"Choose {'an object' if least == 1 else 'two or more objects'} first.")
        return [self._cell(number)["id"] for number in dict.fromkeys(numbers)]

    def _count(self, record: dict[str, Any]) -> dict[str, Any]:
        """The act that is done, done again, or undone."""
        if record["kind"] == UNDO:
            self._undone.append(self._acts.pop())
            return self._undone[-1]
        if record["kind"] == REDO:
            self._acts.append(self._undone.pop())
        else:
            self._acts.append(record)
            self._undone.clear()
        return self._acts[-1]

    def _replay(self) -> None:
        self.cells = dict(self._found)
        self.confidence = self._first_confidence
        for act in self._acts:
            self._apply(act)

    def _apply(self, act: dict[str, Any]) -> None:
        for number in act["removed"]:
            self.cells.pop(number, None)
        for cell in act["added"]:
            self.cells[cell["id"]] = cell
        self.confidence = act.get("confidence", self.confidence)


def _added(record: dict[str, Any]) -> list[Cell]:
    return record.get("added", [])


def counts(cell: Cell, confidence: float) -> bool:
    """Whether an object counts: a person made or looked at it, or it is sure enough."""
    return cell["score"] is None or cell["score"] >= confidence
