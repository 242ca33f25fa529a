"""What torchvision's Mask R-CNN computes with random weights, in an environment of its own.

Once as it is, and once the same weights with numbers of 64 bits, which tells what is rounding.
Called by `benchmarks.torchvision_parity`; needs torch, torchvision and numpy, not this project's
packages.
"""

import argparse
import copy
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torchvision.models import detection
from torchvision.ops.misc import FrozenBatchNorm2d

BUILDERS = {"v1": detection.maskrcnn_resnet50_fpn, "v2": detection.maskrcnn_resnet50_fpn_v2}


def build(variant: str, frozen: bool, seed: int, side: tuple[int, int], score: float) -> Any:
    """The network with random weights and statistics, for images of one size.

    Args:
        variant: a key of `BUILDERS`.
        frozen: whether batch norm of "v1" is frozen and has no epsilon, as in the published file.
        seed: of the weights.
        side: (height, width) that images are brought to.
        score: below it there are no detections.
    """
    torch.manual_seed(seed)
    model = BUILDERS[variant](
        weights=None,
        weights_backbone=None,
        min_size=min(side),
        max_size=max(side),
        box_score_thresh=score,
    ).eval()
    with torch.no_grad():
        _vary(model, torch.Generator().manual_seed(seed))
        if frozen:
            _freeze(model.backbone)
        _spread(model)
    return model


def _vary(model: Any, generator: torch.Generator) -> None:
    """Draw what is the same everywhere at first, with the statistics of batch norm after it."""

    def drawn(tensor: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return torch.rand(tensor.shape, generator=generator) * (high - low) + low

    norms = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            norms[module] = module.momentum
            module.momentum = 1.0
            # Sums of a block would grow from block to block.
            module.weight.copy_(
                drawn(module.weight, *((0.1, 0.4) if "bn3" in name else (0.6, 1.4)))
            )
            module.bias.copy_(drawn(module.bias, -0.2, 0.2))
        elif isinstance(module, torch.nn.Conv2d) and module.bias is None:
            # Some channels hardly vary, as in trained networks.
            exponents = drawn(module.weight[:, :1, :1, :1], -2.5, 0.5)
            module.weight.mul_(10.0**exponents)
        elif isinstance(module, torch.nn.Conv2d):
            module.bias.copy_(drawn(module.bias, -0.1, 0.1))
    # The statistics are those of a batch, or nearly so.
    model.train()
    _hidden(model)
    model.eval()
    for module, momentum in norms.items():
        module.momentum = momentum
        spread = module.running_var.sqrt()
        module.running_mean.add_(spread * drawn(spread, -0.1, 0.1))
        module.running_var.mul_(drawn(spread, 0.7, 1.4))


def _hidden(model: Any) -> tuple[Any, torch.Tensor, torch.Tensor]:
    """The pyramid of a random image, and what comes before the outputs of the heads for boxes."""
    heads, shape = model.roi_heads, (256, 320)
    image = torch.randn(1, 3, *shape, generator=torch.Generator().manual_seed(1))
    features = model.backbone(image)
    drawn = torch.rand(200, 4, generator=torch.Generator().manual_seed(2))
    # Sides of 4 to 256 pixels around places everywhere, (x1, y1, x2, y2).
    middles, halves = drawn[:, :2] * torch.tensor(shape[::-1]), 2 * 64 ** drawn[:, 2:]
    boxes = torch.cat([middles - halves, middles + halves], dim=1).clamp(min=0)
    boxes = torch.minimum(boxes, torch.tensor(shape[::-1] * 2))
    hidden = heads.box_head(heads.box_roi_pool(features, [boxes], [shape]))
    masks = heads.mask_head(heads.mask_roi_pool(features, [boxes], [shape]))
    return features, hidden, masks


def _spread(model: Any) -> None:
    """Outputs that tell proposals and classes apart, where untrained ones are all alike."""
    features, hidden, masks = _hidden(model)
    rpn, heads = model.rpn.head, model.roi_heads
    boxes, masked = heads.box_predictor, heads.mask_predictor
    levels = rpn(list(features.values()))
    logits, deltas = (torch.cat([each.flatten() for each in part]) for part in levels)
    # Not so far apart that many probabilities are 1: then it is rounding that orders them.
    rpn.cls_logits.weight.mul_(1.5 / logits.std())
    rpn.cls_logits.bias.sub_(1.5)
    rpn.bbox_pred.weight.mul_(0.3 / deltas.std())
    classes, moves = boxes(hidden)
    boxes.cls_score.weight.mul_(1.5 / (classes - classes.mean(0)).std())
    boxes.cls_score.bias.zero_()
    boxes.cls_score.bias.sub_(boxes(hidden)[0].mean(0))
    boxes.bbox_pred.weight.mul_(0.5 / moves.std())
    # By the largest: rounding is a share of it, and a probability shows it most where it is small.
    masked.mask_fcn_logits.weight.mul_(6 / masked(masks).abs().max())


def _freeze(module: torch.nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, torch.nn.BatchNorm2d):
            frozen = FrozenBatchNorm2d(child.num_features, eps=0.0)
            frozen.load_state_dict(child.state_dict())
            setattr(module, name, frozen)
        else:
            _freeze(child)


def outputs(model: Any, image: np.ndarray) -> dict[str, np.ndarray]:
    """Everything on the way from an image to detections, as exact as the model's weights.

    Args:
        model: of `build`, or its `double`.
        image: uint8 [H, W, 3] of the size that it is for.
    """
    found: dict[str, Any] = {}
    heads = model.roi_heads
    hooks = {
        "pyramid": model.backbone,
        "rpn": model.rpn.head,
        "proposals": model.rpn,
        "boxes": heads.box_predictor,
        "masks": heads.mask_predictor,
    }
    for name, module in hooks.items():
        module.register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out}))
    pixels = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 255)
    with torch.no_grad():
        (result,) = model([pixels.to(next(model.parameters()).dtype)])

    def in_cells(levels: list[torch.Tensor], values: int) -> np.ndarray:
        parts = [
            each.reshape(1, -1, values, *each.shape[2:]).permute(0, 3, 4, 1, 2).reshape(-1, values)
            for each in levels
        ]
        return torch.cat(parts).numpy()

    logits, deltas = found["rpn"]
    classes, moves = found["boxes"]
    levels = enumerate(found["pyramid"].values(), start=2)
    return {
        **{f"p{level}": each[0].numpy() for level, each in levels},
        "rpn_scores": torch.sigmoid(torch.from_numpy(in_cells(logits, 1)[:, 0])).numpy(),
        "rpn_deltas": in_cells(deltas, 4),
        "proposals": found["proposals"][0][0].numpy(),
        "class_logits": classes.numpy(),
        "deltas": moves.reshape(len(moves), -1, 4).numpy(),
        "boxes": result["boxes"].numpy(),
        "labels": result["labels"].numpy(),
        "scores": result["scores"].numpy(),
        "mask_logits": found["masks"].numpy(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=BUILDERS, required=True)
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--old-file", action="store_true", help="the form before PyTorch 1.6")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--score", type=float, required=True)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    image = np.load(options.image)
    model = build(options.variant, options.frozen, options.seed, image.shape[:2], options.score)
    state = model.state_dict()
    torch.save(
        state, options.out / "state.pth", _use_new_zipfile_serialization=not options.old_file
    )
    exact = copy.deepcopy(model).double()
    np.savez(options.out / "outputs.npz", **outputs(model, image))
    np.savez(options.out / "exact.npz", **outputs(exact, image))
    print(json.dumps({"torch": torch.__version__, "torchvision": torchvision.__version__}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
