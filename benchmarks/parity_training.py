"""Parity of the training graph: targets, losses, L2, gradients of every weight, three SGD steps.

The original lets gradients flow from the box loss through the box targets into the RPN. Here they
are stopped; the graph is built a second time without the stop to show that nothing else differs.
"""

import gc

import keras
import numpy as np
from keras import ops

from benchmarks.figures import Figures, difference, match_boxes, relative_difference
from benchmarks.golden import Golden, give_golden_weights
from benchmarks.gradients import LOSSES, Gradients
from benchmarks.parity_layers import tensor
from benchmarks.parity_network import FED, FED_LIMIT, OUTPUT_LIMIT, RPN, compare_proposals
from mrcnn.ops.outputs import TrainingOutputs

TARGETS = "training graph, from the image"
LOSS = "losses (relative)"
GRADIENTS = "gradients, original's leak restored (relative)"
REPAIRED = "gradients, as trained here (relative)"
STEPS = "three SGD steps, original's leak restored (relative)"

LOSS_LIMIT = 1e-5
GRADIENT_LIMIT = 1e-3
INPUTS = ("images", "image_meta", "rpn_match", "rpn_bbox", "gt_class_ids", "gt_boxes", "gt_masks")
OUTPUTS = TrainingOutputs._fields[:-LOSSES]
# What the leak cannot reach: it enters the network at the RPN's boxes.
BEYOND_THE_LEAK = ("mrcnn_", "rpn_class_raw")


def measure(golden: Golden, figures: Figures) -> None:
    """Build the training graph twice, as it is and as the original has it, and measure both."""
    with figures.guard("targets", "ran to its end"):
        _fed_targets(golden, figures)
    for stop_gradients, stage in ((True, _as_trained_here), (False, _as_the_original)):
        with figures.guard(stage.__name__.strip("_"), "ran to its end"):
            stage(golden, figures, _build(golden, stop_gradients))
        keras.backend.clear_session()
        gc.collect()


def _build(golden: Golden, stop_gradients: bool):
    from mrcnn.training.model import build_training_model

    model = build_training_model(
        golden.config(), shuffle_targets=False, stop_gradients=stop_gradients
    )
    give_golden_weights(model)
    return model


def batch(golden: Golden) -> list[np.ndarray]:
    """The seven golden inputs, as the training graph takes them."""
    arrays = (golden["training"][f"in_{name}"] for name in INPUTS)
    return [array.astype(np.float32) if array.dtype == np.float64 else array for array in arrays]


def _fed_targets(golden: Golden, figures: Figures) -> None:
    """Proposals and targets from golden RPN outputs and proposals."""
    from mrcnn.training.targets import DetectionTargetLayer
    from mrcnn.utils import norm_boxes

    data, config = golden["training"], golden.config()
    images, *_, class_ids, boxes, masks = batch(golden)
    # Normalized outside the graph, where no compiler turns the division into a product.
    boxes = norm_boxes(boxes, images.shape[1:3])
    layer = DetectionTargetLayer(config, shuffle=False)
    outputs = layer([tensor(array) for array in (data["rpn_rois"], class_ids, boxes, masks)])
    for name, output in zip(("rois", "class_ids", "bbox", "mask"), outputs, strict=True):
        output, expected = ops.convert_to_numpy(output), data[f"target_{name}"]
        if name == "mask":  # Masks are computed where they can count; the others are empty.
            missing = expected.shape[1] - output.shape[1]
            output = np.pad(output, [(0, 0), (0, missing), (0, 0), (0, 0)])
        limit = 0 if name in ("class_ids", "mask") else FED_LIMIT
        figures.add(FED, f"training targets: {name}", difference(output, expected), limit)


def _as_trained_here(golden: Golden, figures: Figures, model) -> None:
    """Outputs and losses of the graph that trains, and which gradients its repair changes."""
    data, gradients = golden["training"], Gradients(model, batch(golden))
    outputs, found = gradients.of_losses()
    _outputs(figures, dict(zip(OUTPUTS, outputs, strict=False)), data)
    losses = dict(zip(model.output_names[-LOSSES:], outputs[-LOSSES:], strict=True))
    for name, value in losses.items():
        figures.add(LOSS, name, relative_difference(value, data[name]), LOSS_LIMIT)
    total = np.sum([np.float64(value) for value in losses.values()])
    figures.add(LOSS, "sum of the five", relative_difference(total, data["sum_losses"]), LOSS_LIMIT)
    l2, _ = gradients.of_l2()
    figures.add(LOSS, "L2", relative_difference(l2, data["reg_loss"]), LOSS_LIMIT)

    differences = norm_differences(found, data, "grad_norm_losses")
    beyond = {n: d for n, d in differences.items() if n.startswith(BEYOND_THE_LEAK)}
    name, value = worst(beyond)
    figures.add(
        REPAIRED, "weights that the leak cannot reach, norm", value, GRADIENT_LIMIT, note=name
    )
    changed = [name for name, value in differences.items() if value > GRADIENT_LIMIT]
    figures.add(
        REPAIRED,
        "weights that the repair changes, number",
        len(changed),
        None,
        note=f"{len(changed)} of {len(differences)}: {summary(changed)}",
        details=changed,
    )
    name, value = worst(differences)
    figures.add(REPAIRED, "weights that the repair changes, norm", value, None, note=name)
    one = np.zeros(LOSSES)
    one[list(losses).index("mrcnn_bbox_loss")] = 1
    _, found = gradients.of_losses(one)
    leak = max(
        float(np.abs(gradient).max())
        for name, gradient in found.items()
        if name.startswith(("rpn_bbox_pred", "rpn_conv_shared"))
    )
    figures.add(REPAIRED, "box head's loss in the RPN, largest gradient", leak, 0)


def _outputs(figures: Figures, found: dict, data: dict) -> None:
    for name in ("rpn_class_logits", "rpn_bbox"):
        value = relative_difference(found[name], data[name])
        figures.add(RPN, f"{name}, training", value, OUTPUT_LIMIT)
    compare_proposals(figures, TARGETS, found["rpn_rois"][0], data["rpn_rois"][0])
    rois, golden_rois = found["output_rois"][0], data["output_rois"][0]
    rows, paired = match_boxes(rois, golden_rois)
    # Padding is alike everywhere.
    keep = golden_rois[paired].any(axis=1)
    rows, paired = rows[keep], paired[keep]
    moved = int((rows != paired).sum())
    note = f"{moved} of {len(rows)} regions stand in another row" if moved else ""
    value = difference(rois[rows], golden_rois[paired])
    figures.add(TARGETS, "sampled regions: boxes (normalized)", value, OUTPUT_LIMIT, note=note)
    for name in ("mrcnn_class_logits", "mrcnn_bbox"):
        value = relative_difference(found[name][0][rows], data[name][0][paired])
        figures.add(TARGETS, f"{name} of paired regions (relative)", value, OUTPUT_LIMIT)
    # Only regions that can be positive have a mask here.
    masks, golden_masks = found["mrcnn_mask"][0], data["mrcnn_mask"][0]
    can_be = (rows < len(masks)) & (paired < len(masks))
    value = relative_difference(masks[rows[can_be]], golden_masks[paired[can_be]])
    note = f"the mask head runs on the {len(masks)} regions that can be positive, not on all"
    figures.add(TARGETS, "mrcnn_mask of paired regions (relative)", value, OUTPUT_LIMIT, note=note)


def norms(gradients: dict[str, np.ndarray]) -> dict[str, float]:
    """Euclidean norm of each gradient."""
    return {name: float(np.linalg.norm(g.astype(np.float64))) for name, g in gradients.items()}


def norm_differences(gradients: dict, data: dict, recorded: str) -> dict[str, float]:
    """Relative difference of each gradient's norm from the recorded one, by weight."""
    found = norms(gradients)
    expected = dict(zip(map(str, data["grad_names"]), data[recorded].tolist(), strict=True))
    return {
        name: relative_difference(found[name], expected[name])
        if name in found and name in expected
        else np.inf
        for name in {**expected, **found}
    }


def worst(values: dict[str, float]) -> tuple[str, float]:
    """The weight with the largest value."""
    name = max(values, key=values.get)
    return f"largest at {name}", values[name]


def summary(names: list[str]) -> str:
    """Names of weights, shortened to their layers and stages: res2a_branch2a -> res2."""
    groups: dict[str, int] = {}
    for name in names:
        layer = name.split("/")[0]
        if layer.startswith(("res", "bn")) and layer not in ("bn_conv1",):
            layer = "stage " + layer.removeprefix("res").removeprefix("bn")[0]
        groups[layer] = groups.get(layer, 0) + 1
    return ", ".join(f"{layer} ({count})" for layer, count in groups.items()) or "none"


def _as_the_original(golden: Golden, figures: Figures, model) -> None:
    """Gradients of the graph with the original's leak, then three steps with it."""
    data, gradients = golden["training"], Gradients(model, batch(golden))
    outputs, found = gradients.of_losses()
    _, of_l2 = gradients.of_l2()
    for name, part, total in (
        ("norms of losses", found, "grad_norm_losses"),
        (
            "norms of losses + L2",
            {name: found[name] + of_l2[name] for name in found},
            "grad_norm_losses_plus_reg",
        ),
    ):
        differences = norm_differences(part, data, total)
        over = sum(value > GRADIENT_LIMIT for value in differences.values())
        where, value = worst(differences)
        figures.add(
            GRADIENTS,
            name,
            value,
            GRADIENT_LIMIT,
            note=f"{where}; {over} of {len(differences)} weights over the limit",
        )
    for key in sorted(key for key in data if key.startswith("grad/")):
        weight, expected = key.removeprefix("grad/"), data[key]
        actual = found[weight]
        if actual.shape != expected.shape:  # Only the first values were recorded.
            actual = actual.reshape(-1)[: expected.size].reshape(expected.shape)
        value = relative_difference(actual, expected)
        # Told, not judged: an activation that rounding puts on the other side of a ReLU's 0 shows
        # here undiluted.
        name = f"{weight}, elementwise"
        figures.add(GRADIENTS, name, value, GRADIENT_LIMIT, binding=False)
    for number, name in enumerate(model.output_names[-LOSSES:]):
        _, part = gradients.of_losses(np.eye(LOSSES)[number])
        norm = norms({"kernel": part["rpn_bbox_pred/kernel"]})["kernel"]
        expected = float(data["leak_rpn_bbox_pred_kernel_grad_norm"][number])
        value = relative_difference(norm, expected)
        figures.add(GRADIENTS, f"rpn_bbox_pred/kernel from {name}", value, GRADIENT_LIMIT)
    del gradients, outputs, found, of_l2, part
    gc.collect()
    _steps(golden, figures, model)


def _steps(golden: Golden, figures: Figures, model) -> None:
    """SGD as it was recorded: each gradient clipped by its own norm, no L2."""
    data, inputs = golden["training"], tuple(batch(golden))
    model.weight_decay = 0.0
    model.compile(
        optimizer=keras.optimizers.SGD(1e-3, momentum=0.9, clipnorm=5.0),
        jit_compile=keras.backend.backend() == "jax",
    )
    names = [str(name) for name in data["sgd3_metric_names"]]
    for number, expected in enumerate(data["sgd3_per_variable_clipnorm"], start=1):
        model.reset_metrics()  # They are means over the steps.
        logs = model.train_on_batch(inputs, return_dict=True)
        found = np.array([float(logs[name]) for name in names])
        differences = np.abs(found - expected) / np.abs(expected)
        figures.add(
            STEPS,
            f"losses before step {number}",
            differences.max(),
            GRADIENT_LIMIT,
            binding=False,
            note=f"largest at {names[int(differences.argmax())]}",
        )
