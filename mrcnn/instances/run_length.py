"""COCO's run-length codes of masks, made from and turned into crops.

A mask is held as a pixel box (y1, x1, y2, x2), y2 and x2 excluded, and a boolean crop of exactly
that box's size. Its code is the lengths of the runs of equal pixels down the columns of the whole
image, one column after the other, background first (so the first length is 0 for a mask that
starts at the top left pixel). No array of the whole image's size is made: the work is that of the
crop.

The counts, and the text they are packed into, equal those of pycocotools, pixel for pixel and
character for character. The format is that of the COCO API (Lin et al., "Microsoft COCO: Common
Objects in Context", 2014), common/maskApi.c of https://github.com/cocodataset/cocoapi.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.errors import DataError

_MAX_COUNT = 2**32 - 1
# In text, a number is a row of characters from "0" on; each carries five bits, the lowest first.
_FIRST_CHARACTER = ord("0")
_BITS = 5
_VALUE = 0b011111
_SIGN = 0b010000
_MORE = 0b100000
# A difference of two counts has 33 bits with its sign.
_MAX_CHARACTERS = 7


def _image_size(image_shape: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) as ints after checking that a code of this image fits 32 bits."""
    height, width = (int(size) for size in image_shape[:2])
    if height < 1 or width < 1 or height * width > _MAX_COUNT:
        raise DataError(
            f"An image of {height} x {width} pixels has no run-length code: height and width must"
            f" be at least 1 and their product at most {_MAX_COUNT}."
        )
    return height, width


def _checked_counts(counts: ArrayLike, largest: int) -> np.ndarray:
    """Return `counts` as int64 [R] after checking that they are whole numbers in 0..largest."""
    try:
        counts = np.asarray(counts)
    except ValueError as error:
        raise DataError("Run-length counts must be one list of whole numbers.") from error
    if counts.size == 0:
        counts = counts.astype(np.int64)
    if counts.ndim != 1 or counts.dtype.kind not in "iu":
        raise DataError(
            "Run-length counts must be one list of whole numbers below 2^63, not of the shape"
            f" {counts.shape} and the type {counts.dtype}."
        )
    wrong = np.flatnonzero((counts < 0) | (counts > largest))
    if wrong.size:
        raise DataError(
            f"Run-length count number {wrong[0]} is {counts[wrong[0]]}: it must be in 0..{largest}."
        )
    return counts.astype(np.int64)


def encode(box: ArrayLike, crop: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Run lengths of a mask in its image.

    Args:
        box: integers (y1, x1, y2, x2) in pixels, inside the image; it may be larger than the
            mask needs, and have no pixel at all.
        crop: [y2 - y1, x2 - x1], non-zero inside the instance.
        image_shape: (height, width) or (height, width, channels).

    Returns:
        uint32 [R], runs of background and mask in turn; their sum is height * width.

    Raises:
        DataError: the box is not inside the image, or the crop does not have its size.
    """
    height, width = _image_size(image_shape)
    box = np.asarray(box)
    if box.shape != (4,) or box.dtype.kind not in "iu":
        raise DataError(f"A pixel box must be four whole numbers (y1, x1, y2, x2), not {box}.")
    y1, x1, y2, x2 = box.tolist()
    if not (0 <= y1 <= y2 <= height and 0 <= x1 <= x2 <= width):
        raise DataError(
            f"The box (y1, x1, y2, x2) = {(y1, x1, y2, x2)} is not inside its image of"
            f" {height} x {width} pixels."
        )
    crop = np.asarray(crop)
    if crop.shape != (y2 - y1, x2 - x1):
        raise DataError(
            f"The crop of the box {(y1, x1, y2, x2)} must have the shape {(y2 - y1, x2 - x1)},"
            f" not {crop.shape}."
        )
    # A row of background above and below, so that every run begins and ends inside its column.
    columns = np.zeros((x2 - x1, y2 - y1 + 2), dtype=bool)
    columns[:, 1:-1] = crop.T
    column, row = np.nonzero(columns[:, 1:] != columns[:, :-1])
    # Positions where a run begins and, in turn, ends.
    edges = (column + x1) * height + row + y1
    # The bottom of a column and the top of the next are neighbors in the code.
    apart = edges[2::2] != edges[1:-1:2]
    kept = np.ones(len(edges), dtype=bool)
    kept[1:-1] = np.repeat(apart, 2)
    edges = np.concatenate([[0], edges[kept], [height * width]])
    counts = np.diff(edges)
    if len(counts) > 1 and counts[-1] == 0:
        counts = counts[:-1]
    return counts.astype(np.uint32)


def decode(
    counts: ArrayLike, image_shape: Sequence[int], within: Sequence[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mask of a run-length code, cut out.

    Args:
        counts: whole numbers [R], see `encode`; runs of length 0 are allowed anywhere.
        image_shape: (height, width) or (height, width, channels).
        within: pixel box (y1, x1, y2, x2) that holds the mask. What a few bytes of code take in
            memory is then known before.

    Returns:
        box int64 [4], the smallest pixel box (y1, x1, y2, x2) around the mask, and the boolean
        crop of that size; (0, 0, 0, 0) and an array of the shape (0, 0) for an empty mask.

    Raises:
        DataError: a count is negative or no whole number, they do not fill the image exactly, or
            the mask leaves `within`.
    """
    height, width = _image_size(image_shape)
    counts = _checked_counts(counts, height * width)
    if counts.sum() != height * width:
        raise DataError(
            f"The run-length counts cover {counts.sum()} pixels, the image has {height} x {width}"
            f" = {height * width}: the code belongs to an image of another size, or is damaged."
        )
    edges = np.cumsum(counts)
    starts, ends = edges[0:-1:2], edges[1::2]
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    if len(starts) == 0:
        return np.zeros(4, dtype=np.int64), np.zeros((0, 0), dtype=bool)
    first_columns, first_rows = np.divmod(starts, height)
    last_columns, last_rows = np.divmod(ends - 1, height)
    x1, x2 = first_columns[0], last_columns[-1] + 1
    if (first_columns == last_columns).all():
        y1, y2 = first_rows.min(), last_rows.max() + 1
    else:
        # A run that goes on in the next column has its column's bottom and the next one's top.
        y1, y2 = 0, height
    if within is not None:
        top, left, bottom, right = within
        if y1 < top or x1 < left or y2 > bottom or x2 > right:
            raise DataError(
                f"The mask fills the box {(int(y1), int(x1), int(y2), int(x2))}, which is not "
                f"inside {tuple(within)}: it belongs to another box, or is damaged."
            )
    # The same runs down the columns of the crop.
    size = (x2 - x1) * (y2 - y1)
    starts = (first_columns - x1) * (y2 - y1) + first_rows - y1
    ends = (last_columns - x1) * (y2 - y1) + last_rows - y1 + 1
    edges = np.concatenate([[0], np.stack([starts, ends], axis=1).ravel(), [size]])
    in_mask = np.arange(len(edges) - 1) % 2 == 1
    pixels = np.repeat(in_mask, np.diff(edges))
    crop = np.ascontiguousarray(pixels.reshape(x2 - x1, y2 - y1).T)
    return np.array([y1, x1, y2, x2], dtype=np.int64), crop


def compress(counts: ArrayLike) -> str:
    """Pack run lengths into COCO's text form, as in the "counts" of its JSON files.

    Args:
        counts: whole numbers [R] in 0..2^32 - 1, see `encode`.

    Returns:
        Printable ASCII text, about 1.5 characters a run for cells.

    Raises:
        DataError: a count is out of range or no whole number.
    """
    numbers = _checked_counts(counts, _MAX_COUNT)
    # From the fourth on, a number is the difference to the last run of its kind.
    numbers[3:] = numbers[3:] - numbers[1:-2]
    characters = np.zeros((len(numbers), _MAX_CHARACTERS), dtype=np.uint8)
    written = np.zeros(characters.shape, dtype=bool)
    going_on = np.ones(len(numbers), dtype=bool)
    for place in range(_MAX_CHARACTERS):
        written[:, place] = going_on
        value = numbers & _VALUE
        numbers = numbers >> _BITS
        # The last character's sign bit stands for all the bits above it.
        going_on = going_on & (numbers != np.where(value & _SIGN, -1, 0))
        characters[:, place] = value + np.where(going_on, _MORE, 0) + _FIRST_CHARACTER
        if not going_on.any():
            break
    return characters[written].tobytes().decode("ascii")


def decompress(text: str | bytes) -> np.ndarray:
    """Unpack COCO's text form into run lengths.

    Args:
        text: what `compress` returns; bytes, as pycocotools has them, are taken as well.

    Returns:
        uint32 [R].

    Raises:
        DataError: the text has other characters, ends within a number, or holds a run length
            that is negative or above 2^32 - 1.
    """
    if not isinstance(text, (str, bytes)):
        raise DataError(
            f"A packed run-length code is text, not {type(text).__name__}: a list of counts needs"
            " no unpacking."
        )
    try:
        packed = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise DataError(
            f"A run-length code has the character {text[error.start]!r} at {error.start}; only"
            ' those from "0" to "o" are in COCO\'s text form.'
        ) from error
    values = np.frombuffer(packed, dtype=np.uint8).astype(np.int64) - _FIRST_CHARACTER
    wrong = np.flatnonzero((values < 0) | (values > (_VALUE | _MORE)))
    if wrong.size:
        raise DataError(
            f"A run-length code has the character {chr(packed[wrong[0]])!r} at {wrong[0]}; only"
            ' those from "0" to "o" are in COCO\'s text form.'
        )
    if len(values) == 0:
        return np.zeros(0, dtype=np.uint32)
    last = np.flatnonzero((values & _MORE) == 0)
    if len(last) == 0 or last[-1] != len(values) - 1:
        raise DataError("A run-length code ends within a number: the text is cut short.")
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > _MAX_CHARACTERS:
        raise DataError(
            f"A run-length code has a number of {lengths.max()} characters at"
            f" {first[lengths.argmax()]}; run lengths below 2^32 need {_MAX_CHARACTERS} at most."
        )
    places = np.arange(len(values)) - np.repeat(first, lengths)
    numbers = np.add.reduceat((values & _VALUE) << (_BITS * places), first)
    numbers -= np.where(values[last] & _SIGN, 1 << (_BITS * lengths), 0)
    counts = numbers
    counts[1::2] = np.cumsum(numbers[1::2])
    counts[2::2] = np.cumsum(numbers[2::2])
    return _checked_counts(counts, _MAX_COUNT).astype(np.uint32)
