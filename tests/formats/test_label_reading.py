"""Label images as programs save them are read to the pixel, and what is none is refused."""

import io
import time

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations, write_label_image
from mrcnn.formats.label_images import decode_labels
from mrcnn.formats.run_outlines import label_outlines
from tests.formats.drawn import field, filled

LABELS = np.zeros((40, 50), np.uint16)
LABELS[3:12, 4:20] = 1
LABELS[12:30, 4:20] = 2
LABELS[15:20, 8:12] = 300
LABELS[30:40, 40:50] = 7
LABELS[0, 49] = 7


@pytest.fixture
def folder(tmp_path):
    Image.new("RGB", (50, 40)).save(tmp_path / "a.png")
    return tmp_path


def tiff(array, **options):
    content = io.BytesIO()
    tifffile.imwrite(content, array, **options)
    return content.getvalue()


def png(array, mode=None):
    content = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(content, "PNG")
    return content.getvalue()


SMALL = np.where(LABELS == 300, 9, LABELS).astype(np.uint8)


def with_palette():
    image = Image.fromarray(SMALL, "P")
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(LABELS), LABELS),
        (png(SMALL), SMALL),
        (png(np.dstack([SMALL] * 3)), SMALL),
        (with_palette(), SMALL),
        (tiff(LABELS), LABELS),
        (tiff(LABELS.astype(np.int32), compression="zlib"), LABELS),
        (tiff(LABELS.astype(np.uint32), tile=(16, 16)), LABELS),
        (tiff(LABELS.astype(np.float32)), LABELS),
        (tiff(LABELS, imagej=True), LABELS),
        (tiff(LABELS[None], ome=True), LABELS),
        (tiff(LABELS, byteorder=">"), LABELS),
        (tiff(LABELS, bigtiff=True), LABELS),
    ],
)
def test_numbers_are_read_as_they_are(tmp_path, content, expected):
    np.testing.assert_array_equal(decode_labels(content, tmp_path), expected)


@pytest.mark.parametrize(
    "name", ["a_masks.png", "a_cp_masks.png", "a_labels.png", "a_masks.tif", "a.tif", "a_mask.TIFF"]
)
def test_each_number_is_an_object(folder, name):
    (folder / name).write_bytes(tiff(LABELS) if ".t" in name.lower() else png(LABELS))
    (image,) = read_annotations(folder / name, ["cell"])
    assert image.filename == "a.png" and image.image_shape == (40, 50)
    assert image.class_names == ["cell"] * 4
    assert image.region_numbers == [0, 1, 6, 299]
    for number, polygon in zip(image.region_numbers, image.polygons, strict=True):
        assert np.array_equal(filled([polygon], (40, 50)), number + 1 == LABELS)
    assert read_annotations(folder / name)[0].class_names == ["object"] * 4


def test_several_classes_are_not_told(folder):
    (folder / "a_masks.png").write_bytes(png(LABELS))
    with pytest.raises(DataError, match=r"classes cannot be told apart.*single class name"):
        read_annotations(folder / "a_masks.png", ["large", "small"])


def test_what_was_written_is_read_to_the_pixel(tmp_path):
    objects = field()
    Image.new("RGB", objects.image_shape[::-1]).save(tmp_path / "b.png")
    write_label_image(tmp_path / "b_labels.tif", [objects])
    (image,) = read_annotations(tmp_path / "b_labels.tif", ["cell"])
    for polygon, mask in zip(image.polygons, np.moveaxis(objects.full_masks(), 2, 0), strict=True):
        assert np.array_equal(filled([polygon], objects.image_shape), mask)


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.integers(1, 5))
def test_outlines_of_any_labels(seed, height, width, count):
    labels = np.random.default_rng(seed).integers(0, count + 1, (height, width))
    outlines = label_outlines(labels)
    assert list(outlines) == sorted(set(labels.ravel().tolist()) - {0})
    for label, rings in outlines.items():
        assert np.array_equal(filled(rings, labels.shape), labels == label)


def test_noise_takes_little_time():
    labels = np.random.default_rng(0).integers(0, 60_000, (300, 300))
    start = time.process_time()
    assert len(label_outlines(labels)) > 40_000
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (png((LABELS == 1).astype(np.uint8) * 255 | (LABELS == 7).astype(np.uint8) * 255),
         "no other number than 255, in 2 parts: it tells objects from background"),
        (png(np.dstack([SMALL, SMALL, 255 - SMALL])), "one number for each pixel"),
        (tiff(LABELS + np.float32(0.5)), "fractions"),
        (tiff(LABELS.astype(np.int16) - 1), "below 0"),
        (tiff(np.stack([LABELS] * 5), photometric="minisblack"), "has 5 pages"),
        (png(LABELS)[:90], "damaged or cut short"),
        (tiff(LABELS)[:-500], "damaged or cut short"),
        (b"II*\0 and so on", "damaged or cut short"),
    ],
)  # fmt: skip
def test_what_is_no_label_image(folder, content, said):
    (folder / "a_masks.png").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_annotations(folder / "a_masks.png", ["cell"])
    assert "a_masks.png" in str(caught.value)


def test_one_object_with_holes_is_one_object(folder):
    ring = np.zeros((40, 50), np.uint8)
    ring[5:30, 5:30] = 1
    ring[7:9, 7:9] = ring[20:25, 20:25] = ring[12, 12] = 0
    (folder / "a_masks.png").write_bytes(png(ring))
    (image,) = read_annotations(folder / "a_masks.png", ["cell"])
    assert np.array_equal(filled(image.polygons, (40, 50)), ring == 1)


def test_a_label_image_without_its_image(tmp_path):
    for name in ("b.png", "c.png"):
        Image.new("RGB", (50, 40)).save(tmp_path / name)
    (tmp_path / "a_masks.png").write_bytes(png(LABELS))
    with pytest.raises(DataError, match=r"a_masks\.png is for one image.*of the 2 images .* none"):
        read_annotations(tmp_path / "a_masks.png", ["cell"])


def test_an_empty_label_image_has_no_object(folder):
    (folder / "a_masks.png").write_bytes(png(LABELS * 0))
    (image,) = read_annotations(folder / "a_masks.png", ["cell"])
    assert image.polygons == [] and image.filename == "a.png"
