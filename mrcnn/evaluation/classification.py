"""Classes of matched objects: how often the right one was named."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class ClassQuality(NamedTuple):
    """Of one class, among matched objects.

    Attributes:
        precision: right / named so. 0 where the class was never named but occurs.
        recall: right / objects of the class. 0 where it was named but does not occur.
        f1: harmonic mean of the two, 2 right / (named + objects).
        support: matched objects that are of this class.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Classification:
    """Classes of the matched objects; in the figures what was not matched has no part.

    Attributes:
        labels: class names.
        matrix: int64 [C, C], rows true class, columns predicted class.
        missed: int64 [C], by true class the objects that nothing was matched to.
        false_alarms: int64 [C], by predicted class the detections that match no object.
    """

    labels: tuple[str, ...]
    matrix: np.ndarray
    missed: np.ndarray
    false_alarms: np.ndarray

    @property
    def with_background(self) -> np.ndarray:
        """int64 [C + 1, C + 1]: the matrix, and background as the last row and column.

        The last column has what was missed, the last row false alarms; background that was taken
        for background is nothing that could be counted, and 0.
        """
        whole = np.pad(self.matrix, (0, 1))
        whole[:-1, -1], whole[-1, :-1] = self.missed, self.false_alarms
        return whole

    @property
    def accuracy(self) -> float:
        """Share of the matched objects whose class is right; NaN without any."""
        total = int(self.matrix.sum())
        return int(np.trace(self.matrix)) / total if total else math.nan

    @property
    def classes(self) -> dict[str, ClassQuality]:
        """Of each class; NaN for a class that neither occurs nor was named."""
        qualities = {}
        for index, label in enumerate(self.labels):
            right = int(self.matrix[index, index])
            objects = int(self.matrix[index].sum())
            named = int(self.matrix[:, index].sum())
            if objects or named:
                precision = right / named if named else 0.0
                recall = right / objects if objects else 0.0
                f1 = 2 * right / (named + objects)
                qualities[label] = ClassQuality(precision, recall, f1, objects)
            else:
                qualities[label] = ClassQuality(math.nan, math.nan, math.nan, 0)
        return qualities

    @property
    def macro(self) -> dict[str, float]:
        """Plain means over the classes that occur or were named, each weighing the same."""
        present = [quality for quality in self.classes.values() if not math.isnan(quality.f1)]
        return {
            name: (
                sum(getattr(quality, name) for quality in present) / len(present)
                if present
                else math.nan
            )
            for name in ("precision", "recall", "f1")
        }

    @property
    def in_short(self) -> dict[str, float]:
        """The plain means, the accuracy, and "support": how many objects were matched."""
        return {**self.macro, "accuracy": self.accuracy, "support": int(self.matrix.sum())}


def classify(
    labels: Sequence[str],
    true_ids: ArrayLike,
    predicted_ids: ArrayLike,
    missed_ids: ArrayLike = (),
    false_alarm_ids: ArrayLike = (),
) -> Classification:
    """Count the classes of matched pairs, and of what has no partner.

    Args:
        labels: names of classes 1, 2, ...
        true_ids, predicted_ids: int [M], class ids from 1 of each pair.
        missed_ids: int [K], class ids of the objects without one.
        false_alarm_ids: int [L], class ids of the detections without one.
    """
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(matrix, (np.asarray(true_ids, int) - 1, np.asarray(predicted_ids, int) - 1), 1)
    return Classification(
        tuple(labels), matrix, _counts(missed_ids, labels), _counts(false_alarm_ids, labels)
    )


def _counts(class_ids: ArrayLike, labels: Sequence[str]) -> np.ndarray:
    """int64 [C]: how many ids there are of each class from 1."""
    return np.bincount(np.asarray(class_ids, int) - 1, minlength=len(labels)).astype(np.int64)
