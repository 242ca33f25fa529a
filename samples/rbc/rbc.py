"""Red blood cells in stained smears: settings, data set and command line.

    python samples/rbc/rbc.py train    [--dataset DIR] [--weights coco|imagenet|rbc|last|none|PATH]
    python samples/rbc/rbc.py evaluate [--dataset DIR] [--subset val] [--min-conf 0.7 0.8 0.9]
    python samples/rbc/rbc.py detect   IMAGE_OR_FOLDER ... [--min-conf 0.7] [--out DIR]
    python samples/rbc/rbc.py smears   DIR [--fields N] [--seed S]
    python samples/rbc/rbc.py check    DIR
    python samples/rbc/rbc.py pack     DIR [--weights best]

`COMMAND --help` lists the options of each.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mrcnn.app.application import Application, Baseline
from mrcnn.app.commands import DETECT, EVALUATE, EXIT_STATUS
from mrcnn.app.option import Command, Option
from mrcnn.app.option_types import positive_integer, seed_number
from mrcnn.config import Config
from mrcnn.data.annotated import STOP, AnnotatedDataset
from mrcnn.report.tally import Counting
from mrcnn.report.words import Words
from rbc_cells.kinds import OBJECTS, PLATELET, RED, WHITE, name_white_cells
from rbc_cells.ways import LEARNED, MEASURED, NETWORK, STAIN

if TYPE_CHECKING:
    from mrcnn.formats import AnnotatedImage

__all__ = ["APPLICATION", "RBCConfig", "RBCDataset", "main"]

SMEARS = "smears"
# What messages call the program: the script, or the command that an installation gives.
PROGRAM = "rbc" if Path(sys.argv[0]).name == "rbc" else "rbc.py"


class RBCConfig(Config):
    """Mask R-CNN for red blood cells in stained smears, with the values of the paper.

    ResNet-50, anchors of 8 to 128 pixels, learning rate 0.001, 100 epochs and a confidence of 0.7
    are the paper's. The instance limits are ours: a field holds up to 130 cells, and a limit below
    that silently loses some.
    """

    NAME = "rbc"
    # Values of the classes' attribute in the annotations, in the order of their numbers from 1.
    CLASS_NAMES = ("large", "normal", "small", "undefined")
    NUM_CLASSES = 1 + len(CLASS_NAMES)

    BACKBONE = "resnet50"
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    LEARNING_RATE = 0.001
    EPOCHS = 100  # Epochs of a training at most.
    DETECTION_MIN_CONFIDENCE = 0.7

    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 100
    # A hundred checkpoints of ResNet-50 are 18 GB.
    KEEP_CHECKPOINTS = 5

    # A cell of 105 pixels in a field of 1600 x 1200 is 34 pixels wide here.
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512

    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 200
    # A third of the regions hold cells: each of 130 cells can have its own.
    TRAIN_ROIS_PER_IMAGE = 400
    # Half of the anchors may hold cells.
    RPN_TRAIN_ANCHORS_PER_IMAGE = 320
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 1000

    # Sizes are hard to tell apart, cells are not: the confidence is that of a cell of any size,
    # and one cell is one detection.
    DETECTION_SCORE = "object"
    DETECTION_NMS_ACROSS_CLASSES = True
    # Outlines to a fraction of a pixel, and not cut off where a box is a little small.
    SUBPIXEL_MASKS = True
    MASK_MARGIN = 0.05


class RBCDataset(AnnotatedDataset):
    """Fields of red blood cells with polygons, one class for each cell."""

    SOURCE = "rbc"
    PROGRAM = PROGRAM
    KIND = "VIA file"
    HINT = f"; `{PROGRAM} smears DIR` renders one"
    # The paper's annotations are in Indonesian.
    CLASS_ALIASES = {
        "besar": "large",
        "kecil": "small",
        "tak terdefinisi": "undefined",
        "tidak terdefinisi": "undefined",
    }

    @classmethod
    def class_aliases(cls, class_names: Sequence[str] | None) -> dict[str, str]:
        """Sizes in other words; where kinds of cells are the classes, all sizes are red cells."""
        aliases = super().class_aliases(class_names)
        kinds = {RED: [*RBCConfig.CLASS_NAMES, *cls.CLASS_ALIASES, "RBC"]}
        kinds |= {WHITE: ["WBC", "leukocyte"], PLATELET: ["Platelets"]}
        for kind, others in kinds.items():
            if class_names is not None and kind in class_names:
                aliases |= {alias: kind for alias in others if alias not in class_names}
        return aliases

    @classmethod
    def read(
        cls,
        annotations: Path,
        class_names: Sequence[str] | None,
        attribute: str | None = None,
        problems: list[str] | None = None,
    ) -> "list[AnnotatedImage]":
        """As `AnnotatedDataset.read`; where kinds are the classes, leukocytes are white cells."""
        images = super().read(annotations, class_names, attribute, problems)
        if class_names is not None and WHITE in class_names:
            folder = annotations if annotations.is_dir() else annotations.parent
            name_white_cells(images, folder / OBJECTS)
        return images

    def load_rbc(
        self,
        dataset_dir: str | Path,
        subset: str,
        class_names: Sequence[str] = RBCConfig.CLASS_NAMES,
        attribute: str | None = None,
        on_error: str = STOP,
    ) -> None:
        """Add the images of `dataset_dir/subset`; call `prepare()` afterwards.

        The classes are sizes if none are named. See `AnnotatedDataset.load`.
        """
        self.load(dataset_dir, subset, class_names, attribute, on_error)


WORDS = Words(
    program=PROGRAM,
    description="Red blood cells in stained smears: train, evaluate, detect, check, render.",
    title="Red blood cells",
    subject="blood cells",
    object="cell",
    objects="cells",
    image="field",
    images="fields",
    class_term="size class",
    class_terms="size classes",
    class_methods="Measured: from the mask, against the median of the field. Learned: by the "
    "network.",
    default_classes="sizes",
    annotations="their annotations (VIA, COCO, YOLO, LabelMe, ...)",
    layers_note="smears look unlike photographs, so the backbone should adapt too",
    follows_paper=True,
    facts={
        "outline": (
            "Outlines",
            {STAIN: "moved to the edge of the stain", NETWORK: "as the network draws them"},
        )
    },
)

WATERSHED = Baseline(
    "rbc_cells.watershed:watershed_cells",
    help="the classical method, Otsu's threshold and a watershed, which needs no weights",
    title="Otsu threshold and watershed",
)

OPTIONS = (
    Option(
        "--size-class",
        (EVALUATE, DETECT),
        choices=(MEASURED, LEARNED),
        default=MEASURED,
        help="how a cell's size class is told: measured from its mask against the median of its "
        "field (default), or learned by the network",
        reported="classes",
    ),
    Option(
        "--outline",
        (EVALUATE, DETECT),
        choices=(STAIN, NETWORK),
        default=STAIN,
        help="where a cell's outline lies: moved to the edge of the stain, by a tenth of its "
        "radius at most (default), or where the network draws it",
        reported="detections",
    ),
    Option(
        "--shapes",
        (DETECT,),
        is_flag=True,
        has_opposite=True,
        help="name the shape of each red cell: normal, target, teardrop, ... (the default where "
        "Keras is installed); --no-shapes leaves it out",
    ),
    Command(
        SMEARS,
        "rbc_cells.smears.command:run",
        "render a data set of stained smears",
        "Render fields with exact annotations to DIR/train and DIR/val.",
        EXIT_STATUS,
    ),
    Option("directory", (SMEARS,), type=Path, metavar="DIR"),
    Option("--fields", (SMEARS,), type=positive_integer, metavar="N", help="number of fields"),
    Option(
        "--seed",
        (SMEARS,),
        type=seed_number,
        default=0,
        metavar="S",
        help="same seed, same bytes",
    ),
    Option(
        "--kinds",
        (SMEARS,),
        is_flag=True,
        help="white cells and platelets as well, and some stacks of red cells",
    ),
)

APPLICATION = Application(
    "rbc",
    RBCConfig,
    RBCDataset,
    refine="rbc_cells.outline:refine",
    classify="rbc_cells.sizes:classify",
    told="rbc_cells.kinds:told_classes",
    measure="rbc_cells.measures:measure",
    foreground="rbc_cells.stain:stained",
    baselines={"watershed": WATERSHED},
    options=OPTIONS,
    words=WORDS,
    demo="rbc_cells.smears.command:render_demo",
    ships_model=True,
    counting=Counting(
        RED, (WHITE, PLATELET), ("undefined",), (500, 1000), (("infected", "parasitemia"),)
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None takes them from the shell.

    Returns:
        exit status: 0 on success, 2 on bad input, 130 when interrupted.
    """
    return APPLICATION.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
