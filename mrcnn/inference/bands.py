"""From what rows of tiles found to the objects of the picture, in the order of their first rows."""

from collections.abc import Sequence

import numpy as np

from mrcnn.inference.seams import Candidate, Found, settle
from mrcnn.instances import Instances


class Bands:
    """Takes the rows of tiles one after the other, and gives what later rows cannot change.

    It keeps what two rows found, and no more.
    """

    def __init__(self) -> None:
        self._complete: Instances | None = None
        # What stays, or may, unless the next row decides otherwise.
        self._waiting: list[Candidate] = []

    def add(self, row: Sequence[Found], next_top: int | None) -> Instances:
        """Take a row of tiles.

        Args:
            row: what each of its tiles found.
            next_top: first row of pixels that the next row of tiles reads; None if this is the
                last one.

        Returns:
            instances by their first row of pixels and then by their first column. All that come
            later begin in no higher row.
        """
        candidates, below = list(self._waiting), list[Candidate]()
        for found in row:
            for number in np.flatnonzero(found.owned | found.near):
                is_later = next_top is not None and found.below[number]
                (below if is_later else candidates).append(Candidate(found, int(number)))
        kept = settle(candidates)
        done = [each for each in kept if next_top is None or each.box[2] <= next_top]
        self._waiting = [each for each in kept if next_top is not None and each.box[2] > next_top]
        self._waiting += below
        # None of them, but with the columns of all.
        complete = row[0].instances.take([]) if self._complete is None else self._complete
        complete = _in_order([complete, *_instances_of(done)])
        if next_top is None:
            return complete
        first = min([next_top, *(each.box[0] for each in self._waiting)])
        is_final = complete.boxes[:, 0] < first
        self._complete = complete.take(~is_final)
        return complete.take(is_final)


def _instances_of(candidates: Sequence[Candidate]) -> list[Instances]:
    rows: dict[int, tuple[Found, list[int]]] = {}
    parts = []
    for each in candidates:
        if each.joined is None:
            rows.setdefault(id(each.found), (each.found, []))[1].append(each.row)
        else:
            parts.append(each.instances())
    return parts + [found.instances.take(numbers) for found, numbers in rows.values()]


def _in_order(parts: Sequence[Instances]) -> Instances:
    filled = [part for part in parts if len(part)]
    if not filled:
        return parts[0]
    merged = Instances.merged(filled)
    return merged.take(np.lexsort((merged.boxes[:, 1], merged.boxes[:, 0])))
