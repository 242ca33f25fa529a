"""Settings of detection that follow from the size of a tile and of the objects."""

import math
from typing import Any

# Circles of one size cover no more of a plane than this.
_DENSEST = math.pi / math.sqrt(12)
# Objects may be smaller than the median, and lie over one another.
_MORE = 1.5
# Proposals for each object, and anchors for each proposal, that are looked at: as many for the area
# as `Config` has for a picture of 768 x 576 pixels, and no fewer where objects are smaller.
_PROPOSALS = 3
_ANCHORS = 6


def limits_for_tile(tile_side: int, object_diameter: float, config: Any = None) -> dict[str, int]:
    """Settings that let a tile be full of objects.

    They are part of the network's graph: give them to `Predictor.from_folder`, or to the
    configuration of the model.

    Args:
        tile_side: in pixels of the network.
        object_diameter: the median, in pixels of the network.
        config: gives values that are taken where they are larger.

    Returns:
        DETECTION_MAX_INSTANCES, half as many again as fit side by side;
        POST_NMS_ROIS_INFERENCE, three times as many; PRE_NMS_LIMIT, six times that.
    """
    fitting = _DENSEST * tile_side**2 / (math.pi / 4 * object_diameter**2)
    most = math.ceil(_MORE * fitting)
    limits = {
        "DETECTION_MAX_INSTANCES": most,
        "POST_NMS_ROIS_INFERENCE": _PROPOSALS * most,
        "PRE_NMS_LIMIT": _ANCHORS * _PROPOSALS * most,
    }
    return {name: max(value, getattr(config, name, 0)) for name, value in limits.items()}


def settings_for_tiles(tile_side: int, object_diameter: float, config: Any) -> dict[str, Any]:
    """What else a network for tiles is built with than one for whole pictures.

    `limits_for_tile`, and EVEN_ROI_ALIGN: an object lies at one place in the picture and at another
    in a tile, and is to be found alike.

    Args:
        tile_side, object_diameter, config: see `limits_for_tile`.
    """
    return {"EVEN_ROI_ALIGN": True, **limits_for_tile(tile_side, object_diameter, config)}
