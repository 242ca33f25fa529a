"""Parity of the numpy functions of `mrcnn.utils` and `mrcnn.model`: exact, or within 1e-6.

They do not depend on the backend; measuring them under each shows that nothing of it leaks in.
"""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from benchmarks.figures import Figures, difference, resolve
from benchmarks.golden import Golden

STAGE = "numpy functions (largest difference)"
LIMIT = 1e-6
RESIZE_MODES = (
    "square", "square_down", "square_minscale", "pad64", "pad64_minscale", "crop", "none"
)  # fmt: skip
IMAGE_SHAPE = (256, 256, 3)
ANCHOR_SCALES = (8, 16, 32, 64, 128)
FEATURE_SHAPES = [[64, 64], [32, 32], [16, 16], [8, 8], [4, 4]]
STRIDES = [4, 8, 16, 32, 64]
RATIOS = [0.5, 1, 2]


class Case(NamedTuple):
    """One golden result: a function, how to call it, and what the original gave."""

    name: str
    # Dotted path of the function that `call` is given.
    path: str
    call: Callable[[Callable], Any]
    expected: Any
    # False where the golden file keeps small integers instead of the type that was returned.
    same_dtype: bool = True
    # Of numpy's and Python's global generators.
    seed: int | None = None
    # What a reader of the figure should know.
    note: str = ""


def measure(golden: Golden, figures: Figures) -> None:
    """Call every function on its golden inputs."""
    for case in cases(golden):
        function = resolve(case.path)
        if function is None:
            figures.add(STAGE, case.name, None, LIMIT, note=f"{case.path} is missing")
            continue
        with figures.guard(STAGE, case.name), seeded(case.seed):
            actual = case.call(function)
            value = largest_difference(actual, case)
            figures.add(STAGE, case.name, value, LIMIT, note=case.note)


def largest_difference(actual: Any, case: Case) -> float:
    """Of one result, or of a tuple or dictionary of results."""
    expected = case.expected
    if isinstance(expected, dict):
        if set(actual) != set(expected):
            return np.inf
        actual, expected = [actual[key] for key in expected], tuple(expected.values())
    if not isinstance(expected, tuple):
        actual, expected = (actual,), (expected,)
    if len(actual) != len(expected):
        return np.inf
    return max(
        difference(one, other, case.same_dtype) for one, other in zip(actual, expected, strict=True)
    )


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Global random generators started from a seed, and put back afterwards."""
    states = np.random.get_state(), random.getstate()
    if seed is not None:
        np.random.seed(seed)
        random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])


def cases(golden: Golden) -> Iterator[Case]:
    """All golden results of numpy functions."""
    yield from _anchor_cases(golden)
    yield from box_cases(golden["utils"])
    yield from _mask_cases(golden["utils"])
    yield from _resize_cases(golden["utils"])
    yield from _meta_cases(golden)
    yield from _evaluation_cases(golden["utils"])
    yield from _target_cases(golden)
    yield from _loading_cases(golden)


def _all_anchors() -> np.ndarray:
    from mrcnn.utils import generate_pyramid_anchors

    return generate_pyramid_anchors(ANCHOR_SCALES, RATIOS, FEATURE_SHAPES, STRIDES, 1)


def _anchor_cases(golden: Golden) -> Iterator[Case]:
    data, path = golden["utils"], "mrcnn.utils.generate_pyramid_anchors"
    for stride, name in ((1, "anchors_small"), (2, "anchors_small_stride2")):
        yield Case(
            f"generate_pyramid_anchors, {name}",
            path,
            lambda f, stride=stride: f((16, 32), RATIOS, [(4, 6), (2, 3)], (8, 16), stride),
            data[name],
        )
    # Every 37th anchor is kept.
    yield Case(
        "generate_pyramid_anchors, 256 x 256",
        path,
        lambda f: f(ANCHOR_SCALES, RATIOS, FEATURE_SHAPES, STRIDES, 1)[::37],
        data["anchors_256"],
    )
    yield Case(
        "compute_backbone_shapes",
        "mrcnn.model.compute_backbone_shapes",
        lambda f: f(golden.config(), (192, 320, 3)),
        data["backbone_shapes_192x320"],
    )


def box_cases(data: dict) -> Iterator[Case]:
    """Box arithmetic and non-maximum suppression."""
    first, second = data["b1"], data["b2"]
    calls = {
        "compute_overlaps": lambda f: f(first, second),
        "apply_box_deltas": lambda f: f(first, data["deltas"]),
        "box_refinement": lambda f: f(first[:9], second),
        "norm_boxes": lambda f: f(first, (100, 120)),
        "denorm_boxes": lambda f: f(data["norm_boxes"], (150, 180)),
    }
    for name, call in calls.items():
        yield Case(name, f"mrcnn.utils.{name}", call, data[name])
    for threshold in (3, 5, 7):
        yield Case(
            f"non_max_suppression, 0.{threshold}",
            "mrcnn.utils.non_max_suppression",
            lambda f, threshold=threshold: f(data["nms_boxes"], data["nms_scores"], threshold / 10),
            data[f"nms_0{threshold}"],
        )


def _mask_cases(data: dict) -> Iterator[Case]:
    def boxes():
        from mrcnn.utils import extract_bboxes

        return extract_bboxes(data["rs_mask"])

    yield Case(
        "extract_bboxes",
        "mrcnn.utils.extract_bboxes",
        lambda f: f(data["m1"]),
        data["extract_bboxes"],
    )
    yield Case(
        "compute_overlaps_masks",
        "mrcnn.utils.compute_overlaps_masks",
        lambda f: f(data["m1"], data["m2"]),
        data["compute_overlaps_masks"],
    )
    for side in (28, 56):
        yield Case(
            f"minimize_mask, {side}",
            "mrcnn.utils.minimize_mask",
            lambda f, side=side: f(boxes(), data["rs_mask"], (side, side)),
            data[f"minimize_{side}"],
        )
        yield Case(
            f"expand_mask, {side}",
            "mrcnn.utils.expand_mask",
            lambda f, side=side: f(boxes(), data[f"minimize_{side}"], (50, 70, 3)),
            data[f"expand_{side}"],
        )
    yield Case(
        "unmold_mask",
        "mrcnn.utils.unmold_mask",
        lambda f: np.stack(
            [f(data["unmold_in"], box, (50, 70, 3)) for box in data["unmold_boxes"]]
        ),
        data["unmold_out"],
    )


def _resize_cases(data: dict) -> Iterator[Case]:
    def pieces(mode):
        return {part: data[f"rs_{mode}_{part}"] for part in ("window", "scale", "padding", "crop")}

    def without_none(resized):
        *parts, crop = resized
        return (*parts, np.zeros(0) if crop is None else crop)

    for mode in RESIZE_MODES:
        arguments = json.loads(str(data[f"rs_{mode}_kwargs"]))
        expected = pieces(mode)
        # The recorded crop begins in the corner, where seed 42 puts it too.
        yield Case(
            f"resize_image, {mode}",
            "mrcnn.utils.resize_image",
            lambda f, arguments=arguments: without_none(f(data["rs_image"], **arguments)),
            (data[f"rs_{mode}_image"], *expected.values()),
            seed=42,
        )
        crop = tuple(expected["crop"].astype(int)) or None
        yield Case(
            f"resize_mask, {mode}",
            "mrcnn.utils.resize_mask",
            lambda f, expected=expected, crop=crop: f(
                data["rs_mask"], float(expected["scale"]), expected["padding"].tolist(), crop
            ),
            data[f"rs_{mode}_mask"],
        )
    yield Case(
        "resize_image, float32",
        "mrcnn.utils.resize_image",
        lambda f: f(data["rs_float_in"], min_dim=50, max_dim=64)[0],
        data["rs_float_out"],
    )
    for shape in ((13, 17), (41, 30), (28, 28)):
        yield Case(
            "resize, {} x {}".format(*shape),
            "mrcnn.utils.resize",
            lambda f, shape=shape: f(data["unmold_in"], shape),
            data["resize_{}x{}".format(*shape)],
        )


def _meta_cases(golden: Golden) -> Iterator[Case]:
    data, config = golden["utils"], golden.config()
    meta = data["compose_image_meta"]
    yield Case(
        "mold_image",
        "mrcnn.model.mold_image",
        lambda f: f(data["rs_image"], config),
        data["mold_image"],
    )
    yield Case(
        "unmold_image",
        "mrcnn.model.unmold_image",
        lambda f: f(data["mold_image"], config),
        data["unmold_image"],
    )
    yield Case(
        "compose_image_meta",
        "mrcnn.model.compose_image_meta",
        lambda f: f(5, (50, 70, 3), (128, 128, 3), (18, 0, 109, 128), 1.83, [1, 0, 1]),
        meta,
    )
    start = "parse_meta_"
    yield Case(
        "parse_image_meta",
        "mrcnn.model.parse_image_meta",
        lambda f: f(meta[None]),
        {name.removeprefix(start): data[name] for name in data if name.startswith(start)},
    )


def _evaluation_cases(data: dict) -> Iterator[Case]:
    truth = [data[f"ap_gt_{part}"] for part in ("boxes", "ids", "masks")]
    found = [data[f"ap_pred_{part}"] for part in ("boxes", "ids", "scores", "masks")]
    for percent in (50, 75):
        yield Case(
            f"compute_matches, {percent}",
            "mrcnn.utils.compute_matches",
            lambda f, percent=percent: f(*truth, *found, iou_threshold=percent / 100),
            tuple(data[f"matches_{percent}_{part}"] for part in ("gt", "pred", "overlaps")),
        )
        yield Case(
            f"compute_ap, {percent}",
            "mrcnn.utils.compute_ap",
            lambda f, percent=percent: f(*truth, *found, iou_threshold=percent / 100),
            (
                data[f"ap_{percent}"],
                *(data[f"ap_{percent}_{part}"] for part in ("precisions", "recalls")),
                data[f"matches_{percent}_overlaps"],
            ),
        )
    yield Case(
        "compute_ap_range",
        "mrcnn.utils.compute_ap_range",
        lambda f: f(*truth, *found, verbose=0),
        data["ap_range"],
    )
    # Without the rows that are padding.
    yield Case(
        "compute_recall",
        "mrcnn.utils.compute_recall",
        lambda f: f(data["ap_pred_boxes"][:6], data["ap_gt_boxes"][:4], 0.5),
        (data["recall"], data["recall_ids"]),
    )


def _target_cases(golden: Golden) -> Iterator[Case]:
    data = golden["utils"]
    for name, count in (("plain", 256), ("crowd", 256), ("nosubsample", 10**6)):
        class_ids = data["rpnt_crowd_ids" if name == "crowd" else "rpnt_plain_ids"]
        config = golden.config(RPN_TRAIN_ANCHORS_PER_IMAGE=count)
        deltas = data[f"rpnt_{name}_bbox"]

        def targets(function, class_ids=class_ids, config=config, deltas=deltas):
            match, found = function(
                IMAGE_SHAPE, _all_anchors(), class_ids, data["rpnt_gt_boxes"], config
            )
            return match, found[: len(deltas)]

        yield Case(
            f"build_rpn_targets, {name}",
            "mrcnn.model.build_rpn_targets",
            targets,
            (data[f"rpnt_{name}_match"], deltas),
            same_dtype=False,
            seed=77,
        )
    boxes, class_ids = data["rpnt_gt_boxes"], data["rpnt_plain_ids"]
    yield Case(
        "generate_random_rois",
        "mrcnn.model.generate_random_rois",
        lambda f: f(IMAGE_SHAPE, 100, class_ids, boxes),
        data["random_rois_seed99"],
        seed=99,
    )
    masks = np.zeros((*IMAGE_SHAPE[:2], len(boxes)), bool)
    for number, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, number] = True
    yield Case(
        "build_detection_targets",
        "mrcnn.model.build_detection_targets",
        lambda f: f(
            data["random_rois_seed99"], class_ids, boxes, masks, golden.config(USE_MINI_MASK=False)
        ),
        tuple(data[f"bdt_seed98_{part}"] for part in ("rois", "class_ids", "bboxes", "masks")),
        seed=98,
    )


def _loading_cases(golden: Golden) -> Iterator[Case]:
    data, config = golden["utils"], golden.config()

    def dataset():
        from mrcnn.utils import Dataset

        class OneImage(Dataset):
            def load_image(self, image_id):
                return data["gt_src_image"]

            def load_mask(self, image_id):
                return golden.masks("utils", "gt_src_masks"), data["gt_src_ids"]

        prepared = OneImage()
        for number in range(1, config.NUM_CLASSES):
            prepared.add_class("golden", number, f"class {number}")
        prepared.add_image("golden", 0, path=None)
        prepared.prepare()
        return prepared

    for name in ("mini", "full"):
        yield Case(
            f"load_image_gt, {name} masks",
            "mrcnn.model.load_image_gt",
            lambda f, name=name: f(dataset(), config, 0, use_mini_mask=name == "mini"),
            (
                data["gt_image"],
                *(data[f"gt_{name}_{part}"] for part in ("meta", "ids", "boxes")),
                golden.masks("utils", f"gt_{name}_masks"),
            ),
        )
