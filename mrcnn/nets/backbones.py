"""The backbones by the names that `Config.BACKBONE` knows, and what each of them must give."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.nets.applications import FUNCTIONS, application_stages
from mrcnn.nets.efficientnet import SCALES, efficientnet_stages
from mrcnn.nets.resnet import BLOCKS, resnet_stages
from mrcnn.ops.tensor import Tensor

# For each of `mrcnn.config.BACKBONES` and `APPLICATIONS` a function of (input image, name,
# normalization, train_bn), and of mean_pixel where it scales its input, that gives feature maps;
# the last four, at strides 4, 8, 16 and 32, go to the feature pyramid.
BUILDERS: dict[str, Callable[..., list[Tensor]]] = {
    **{name: resnet_stages for name in BLOCKS},
    **{name: efficientnet_stages for name in SCALES},
    **{name: application_stages for name in FUNCTIONS},
}
STRIDES = (4, 8, 16, 32)
# Sides of the image that strides are looked at on.
_SIDES = (256, 128)


class FeatureInfo(NamedTuple):
    """What a backbone gives to the feature pyramid.

    Attributes:
        channels: of C2, C3, C4 and C5.
        strides: pixels of the image by cell, height and width being alike.
    """

    channels: tuple[int, ...]
    strides: tuple[float, ...]


def backbone_stages(input_image: Tensor, config: Config) -> list[Tensor]:
    """The backbone of a configuration.

    Args:
        input_image: float [B, H, W, C], mean subtracted; H and W divisible by 32.
        config: gives BACKBONE, which may be a function, NORMALIZATION, TRAIN_BN and MEAN_PIXEL.

    Returns:
        [C2, C3, C4, C5], feature maps at strides 4, 8, 16 and 32.

    Raises:
        ConfigError: a function gives other maps.
    """
    if callable(config.BACKBONE):
        stages = list(config.BACKBONE(input_image, stage5=True, train_bn=config.TRAIN_BN))[-4:]
        check_stages(input_image, stages, config)
        return stages
    more: dict[str, Any] = {}
    if config.BACKBONE not in BLOCKS:
        more["mean_pixel"] = config.MEAN_PIXEL
    stages = BUILDERS[config.BACKBONE](
        input_image,
        config.BACKBONE,
        normalization=config.NORMALIZATION,
        train_bn=config.TRAIN_BN,
        **more,
    )
    return stages[-4:]


def feature_info(input_image: Tensor, stages: Sequence[Tensor]) -> FeatureInfo:
    """Channels and strides of feature maps.

    Args:
        input_image: symbolic float [B, H, W, C].
        stages: symbolic feature maps of it.

    Raises:
        ConfigError: one is no map, or its cells are not as high as wide.
    """
    # A graph for images of one size can be asked for no other.
    height, width = (
        side or usual for side, usual in zip(input_image.shape[1:3], _SIDES, strict=True)
    )
    shapes = keras.Model(input_image, list(stages)).compute_output_shape(
        (1, height, width, input_image.shape[-1])
    )
    for number, shape in enumerate(shapes, start=2):
        if len(shape) != 4 or None in shape[1:3] or shape[1] * width != shape[2] * height:
            raise ConfigError(
                f"BACKBONE gives {tuple(shape)} for C{number} of an image of {height} x {width} "
                "pixels: feature maps [B, H / stride, W / stride, channels] are expected."
            )
    strides = tuple(height / shape[1] for shape in shapes)
    return FeatureInfo(tuple(shape[3] for shape in shapes), strides)


def check_stages(input_image: Tensor, stages: Sequence[Any], config: Config) -> None:
    """Refuse what the feature pyramid cannot be built on.

    Args:
        input_image: symbolic float [B, H, W, C].
        stages: what a function gives for it.
        config: COMPUTE_BACKBONE_SHAPE answers for other strides.

    Raises:
        ConfigError: there are not four maps at strides 4, 8, 16 and 32.
    """
    maps = [stage for stage in stages if isinstance(stage, keras.KerasTensor)]
    if len(maps) != len(STRIDES):
        raise ConfigError(
            f"BACKBONE gives {len(maps)} feature maps: C2, C3, C4 and C5 are expected, at strides "
            f"{', '.join(map(str, STRIDES))}."
        )
    info = feature_info(input_image, maps)
    if info.strides != STRIDES and config.COMPUTE_BACKBONE_SHAPE is None:
        raise ConfigError(
            f"BACKBONE gives maps at strides {', '.join(f'{each:g}' for each in info.strides)} "
            f"(with {', '.join(map(str, info.channels))} channels): strides "
            f"{', '.join(map(str, STRIDES))} are expected, those of C2, C3, C4 and C5."
        )
