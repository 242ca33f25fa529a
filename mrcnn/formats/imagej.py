"""ImageJ's ROI sets (ROI Manager > Open and More > Save), one zip file an image; read and written.

A pixel is the square between its indices and the next ones: its center has .5 in both coordinates.
The outlines have sub-pixel coordinates.

The library `roifile` reads and makes the ROIs; see ImageJ's `ij/io/RoiDecoder.java` for the format.
"""

import io
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrcnn.errors import ConfigError, DataError, shown
from mrcnn.files import atomic_write
from mrcnn.formats.beside import image_beside
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.colors import Color, rgb_bytes
from mrcnn.formats.naming import check_class_names, check_classes
from mrcnn.formats.regions import Note, RawImage, RawRegion
from mrcnn.formats.row_outlines import is_point, row_parts
from mrcnn.formats.shapes import LARGEST, ellipse, join_outlines, rectangle
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


# A ROI is small: what unpacks to more was made to do harm.
_MOST_ROI_BYTES, _MOST_BYTES = 1 << 24, 1 << 28
_WITHOUT_AREA = ("LINE", "FREELINE", "POLYLINE", "ANGLE", "POINT")
_SINGLE, _ZIP = b"Iout", b"PK"
# Numbers before a name and after it: of the ROI, of a copy, or its score. What ImageJ calls ROIs by
# itself are numbers alone.
_AROUND_NAME = re.compile(r"^[\d\s_.-]+|[\s_.-]+[\d\s_.-]*$")
# How many points stand for a curve.
_CURVE = np.linspace(0, 1, 13)[1:, None]


def is_imagej(content: object) -> bool:
    """Whether the bytes of a file are a ROI, or a zip file with some."""
    if not isinstance(content, bytes) or not content.startswith((_SINGLE, _ZIP)):
        return False
    if content.startswith(_SINGLE):
        return True
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(_is_roi(entry) for entry in archive.infolist())
    except Exception:
        # Damaged, which the one who needs it as something else will say.
        return False


def iterate_imagej(
    content: bytes, path: Path, classes: ClassReader, note: Note
) -> Iterator[RawImage]:
    """The image that a ROI set belongs to, with its ROIs; messages count them from 1.

    The class is the name of a ROI without the numbers around it; a set where no ROI has such a name
    tells no classes. Rectangles are boxes without masks; lines and points have no area.

    Args:
        content: of the file, for which `is_imagej` is true.
        path: the file; its name tells that of the image.
        classes: is told where the class is.
        note: takes what is wrong with a ROI.

    Raises:
        DataError: the file is damaged, or there is no image of its name.
    """
    attribute = classes.attribute or "class"
    regions = []
    for number, (name, packed) in enumerate(_packed_rois(content, path)):
        where = f"{path}, ROI {number + 1} ({shown(name)})"
        try:
            region = _region(packed, number, where)
        except DataError as error:
            note(error)
            continue
        class_name = _AROUND_NAME.sub("", str(region.attributes["name"]) or name)
        region.attributes = {attribute: class_name} if class_name else {}
        if class_name:
            classes.default_to(attribute)
        regions.append(region)
    yield RawImage(image_beside(path), regions)


def _is_roi(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.lower().endswith(".roi") and not entry.filename.startswith("__MACOSX")


def _packed_rois(content: bytes, path: Path) -> list[tuple[str, bytes]]:
    """Name and bytes of each ROI."""
    if content.startswith(_SINGLE):
        return [(path.stem, content)]
    found, size = [], 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in filter(_is_roi, archive.infolist()):
                size += entry.file_size
                if entry.file_size > _MOST_ROI_BYTES or size > _MOST_BYTES:
                    raise DataError(f"{path}: its ROIs unpack to far more than ROIs have.")
                name = Path(entry.filename).name[: -len(".roi")]
                found.append((name, archive.read(entry)))
    except DataError:
        raise
    except Exception as error:
        # A damaged archive ends in errors of many kinds.
        raise DataError(f"{path}: the zip file is damaged ({error}).") from None
    return found


def _region(packed: bytes, number: int, where: str) -> RawRegion:
    roifile = _roifile()
    kinds = roifile.ROI_TYPE
    try:
        roi = roifile.ImagejRoi.frombytes(packed)
        name = {"name": roi.name or ""}
        is_box = False
        outlines = []
        if roi.roitype == kinds.RECT and roi.multi_coordinates is not None:
            outlines = _rings(roi.multi_coordinates.tolist())
        elif roi.roitype in (kinds.RECT, kinds.OVAL):
            sides = (roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top)
            if roi.subpixelrect:
                sides = (roi.xd, roi.yd, roi.widthd, roi.heightd)
            x, y, width, height = map(float, sides)
            is_box = roi.roitype == kinds.RECT
            middle = (x + width / 2, y + height / 2, width / 2, height / 2)
            outline = rectangle(x, y, width, height) + 0.5 if is_box else ellipse(*middle)
            outlines = [outline]
        elif roi.roitype in (kinds.POLYGON, kinds.FREEHAND, kinds.TRACED):
            outlines = [np.asarray(roi.coordinates(), np.float64)[:, ::-1]]
        elif roi.roitype.name not in _WITHOUT_AREA:
            raise DataError(f"{where}: a ROI of an unknown kind ({roi.roitype.name}).")
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{where}: the ROI is damaged ({error}).") from None
    # Lines, angles and points have no area.
    polygon = join_outlines(outlines) - 0.5 if outlines else None
    if polygon is not None and not (np.abs(polygon) <= LARGEST).all():
        raise DataError(f"{where}: a place is not a number up to {LARGEST:.0f}.")
    return RawRegion(where, number, polygon, name, is_box=is_box)


def _rings(path: list[float]) -> list[np.ndarray]:
    """The rings (y, x) of a path: a kind, then the x and y of its points."""
    rings: list[list[np.ndarray]] = []
    at = 0
    while at < len(path):
        kind = path[at]
        count = {_MOVE_TO: 1, _LINE_TO: 1, 2.0: 2, 3.0: 3, _CLOSE: 0}[kind]
        points = np.array(path[at + 1 : at + 1 + 2 * count]).reshape(-1, 2)[:, ::-1]
        if len(points) < count:
            raise ValueError("its path is cut short")
        at += 1 + 2 * count
        if kind == _MOVE_TO:
            rings.append([points])
        elif kind == _LINE_TO:
            rings[-1].append(points)
        elif count:
            start, rest = rings[-1][-1][-1:], _CURVE
            corners = [start, *np.split(points, count)]
            # De Casteljau's way to the points of a curve.
            while len(corners) > 1:
                corners = [(1 - rest) * a + rest * b for a, b in pairwise(corners)]
            rings[-1].append(corners[0])
    return [np.concatenate(ring) for ring in rings]


# ---- writing


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
