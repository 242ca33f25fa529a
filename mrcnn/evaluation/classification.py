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
    """Classes of the matched objects; what was not matched has no part in it.

    Attributes:
        labels: class names.
        matrix: int64 [C, C], rows true class, columns predicted class.
    """

    labels: tuple[str, ...]
    matrix: np.ndarray

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


def classify(
    labels: Sequence[str], true_ids: ArrayLike, predicted_ids: ArrayLike
) -> Classification:
    """Count the classes of matched pairs.

    Args:
        labels: names of classes 1, 2, ...
        true_ids, predicted_ids: int [M], class ids from 1 of each pair.
    """
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(matrix, (np.asarray(true_ids, int) - 1, np.asarray(predicted_ids, int) - 1), 1)
    return Classification(tuple(labels), matrix)
