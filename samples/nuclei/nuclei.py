"""Cell nuclei, bright on dark or dark on bright: a second application, as short as one can be.

    python samples/nuclei/nuclei.py train    --dataset DIR [--weights coco|none|last|PATH]
    python samples/nuclei/nuclei.py evaluate --dataset DIR [--method otsu]
    python samples/nuclei/nuclei.py detect   IMAGE_OR_FOLDER ...

DIR has the folders train and val, each of images and a VIA or COCO file.
"""

import sys

import numpy as np

from mrcnn.app.application import Application, Baseline
from mrcnn.config import Config
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.instances import Instances
from mrcnn.report.words import Words


class NucleiConfig(Config):
    """One class, and objects that are small and many."""

    NAME = "nuclei"
    CLASS_NAMES = ("nucleus",)
    NUM_CLASSES = 1 + len(CLASS_NAMES)
    BACKBONE = "resnet50"
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 512
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    STEPS_PER_EPOCH = 100
    MAX_GT_INSTANCES = DETECTION_MAX_INSTANCES = 300
    SUBPIXEL_MASKS = True


class NucleiDataset(AnnotatedDataset):
    """Images of nuclei with outlines."""

    SOURCE = "nuclei"
    PROGRAM = "nuclei.py"


def measure(image: np.ndarray, nuclei: Instances) -> Instances:
    """How bright each nucleus is: the mean of its pixels, 0 to 255."""
    gray = image.mean(axis=-1)
    brightness = [
        gray[y1:y2, x1:x2][crop].mean()
        for (y1, x1, y2, x2), crop in zip(nuclei.boxes, nuclei.crops, strict=True)
    ]
    return nuclei.with_columns(brightness=brightness)


def otsu(image: np.ndarray) -> Instances:
    """Nuclei as the connected pixels on the rarer side of Otsu's threshold."""
    from skimage.filters import threshold_otsu
    from skimage.measure import label, regionprops

    gray = image.mean(axis=-1)
    inside = gray > threshold_otsu(gray)
    regions = regionprops(label(~inside if inside.mean() > 0.5 else inside))
    boxes, ones = [region.bbox for region in regions], np.ones(len(regions))
    return Instances(image.shape, boxes, [region.image for region in regions], ones, ones)


APPLICATION = Application(
    "nuclei",
    NucleiConfig,
    NucleiDataset,
    measure=measure,
    baselines={"otsu": Baseline(otsu, "Otsu's threshold, which needs no weights", "Otsu")},
    words=Words("nuclei.py", title="Nuclei", subject="nuclei", object="nucleus", objects="nuclei"),
)
main = APPLICATION.main

if __name__ == "__main__":
    sys.exit(main())
