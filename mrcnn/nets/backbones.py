"""The backbones by the names that `Config.BACKBONE` knows."""

from collections.abc import Callable
from typing import Any

from mrcnn.config import Config
from mrcnn.nets.efficientnet import SCALES, efficientnet_stages
from mrcnn.nets.resnet import BLOCKS, resnet_stages
from mrcnn.ops.tensor import Tensor

# For each of `mrcnn.config.BACKBONES` a function of (input image, name, normalization, train_bn),
# and of mean_pixel for EfficientNet, that gives feature maps; the last four, at strides 4, 8, 16
# and 32, go to the feature pyramid.
BUILDERS: dict[str, Callable[..., list[Tensor]]] = {
    **{name: resnet_stages for name in BLOCKS},
    **{name: efficientnet_stages for name in SCALES},
}


def backbone_stages(input_image: Tensor, config: Config) -> list[Tensor]:
    """The backbone of a configuration.

    Args:
        input_image: float [B, H, W, C], mean subtracted; H and W divisible by 32.
        config: gives BACKBONE, which may be a function, NORMALIZATION, TRAIN_BN and MEAN_PIXEL.

    Returns:
        [C2, C3, C4, C5], feature maps at strides 4, 8, 16 and 32.
    """
    if callable(config.BACKBONE):
        stages = config.BACKBONE(input_image, stage5=True, train_bn=config.TRAIN_BN)
    else:
        more: dict[str, Any] = {}
        if config.BACKBONE in SCALES:
            more["mean_pixel"] = config.MEAN_PIXEL
        stages = BUILDERS[config.BACKBONE](
            input_image,
            config.BACKBONE,
            normalization=config.NORMALIZATION,
            train_bn=config.TRAIN_BN,
            **more,
        )
    return stages[-4:]
