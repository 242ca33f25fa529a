"""Weights, made by hand, with which a Mask R-CNN finds the shapes of `scenes`.

No training is fast enough for a test, and random weights find nothing: with these the client
programs have detections that are right, and that the tests can compare with what is there.
"""

import numpy as np

# Colour channels that make a class, for `make_weights`.
ONE_CLASS = [(0, 1, 2)]
THREE_CLASSES = [(0,), (1,), (2,)]

PYRAMID, HIDDEN, CELLS = 64, 128, 7


def _copy(shape: tuple[int, ...], pairs: dict[int, int], tap=(0, 0), value=1.0) -> np.ndarray:
    """A kernel [h, w, in, out] that copies channels, by their numbers `{in: out}`."""
    kernel = np.zeros(shape, np.float32)
    for source, target in pairs.items():
        kernel[(*tap, source, target)] = value
    return kernel


def _set(layer, kernel, bias=None) -> None:
    weights = [np.zeros_like(value) for value in layer.get_weights()]
    weights[0] += kernel
    if bias is not None:
        weights[1] += bias
    layer.set_weights(weights)


def set_colour_features(model) -> None:
    """Makes the features tell where a picture is red, green or blue: 1 there, 0 elsewhere.

    The residual branches add nothing, the shortcuts hand on three channels, and each level of the
    pyramid has the three of its own stage. The RPN proposes square anchors of the third size,
    coloured ground first.
    """
    layers = {layer.name: layer for layer in model.layers}
    conv1 = layers["conv1"]
    kernel = np.zeros(conv1.get_weights()[0].shape, np.float32)
    bias = np.zeros(kernel.shape[-1], np.float32)
    mean_pixel = (123.7, 116.8, 103.9)
    for channel, bright in enumerate((230, 210, 240)):
        # Nothing below 85 % of the colour, so that the maximum that follows does not widen shapes;
        # the first taps, because the maximum looks to the right and down.
        gain = 1 / (0.15 * bright)
        kernel[:3, :3, channel, channel] = gain / 9
        bias[channel] = (mean_pixel[channel] - 0.85 * bright) * gain
    _set(conv1, kernel, bias)
    for name, layer in layers.items():
        if name.startswith("bn") and name.endswith("_branch2c"):
            _, *others = layer.get_weights()
            layer.set_weights([np.zeros_like(others[0]), *others])
        elif name.startswith("res") and name.endswith("a_branch1"):
            shape = layer.get_weights()[0].shape
            _set(layer, _copy(shape, {0: 0, 1: 1, 2: 2}))
    for level in (2, 3, 4, 5):
        first = 3 * (level - 2)
        own = {channel: first + channel for channel in range(3)}
        lateral, smooth = layers[f"fpn_c{level}p{level}"], layers[f"fpn_p{level}"]
        _set(lateral, _copy(lateral.get_weights()[0].shape, own))
        marks_level = np.eye(PYRAMID)[3] * (level == 4)
        back = {target: source for source, target in own.items()}
        _set(smooth, _copy((3, 3, PYRAMID, PYRAMID), back, tap=(1, 1)), marks_level)
    rpn = {layer.name: layer for layer in layers["rpn_model"].layers}
    shared = rpn["rpn_conv_shared"].get_weights()[0].shape
    _set(rpn["rpn_conv_shared"], _copy(shared, {n: n for n in range(4)}, tap=(1, 1)))
    scores = np.zeros(rpn["rpn_class_raw"].get_weights()[0].shape, np.float32)
    scores[0, 0, :3, 1::2] = 4.0
    scores[0, 0, 3, 1::2] = 8.0
    _set(rpn["rpn_class_raw"], scores, [0, -13, 0, -9, 0, -13])
    _set(rpn["rpn_bbox_pred"], 0)


def set_colour_heads(model, class_colours: list[tuple[int, ...]]) -> None:
    """Makes the heads take each colour for a class: the boxes centre on it, the mask is its place.

    Args:
        class_colours: for each class but the background, the channels (0, 1, 2) that are its own.
    """
    layers = {layer.name: layer for layer in model.layers}
    # Hidden: 0 to 2 how much of each colour there is; then how much more there is below than
    # above, above than below, at the right than at the left, at the left than at the right.
    kernel = np.zeros((CELLS, CELLS, PYRAMID, HIDDEN), np.float32)
    side = np.sign(np.arange(CELLS) - CELLS // 2)
    for channel in range(3):
        kernel[:, :, channel, channel] = 1
    for hidden, direction in enumerate((side[:, None], -side[:, None], side, -side), start=3):
        kernel[:, :, :3, hidden] = np.broadcast_to(direction, (CELLS, CELLS))[..., None]
    _set(layers["mrcnn_class_conv1"], kernel / CELLS**2)
    _set(layers["mrcnn_class_conv2"], np.eye(HIDDEN)[None, None])
    scores = np.zeros((HIDDEN, 1 + len(class_colours)), np.float32)
    deltas = np.zeros((HIDDEN, 4 * (1 + len(class_colours))), np.float32)
    masks = np.zeros((1, 1, 256, 1 + len(class_colours)), np.float32)
    for number, channels in enumerate(class_colours, start=1):
        # A triangle fills the least of its box; half a shape shall not be enough.
        scores[list(channels), number] = np.array([14, 12, 20])[list(channels)]
        masks[0, 0, list(channels), number] = 20
        # In units of the standard deviation 0.1 of the box deltas.
        deltas[3, 4 * number] = deltas[5, 4 * number + 1] = 10
        deltas[4, 4 * number] = deltas[6, 4 * number + 1] = -10
    _set(layers["mrcnn_class_logits"], scores, np.eye(1 + len(class_colours))[0] * 5.5)
    _set(layers["mrcnn_bbox_fc"], deltas)
    for number in range(1, 5):
        layer = layers[f"mrcnn_mask_conv{number}"]
        shape = layer.get_weights()[0].shape
        _set(layer, _copy(shape, {n: n for n in range(3)}, tap=(1, 1)))
    _set(layers["mrcnn_mask_deconv"], np.eye(256)[None, None])
    _set(layers["mrcnn_mask"], masks, -10)
