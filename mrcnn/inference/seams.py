"""Objects that several tiles see: which of them stay.

Tiles overlap, so an object at a seam is found more than once, never quite the same. Its center may
lie on this side of the seam for one tile and on that side for the other, one tile may see two
objects where the other sees one, and a large object may be cut off where a tile ends. So what lies
at a seam is decided together, in this order: whole objects that their own tile found; whole ones
that a tile found whose center lies a little outside of its cell; then what is cut off. Each stays
unless it is the same object as one that stays already.

Two are the same where they share at least half of the smaller one, unless one of the two tiles has
seen both: then they lie over one another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mrcnn.inference.tile_grid import Tile
from mrcnn.instances import Instances

# Share of the smaller of two objects from which they are the same one.
_SAME = 0.5
# IoU from which what one tile sees is what the other sees.
_SEEN = 0.7


class Found:
    """What one tile found.

    Args:
        tile: the tile.
        instances: in pixels of the picture, each with a box of some area, with scores.
        margin: pixels of the picture by which a mask may miss the end of a tile that cuts it.

    Attributes:
        owned: bool [N], the center of the box lies in the cell of the tile.
        cut: bool [N], the object reaches an end of the tile beyond which the picture goes on.
        near: bool [N], not owned, but the box is less than half of its side away from the cell.
        below: bool [N], near, and the center lies below the cell.
    """

    def __init__(self, tile: Tile, instances: Instances, margin: float = 0) -> None:
        self.tile = tile
        self.instances = instances
        # Those that were asked for.
        self._unpacked: dict[int, np.ndarray] = {}
        boxes, cell, area = instances.boxes, np.array(tile.cell), np.array(tile.area)
        height, width = instances.image_shape
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        self.owned = ((centers >= cell[:2]) & (centers < cell[2:])).all(axis=1)
        inner = np.concatenate([area[:2] > 0, area[2:] < (height, width)])
        reached = np.hstack([boxes[:, :2] <= area[:2] + margin, boxes[:, 2:] >= area[2:] - margin])
        self.cut = (reached & inner).any(axis=1)
        # So far does the second half of what another tile has divided reach.
        reach = (boxes[:, 2:] - boxes[:, :2]) / 2
        reaches = (boxes[:, :2] - reach < cell[2:]) & (boxes[:, 2:] + reach > cell[:2])
        self.near = reaches.all(axis=1) & ~self.owned
        # Which the next row of tiles decides on.
        self.below = self.near & (centers[:, 0] >= cell[2])

    def mask(self, row: int) -> "Mask":
        """One mask in the picture; of a row without one its whole box."""
        box = self.instances.boxes[row]
        if row not in self._unpacked:
            crop = self.instances.crops[row]
            self._unpacked[row] = np.ones(box[2:] - box[:2], bool) if crop is None else crop
        return Mask(box, self._unpacked[row])


class Mask(NamedTuple):
    """bool [h, w] of a pixel box (y1, x1, y2, x2) of the picture."""

    box: np.ndarray
    crop: np.ndarray

    def within(self, box: np.ndarray) -> np.ndarray:
        """The part of the mask in another box, which may reach beyond its own."""
        y1, x1 = np.maximum(box[:2] - self.box[:2], 0)
        y2, x2 = np.maximum(box[2:] - self.box[:2], 0)
        return self.crop[y1:y2, x1:x2]

    def part(self, box: np.ndarray) -> "Mask":
        """The mask within another box."""
        common = _common(self.box, box)
        common[2:] = np.maximum(common[2:], common[:2])
        return Mask(common, self.within(common))

    def shared(self, other: "Mask") -> int:
        """Pixels of both."""
        common = _common(self.box, other.box)
        if (common[2:] <= common[:2]).any():
            return 0
        return int(np.count_nonzero(self.within(common) & other.within(common)))

    def joined(self, other: "Mask") -> "Mask":
        """What is in one of the two."""
        low = np.minimum(self.box[:2], other.box[:2])
        high = np.maximum(self.box[2:], other.box[2:])
        crop = np.zeros(high - low, bool)
        for box, part in (self, other):
            (y1, x1), (y2, x2) = box[:2] - low, box[2:] - low
            crop[y1:y2, x1:x2] |= part
        return Mask(np.concatenate([low, high]), crop)


@dataclass(eq=False)
class Candidate:
    """An object at a seam, or anywhere else in a tile.

    Attributes:
        found, row: what found it, and its row there.
        joined: its mask where it was put together of several; else that of its row.
        tiles: where its parts were found.
    """

    found: Found
    row: int
    joined: Mask | None = None
    tiles: tuple[Tile, ...] = ()

    def __post_init__(self) -> None:
        self.tiles = (self.found.tile,)
        self.box = self.found.instances.boxes[self.row]
        self.cut = bool(self.found.cut[self.row])
        self.owned = bool(self.found.owned[self.row])
        scores = self.found.instances.scores
        score = 0.0 if scores is None else float(scores[self.row])
        self.order = (self.cut, not self.owned, -score)

    @property
    def mask(self) -> Mask:
        return self.joined or self.found.mask(self.row)

    def join(self, other: "Candidate") -> None:
        """Take another part of the same object in."""
        self.joined = self.mask.joined(other.mask)
        self.box = self.joined.box
        self.tiles += other.tiles

    def instances(self) -> Instances:
        """The object alone."""
        alone = self.found.instances.take([self.row])
        if self.joined is None:
            return alone
        return alone.replaced(boxes=self.joined.box[None], crops=[self.joined.crop])


def settle(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Which candidates stay, those that were cut put together; see the module."""
    ordered = sorted(candidates, key=lambda each: each.order)
    kept: list[Candidate] = []
    boxes = np.zeros((len(ordered), 4), np.int64)
    for candidate in ordered:
        stay = boxes[: len(kept)]
        meeting = (stay[:, :2] < candidate.box[2:]) & (stay[:, 2:] > candidate.box[:2])
        same = [int(number) for number in np.flatnonzero(meeting.all(axis=1))
                if _are_same(candidate, kept[number])]  # fmt: skip
        if not same:
            # Nobody else has seen a part that is not even its tile's own.
            if candidate.owned or not candidate.cut:
                boxes[len(kept)] = candidate.box
                kept.append(candidate)
        elif candidate.cut and all(kept[number].cut for number in same):
            kept[same[0]].join(candidate)
            boxes[same[0]] = kept[same[0]].box
    return kept


def _are_same(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates of different tiles are one object."""
    if set(one.tiles) & set(other.tiles) or not one.mask.shared(other.mask):
        return False
    if one.cut or other.cut:
        # What both tiles have seen is only a part of what each has.
        areas = [
            _common(np.array(a.area), np.array(b.area)) for a in one.tiles for b in other.tiles
        ]
        if not any(_fill_each_other(one, other, area) for area in areas):
            return False
    elif not _fill_each_other(one, other, None):
        return False
    return not (_saw_both(one, other) or _saw_both(other, one))


def _fill_each_other(one: Candidate, other: Candidate, area: np.ndarray | None) -> bool:
    """Whether two share enough of the smaller one, within a box if one is given.

    Of one that was cut and one that was not, the former counts as the smaller.
    """
    masks = [each.mask if area is None else each.mask.part(area) for each in (one, other)]
    sizes = [np.count_nonzero(mask.crop) for mask in masks]
    if one.cut != other.cut:
        sizes = [size for size, each in zip(sizes, (one, other), strict=True) if each.cut]
    return bool(min(sizes) > 0 and masks[0].shared(masks[1]) >= _SAME * min(sizes))


def _saw_both(one: Candidate, other: Candidate) -> bool:
    """Whether the tile of `one` has found the other as well, as a further object."""
    found, mask = one.found, other.mask
    boxes = found.instances.boxes
    area = np.array(found.tile.area)
    meeting = (boxes[:, :2] < mask.box[2:]) & (boxes[:, 2:] > mask.box[:2])
    for row in np.flatnonzero(meeting.all(axis=1)):
        if row != one.row:
            seen = found.mask(int(row))
            shared = seen.shared(mask)
            union = seen.crop.sum() + mask.part(area).crop.sum() - shared
            if shared >= _SEEN * union:
                return True
    return False


def _common(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The box that two boxes share; its sides may be negative."""
    return np.concatenate([np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])])
