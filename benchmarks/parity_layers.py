"""Parity of single layers, losses and box arithmetic on small golden inputs: within 1e-6."""

from collections.abc import Iterator

import numpy as np
from keras import ops

from benchmarks.figures import Figures, resolve
from benchmarks.golden import Golden
from benchmarks.parity_functions import Case, largest_difference

STAGE = "layers on golden inputs (largest difference)"
LIMIT = 1e-6
PIXEL_SHAPE = (200, 300)
DELTAS_NOTE = (
    "float32 rounding: in this small graph the original added half the height last, (y1 - center) "
    "+ height / 2, in its training graph first, as here; a rounding of 6e-8 is divided by 0.1 and "
    "by the height. Of the largest delta it is 9e-7"
)


def measure(golden: Golden, figures: Figures) -> None:
    """Run every layer and function on its golden inputs."""
    for case in cases(golden):
        function = resolve(case.path)
        if function is None:
            figures.add(STAGE, case.name, None, LIMIT, note=f"{case.path} is missing")
            continue
        with figures.guard(STAGE, case.name):
            actual = case.call(function)
            if isinstance(case.expected, tuple):
                actual = tuple(ops.convert_to_numpy(part) for part in actual)
            else:
                actual = ops.convert_to_numpy(actual)
            value = largest_difference(actual, case)
            figures.add(STAGE, case.name, value, LIMIT, note=case.note)


def tensor(array):
    """A tensor of the backend; numbers become float32."""
    array = np.asarray(array)
    return ops.convert_to_tensor(array.astype(np.float32) if array.dtype.kind == "f" else array)


def cases(golden: Golden) -> Iterator[Case]:
    """All golden results of layers, losses and box arithmetic."""
    data = golden["layers"]
    yield from _box_cases(data)
    yield from _roi_align_cases(data)
    yield from _proposal_cases(golden)
    yield from _target_cases(golden)
    yield from _loss_cases(data)
    yield from _graph_loss_cases(data, golden)


def _case(name, path, call, expected, note="") -> Case:
    return Case(name, path, call, expected, same_dtype=False, note=note)


def _box_cases(data: dict) -> Iterator[Case]:
    first, second, deltas = (tensor(data[name]) for name in ("g_b1", "g_b2", "g_in_deltas"))
    window = tensor(np.array([0.0, 0.1, 1.0, 0.9], np.float32))
    # As the boxes were made: some reach out of the window, some are in pixels.
    stretched, pixels = 2.0 * first - 0.5, 200.0 * first
    recipes = {
        "g_overlaps": (
            ("mrcnn.ops.boxes.pairwise_iou", "mrcnn.model.overlaps_graph"),
            lambda f: f(first, second),
        ),
        "g_refinement": (
            ("mrcnn.ops.boxes.box_refinement", "mrcnn.utils.box_refinement_graph"),
            lambda f: f(first[:4], second),
        ),
        "g_deltas": (
            ("mrcnn.ops.boxes.apply_box_deltas", "mrcnn.model.apply_box_deltas_graph"),
            lambda f: f(first, deltas),
        ),
        "g_clip": (
            ("mrcnn.ops.boxes.clip_boxes", "mrcnn.model.clip_boxes_graph"),
            lambda f: f(stretched, window),
        ),
        "g_norm": (
            ("mrcnn.ops.boxes.normalize_boxes", "mrcnn.model.norm_boxes_graph"),
            lambda f: f(pixels, PIXEL_SHAPE),
        ),
        "g_denorm": (
            ("mrcnn.ops.boxes.denormalize_boxes", "mrcnn.model.denorm_boxes_graph"),
            lambda f: f(first, PIXEL_SHAPE),
        ),
    }
    for expected, (paths, call) in recipes.items():
        for path in paths:
            yield _case(path.removeprefix("mrcnn."), path, call, data[expected])


def _roi_align_cases(data: dict) -> Iterator[Case]:
    boxes, meta = tensor(data["roialign_boxes"]), tensor(data["roialign_meta"])
    maps = [tensor(data[f"roialign_p{level}"]) for level in (2, 3, 4, 5)]
    yield _case(
        "roi_levels",
        "mrcnn.ops.roi_align.roi_levels",
        lambda f: f(boxes, meta[0, 4] * meta[0, 5]),
        data["roialign_level"].astype(np.int32),
    )
    for side in (7, 14):
        yield _case(
            f"PyramidROIAlign, {side} x {side}",
            "mrcnn.model.PyramidROIAlign",
            lambda f, side=side: f((side, side))([boxes, meta, *maps]),
            data[f"roialign_out{side}"],
        )


def _proposal_cases(golden: Golden) -> Iterator[Case]:
    data = golden["layers"]
    config = golden.config(PRE_NMS_LIMIT=int(data["proposal_pre_nms_limit"]))
    inputs = [tensor(data[f"proposal_{part}"]) for part in ("scores", "deltas", "anchors")]
    for count, threshold, name in ((60, 0.7, "60_07"), (10, 0.3, "10_03")):
        yield _case(
            f"ProposalLayer, {count} at {threshold}",
            "mrcnn.model.ProposalLayer",
            lambda f, count=count, threshold=threshold: f(count, threshold, config=config)(inputs),
            data[f"proposal_out_{name}"],
        )


def _target_cases(golden: Golden) -> Iterator[Case]:
    data = golden["layers"]
    named = [data[f"dt_{name}"] for name in ("proposals", "gt_class_ids", "gt_boxes")]
    for name in ("mini", "full"):
        masks = data["dt_mini_masks"] if name == "mini" else golden.masks("layers", "dt_full_masks")
        inputs = [tensor(array[None]) for array in (*named, masks)]
        config = golden.config(USE_MINI_MASK=name == "mini")
        parts = ["rois", "class_ids", "deltas"]
        expected = [data[f"dt_{name}_{part}"] for part in parts]
        if name == "full":  # The mask targets of mini-masks were not recorded here.
            parts.append("masks")
            expected.append(data["dt_full_masks"])

        for number, part in enumerate(parts):
            # Deltas are not normalized: what rounding makes of them goes by their size.
            unit = float(np.abs(expected[number]).max()) if part == "deltas" else None

            def sample(layer, inputs=inputs, config=config, number=number, unit=unit):
                output = ops.convert_to_numpy(layer(config, shuffle=False)(inputs)[number])[0]
                return output / unit if unit else output

            yield _case(
                f"DetectionTargetLayer, {name} masks: {part}" + (", relative" if unit else ""),
                "mrcnn.model.DetectionTargetLayer",
                sample,
                expected[number] / unit if unit else expected[number],
                note=DELTAS_NOTE if part == "deltas" else "",
            )


LOSS_NAMES = ("rpn_class", "rpn_bbox", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask")


def _loss_inputs(data: dict) -> dict:
    names = (
        "rpn_match rpn_logits rpn_bbox rpn_target target_class logits bbox target_bbox "
        "target_mask mask"
    )
    inputs = {name: tensor(data[f"loss_{name}"]) for name in names.split()}
    inputs["neutral"] = tensor(np.zeros_like(data["loss_rpn_match"]))
    inputs["background"] = tensor(np.zeros_like(data["loss_target_class"]))
    # In the original the classes of the first image stand for the batch, so both images get those
    # of one of them: here each has its own.
    for image in (0, 1):
        inputs[f"active{image}"] = tensor(np.repeat(data["loss_active"][image, None], 2, axis=0))
    return inputs


def _loss_recipes(inputs: dict) -> dict[str, tuple[str, list]]:
    """golden name -> loss, tensors in the order of this project's functions."""
    recipes = {
        "rpn_class": ("rpn_class", "rpn_match rpn_logits"),
        "rpn_class_none": ("rpn_class", "neutral rpn_logits"),
        "rpn_bbox": ("rpn_bbox", "rpn_target rpn_match rpn_bbox"),
        "rpn_bbox_none": ("rpn_bbox", "rpn_target neutral rpn_bbox"),
        "mrcnn_class_active0": ("mrcnn_class", "target_class logits active0"),
        "mrcnn_class": ("mrcnn_class", "target_class logits active1"),
        "mrcnn_bbox": ("mrcnn_bbox", "target_bbox target_class bbox"),
        "mrcnn_bbox_nopos": ("mrcnn_bbox", "target_bbox background bbox"),
        "mrcnn_mask": ("mrcnn_mask", "target_mask target_class mask"),
        "mrcnn_mask_nopos": ("mrcnn_mask", "target_mask background mask"),
    }
    return {
        name: (loss, [inputs[part] for part in parts.split()])
        for name, (loss, parts) in recipes.items()
    }


def _loss_cases(data: dict) -> Iterator[Case]:
    inputs = _loss_inputs(data)
    for name, (loss, arguments) in _loss_recipes(inputs).items():
        yield _case(
            f"training.losses.{name}",
            f"mrcnn.training.losses.{loss}_loss",
            lambda f, arguments=arguments: f(*arguments),
            data[f"loss_out_{name}"],
        )
    yield _case(
        "training.losses.smooth_l1",
        "mrcnn.training.losses.smooth_l1",
        lambda f: f(inputs["target_bbox"], inputs["bbox"][:, :, 0]),
        data["loss_out_smooth_l1"],
    )


def _graph_loss_cases(data: dict, golden: Golden) -> Iterator[Case]:
    """The same through the names of the public API."""
    inputs, config = _loss_inputs(data), golden.config(IMAGES_PER_GPU=2)
    for name, (loss, arguments) in _loss_recipes(inputs).items():

        def call(function, loss=loss, arguments=arguments):
            first = (config,) if loss == "rpn_bbox" else ()
            return ops.reshape(function(*first, *arguments), ())

        yield _case(
            f"model.{name}_loss_graph",
            f"mrcnn.model.{loss}_loss_graph",
            call,
            data[f"loss_out_{name}"],
        )
    yield _case(
        "model.smooth_l1_loss",
        "mrcnn.model.smooth_l1_loss",
        lambda f: f(inputs["target_bbox"], inputs["bbox"][:, :, 0]),
        data["loss_out_smooth_l1"],
    )
