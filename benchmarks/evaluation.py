"""How long an evaluation takes: `python -m benchmarks.evaluation [--fields 10] [--cells 100]`.

Fields of 1600 x 1200 pixels with touching round cells, found with some noise; all figures together,
and the peak of the memory that Python allocated for them.
"""

import argparse
import time
import tracemalloc

import numpy as np

from mrcnn.evaluation import InstanceEvaluator, Instances

SHAPE = (1200, 1600)
CLASSES = ("large", "normal", "small", "undefined")


def disc(y: float, x: float, radius: float) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """Box and mask of a disc, cut by the border of the field."""
    y1, x1 = max(0, int(y - radius)), max(0, int(x - radius))
    y2, x2 = min(SHAPE[0], int(y + radius) + 2), min(SHAPE[1], int(x + radius) + 2)
    rows, columns = np.mgrid[y1:y2, x1:x2]
    return (y1, x1, y2, x2), (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def field(rng: np.random.Generator, cells: int) -> tuple[Instances, Instances]:
    """Ground truth on a jittered grid, and detections: noisy copies, some missing, some extra."""
    columns = int(np.ceil(np.sqrt(cells * SHAPE[1] / SHAPE[0])))
    pitch = SHAPE[1] / columns
    places = [
        (pitch * (number // columns + 0.5), pitch * (number % columns + 0.5))
        for number in range(cells)
    ]
    centers = np.array(places) + rng.normal(0, 0.1 * pitch, (cells, 2))
    centers = np.clip(centers, 2, np.array(SHAPE) - 3)
    radii = 0.5 * pitch * rng.uniform(0.85, 1.1, cells)
    truth = [disc(y, x, radius) for (y, x), radius in zip(centers, radii, strict=True)]
    kept = rng.random(cells) < 0.93
    moved = centers[kept] + rng.normal(0, 0.04 * pitch, (kept.sum(), 2))
    extra = rng.uniform(2, np.array(SHAPE) - 3, (cells // 8, 2))
    found = np.concatenate([np.clip(moved, 2, np.array(SHAPE) - 3), extra])
    sizes = np.concatenate([radii[kept], np.full(len(extra), 0.4 * pitch)])
    scores = np.concatenate([rng.beta(6, 2, kept.sum()), rng.beta(2, 5, len(extra))])
    detections = [disc(y, x, radius) for (y, x), radius in zip(found, sizes, strict=True)]
    return (
        Instances(SHAPE, *zip(*truth, strict=True), rng.integers(1, 5, cells)),
        Instances(SHAPE, *zip(*detections, strict=True), rng.integers(1, 5, len(found)), scores),
    )


def main() -> None:
    """Print the seconds of each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=10)
    parser.add_argument("--cells", type=int, default=100)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    fields = [field(rng, options.cells) for _ in range(options.fields)]

    # What is imported once is not part of the figures.
    warm = InstanceEvaluator(CLASSES)
    warm.add_truth("0", fields[0][0])
    warm.process("0", fields[0][1])
    warm.average_precision()

    times = []
    for measured in (False, True):
        if measured:
            tracemalloc.start()
        began = time.perf_counter()
        evaluator = InstanceEvaluator(CLASSES)
        for number, (truth, found) in enumerate(fields):
            evaluator.add_truth(str(number), truth)
            evaluator.process(str(number), found)
        processed = time.perf_counter()
        evaluation = evaluator.evaluate((0.7, 0.8, 0.9))
        times.append((processed - began, time.perf_counter() - processed))
    peak = tracemalloc.get_traced_memory()[1]
    process, evaluate = times[0]
    point = evaluation.operating_points[0].pooled().quality()
    print(f"{options.fields} fields of {SHAPE[1]} x {SHAPE[0]} with {options.cells} cells")
    print(f"masks compared: {process:.2f} s; all figures: {evaluate:.2f} s")
    print(f"peak of allocated memory: {peak / 2**20:.0f} MiB; F1 at 0.7: {point.f1:.3f}")


if __name__ == "__main__":
    main()
