"""What the report shows of one picture that was detected in; kept until the run ends."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from mrcnn.drawing.results import overlay_picture
from mrcnn.instances import Instances
from mrcnn.report.page.gallery import cells_data, outline_tolerance, picture_data

# Of more objects no outline can be pointed at: a browser would be slow, so they are drawn.
_MOST_OUTLINES = 2000
# Pixels of the longer side, and what JPEG keeps: a page has some hundred pictures.
_SIDE, _QUALITY = 1000, 75


@dataclass(frozen=True)
class DetectedPicture:
    """A picture with its outlines, as plain values that JSON can hold.

    Attributes:
        picture: a data address.
        width, height: of the image, pixels.
        cells: of each object its outline (a path of SVG in pixels of the image), the place of its
            middle `at` (x, y), `class` (from 1), `diameter` (pixels), `number`, `score`, whether
            the `border` cuts it, and `told`, a text for each of `columns`.
        columns: names of what is known of the objects besides.
        pixel_size: micrometers, or None.
    """

    picture: str
    width: int
    height: int
    cells: list[dict[str, Any]]
    columns: tuple[str, ...] = ()
    pixel_size: float | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def of_plain(cls, value: dict[str, Any]) -> "DetectedPicture":
        """What `plain` gave.

        Raises:
            TypeError, LookupError: it is something else.
        """
        return cls(**{**value, "columns": tuple(value["columns"])})


def detected_picture(
    image: np.ndarray,
    instances: Instances,
    class_names: Sequence[str],
    columns: Sequence[str] = (),
    pixel_size: float | None = None,
    numbers: Sequence[int] | np.ndarray | None = None,
    traced: Sequence[Sequence[np.ndarray]] | None = None,
) -> DetectedPicture:
    """What a report needs of a picture.

    Args:
        image: uint8 [h, w, 3], the picture or one that is made smaller.
        instances: what was found, in pixels of the whole picture.
        class_names: of classes 1, 2, ...
        columns: of `instances`, those that are told of an object; those that it lacks are left out.
        pixel_size: micrometers, or None.
        numbers: of the objects in the label image; 1, 2, ... by default.
        traced: the objects' `outlines_of`, where they are known already.
    """
    height, width = instances.image_shape
    told = tuple(column for column in columns if column in instances.columns)
    if len(instances) > _MOST_OUTLINES:
        drawn = overlay_picture(image, instances, class_names, image.shape[1] / width)
        picture = picture_data(np.asarray(drawn), _SIDE, _QUALITY)
        return DetectedPicture(picture, width, height, [], told, pixel_size)
    cells = cells_data(instances, outline_tolerance(height, width, _SIDE), traced)
    cut = instances.touches_border()
    scores = np.ones(len(instances)) if instances.scores is None else instances.scores
    for index, cell in enumerate(cells):
        cell["number"] = int(numbers[index]) if numbers is not None else index + 1
        cell["score"] = round(float(scores[index]), 3)
        cell["border"] = bool(cut[index])
        cell["told"] = [_text(instances.columns[column][index]) for column in told]
    return DetectedPicture(
        picture_data(image, _SIDE, _QUALITY), width, height, cells, told, pixel_size
    )


def _text(value: Any) -> str:
    """A value of a column, whole numbers without decimals; nothing for what is not known."""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:g}"
    return str(value)
