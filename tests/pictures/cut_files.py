"""Pyramids whose parts stand in any order in the file, made by hand to be cut short."""

import struct
import zlib

import numpy as np

SIDE = 16  # of a tile, and rows of a strip
FIRST, LAST, BETWEEN = "directories first", "directories last", "each before its pixels"
SMALLEST_FIRST = "directories first, then the pixels of the smallest level"


def pyramid_file(
    levels, *, order, big=False, tiled=False, compressed=False, sub_ifds=False, stack=False
):
    """The bytes of a TIFF file.

    Args:
        levels: uint8 RGB, the finest first.
        order: FIRST, LAST, BETWEEN or SMALLEST_FIRST: where the directories stand.
        big: BigTIFF.
        tiled, compressed: how pixels are kept.
        sub_ifds: coarser levels hang on the first directory, or they follow it.
        stack: they are further pages of the same size.
    """
    segments = [_segments(level, tiled, compressed) for level in levels]
    numbers = range(len(levels))
    pixels, directories = [("pixels", n) for n in numbers], [("directory", n) for n in numbers]
    parts = {
        FIRST: directories + pixels,
        LAST: pixels + directories,
        SMALLEST_FIRST: directories + pixels[::-1],
        BETWEEN: [part for pair in zip(directories, pixels, strict=True) for part in pair],
    }[order]
    starts = {part: 0 for part in parts}

    def content(part):
        kind, number = part
        if kind == "pixels":
            return b"".join(segments[number])
        begin = starts["pixels", number]
        counts = [len(segment) for segment in segments[number]]
        offsets = [begin + sum(counts[:index]) for index in range(len(counts))]
        entries = _entries(levels[number], offsets, counts, tiled, compressed)
        entries.append((254, 4, [int(number > 0 and not stack)]))
        coarser = [starts["directory", other] for other in numbers[1:]]
        if sub_ifds and number == 0:
            entries.append((330, 16 if big else 4, coarser))
        following = 0 if sub_ifds else ([*coarser, 0])[number]
        return _directory(sorted(entries), starts[part], following, big)

    head = 16 if big else 8
    # Twice, since what stands in a part depends on where the others begin.
    for _ in range(2):
        at = head
        for part in parts:
            starts[part] = at
            at += len(content(part))
    first = starts["directory", 0]
    start = struct.pack("<2sHHHQ", b"II", 43, 8, 0, first)
    if not big:
        start = struct.pack("<2sHI", b"II", 42, first)
    return start + b"".join(content(part) for part in parts)


def _segments(level, tiled, compressed):
    height, width = level.shape[:2]
    if tiled:
        rest = [(0, -side % SIDE) for side in (height, width)]
        level = np.pad(level, (*rest, (0, 0)))
        height, width = level.shape[:2]
    wide = SIDE if tiled else width
    cut = [
        level[y : y + SIDE, x : x + wide].tobytes()
        for y in range(0, height, SIDE)
        for x in range(0, width, wide)
    ]
    return [zlib.compress(segment) for segment in cut] if compressed else cut


def _entries(level, offsets, counts, tiled, compressed):
    """(tag, type, values) of a level; type 3 has 16 bits, 4 has 32."""
    height, width = level.shape[:2]
    return [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [8, 8, 8]),
        (259, 3, [8 if compressed else 1]),
        (262, 3, [2]),
        (277, 3, [3]),
        *([(322, 3, [SIDE]), (323, 3, [SIDE])] if tiled else [(278, 3, [SIDE])]),
        (324 if tiled else 273, 4, offsets),
        (325 if tiled else 279, 4, counts),
    ]


def _directory(entries, start, following, big):
    """A directory, and behind it the values that have no place in it."""
    entry, number, place = ("<HHQ", "<Q", 8) if big else ("<HHI", "<I", 4)
    count = struct.pack("<Q" if big else "<H", len(entries))
    behind = start + len(count) + len(entries) * (4 + 2 * place) + place
    table, values = b"", b""
    for tag, kind, told in entries:
        packed = np.array(told, {3: "<u2", 4: "<u4", 16: "<u8"}[kind]).tobytes()
        if len(packed) > place:
            told_at = struct.pack(number, behind + len(values))
            values += packed
            packed = told_at
        table += struct.pack(entry, tag, kind, len(told)) + packed.ljust(place, b"\0")
    return count + table + struct.pack(number, following) + values
