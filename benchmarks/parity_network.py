"""Parity of the inference graph: feature maps, RPN, proposals, heads, detections, `detect`.

Rows that depend on the order of proposals or detections are compared twice: with the golden
proposals and detections fed to the heads, row by row; and from the image to the end, after pairing
them with the golden ones, one to one.
"""

import tempfile

import keras
import numpy as np
from keras import ops

from benchmarks.figures import Figures, difference, match_boxes, relative_difference, resolve
from benchmarks.golden import Golden, give_golden_weights
from benchmarks.parity_layers import tensor
from mrcnn.ops.outputs import InferenceOutputs

WEIGHTS = "regenerated weights (relative to the recorded sums)"
FEATURES = "feature maps, from the image (relative to the largest value)"
RPN = "RPN outputs, from the image (relative to the largest value)"
HEADS = "head outputs, fed golden regions (relative to the largest value)"
FED = "stages fed golden inputs, row by row (largest difference)"
END_TO_END = "from the image to the end, paired one to one"
DETECT = "detect(), paired one to one"

OUTPUT_LIMIT = 1e-4
FED_LIMIT = 1e-6
BACKBONE_MAPS = "conv1 bn_conv1 maxpool_C1 res2c_out res3d_out res4f_out res5c_out".split()
PYRAMID = ("fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5", "fpn_p6")
RPN_OUTPUTS = ("rpn_class_logits", "rpn_class", "rpn_bbox")
HEAD_OUTPUTS = ("mrcnn_class_logits", "mrcnn_class", "mrcnn_bbox")


def measure(golden: Golden, figures: Figures) -> None:
    """Build the network once and measure its stages."""
    from mrcnn.model import MaskRCNN

    with tempfile.TemporaryDirectory() as folder:
        model = MaskRCNN("inference", golden.config(), folder)
        give_golden_weights(model.keras_model)
        for stage in (_weights, _inputs, _whole_graph, _fed_heads, _fed_stages, _detect):
            with figures.guard(stage.__name__.strip("_"), "ran to its end"):
                stage(golden, figures, model)


def _weights(golden: Golden, figures: Figures, model) -> None:
    """The weights as they are in the model, against their recorded sums."""
    from mrcnn.weights.loading import layers_with_weights

    recorded = golden.weights_check()
    first, sums, squares, named = 0.0, 0.0, 0.0, set()
    for layer in layers_with_weights(model.keras_model):
        for weight in layer.weights:
            name = f"{layer.name}/{weight.name}"
            named.add(name)
            values = ops.convert_to_numpy(weight).astype(np.float64)
            expected = recorded.get(name)
            if expected is None or list(values.shape) != expected["shape"]:
                first = np.inf
                continue
            first = max(first, difference(values.ravel()[:3], np.array(expected["first"])))
            size = np.abs(values).sum()
            sums = max(sums, abs(values.sum() - expected["sum"]) / size)
            squares = max(squares, abs((values**2).sum() / expected["sumsq"] - 1))
    figures.add(WEIGHTS, "names that differ", len(named ^ set(recorded)), 0)
    figures.add(WEIGHTS, "shapes and first three values", first, 0)
    figures.add(WEIGHTS, "sums", sums, 1e-9)
    figures.add(WEIGHTS, "sums of squares", squares, 1e-9)


def _inputs(golden: Golden, figures: Figures, model) -> None:
    """What the network is fed for an image."""
    from mrcnn.data.anchors import pyramid_anchors

    data = golden["inference"]
    molded, metas, windows = model.mold_inputs([data["image"]])
    # The original molds in float64, in which the values are stored.
    figures.add(FED, "molded image", relative_difference(molded, data["molded_images"]), FED_LIMIT)
    figures.add(FED, "image meta", relative_difference(metas, data["image_metas"]), FED_LIMIT)
    figures.add(FED, "window", difference(windows, data["windows"]), 0)
    anchors = pyramid_anchors(model.config, molded.shape[1:])
    figures.add(FED, "anchors in pixels", difference(anchors, data["anchors_px"]), FED_LIMIT)
    anchors = model.get_anchors(molded.shape[1:])
    figures.add(FED, "anchors normalized", difference(anchors[None], data["anchors"]), FED_LIMIT)


def network_inputs(data: dict) -> list[np.ndarray]:
    """Golden image, image meta and anchors, as the inference graph takes them."""
    return [data[name].astype(np.float32) for name in ("molded_images", "image_metas", "anchors")]


def _run(inputs, outputs: dict, arrays) -> dict[str, np.ndarray]:
    """Outputs of a part of the graph."""
    found = keras.Model(inputs, outputs).predict_on_batch(arrays)
    return {name: np.asarray(array) for name, array in found.items()}


def _whole_graph(golden: Golden, figures: Figures, model) -> None:
    graph = model.keras_model
    data, features = golden["inference"], golden["features"]
    # Two have no layer of their own name: the pooled map, and the logits, which inference drops.
    names = {*BACKBONE_MAPS, *PYRAMID, *RPN_OUTPUTS, *HEAD_OUTPUTS}
    names -= {"maxpool_C1", "rpn_class_logits"}
    outputs = {name: graph.get_layer(name).output for name in names}
    outputs["maxpool_C1"] = graph.get_layer("res2a_branch2a").input
    rpn = graph.get_layer("rpn_model")
    outputs["rpn_class_logits"] = ops.concatenate(
        [rpn(graph.get_layer(name).output)[0] for name in PYRAMID], axis=1
    )
    outputs["rpn_rois"] = graph.get_layer("ROI").output
    outputs["detections"] = graph.get_layer("mrcnn_detection").output
    outputs["mrcnn_mask"] = InferenceOutputs(*graph.outputs).mrcnn_mask
    found = _run(graph.inputs, outputs, network_inputs(data))

    for name in BACKBONE_MAPS:
        figures.add(FEATURES, name, feature_difference(found[name], features, name), OUTPUT_LIMIT)
    for name in PYRAMID:
        value = relative_difference(found[name], features[name])
        figures.add(FEATURES, name, value, OUTPUT_LIMIT)
    for name in RPN_OUTPUTS:
        value = relative_difference(found[name], data[name])
        figures.add(RPN, name, value, OUTPUT_LIMIT)

    rows, golden_rows = compare_proposals(
        figures, END_TO_END, found["rpn_rois"][0], data["rpn_rois"][0]
    )
    for name in HEAD_OUTPUTS:
        value = relative_difference(found[name][0][rows], data[name][0][golden_rows])
        figures.add(END_TO_END, f"{name} of paired proposals (relative)", value, OUTPUT_LIMIT)
    _compare_detections(figures, found, data)


def feature_difference(found: np.ndarray, features: dict, name: str) -> float:
    """Of shape, statistics and two corners, relative to the largest value of the map."""
    if tuple(features[f"{name}_shape"]) != found.shape:
        return np.inf
    statistics = features[f"{name}_stats"]
    wide = found.astype(np.float64)
    pairs = [
        ([wide.mean(), wide.std(), wide.min(), wide.max()], statistics),
        (found[:, :6, :6, :16], features[f"{name}_corner"]),
        (found[:, -6:, -6:, -16:], features[f"{name}_lastcorner"]),
    ]
    largest = np.abs(statistics[2:]).max()
    return max(difference(actual, expected) for actual, expected in pairs) / largest


def compare_proposals(figures: Figures, stage: str, found, golden) -> tuple:
    """Figures of proposals [N, 4] after pairing; the rows that belong together."""
    found_rows, golden_rows = (np.flatnonzero(boxes.any(axis=1)) for boxes in (found, golden))
    figures.add(stage, "proposals: count", abs(len(found_rows) - len(golden_rows)), 0)
    rows, paired = match_boxes(found[found_rows], golden[golden_rows])
    rows, paired = found_rows[rows], golden_rows[paired]
    moved = int((rows != paired).sum())
    note = f"{moved} of {len(rows)} proposals stand in another row" if moved else ""
    value = difference(found[rows], golden[paired])
    figures.add(stage, "proposals: boxes (normalized)", value, OUTPUT_LIMIT, note=note)
    return rows, paired


def _compare_detections(figures: Figures, found: dict, data: dict) -> None:
    detections, golden = found["detections"][0], data["detections"][0]
    found_rows, golden_rows = (np.flatnonzero(rows[:, 4] > 0) for rows in (detections, golden))
    figures.add(END_TO_END, "detections: count", abs(len(found_rows) - len(golden_rows)), 0)
    rows, paired = match_boxes(
        detections[found_rows, :4],
        golden[golden_rows, :4],
        detections[found_rows, 4],
        golden[golden_rows, 4],
    )
    rows, paired = found_rows[rows], golden_rows[paired]
    moved = int((rows != paired).sum())
    note = f"{moved} of {len(rows)} detections stand in another row" if moved else ""
    for name, columns, limit in (
        ("boxes (normalized)", slice(0, 4), OUTPUT_LIMIT),
        ("classes", slice(4, 5), 0),
        ("scores", slice(5, 6), OUTPUT_LIMIT),
    ):
        value = difference(detections[rows, columns], golden[paired, columns])
        figures.add(END_TO_END, f"detections: {name}", value, limit, note=note)
        note = ""
    value = relative_difference(found["mrcnn_mask"][0][rows], data["mrcnn_mask"][0][paired])
    figures.add(END_TO_END, "mrcnn_mask of paired detections (relative)", value, OUTPUT_LIMIT)


def _fed_heads(golden: Golden, figures: Figures, model) -> None:
    """The heads on golden proposals and detections, on the network's own feature maps."""
    graph, data = model.keras_model, golden["inference"]
    image, meta, _ = network_inputs(data)
    rois = graph.get_layer("ROI").output
    outputs = {name: graph.get_layer(name).output for name in HEAD_OUTPUTS}
    found = _run([*graph.inputs[:2], rois], outputs, [image, meta, data["rpn_rois"]])
    detections = graph.get_layer("mrcnn_detection").output
    found |= _run(
        [*graph.inputs[:2], detections],
        {"mrcnn_mask": InferenceOutputs(*graph.outputs).mrcnn_mask},
        [image, meta, data["detections"]],
    )
    for name in (*HEAD_OUTPUTS, "mrcnn_mask"):
        figures.add(HEADS, name, relative_difference(found[name], data[name]), OUTPUT_LIMIT)


def _fed_stages(golden: Golden, figures: Figures, model) -> None:
    """Proposals, detections and ROIAlign on golden inputs."""
    from mrcnn.nets.detection import DetectionLayer, normalized_windows
    from mrcnn.nets.proposals import ProposalLayer
    from mrcnn.nets.roi_align import PyramidROIAlign

    config, data = model.config, golden["inference"]
    layer = ProposalLayer(config.POST_NMS_ROIS_INFERENCE, config.RPN_NMS_THRESHOLD, config=config)
    found = layer([tensor(data[name]) for name in ("rpn_class", "rpn_bbox", "anchors")])
    value = difference(ops.convert_to_numpy(found), data["rpn_rois"])
    figures.add(FED, "proposals", value, FED_LIMIT)

    inputs = [
        tensor(data[name]) for name in ("rpn_rois", "mrcnn_class", "mrcnn_bbox", "image_metas")
    ]
    for name, confidence, count in (
        ("detections", config.DETECTION_MIN_CONFIDENCE, config.DETECTION_MAX_INSTANCES),
        ("detections_conf097", 0.97, 50),
        ("detections_conf0", 0.0, 100),
    ):
        changed = golden.config(DETECTION_MIN_CONFIDENCE=confidence, DETECTION_MAX_INSTANCES=count)
        found = ops.convert_to_numpy(DetectionLayer(changed)(inputs))
        figures.add(FED, name, difference(found, data[name]), FED_LIMIT)

    function = resolve("mrcnn.model.refine_detections_graph")
    found = None
    if function is not None:
        window = normalized_windows(inputs[3])
        found = function(*(values[0] for values in (*inputs[:3], window)), config)
        found = difference(ops.convert_to_numpy(found), data["detections"][0])
    figures.add(FED, "model.refine_detections_graph", found, FED_LIMIT)

    maps = [tensor(golden["features"][name]) for name in PYRAMID[:4]]
    for name, boxes, side in (
        ("roi_align_classifier_first8", data["rpn_rois"][:, :8], 7),
        ("roi_align_mask_first4", data["detections"][:, :4, :4], 14),
    ):
        found = PyramidROIAlign((side, side))([tensor(boxes), inputs[3], *maps])
        value = relative_difference(ops.convert_to_numpy(found), data[name])
        figures.add(FED, f"{name} (relative)", value, OUTPUT_LIMIT)


def _detect(golden: Golden, figures: Figures, model) -> None:
    data = golden["inference"]
    result = model.detect([data["image"]])[0]
    masks = golden.masks("inference", "detect_masks")
    normalized = data["detections"][0]
    solid = np.flatnonzero(
        (normalized[:, 2] > normalized[:, 0]) & (normalized[:, 3] > normalized[:, 1])
    )
    note = (
        f"{len(normalized) - len(solid)} of the original's {len(normalized)} detections have no "
        "area; they are left out here by design"
    )
    figures.add(DETECT, "count", abs(len(result["rois"]) - len(solid)), 0, note=note)
    rows, paired = match_boxes(
        result["rois"],
        data["detect_rois"][solid],
        result["class_ids"],
        data["detect_class_ids"][solid],
    )
    paired = solid[paired]
    for name, golden_name, limit in (
        ("boxes (pixels)", "rois", 0),
        ("class_ids", "class_ids", 0),
        ("scores", "scores", OUTPUT_LIMIT),
    ):
        value = difference(
            result[golden_name][rows], data[f"detect_{golden_name}"][paired], same_dtype=True
        )
        figures.add(DETECT, name, value, limit)
    found, expected = result["masks"][..., rows], masks[..., paired]
    if found.shape != expected.shape:
        figures.add(DETECT, "masks: 1 - smallest IoU", np.inf, 1e-3)
        return
    union = (found | expected).sum(axis=(0, 1))
    iou = np.where(union > 0, (found & expected).sum(axis=(0, 1)) / np.maximum(union, 1), 1.0)
    note = f"{int((found != expected).sum())} of {found.size} mask pixels differ"
    figures.add(DETECT, "masks: 1 - smallest IoU", 1 - iou.min(initial=1.0), 1e-3, note=note)
