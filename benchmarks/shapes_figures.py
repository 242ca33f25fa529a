"""How often the shapes of cells are named right, with intervals."""

from collections.abc import Sequence

import numpy as np
from scipy import special

RESAMPLED = 2000


def confusion(truth: np.ndarray, told: np.ndarray, classes: int) -> np.ndarray:
    """Numbers of cells by true class (rows) and by the class they were given."""
    return np.bincount(truth * classes + told, minlength=classes**2).reshape(classes, classes)


def f1_of_classes(counts: np.ndarray) -> np.ndarray:
    """F1 of each class from `confusion`, float [..., classes]; NaN of those that nobody named."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.divide(2 * right, both, out=np.full(both.shape, np.nan), where=both > 0)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of the cells that are named right, from `confusion`."""
    return np.trace(counts, axis1=-2, axis2=-1) / np.maximum(counts.sum(axis=(-2, -1)), 1)


def resampled(counts: np.ndarray, seed: int = 0) -> np.ndarray:
    """Sums of `confusion` over fields that are drawn anew, [RESAMPLED, classes, classes].

    Args:
        counts: int [fields, classes, classes].
        seed: of what is drawn.
    """
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), RESAMPLED)
    return np.tensordot(drawn, counts, axes=1)


def calibration_error(chances: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error, in bins of equal width: mean |share right - mean probability|."""
    places = np.minimum((chances * bins).astype(int), bins - 1)
    gaps = np.bincount(places, weights=right - chances, minlength=bins)
    return float(np.abs(gaps).sum() / len(chances))


def figures_text(
    logits: np.ndarray, labels: np.ndarray, fields: np.ndarray, names: Sequence[str]
) -> str:
    """Accuracy, F1 and the confusion of classes, in Markdown.

    Args:
        logits: float [N, classes].
        labels: int [N], from 0.
        fields: names [N] of the image that each cell is of.
        names: of the classes.
    """
    classes = len(names)
    told = logits.argmax(axis=1)
    _, places = np.unique(fields, return_inverse=True)
    keys = (places * classes + labels) * classes + told
    by_field = np.bincount(keys, minlength=(places.max() + 1) * classes**2)
    by_field = by_field.reshape(-1, classes, classes)
    counts, drawn = by_field.sum(axis=0), resampled(by_field)
    f1 = f1_of_classes(counts)
    lines = [f"{len(labels)} cells of {len(by_field)} fields.", ""]
    for title, value, others in (
        ("accuracy", accuracy(counts), accuracy(drawn)),
        ("macro F1", np.nanmean(f1), np.nanmean(f1_of_classes(drawn), axis=-1)),
    ):
        low, high = np.percentile(others, [2.5, 97.5])
        lines.append(f"- {title}: {value:.3f} ({low:.3f} to {high:.3f})")
    chances = special.softmax(logits, axis=1).max(axis=1)
    lines.append(f"- calibration error (ECE): {calibration_error(chances, told == labels):.3f}")
    lines += ["", f"| shape | cells | F1 | {' | '.join(names)} |", "| --- " * (classes + 3) + "|"]
    for name, row, score in zip(names, counts, f1, strict=True):
        lines.append(f"| {name} | {row.sum()} | {score:.2f} | {' | '.join(map(str, row))} |")
    return "\n".join(lines) + "\n"
