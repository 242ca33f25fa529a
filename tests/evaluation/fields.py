"""Random fields of cells, annotated and detected, with everything that an evaluation may meet."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class CellSet:
    """Masks as pixel boxes (y1, x1, y2, x2) that are tight around boolean crops of their sizes."""

    boxes: list[tuple[int, int, int, int]] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)
    class_ids: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.boxes)

    def full_masks(self, shape: tuple[int, int]) -> np.ndarray:
        """bool [H, W, N], for oracles that want whole images."""
        masks = np.zeros((*shape, len(self)), dtype=bool)
        for index, ((y1, x1, y2, x2), crop) in enumerate(zip(self.boxes, self.crops, strict=True)):
            masks[y1:y2, x1:x2, index] = crop
        return masks

    def label_image(self, shape: tuple[int, int]) -> np.ndarray:
        """int32 [H, W], 0 for background and n + 1 for cell n; the cells must not overlap."""
        labels = np.zeros(shape, dtype=np.int32)
        for index, ((y1, x1, y2, x2), crop) in enumerate(zip(self.boxes, self.crops, strict=True)):
            window = labels[y1:y2, x1:x2]
            if window[crop].any():
                raise ValueError(f"cell {index} overlaps another one")
            window[crop] = index + 1
        return labels


@dataclass
class Field:
    """One image: `truth` (without scores) and `predictions`."""

    shape: tuple[int, int]
    truth: CellSet
    predictions: CellSet


@dataclass
class _Ellipse:
    y: float
    x: float
    radius_y: float
    radius_x: float
    angle: float

    def moved(self, rng: np.random.Generator, amount: float) -> "_Ellipse":
        """A copy that is shifted, grown or shrunk by about `amount` of its radius."""
        dy, dx = rng.normal(0, amount, 2) * min(self.radius_y, self.radius_x)
        growth = max(0.3, 1 + rng.normal(0, amount))
        return _Ellipse(
            self.y + dy, self.x + dx, self.radius_y * growth, self.radius_x * growth, self.angle
        )

    def draw(self, shape: tuple[int, int]) -> tuple[tuple[int, int, int, int], np.ndarray] | None:
        """Tight box and crop of the part inside the image; None if there is none."""
        reach = max(self.radius_y, self.radius_x)
        y1, x1 = max(0, int(self.y - reach)), max(0, int(self.x - reach))
        y2, x2 = min(shape[0], int(self.y + reach) + 2), min(shape[1], int(self.x + reach) + 2)
        if y1 >= y2 or x1 >= x2:
            return None
        dy = np.arange(y1, y2)[:, None] - self.y
        dx = np.arange(x1, x2)[None, :] - self.x
        along = dy * np.cos(self.angle) + dx * np.sin(self.angle)
        across = dx * np.cos(self.angle) - dy * np.sin(self.angle)
        return tightened(
            (y1, x1, y2, x2), (along / self.radius_y) ** 2 + (across / self.radius_x) ** 2 <= 1
        )


def tightened(
    box: tuple[int, int, int, int], crop: np.ndarray
) -> tuple[tuple[int, int, int, int], np.ndarray] | None:
    """The smallest box around the crop's pixels, with its crop; None if there are none."""
    rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(axis=0))
    if len(rows) == 0:
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    y, x = box[0], box[1]
    tight = (int(y + top), int(x + left), int(y + bottom), int(x + right))
    return tight, crop[top:bottom, left:right].copy()


def _draw_all(
    ellipses: list[_Ellipse], shape: tuple[int, int], overlapping: bool
) -> tuple[CellSet, list[int]]:
    """Masks of the ellipses and which ellipse each is of; those without a pixel are left out."""
    cells, sources = CellSet(), []
    taken = np.zeros(shape, dtype=bool)
    for index, ellipse in enumerate(ellipses):
        drawn = ellipse.draw(shape)
        if drawn and not overlapping:
            (y1, x1, y2, x2), crop = drawn
            # What is left of the cell touches those before it.
            drawn = tightened(drawn[0], crop & ~taken[y1:y2, x1:x2])
        if drawn:
            (y1, x1, y2, x2), crop = drawn
            taken[y1:y2, x1:x2] |= crop
            cells.boxes.append(drawn[0])
            cells.crops.append(crop)
            sources.append(index)
    return cells, sources


def random_field(
    rng: np.random.Generator,
    shape: tuple[int, int] = (64, 80),
    cells: int = 8,
    *,
    classes: int = 3,
    overlapping: bool = True,
    missed: float = 0.15,
    false_alarms: float = 0.2,
    duplicates: float = 0.15,
    wrong_class: float = 0.15,
    empty: float = 0.08,
    tied_scores: bool = True,
) -> Field:
    """Cells anywhere in the image, cut by its border, touching, overlapping; and their detections.

    The detections are exact, shifted, grown or shrunk copies, some twice, with misses and false
    alarms; good ones tend to have the higher scores. The same `rng` state gives the same field.

    Args:
        rng: source of all randomness.
        shape: (height, width).
        cells: annotated cells; fewer where one has no pixel left.
        classes: class ids are 1..classes.
        overlapping: False leaves each pixel to one cell at most, in the truth as well as in the
            predictions, so that both can be label images.
        missed, duplicates, wrong_class: part of the cells that is not detected, detected twice or
            detected as another class.
        false_alarms: detections of nothing, in parts of `cells`.
        empty: probability of no truth at all, and again of no prediction at all.
        tied_scores: round scores to one decimal; otherwise no two are equal.
    """
    radius = max(1.5, 0.45 * np.sqrt(shape[0] * shape[1] / max(cells, 1)))

    def anywhere() -> _Ellipse:
        y, x = rng.uniform(-0.3 * radius, np.array(shape) + 0.3 * radius)
        radius_y, radius_x = radius * rng.uniform(0.6, 1.1, 2)
        return _Ellipse(y, x, radius_y, radius_x, rng.uniform(0, np.pi))

    annotated: list[_Ellipse] = []
    for _ in range(0 if rng.random() < empty else cells):
        ellipse = anywhere()
        if annotated and rng.random() < 0.4:
            # Beside another one, so that they touch or overlap a little.
            neighbor = annotated[rng.integers(len(annotated))]
            angle, distance = rng.uniform(0, 2 * np.pi), radius * rng.uniform(1.4, 2)
            ellipse.y = neighbor.y + distance * np.sin(angle)
            ellipse.x = neighbor.x + distance * np.cos(angle)
        annotated.append(ellipse)
    truth, sources = _draw_all(annotated, shape, overlapping)
    truth.class_ids = [int(rng.integers(1, classes + 1)) for _ in sources]

    detected: list[tuple[_Ellipse, int, float]] = []
    for source, class_id in zip(sources, truth.class_ids, strict=True):
        if rng.random() < missed:
            continue
        for copy in range(2 if rng.random() < duplicates else 1):
            amount = rng.choice([0.0, 0.03, 0.1, 0.25])
            if rng.random() < wrong_class:
                class_id = int(rng.integers(1, classes + 1))
            score = 1 / (1 + np.exp(-rng.normal(1.8 - 6 * amount - 1.5 * copy, 0.8)))
            detected.append((annotated[source].moved(rng, amount), class_id, score))
    for _ in range(rng.poisson(false_alarms * cells)):
        detected.append((anywhere(), int(rng.integers(1, classes + 1)), rng.uniform(0.01, 0.8)))
    if rng.random() < empty:
        detected = []
    detected = [detected[index] for index in rng.permutation(len(detected))]
    predictions, sources = _draw_all([ellipse for ellipse, _, _ in detected], shape, overlapping)
    predictions.class_ids = [detected[source][1] for source in sources]
    predictions.scores = [
        float(round(detected[source][2], 1) if tied_scores else detected[source][2])
        for source in sources
    ]
    return Field(shape, truth, predictions)
