"""ImageJ's ROI sets, read back with roifile."""

import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from matplotlib.path import Path as Outline
from roifile import ROI_TYPE, roiread

from mrcnn.errors import ConfigError
from mrcnn.formats import imagej_rois, write_imagej
from tests.formats.drawn import CLASSES, disc, field, full_masks, image_of, iou, masks, no_instances


def rasterized(roi, size: tuple[int, int]) -> np.ndarray:
    """Pixels, as squares between their indices and the next ones, whose center is inside an odd
    number of rings."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    centers = np.column_stack([columns.ravel(), rows.ravel()]) + 0.5
    inside = np.zeros(len(centers), bool)
    for ring in roi.coordinates(multi=True) if roi.composite else [roi.coordinates()]:
        inside ^= Outline(ring).contains_points(centers)
    return inside.reshape(size)


@given(masks)
def test_masks_come_back(tmp_path_factory, mask):
    path = tmp_path_factory.mktemp("rois") / "cells.zip"
    image = image_of(mask, (3, 5))
    write_imagej(path, image, CLASSES)
    (roi,) = roiread(path)
    assert iou(rasterized(roi, image.image_shape), full_masks(image)[0]) >= 0.98


def test_a_field(tmp_path):
    write_imagej(tmp_path / "cells.zip", field(), CLASSES)
    rois = roiread(tmp_path / "cells.zip")
    assert [roi.name for roi in rois] == ["0001-large-0.93", "0002-small-0.50", "0003-normal-1.00"]
    assert [bool(roi.composite) for roi in rois] == [False, True, True]
    assert rois[0].roitype == ROI_TYPE.POLYGON and len(rois[0].coordinates()) <= 30
    assert rois[0].subpixelresolution
    assert [roi.props for roi in rois] == [
        "score: 0.9313\n",
        "score: 0.5000\n",
        "score: 1.0000\n",
    ]
    for roi, mask, box in zip(rois, full_masks(field()), field().boxes, strict=True):
        assert iou(rasterized(roi, mask.shape), mask) >= 0.98
        if roi.composite:
            assert (roi.top, roi.left, roi.bottom, roi.right) == tuple(box)
    with zipfile.ZipFile(tmp_path / "cells.zip") as archive:
        assert archive.namelist() == [f"{roi.name}.roi" for roi in rois]
        assert archive.testzip() is None


def test_colors_of_the_classes():
    rois = imagej_rois(field(), CLASSES, [(1.0, 0.5, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)])
    # Opacity, red, green and blue.
    assert [list(roi.stroke_color) for roi in rois] == [
        [255, 255, 128, 0],
        [255, 0, 255, 0],
        [255, 0, 0, 255],
    ]


def test_without_scores():
    (roi,) = imagej_rois(image_of(disc(9), scores=None), CLASSES)
    assert roi.name == "0001-large"
    assert roi.props == ""


@pytest.mark.parametrize(
    ("class_name", "roi_name", "file_name"),
    [
        ("große Zelle", "0001-große Zelle-0.75", "0001-große Zelle-0.75.roi"),
        ("普通", "0001-普通-0.75", "0001-普通-0.75.roi"),
        ("../a\\b:c", "0001-../a\\b:c-0.75", "0001-.._a_b_c-0.75.roi"),
        # Beyond the characters that a ROI's name can hold.
        ("cell 🩸", "0001-cell _-0.75", "0001-cell _-0.75.roi"),
    ],
)
def test_class_names(tmp_path, class_name, roi_name, file_name):
    write_imagej(tmp_path / "cells.zip", image_of(disc(9)), [class_name])
    (roi,) = roiread(tmp_path / "cells.zip")
    assert roi.name == roi_name
    assert roi.props == "score: 0.7500\n"
    with zipfile.ZipFile(tmp_path / "cells.zip") as archive:
        assert archive.namelist() == [file_name]


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ("first.zip", "second.zip"):
        write_imagej(tmp_path / name, field(), CLASSES)
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_no_cells(tmp_path):
    write_imagej(tmp_path / "empty.zip", no_instances(), CLASSES)
    assert roiread(tmp_path / "empty.zip") == []


def test_without_roifile(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(ConfigError, match="pip install roifile"):
        write_imagej(tmp_path / "cells.zip", field(), CLASSES)
    assert list(tmp_path.iterdir()) == []
