"""Which settings a network of ONNX has in its operations, and which are put into it later."""

from typing import Any

import numpy as np

# They shape the operations: a graph goes with configurations whose values of these are its own.
STRUCTURE = (
    "BACKBONE",
    "NORMALIZATION",
    "NUM_CLASSES",
    "IMAGE_CHANNEL_COUNT",
    "MEAN_PIXEL",
    "TOP_DOWN_PYRAMID_SIZE",
    "RPN_CONV_CHANNELS",
    "MASK_HEAD_CHANNELS",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "POOL_SIZE",
    "MASK_POOL_SIZE",
    "RPN_ANCHOR_STRIDE",
    "DETECTION_SCORE",
    "DETECTION_NMS_ACROSS_CLASSES",
)
# Those that came later, and what they were before: graphs from then have no value of them.
LATER = {"GEOMETRY": "matterport", "RPN_CONVS": 1, "BOX_HEAD_CONVS": 0}


def structure_of(config: Any) -> dict[str, Any]:
    """The settings of `STRUCTURE` and two that follow from others, as JSON has them."""
    stored = config.to_dict()
    return {
        **{name: stored[name] for name in STRUCTURE},
        **{name: stored[name] for name, before in LATER.items() if stored[name] != before},
        "RPN_ANCHOR_RATIOS": len(config.RPN_ANCHOR_RATIOS),
        "MASK_MARGIN": bool(config.MASK_MARGIN),
    }


def values_of(config: Any) -> dict[str, np.ndarray]:
    """The settings that are put into the graph, by their names there, which are their own."""
    counts = ("PRE_NMS_LIMIT", "POST_NMS_ROIS_INFERENCE", "DETECTION_MAX_INSTANCES")
    thresholds = ("RPN_NMS_THRESHOLD", "DETECTION_NMS_THRESHOLD")
    deviations = ("RPN_BBOX_STD_DEV", "BBOX_STD_DEV")
    numbers = ("DETECTION_MIN_CONFIDENCE", "MASK_MARGIN", "EVEN_ROI_ALIGN")
    found = {name: np.array([getattr(config, name)], np.int64) for name in counts}
    found |= {name: np.array([getattr(config, name)], np.float32) for name in thresholds}
    found |= {name: np.array(getattr(config, name), np.float32) for name in (*deviations, *numbers)}
    return found
