"""Feature pyramid network (Lin et al. 2017, section 3)."""

from keras import layers


def feature_pyramid(stages, channels: int = 256):
    """Top-down pathway with lateral connections.

    Args:
        stages: [C2, C3, C4, C5] feature maps of the backbone.
        channels: channels of every pyramid level.

    Returns:
        [P2, P3, P4, P5, P6], float [B, H / stride, W / stride, channels], strides 4 to 64. P6 is
        every second value of P5.
    """
    c2, c3, c4, c5 = stages
    merged = {5: layers.Conv2D(channels, 1, name="fpn_c5p5")(c5)}
    for level, stage in ((4, c4), (3, c3), (2, c2)):
        upsampled = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(merged[level + 1])
        lateral = layers.Conv2D(channels, 1, name=f"fpn_c{level}p{level}")(stage)
        merged[level] = layers.Add(name=f"fpn_p{level}add")([upsampled, lateral])
    outputs = [
        layers.Conv2D(channels, 3, padding="same", name=f"fpn_p{level}")(merged[level])
        for level in (2, 3, 4, 5)
    ]
    outputs.append(layers.MaxPooling2D(1, strides=2, name="fpn_p6")(outputs[-1]))
    return outputs
