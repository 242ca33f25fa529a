"""The pictures of an evaluation, and what its page shows of each image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.drawing.results import PNG_LEVEL, comparison_picture
from mrcnn.evaluation import Evaluation, ImageRecord
from mrcnn.instances import Instances
from mrcnn.report.figures import at_confidence
from mrcnn.report.page import PageField, picture_data

PICTURES = "pictures"


def at_least(found: Instances, min_confidence: float) -> Instances:
    """Those with such a score; all where a method has none."""
    if found.scores is None:
        return found
    return found.take(np.flatnonzero(found.scores >= min_confidence))


@dataclass(frozen=True)
class EvaluatedImage:
    """One evaluated image.

    Attributes:
        image_id: in the data set.
        name: as shown.
        stem: of the names of its files.
        truth: the annotated objects.
        found: detections by falling score.
        quality: see `mrcnn.app.quality.column`, at the lowest operating point.
    """

    image_id: int
    name: str
    stem: str
    truth: Instances
    found: Instances
    quality: str = "ok"

    @property
    def scores(self) -> np.ndarray:
        """Of the detections, float64 [P]; 1 where a method has none."""
        scores = self.found.scores
        return np.ones(len(self.found)) if scores is None else scores

    def at(self, min_confidence: float) -> Instances:
        """The detections of an operating point."""
        return at_least(self.found, min_confidence)


def draw_images(
    dataset: AnnotatedDataset,
    images: Sequence[EvaluatedImage],
    records: Sequence[ImageRecord],
    evaluation: Evaluation,
    scored: bool,
    out: Path,
) -> list[PageField]:
    """Write the picture of each image at the lowest operating point; what the report shows of it.

    Args:
        out: a new folder, see `mrcnn.files.together`.
        dataset, images, records, evaluation, scored: what was evaluated.
    """
    points = evaluation.operating_points
    lowest = at_confidence(points[0].min_confidence)
    shown = []
    (out / PICTURES).mkdir()
    for index, (image, record) in enumerate(zip(images, records, strict=True)):
        pixels = dataset.load_image(image.image_id)
        found = image.at(points[0].min_confidence)
        pairs = [point.pairs[index] for point in points]
        title = f"{image.name}, confidence {lowest}" if scored else image.name
        comparison_picture(pixels, image.truth, found, pairs[0], record.iou, title).save(
            out / PICTURES / f"{image.stem}.png", compress_level=PNG_LEVEL
        )
        shown.append(
            PageField(
                name=image.name,
                image_shape=pixels.shape,
                picture=picture_data(pixels),
                truth=image.truth,
                detections=found,
                pairs=pairs,
                iou=[record.iou[rows, columns] for rows, columns in (p.T for p in pairs)],
            )
        )
    return shown
