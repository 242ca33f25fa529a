"""Run-length codes: equal to those of pycocotools, and refused where they cannot be right."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as pycoco

from mrcnn.errors import DataError
from mrcnn.instances.geometry import tight_box
from mrcnn.instances.run_length import compress, decode, decompress, encode


def pycoco_text(mask: np.ndarray) -> str:
    return pycoco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()


def pycoco_mask(text: str, shape) -> np.ndarray:
    return pycoco.decode({"size": list(shape), "counts": text.encode()}).astype(bool)


def paste(box, crop, shape) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    y1, x1, y2, x2 = box
    mask[y1:y2, x1:x2] = crop
    return mask


@st.composite
def masks(draw):
    """A box anywhere in a small image, often touching it on all sides, and any crop in it."""
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    y1, x1 = draw(st.integers(0, height)), draw(st.integers(0, width))
    y2, x2 = draw(st.integers(y1, height)), draw(st.integers(x1, width))
    if draw(st.booleans()):
        y1, y2 = 0, height
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    crop = rng.random((y2 - y1, x2 - x1)) < draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    return (y1, x1, y2, x2), crop, (height, width)


@given(masks())
@settings(max_examples=300, deadline=None)
def test_equals_pycocotools_and_comes_back(case):
    box, crop, shape = case
    mask = paste(box, crop, shape)
    counts = encode(box, crop, shape)
    assert counts.dtype == np.uint32 and counts.sum() == mask.size
    assert (counts[1:] > 0).all()
    text = compress(counts)
    assert text == pycoco_text(mask)
    np.testing.assert_array_equal(decompress(text), counts)
    found_box, found_crop = decode(counts, shape)
    assert found_box.dtype == np.int64 and found_crop.dtype == bool
    assert tuple(found_box) == (tight_box(mask) or (0, 0, 0, 0))
    np.testing.assert_array_equal(paste(found_box, found_crop, shape), mask)


@pytest.mark.parametrize(
    ("box", "crop", "counts"),
    [
        ((1, 1, 2, 2), [[1]], [4, 1, 7]),
        ((0, 0, 1, 1), [[1]], [0, 1, 11]),
        ((2, 3, 3, 4), [[1]], [11, 1]),
        ((0, 0, 3, 4), np.ones((3, 4)), [0, 12]),
        ((0, 0, 3, 4), np.zeros((3, 4)), [12]),
        ((2, 1, 2, 1), np.zeros((0, 0)), [12]),
        # The bottom of column 1 and the top of column 2 are one run.
        ((0, 1, 3, 3), [[0, 1], [0, 0], [1, 0]], [5, 2, 5]),
        # So they are from the first pixel to the last, over all columns.
        ((0, 0, 3, 4), [[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0]], [1, 10, 1]),
    ],
)
def test_encode_by_hand(box, crop, counts):
    crop = np.array(crop, dtype=bool)
    np.testing.assert_array_equal(encode(box, crop, (3, 4)), counts)
    np.testing.assert_array_equal(encode(box, crop.astype(np.uint8) * 255, (3, 4, 3)), counts)


def test_decode_takes_runs_of_length_zero():
    box, crop = decode([0, 2, 0, 1, 5, 0, 1, 0, 3], (3, 4))
    assert box.tolist() == [0, 0, 3, 1]
    assert crop.all()
    box, crop = decode([0, 0, 12, 0], (3, 4))
    assert box.tolist() == [0, 0, 0, 0] and crop.shape == (0, 0)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=8))
@settings(max_examples=200, deadline=None)
def test_text_holds_any_counts(counts):
    np.testing.assert_array_equal(decompress(compress(counts)), np.array(counts, np.uint32))


def test_text_of_a_large_image_equals_pycocotools():
    rng = np.random.default_rng(3)
    mask = np.zeros((1200, 1600), dtype=bool)
    mask[37:1200, 5:1590] = rng.random((1163, 1585)) < 0.001
    text = compress(encode((37, 5, 1200, 1590), mask[37:1200, 5:1590], mask.shape))
    assert text == pycoco_text(mask)
    np.testing.assert_array_equal(pycoco_mask(text, mask.shape), mask)
    counts = decompress(text.encode())
    np.testing.assert_array_equal(paste(*decode(counts, mask.shape), mask.shape), mask)


def test_memory_and_time_are_those_of_the_crop():
    shape = (60_000, 60_000)
    crop = np.ones((100, 100), dtype=bool)
    tracemalloc.start()
    start = time.perf_counter()
    for _ in range(20):
        counts = encode((59_900, 30_000, 60_000, 30_100), crop, shape)
        box, found = decode(decompress(compress(counts)), shape)
    elapsed = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts.sum(dtype=np.int64) == 60_000**2
    assert box.tolist() == [59_900, 30_000, 60_000, 30_100]
    np.testing.assert_array_equal(found, crop)
    assert peak < 1_000_000
    assert elapsed < 1


@pytest.mark.parametrize(
    ("box", "crop", "shape", "message"),
    [
        ((0, 0, 2, 2), np.ones((2, 3)), (4, 4), r"must have the shape \(2, 2\), not \(2, 3\)"),
        ((0, 0, 5, 2), np.ones((5, 2)), (4, 4), "not inside its image of 4 x 4"),
        ((-1, 0, 2, 2), np.ones((3, 2)), (4, 4), "not inside"),
        ((2, 0, 1, 2), np.ones((0, 2)), (4, 4), "not inside"),
        ((0.0, 0, 2, 2), np.ones((2, 2)), (4, 4), "four whole numbers"),
        ((0, 0, 2), np.ones((2, 2)), (4, 4), "four whole numbers"),
        ((0, 0, 0, 0), np.ones((0, 0)), (0, 4), "0 x 4 pixels has no run-length code"),
        ((0, 0, 1, 1), np.ones((1, 1)), (2**16, 2**16), "their product at most"),
    ],
)
def test_encode_refuses(box, crop, shape, message):
    with pytest.raises(DataError, match=message):
        encode(box, crop, shape)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([5, 2, 4], r"cover 11 pixels, the image has 3 x 4 = 12"),
        ([5, 2, 6], "cover 13 pixels"),
        ([], "cover 0 pixels"),
        ([-1, 13], "number 0 is -1"),
        ([5, -2, 9], "number 1 is -2"),
        ([0, 2**62, 2**62], "must be in 0..12"),
        ([0, 2**63], "whole numbers below 2.63"),
        ([2**80], "whole numbers"),
        ([12.0], "whole numbers"),
        ([True, True], "whole numbers"),
        ([[12]], "whole numbers"),
        ([[12], [1, 2]], "whole numbers"),
        ("12", "whole numbers"),
        (None, "whole numbers"),
    ],
)
def test_decode_refuses(counts, message):
    with pytest.raises(DataError, match=message):
        decode(counts, (3, 4))


@pytest.mark.parametrize("counts", [[-1], [2**32], [1.5], [[1]]])
def test_compress_refuses(counts):
    with pytest.raises(DataError, match="Run-length count"):
        compress(counts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4 1", "character ' ' at 1"),
        ("4p", "character 'p' at 1"),
        ("4\u00b5", "character '\u00b5' at 1"),
        (b"4\xff", "character 'ÿ' at 1"),
        ("4\n", r"character '\\n' at 1"),
        ("4o", "cut short"),
        ("o", "cut short"),
        ("4" + "o" * 40 + "0", "a number of 41 characters at 1"),
        ("O", "number 0 is -1"),
        ("00000O", "number 5 is -1"),
        ("oooooo?", "must be in 0..4294967295"),
        ([4, 1], "is text, not list"),
    ],
)
def test_decompress_refuses(text, message):
    with pytest.raises(DataError, match=message):
        decompress(text)


@given(st.text(alphabet=[chr(code) for code in range(48, 112)], max_size=20))
@settings(max_examples=300, deadline=None)
def test_hostile_text_is_refused_or_means_what_pycocotools_reads(text):
    """Nothing but DataError comes out of damaged text."""
    shape = (5, 6)
    try:
        counts = decompress(text)
        box, crop = decode(counts, shape)
    except DataError:
        return
    np.testing.assert_array_equal(paste(box, crop, shape), pycoco_mask(text, shape))


def test_a_mask_can_be_held_to_its_box():
    crop = np.ones((2, 3), bool)
    counts = encode([4, 1, 6, 4], crop, (10, 8))
    box, again = decode(counts, (10, 8), within=(4, 1, 6, 4))
    assert box.tolist() == [4, 1, 6, 4] and again.all()
    decode(counts, (10, 8), within=(0, 0, 10, 8))
    for within in ((5, 1, 6, 4), (4, 2, 6, 4), (4, 1, 5, 4), (4, 1, 6, 3)):
        with pytest.raises(DataError, match=r"\(4, 1, 6, 4\), which is not inside"):
            decode(counts, (10, 8), within=within)
