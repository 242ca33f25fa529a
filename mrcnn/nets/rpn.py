"""Region proposal network (Ren et al. 2015, section 3.1), shared by all pyramid levels."""

from collections.abc import Sequence

import keras
from keras import layers

from mrcnn.nets.convolution import Convolution
from mrcnn.ops.tensor import Tensor


def rpn_heads(
    feature_map: Tensor,
    anchors_per_location: int,
    anchor_stride: int,
    channels: int = 512,
    convs: int = 1,
) -> list[Tensor]:
    """Object scores and box deltas for the anchors of one feature map.

    Args:
        feature_map: float [B, H, W, C].
        anchors_per_location: number of anchor shapes.
        anchor_stride: 1 for anchors on every feature cell, 2 for every second, ...
        channels: channels of the shared 3x3 convolution.
        convs: shared convolutions, one behind the other; the last one has the stride.

    Returns:
        logits [B, anchors, 2] for background and object, their softmax [B, anchors, 2], and
        deltas [B, anchors, 4] of (dy, dx, log dh, log dw).
    """
    for number in range(1, convs):
        feature_map = Convolution(
            channels, 3, padding="same", activation="relu", name=f"rpn_conv{number}"
        )(feature_map)
    shared = Convolution(
        channels,
        3,
        strides=anchor_stride,
        padding="same",
        activation="relu",
        name="rpn_conv_shared",
    )(feature_map)
    # float32 whatever the compute precision: scores and boxes are compared and sorted.
    logits = layers.Conv2D(2 * anchors_per_location, 1, name="rpn_class_raw", dtype="float32")(
        shared
    )
    logits = layers.Reshape((-1, 2), dtype="float32")(logits)
    probabilities = layers.Softmax(name="rpn_class_xxx", dtype="float32")(logits)
    deltas = layers.Conv2D(4 * anchors_per_location, 1, name="rpn_bbox_pred", dtype="float32")(
        shared
    )
    deltas = layers.Reshape((-1, 4), dtype="float32")(deltas)
    return [logits, probabilities, deltas]


def build_rpn(
    anchor_stride: int,
    anchors_per_location: int,
    depth: int,
    channels: int = 512,
    convs: int = 1,
) -> keras.Model:
    """The RPN as a model of its own, `rpn_model`, for feature maps with `depth` channels."""
    feature_map = keras.Input((None, None, depth), name="input_rpn_feature_map")
    return keras.Model(
        feature_map,
        rpn_heads(feature_map, anchors_per_location, anchor_stride, channels, convs),
        name="rpn_model",
    )


def rpn_on_pyramid(rpn: keras.Model, feature_maps: Sequence[Tensor]) -> list[Tensor]:
    """Run the RPN on every level and join the anchors, finest level first.

    Returns:
        rpn_class_logits [B, A, 2], rpn_class [B, A, 2], rpn_bbox [B, A, 4].
    """
    outputs = [rpn(feature_map) for feature_map in feature_maps]
    return [
        layers.Concatenate(axis=1, name=name, dtype="float32")(list(levels))
        for name, levels in zip(
            ("rpn_class_logits", "rpn_class", "rpn_bbox"), zip(*outputs, strict=True), strict=True
        )
    ]
