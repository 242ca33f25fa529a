"""The tables of `detect`: a line for each object, and the counts of each image."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mrcnn.instances import Instances
from mrcnn.instances.overlap import labeled_pixels
from mrcnn.measure.shape import shapes_of
from mrcnn.report.measured_columns import MICROMETER_COLUMNS, MeasuredColumns, in_micrometers
from mrcnn.report.table import Table
from mrcnn.report.table_text import csv_text
from mrcnn.report.words import Words

# Of what the columns of these tables mean; new ones at their end make no other version.
TABLES_VERSION = 1

OBJECT_COLUMNS = (
    "image",
    "name",
    "label",
    "class",
    "score",
    "y1",
    "x1",
    "y2",
    "x2",
    "area",
    "visible_area",
    "equivalent_diameter",
    "eccentricity",
    "centroid_y",
    "centroid_x",
)


@dataclass(frozen=True)
class DetectedImage:
    """What is written about one image; an image that could not be read has a `problem`.

    Attributes:
        image, name: path as given by the user, and stem of its pictures.
        size: (height, width) in pixels.
        rows: of the table of objects.
        class_names: of each object.
        problem: why it could not be used.
        diameter, scale_source: for which size of objects its scale was chosen, and who told.
        quality: "ok", or the reasons to doubt it.
        measured: names of the columns that the application measures.
        limit_reached: the model returned as many detections as it may.
    """

    image: str
    name: str
    size: tuple[int, int] | None = None
    rows: "list[list] | LateRows" = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    problem: str = ""
    diameter: float | None = None
    scale_source: str = "settings"
    quality: str = "ok"
    pixel_size: float | None = None
    measured: tuple[str, ...] = ()
    limit_reached: bool = False


def _column(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def object_rows(
    image: str,
    name: str,
    instances: Instances,
    labels: np.ndarray,
    class_names: Sequence[str],
    pixel_size: float | None,
    measured: Sequence[str] = (),
    told_size: float | None = None,
    size_limits: tuple[float, float] | None = None,
) -> list[list]:
    """A row of the columns of `object_titles` for each object.

    The figures are those of the object's whole mask, in pixels; `visible_area` counts its pixels
    in the label image, which are fewer where a better detection covers it.

    Args:
        image: path as given by the user.
        name: stem of the pictures.
        instances: objects 1, 2, ... of `labels`, with scores.
        labels: uint16 [H, W].
        class_names: of classes 1, 2, ...
        pixel_size: micrometers as the user gives them, or None.
        measured: names of columns of `instances`, which follow the others.
        told_size: micrometers as the file tells them, taken where the user gives none.
        size_limits: see `MeasuredColumns`.
    """
    visible = labeled_pixels(instances.boxes, labels)
    numbers = range(1, len(instances) + 1)
    rows = iterate_rows(
        image,
        name,
        instances,
        numbers,
        visible,
        class_names,
        pixel_size,
        measured,
        told_size,
        size_limits,
    )
    return list(rows)


def iterate_rows(
    image: str,
    name: str,
    instances: Instances,
    numbers: Iterable[int],
    visible: Iterable[int],
    class_names: Sequence[str],
    pixel_size: float | None,
    measured: Sequence[str] = (),
    told_size: float | None = None,
    size_limits: tuple[float, float] | None = None,
) -> Iterator[list]:
    """The rows of `object_rows`, made while they are asked for.

    Args:
        numbers: of the labels of the objects.
        visible: pixels of each in the label image.
        image, name, instances, class_names, pixel_size, measured, told_size, size_limits: see
            `object_rows`.
    """
    known_size = told_size if pixel_size is None else pixel_size
    columns = MeasuredColumns(instances, known_size, measured, size_limits)
    scores = np.zeros(len(instances)) if instances.scores is None else instances.scores
    measured_shapes = shapes_of(instances.boxes, instances.crops)
    of_each = zip(instances.boxes, measured_shapes, numbers, visible, strict=True)
    for index, (box, (crop, shape), number, seen) in enumerate(of_each):
        centroid_y, centroid_x = shape.centroid
        row = [
            image,
            name,
            int(number),
            class_names[int(instances.class_ids[index]) - 1],
            _column(scores[index], 4),
            *map(int, box),
            shape.area,
            int(seen),
            _column(shape.equivalent_diameter, 3),
            _column(shape.eccentricity, 4),
            _column(centroid_y, 2),
            _column(centroid_x, 2),
        ]
        if pixel_size is not None:
            row += in_micrometers(shape, pixel_size)
        row += [_told(instances.columns, column, index) for column in measured]
        row += columns.values(index, crop, shape)
        if pixel_size is None:
            row += in_micrometers(shape, told_size)
        yield row


class LateRows:
    """Rows of a table that are made each time they are gone over.

    Args:
        count: how many there are.
        make: makes them.
    """

    def __init__(self, count: int, make: Callable[[], Iterator[list]]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list]:
        return self._make()


def _told(columns: Mapping[str, np.ndarray], column: str, index: int) -> object:
    """A value of a column: floats with six digits that count, NaN as "", all else as it is."""
    value = columns[column][index]
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.6g}"
    return value


def object_titles(
    with_micrometers: bool, measured: Sequence[str] = (), has_limits: bool = False
) -> list[str]:
    """The columns of the table of objects.

    Those that were there first keep their places, so micrometers stand before what the application
    measures where the user gives the size of a pixel, and else at the end.

    Args:
        with_micrometers: the user gives the size of a pixel.
        measured: names of the columns that the application measures.
        has_limits: sizes are compared with limits.
    """
    first, last = (MICROMETER_COLUMNS, ()) if with_micrometers else ((), MICROMETER_COLUMNS)
    return [
        *OBJECT_COLUMNS,
        *first,
        *measured,
        *MeasuredColumns.titles(measured, has_limits),
        *last,
    ]


def objects_csv(
    images: Iterable[DetectedImage],
    with_micrometers: bool,
    measured: Sequence[str] = (),
    has_limits: bool = False,
) -> str:
    """The text of the table of objects: a line for each object of each image."""
    return csv_text(objects_table(images, with_micrometers, measured, has_limits))


def objects_table(
    images: Iterable[DetectedImage],
    with_micrometers: bool,
    measured: Sequence[str] = (),
    has_limits: bool = False,
) -> Table:
    """The table of objects; its rows are made while they are gone over. See `object_titles`."""
    titles = object_titles(with_micrometers, measured, has_limits)
    return Table.of_values(titles, (row for image in images for row in image.rows))


def summary_csv(
    images: Iterable[DetectedImage],
    class_names: Sequence[str],
    words: Words,
    counted: Sequence[bool] | None = None,
) -> str:
    """The text of summary.csv, see `summary_table`."""
    return csv_text(summary_table(images, class_names, words, counted))


def summary_table(
    images: Iterable[DetectedImage],
    class_names: Sequence[str],
    words: Words,
    counted: Sequence[bool] | None = None,
    *,
    with_total: bool = True,
) -> Table:
    """Objects by class for each image, then for all together; rows are made while gone over.

    `diameter_px` is the size of objects that the scale of the image was chosen for, and
    `scale_source` how it is known. The counts of an image that could not be read are empty, and
    `problem` says why. `quality` has the reasons to doubt a result, or "ok". `pixel_size_um` is the
    side of a pixel in micrometers, where it is known.

    Args:
        images: gone over once.
        class_names: of classes 1, 2, ...
        words: what objects are called.
        counted: which classes the column of all objects counts; all by default. The others have the
            last columns.
        with_total: whether the last row is that of all images.
    """
    is_counted = [True] * len(class_names) if counted is None else counted
    names = [name for name, counts in zip(class_names, is_counted, strict=True) if counts]
    others = [name for name in class_names if name not in names]
    last = ["diameter_px", "scale_source", "problem", "quality", "pixel_size_um"]
    titles = ["image", "name", "height", "width", words.objects, *names, *last, *others]
    return Table.of_values(titles, _summary_rows(images, names, others, with_total))


def _summary_rows(
    images: Iterable[DetectedImage], names: list[str], others: list[str], with_total: bool
) -> Iterator[list]:
    def row(start: list, counts: Counter[str], last: list) -> list:
        by_class = [counts[name] for name in names]
        return [*start, sum(by_class), *by_class, *last, *(counts[name] for name in others)]

    total: Counter[str] = Counter()
    for image in images:
        if image.size is None:
            blank, end = [""] * (5 + len(names)), [""] * (2 + len(others))
            yield [image.image, image.name, *blank, image.problem, *end]
            continue
        counts = Counter(image.class_names)
        total += counts
        diameter = "" if image.diameter is None else _column(image.diameter, 1)
        pixel_size = "" if image.pixel_size is None else f"{image.pixel_size:.6g}"
        last = [diameter, image.scale_source, "", image.quality, pixel_size]
        yield row([image.image, image.name, *image.size], counts, last)
    if with_total:
        yield row(["all images", "", "", ""], total, [""] * 5)
