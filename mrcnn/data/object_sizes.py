"""How large annotated objects are, and the scale that shows those of every data set alike.

A data set has one magnification as a rule, and fields whose cells differ somewhat; that is for the
network to see. Where one folder unites several magnifications, each image goes by its own objects.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.errors import DataError

# The median of so many whole objects says how large those of an image are.
_FEWEST = 10
# Images of one magnification differ by less than this factor from all of them. (Fields of one
# laboratory: 0.8 to 1.24 times the median of all.)
_MOST_OFF = 1.25
# Share of images that may differ by more: an odd field makes no second magnification.
_ODD_IMAGES = 0.05
# No image is enlarged more than this: there would be nothing to see.
_LARGEST_FACTOR = 16.0


@dataclass(frozen=True)
class Diameters:
    """Diameters of the objects of an image, in its pixels.

    Attributes:
        whole: float64 [N], of the objects that lie in the image with all that belongs to them.
        cut: float64 [M], of those that reach the border, where a part may be missing.
    """

    whole: np.ndarray
    cut: np.ndarray


def object_diameters(info: Mapping[str, Any]) -> Diameters:
    """Diameters of the circles that have the areas of the polygons of an image.

    Where only the box is known, of the ellipse in it.

    Args:
        info: of an `AnnotatedDataset`: "height", "width" and "polygons".
    """
    whole: list[float] = []
    cut: list[float] = []
    height, width = info["height"], info["width"]
    flags = info.get("is_box") or [False] * len(info["polygons"])
    for polygon, is_box in zip(info["polygons"], flags, strict=True):
        y, x = polygon.T
        area = abs(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1))) / 2
        area *= math.pi / 4 if is_box else 1
        is_cut = (polygon.min(axis=0) < 1).any()
        is_cut = is_cut or (polygon.max(axis=0) >= (height - 2, width - 2)).any()
        (cut if is_cut else whole).append(math.sqrt(4 / math.pi * area))
    return Diameters(np.array(whole, float), np.array(cut, float))


def median_of(diameters: Iterable[Diameters]) -> float | None:
    """Median of the whole objects, of cut ones only where all are; None where there is none."""
    known = list(diameters)
    for values in ([each.whole for each in known], [each.cut for each in known]):
        joined = np.concatenate([*values, np.zeros(0)])
        if joined.size:
            return float(np.median(joined))
    return None


@dataclass(frozen=True)
class SetSizes:
    """How large the objects of one data set are, in pixels of its images.

    Attributes:
        diameter: median of all; None without an object.
        is_mixed: whether its images have several magnifications.
        by_image_size: median in the images of each (height, width) with whole objects.
    """

    diameter: float | None
    is_mixed: bool
    by_image_size: Mapping[tuple[int, int], float]

    @classmethod
    def of(cls, infos: Sequence[Mapping[str, Any]]) -> "SetSizes":
        """The sizes in images of a data set."""
        images = [(_size(info), object_diameters(info)) for info in infos]
        diameter = median_of(diameters for _, diameters in images)
        if not diameter:
            return cls(None, False, {})
        own = [float(np.median(each.whole)) for _, each in images if len(each.whole) >= _FEWEST]
        off = [abs(math.log(each / diameter)) > math.log(_MOST_OFF) for each in own if each]
        groups = defaultdict(list)
        for size, diameters in images:
            groups[size].append(diameters.whole)
        medians = {
            size: float(np.median(np.concatenate(values)))
            for size, values in groups.items()
            if sum(map(len, values))
        }
        return cls(diameter, sum(off) > _ODD_IMAGES * len(own), medians)

    def diameter_in(self, info: Mapping[str, Any]) -> float | None:
        """What to take for the diameter of the objects in an image.

        The median of the data set. Where that has several magnifications: of the image's own
        objects if ten of them are whole, else of the images with as many pixels, else of all.
        """
        if not self.is_mixed:
            return self.diameter
        whole = object_diameters(info).whole
        if len(whole) >= _FEWEST:
            return float(np.median(whole)) or None
        return self.by_image_size.get(_size(info)) or self.diameter


def _size(info: Mapping[str, Any]) -> tuple[int, int]:
    return int(info["height"]), int(info["width"])


def show_at(
    diameter: float, training: AnnotatedDataset, *others: AnnotatedDataset
) -> dict[str, SetSizes]:
    """Give every image the scale at which its objects have a median diameter.

    `AnnotatedDataset.image_scale` tells it then. An image whose data set has no object keeps none.

    Args:
        diameter: in pixels of the network.
        training: its images tell how large the objects of each data set are.
        others: images of the same data sets, or of others, which then tell it themselves.

    Returns:
        the sizes in each data set of the training, by its folder.

    Raises:
        DataError: objects are too small to be seen.
    """
    sizes = _by_set(training)
    known = dict(sizes)
    for dataset in others:
        known = {**_by_set(dataset), **known}
    for dataset in (training, *others):
        for info in dataset.image_info:
            found = known[info["data_set"]].diameter_in(info)
            if found and diameter / found > _LARGEST_FACTOR:
                raise DataError(
                    f"{info['path']}: annotated objects are {found:.1f} pixels wide, too small to "
                    f"be shown with {diameter:g}. Are the annotations in pixels of this image?"
                )
            info["scale"] = diameter / found if found else None
    return sizes


def _by_set(dataset: AnnotatedDataset) -> dict[str, SetSizes]:
    infos = defaultdict(list)
    for info in dataset.image_info:
        infos[info["data_set"]].append(info)
    return {name: SetSizes.of(members) for name, members in infos.items()}
