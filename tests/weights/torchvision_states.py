"""State dicts as torchvision's Mask R-CNN has them: names, shapes and values drawn by a seed."""

import numpy as np

BLOCKS = (3, 4, 6, 3)


def state_dict(version: int, classes: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of `maskrcnn_resnet50_fpn` (1, batch norm frozen) or `_v2` (2), float32.

    Kernels are zeros but in the heads' outputs, since there are 44 million of them.
    """
    rng = np.random.default_rng(seed)
    state: dict[str, np.ndarray] = {}

    def draw(name: str, *shape: int) -> None:
        state[name] = rng.normal(size=shape).astype(np.float32)

    def conv(name: str, inputs: int, outputs: int, side: int, bias: bool) -> None:
        state[f"{name}.weight"] = np.zeros((outputs, inputs, side, side), np.float32)
        if bias:
            draw(f"{name}.bias", outputs)

    def norm(name: str, channels: int, counts: bool = version == 2) -> None:
        for part in ("weight", "bias", "running_mean"):
            draw(f"{name}.{part}", channels)
        variances = rng.uniform(1e-6, 2, channels) ** 3
        state[f"{name}.running_var"] = variances.astype(np.float32)
        if counts:
            state[f"{name}.num_batches_tracked"] = np.array(7, np.int64)

    body = "backbone.body"
    conv(f"{body}.conv1", 3, 64, 7, False)
    norm(f"{body}.bn1", 64)
    inputs = 64
    for stage, blocks in enumerate(BLOCKS, start=1):
        width = 32 * 2**stage
        for number in range(blocks):
            block = f"{body}.layer{stage}.{number}"
            for n, (before, after, side) in enumerate(
                ((inputs, width, 1), (width, width, 3), (width, 4 * width, 1)), start=1
            ):
                conv(f"{block}.conv{n}", before, after, side, False)
                norm(f"{block}.bn{n}", after)
            if number == 0:
                conv(f"{block}.downsample.0", inputs, 4 * width, 1, False)
                norm(f"{block}.downsample.1", 4 * width)
            inputs = 4 * width
        for kind, before, side in (("inner", inputs, 1), ("layer", 256, 3)):
            name = f"backbone.fpn.{kind}_blocks.{stage - 1}"
            conv(f"{name}.0", before, 256, side, version == 1)
            if version == 2:
                norm(f"{name}.1", 256)
    for number in range(version):
        conv(f"rpn.head.conv.{number}.0", 256, 256, 3, True)
    draw("rpn.head.cls_logits.weight", 3, 256, 1, 1)
    draw("rpn.head.cls_logits.bias", 3)
    draw("rpn.head.bbox_pred.weight", 12, 256, 1, 1)
    draw("rpn.head.bbox_pred.bias", 12)
    head = "roi_heads.box_head"
    if version == 2:
        for number in range(4):
            conv(f"{head}.{number}.0", 256, 256, 3, False)
            norm(f"{head}.{number}.1", 256)
    first, *others = ["5"] if version == 2 else ["fc6", "fc7"]
    state[f"{head}.{first}.weight"] = np.zeros((1024, 256 * 7 * 7), np.float32)
    state[f"{head}.{first}.weight"][:2] = rng.normal(size=(2, 256 * 7 * 7))
    draw(f"{head}.{first}.bias", 1024)
    for other in others:
        state[f"{head}.{other}.weight"] = np.zeros((1024, 1024), np.float32)
        draw(f"{head}.{other}.bias", 1024)
    for name, count in (("cls_score", classes), ("bbox_pred", 4 * classes)):
        draw(f"roi_heads.box_predictor.{name}.weight", count, 1024)
        draw(f"roi_heads.box_predictor.{name}.bias", count)
    for number in range(4):
        conv(f"roi_heads.mask_head.{number}.0", 256, 256, 3, version == 1)
        if version == 2:
            norm(f"roi_heads.mask_head.{number}.1", 256)
    draw("roi_heads.mask_predictor.conv5_mask.weight", 256, 256, 2, 2)
    draw("roi_heads.mask_predictor.conv5_mask.bias", 256)
    draw("roi_heads.mask_predictor.mask_fcn_logits.weight", classes, 256, 1, 1)
    draw("roi_heads.mask_predictor.mask_fcn_logits.bias", classes)
    return state
