"""Writing ImageJ's ROI sets (ROI Manager > Open), one zip file an image.

A pixel is the square between its indices and the next ones: its center has .5 in both coordinates.
The outlines have sub-pixel coordinates.

The library `roifile` makes the ROIs; see ImageJ's `ij/io/RoiDecoder.java` for the format.
"""

import io
import os
import re
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.files import atomic_write
from mrcnn.formats.colors import Color, rgb_bytes
from mrcnn.formats.naming import check_class_names, check_classes
from mrcnn.formats.row_outlines import is_point, row_parts
from mrcnn.instances import Instances
from mrcnn.instances.outlines import Part

if TYPE_CHECKING:
    from roifile import ImagejRoi

# Segments of a composite ROI, by java.awt.geom.PathIterator.
_MOVE_TO, _LINE_TO, _CLOSE = 0.0, 1.0, 4.0
# The first moment that zip files know.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE_FILE = 0o100644 << 16
# File names cannot have these everywhere.
_NOT_IN_FILENAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def write_imagej(
    path: str | os.PathLike,
    instances: Instances,
    class_names: Sequence[str],
    class_colors: Sequence[Color] | None = None,
) -> None:
    """Write the instances of one image as an ImageJ ROI set, which is a zip file.

    The same ROIs give the same bytes. The arguments are those of `imagej_rois`.
    """
    rois = imagej_rois(instances, class_names, class_colors)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for roi in rois:
            # The ROI Manager lists the names of the files.
            name = _NOT_IN_FILENAMES.sub("_", roi.name)
            entry = zipfile.ZipInfo(f"{name}.roi", _ZIP_DATE)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE_FILE
            archive.writestr(entry, roi.tobytes())
    atomic_write(path, content.getvalue())


def imagej_rois(
    instances: Instances,
    class_names: Sequence[str],
    class_colors: Sequence[Color] | None = None,
) -> list["ImagejRoi"]:
    """The instances of one image as ROIs of `roifile`.

    Outlines are those of `mrcnn.instances.outlines.outline_parts`: a polygon, or for a mask with
    holes or several parts a composite. Without a mask it is the polygon of the box, or a point.
    Instances without a pixel are left out. ImageJ has no mark for those to ignore. A ROI is called
    by number, class and score, such as "0001-large-0.93"; the score with four digits is its
    property "score".

    Args:
        instances: of one image.
        class_names: the name of class 1, of class 2 and so on.
        class_colors: (red, green, blue) of the outlines of each class, each 0..1; None leaves
            them to ImageJ.

    Raises:
        ConfigError: `roifile` is not installed, or class names or colors cannot be used.
        DataError: an instance of an unknown class.
    """
    _roifile()
    check_class_names(class_names)
    colors = rgb_bytes(class_colors, class_names)
    check_classes(instances, class_names)
    instances = instances.tight()
    rois = []
    for row, (box, crop) in enumerate(zip(instances.boxes, instances.crops, strict=True)):
        number = instances.class_ids[row] - 1
        roi = _outline(box, crop)
        roi.name = f"{row + 1:04d}-{_storable(class_names[number])}"
        if instances.scores is not None:
            roi.name += f"-{instances.scores[row]:.2f}"
            roi.props = f"score: {instances.scores[row]:.4f}\n"
        if colors is not None:
            roi.stroke_color = bytes([255, *colors[number]])
        rois.append(roi)
    return rois


def _roifile() -> Any:
    try:
        import roifile
    except ImportError:
        raise ConfigError(
            "Writing ImageJ ROIs needs the library roifile: run `pip install roifile`."
        ) from None
    return roifile


def _outline(box: np.ndarray, crop: np.ndarray | None) -> "ImagejRoi":
    """A polygon, a composite of several rings, or a point."""
    roifile = _roifile()
    if is_point(box, crop):
        roi = roifile.ImagejRoi.frompoints(box[None, 1::-1] + np.float32(0.5))
        roi.roitype = roifile.ROI_TYPE.POINT
        return roi
    parts = row_parts(box, crop)
    if len(parts) == 1 and len(parts[0]) == 1:
        points = (parts[0][0][:, ::-1] + 0.5).astype(np.float32)
        roi = roifile.ImagejRoi.frompoints(points)
        roi.roitype = roifile.ROI_TYPE.POLYGON
        return roi
    path = _path(parts)
    y1, x1, y2, x2 = box.tolist()
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT,
        left=x1,
        top=y1,
        right=x2,
        bottom=y2,
        multi_coordinates=path,
        shape_roi_size=len(path),
    )


def _path(parts: list[Part]) -> np.ndarray:
    """All rings as segments of a path, float32: kind, x and y of each, and a kind to close."""
    segments = []
    for part in parts:
        for ring in part:
            kinds = np.full(len(ring), _LINE_TO)
            kinds[0] = _MOVE_TO
            segments.append(np.column_stack([kinds, ring[:, ::-1] + 0.5]).ravel())
            segments.append(np.array([_CLOSE]))
    return np.concatenate(segments).astype(np.float32)


def _storable(name: str) -> str:
    """Without the characters that a ROI's name, one unit of UTF-16 for each, cannot hold."""
    return "".join(
        "_" if ord(letter) > 0xFFFF or 0xD800 <= ord(letter) < 0xE000 else letter for letter in name
    )
