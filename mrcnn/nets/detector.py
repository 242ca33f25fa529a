"""The assembled detector: what the training graph and the inference graph share, and the latter."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import keras

from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.nets.backbones import backbone_stages
from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.fpn import feature_pyramid
from mrcnn.nets.heads import Placed, as_made, class_and_box_head, mask_head
from mrcnn.nets.layers import FilledBoxes, FillUp, WidenBoxes
from mrcnn.nets.model import DetectorModel
from mrcnn.nets.precision import compute_precision
from mrcnn.nets.proposals import ProposalLayer
from mrcnn.nets.rpn import build_rpn, rpn_on_pyramid
from mrcnn.ops.outputs import InferenceOutputs
from mrcnn.ops.tensor import Tensor


@dataclass
class RegionNetwork:
    """Symbolic tensors of the part that comes before the heads."""

    # P2 to P6, float [B, H / stride, W / stride, C]
    pyramid: list[Tensor]
    # logits and probabilities [B, A, 2], deltas [B, A, 4]
    rpn_class_logits: Tensor
    rpn_class: Tensor
    rpn_bbox: Tensor

    @property
    def head_features(self) -> list[Tensor]:
        """The levels that the heads read, P2 to P5."""
        return self.pyramid[:4]


def region_network(input_image: Tensor, config: Config) -> RegionNetwork:
    """Backbone, feature pyramid and RPN on a batch of moulded images [B, H, W, C]."""
    pyramid = feature_pyramid(backbone_stages(input_image, config), config.TOP_DOWN_PYRAMID_SIZE)
    rpn = build_rpn(
        config.RPN_ANCHOR_STRIDE,
        len(config.RPN_ANCHOR_RATIOS),
        config.TOP_DOWN_PYRAMID_SIZE,
        config.RPN_CONV_CHANNELS,
    )
    return RegionNetwork(pyramid, *rpn_on_pyramid(rpn, pyramid))


def class_and_box_outputs(
    rois: Tensor,
    network: RegionNetwork,
    image_meta: Tensor,
    config: Config,
    placed: Placed = as_made,
) -> tuple[Tensor, Tensor, Tensor]:
    """`class_and_box_head` with the values of a configuration."""
    return class_and_box_head(
        rois,
        network.head_features,
        image_meta,
        config.POOL_SIZE,
        config.NUM_CLASSES,
        fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
        normalization=config.NORMALIZATION,
        train_bn=config.TRAIN_BN,
        placed=placed,
        even_rois=config.EVEN_ROI_ALIGN,
    )


def mask_outputs(
    rois: Tensor,
    network: RegionNetwork,
    image_meta: Tensor,
    config: Config,
    placed: Placed = as_made,
    rows: int | None = None,
) -> Tensor:
    """`mask_head` with the values of a configuration."""
    return mask_head(
        rois,
        network.head_features,
        image_meta,
        config.MASK_POOL_SIZE,
        config.NUM_CLASSES,
        channels=config.MASK_HEAD_CHANNELS,
        normalization=config.NORMALIZATION,
        train_bn=config.TRAIN_BN,
        placed=placed,
        even_rois=config.EVEN_ROI_ALIGN,
        rows=rows,
    )


def build_inference_model(config: Config) -> DetectorModel:
    """The inference graph, with Matterport's inputs, outputs and layer names.

    Inputs: input_image [B, H, W, C], input_image_meta [B, M], input_anchors [B, A, 4] normalised.

    Outputs: see `mrcnn.ops.outputs.InferenceOutputs`.
    """
    return _inference_model(config, lambda image: region_network(image, config))


def inference_model_of(model: keras.Model, config: Config) -> DetectorModel:
    """The inference graph on the layers of another detector: it has no weights of its own.

    What the other model learns shows at once in what this one detects.

    Args:
        model: a training graph, not one that shares its batch among GPUs.
        config: of the inference; what shapes the weights must be as in the model's configuration.

    Returns:
        a model as `build_inference_model` makes it. Its variables are those of `model`, which
        stays as it is.

    Raises:
        ConfigError: the configuration goes with another network.
    """
    _check_same_network(model, config)
    levels = [f"fpn_p{level}" for level in (2, 3, 4, 5, 6)]
    names = (*levels, "rpn_class_logits", "rpn_class", "rpn_bbox")
    part = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])

    def regions(image: Tensor) -> RegionNetwork:
        # A copy of the graph, not of the layers: those that are called on the image are the same.
        copy = keras.models.clone_model(part, input_tensors=image, clone_function=as_made)
        return RegionNetwork(copy.outputs[:5], *copy.outputs[5:])

    # The layers that are made only to be replaced draw seeds for their initial weights.
    state = random.getstate()
    try:
        return _inference_model(config, regions, lambda layer: model.get_layer(layer.name))
    finally:
        random.setstate(state)


def _check_same_network(model: keras.Model, config: Config) -> None:
    """ConfigError for settings that the layers of a built model contradict."""
    names = {layer.name for layer in model.layers}
    built = {
        "NUM_CLASSES": model.get_layer("mrcnn_class_logits").output.shape[-1],
        "IMAGE_CHANNEL_COUNT": model.inputs[0].shape[-1],
        "NORMALIZATION": "group" if "mrcnn_class_gn1" in names else "batch",
        "POOL_SIZE": model.get_layer("roi_align_classifier").pool_shape[0],
        "MASK_POOL_SIZE": model.get_layer("roi_align_mask").pool_shape[0],
    }
    other = {name: value for name, value in built.items() if getattr(config, name) != value}
    if other:
        raise ConfigError(
            "The configuration is not that of the model: "
            + ", ".join(
                f"{name} is {getattr(config, name)!r} and there {other[name]!r}" for name in other
            )
            + ". Give the one that the model was built with, or one derived from it."
        )


def _inference_model(
    config: Config, regions: Callable[[Tensor], RegionNetwork], placed: Placed = as_made
) -> DetectorModel:
    """See `build_inference_model`; `regions` makes the part before the heads from the image."""
    with compute_precision(config.MIXED_PRECISION):
        return _inference_graph(config, regions, placed)


def _inference_graph(
    config: Config, regions: Callable[[Tensor], RegionNetwork], placed: Placed
) -> DetectorModel:
    image = keras.Input((None, None, config.IMAGE_CHANNEL_COUNT), name="input_image")
    image_meta = keras.Input((config.IMAGE_META_SIZE,), name="input_image_meta")
    anchors = keras.Input((None, 4), name="input_anchors")

    network = regions(image)
    rois = ProposalLayer(
        config.POST_NMS_ROIS_INFERENCE, config.RPN_NMS_THRESHOLD, config=config, name="ROI"
    )([network.rpn_class, network.rpn_bbox, anchors])
    _, probabilities, deltas = class_and_box_outputs(rois, network, image_meta, config, placed)
    detections = DetectionLayer(config, name="mrcnn_detection")(
        [rois, probabilities, deltas, image_meta]
    )
    boxes = FilledBoxes(name="detection_boxes", dtype="float32")(detections)
    if config.MASK_MARGIN:
        boxes = WidenBoxes(config.MASK_MARGIN, name="mask_boxes")([boxes, image_meta])
    rows = config.DETECTION_MAX_INSTANCES
    masks = mask_outputs(boxes, network, image_meta, config, placed, rows)
    if masks.shape[1] != rows:
        # A layer of another graph, which fills nothing up.
        masks = FillUp(rows, name="detection_masks", dtype="float32")(masks)
    model = DetectorModel(
        [image, image_meta, anchors],
        list(
            InferenceOutputs(
                detections=detections,
                mrcnn_class=probabilities,
                mrcnn_bbox=deltas,
                mrcnn_mask=masks,
                rpn_rois=rois,
                rpn_class=network.rpn_class,
                rpn_bbox=network.rpn_bbox,
            )
        ),
        name="mask_rcnn",
    )
    # Left to itself Keras has TensorFlow compile with XLA, which takes long before the first
    # image and is no quicker after it.
    model.jit_compile = keras.backend.backend() == "jax"
    return model
