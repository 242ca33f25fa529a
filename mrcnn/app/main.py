"""The command `mrcnn`: train, evaluate, detect, check, convert and pack, for any objects."""

from collections.abc import Sequence

from mrcnn.app.application import Application
from mrcnn.config import Config


class ObjectsConfig(Config):
    """A model for whatever classes the annotations have."""

    NAME = "mrcnn"
    # Empty: those of the annotations.
    CLASS_NAMES: tuple[str, ...] = ()

    STEPS_PER_EPOCH = 100
    EPOCHS = 100  # Epochs of a training at most.
    # A hundred checkpoints of ResNet-50 are 18 GB.
    KEEP_CHECKPOINTS = 5

    BACKBONE = "resnet50"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    # Outlines to a fraction of a pixel.
    SUBPIXEL_MASKS = True


APPLICATION = Application("mrcnn", ObjectsConfig, "mrcnn.data.annotated:AnnotatedDataset")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see `Application.main`."""
    return APPLICATION.main(arguments)
