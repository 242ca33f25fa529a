"""Which layers train."""

import re

import keras

_HEADS = r"(mrcnn_.*)|(rpn_.*)|(fpn_.*)"
_STAGES = r"((res|bn|gn)[{first}-5].*)|" + _HEADS
# Names for common choices; anything else is taken as a regular expression of layer names.
LAYER_CHOICES = {
    "heads": _HEADS,
    "3+": _STAGES.format(first=3),
    "4+": _STAGES.format(first=4),
    "5+": _STAGES.format(first=5),
    "all": ".*",
}


def set_trainable(model: keras.Model, layer_regex: str) -> list[keras.layers.Layer]:
    """Let the layers whose names match train, and no others.

    Args:
        model: the model to change; nested models are entered.
        layer_regex: regular expression that has to match a whole layer name.

    Returns:
        the layers with weights that train now.
    """
    pattern = re.compile(layer_regex)
    trainable = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            trainable += set_trainable(layer, layer_regex)
        elif layer.weights:
            layer.trainable = pattern.fullmatch(layer.name) is not None
            if layer.trainable:
                trainable.append(layer)
    return trainable
