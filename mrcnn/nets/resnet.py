"""ResNet backbones (He et al. 2016) with Matterport's block structure and layer names.

ResNet-50 and ResNet-101 are the original's bottleneck networks, weight for weight. ResNet-18 and
ResNet-34 are the light networks of basic blocks, named in the same manner. ResNet-50 v1.5 is
torchvision's: the stride is in the 3x3 convolution of a block, and the first pooling is padded on
all sides.
"""

from collections.abc import Sequence
from typing import Any

from keras import layers

from mrcnn.nets.convolution import Convolution
from mrcnn.nets.normalization import normalize
from mrcnn.ops.tensor import Tensor

# Blocks of stages 2, 3, 4 and 5.
BLOCKS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet50-v1.5": (3, 4, 6, 3),
}
STRIDE_IN_3X3 = ("resnet50-v1.5",)
BASIC_BLOCK_NETWORKS = ("resnet18", "resnet34")
STAGE_CHANNELS = (64, 128, 256, 512)


def _convolve(
    x: Tensor,
    filters: int,
    size: int,
    name: str,
    strides: int | tuple[int, int] = 1,
    use_bias: bool = True,
    norm_name: str | None = None,
    **norm: Any,
) -> Tensor:
    """A convolution and its normalization; "res2a_branch1" has "bn2a_branch1" behind it."""
    padding = "valid" if size == 1 else "same"
    if size > 1 and strides != 1:
        # The same padding on both sides, whatever the stride.
        x = layers.ZeroPadding2D(size // 2)(x)
        padding = "valid"
    # Without normalization by the data at hand (stored statistics are 0 and 1 at first), weights
    # as large as He's make the residual sums explode from block to block.
    by_data = norm.get("normalization") == "group" or norm.get("train_bn") is not False
    x = Convolution(
        filters,
        size,
        strides=strides,
        padding=padding,
        use_bias=use_bias,
        kernel_initializer="he_normal" if by_data else "glorot_uniform",
        name=name,
    )(x)
    return normalize(x, norm_name or name.replace("res", "bn", 1), **norm)


def bottleneck_block(
    x: Tensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: int | tuple[int, int],
    shortcut: bool,
    use_bias: bool = True,
    stride_in_middle: bool = False,
    **norm: Any,
) -> Tensor:
    """1x1, kernel_size x kernel_size, 1x1 convolutions, added to the block's input.

    Args:
        x: feature map [B, H, W, C].
        kernel_size: side of the middle convolution.
        filters: channels of the three convolutions.
        stage, block: stage number and block letter, for the layer names.
        strides: stride of the first convolution and of the shortcut.
        shortcut: True for a 1x1 convolution on the shortcut, False for the identity.
        use_bias: whether the convolutions have a bias.
        stride_in_middle: True gives the stride to the middle convolution instead of the first.
        **norm: normalization and train_bn, see `mrcnn.nets.normalization.normalize`.
    """
    name, norm = f"res{stage}{block}_branch", {"use_bias": use_bias, **norm}
    first, middle = (1, strides) if stride_in_middle else (strides, 1)
    y = layers.Activation("relu")(_convolve(x, filters[0], 1, f"{name}2a", first, **norm))
    y = layers.Activation("relu")(
        _convolve(y, filters[1], kernel_size, f"{name}2b", middle, **norm)
    )
    y = _convolve(y, filters[2], 1, f"{name}2c", **norm)
    if shortcut:
        x = _convolve(x, filters[2], 1, f"{name}1", strides, **norm)
    return layers.Activation("relu", name=f"res{stage}{block}_out")(layers.Add()([y, x]))


def basic_block(
    x: Tensor,
    filters: int,
    stage: int,
    block: str,
    strides: int | tuple[int, int],
    use_bias: bool = True,
    **norm: Any,
) -> Tensor:
    """Two 3x3 convolutions, added to the block's input; see `bottleneck_block`."""
    name, norm = f"res{stage}{block}_branch", {"use_bias": use_bias, **norm}
    y = layers.Activation("relu")(_convolve(x, filters, 3, f"{name}2a", strides, **norm))
    y = _convolve(y, filters, 3, f"{name}2b", **norm)
    if strides != 1 or x.shape[-1] != filters:
        x = _convolve(x, filters, 1, f"{name}1", strides, **norm)
    return layers.Activation("relu", name=f"res{stage}{block}_out")(layers.Add()([y, x]))


def resnet_stages(
    input_image: Tensor,
    architecture: str,
    stage5: bool = True,
    normalization: str = "batch",
    train_bn: bool | None = False,
) -> list[Tensor]:
    """Build a backbone.

    Args:
        input_image: float [B, H, W, C], mean subtracted; H and W divisible by 32.
        architecture: a key of `BLOCKS`.
        stage5: False leaves the last stage out.
        normalization, train_bn: see `mrcnn.nets.normalization.normalize`.

    Returns:
        [C1, C2, C3, C4, C5] feature maps at strides 4, 4, 8, 16 and 32; C5 is None without stage 5.
    """
    if architecture not in BLOCKS:
        raise ValueError(f"architecture is {architecture!r}: must be one of {', '.join(BLOCKS)}.")
    norm: dict[str, Any] = {"normalization": normalization, "train_bn": train_bn}
    x = _convolve(input_image, 64, 7, "conv1", strides=2, norm_name="bn_conv1", **norm)
    x = layers.Activation("relu")(x)
    moved = architecture in STRIDE_IN_3X3
    if moved:
        # Nothing is below the zeros that are put around it.
        x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    else:
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    outputs = [x]
    for stage, (blocks, channels) in enumerate(
        zip(BLOCKS[architecture], STAGE_CHANNELS, strict=True), start=2
    ):
        if stage == 5 and not stage5:
            outputs.append(None)
            break
        for number in range(blocks):
            first = number == 0
            strides = 2 if first and stage > 2 else 1
            block = chr(ord("a") + number)
            if architecture in BASIC_BLOCK_NETWORKS:
                x = basic_block(x, channels, stage, block, strides, **norm)
            else:
                filters = (channels, channels, 4 * channels)
                x = bottleneck_block(
                    x, 3, filters, stage, block, strides, first, stride_in_middle=moved, **norm
                )
        outputs.append(x)
    return outputs
