"""The assembled detector: what the training graph and the inference graph share, and the latter."""

from dataclasses import dataclass

import keras

from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.nets.backbones import backbone_stages
from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.fpn import feature_pyramid
from mrcnn.nets.heads import ClassAndBoxHead, MaskHead
from mrcnn.nets.layers import FilledBoxes, WidenBoxes
from mrcnn.nets.model import DetectorModel
from mrcnn.nets.precision import compute_precision
from mrcnn.nets.proposals import ProposalLayer
from mrcnn.nets.rpn import build_rpn, rpn_on_pyramid
from mrcnn.ops.outputs import InferenceOutputs
from mrcnn.ops.tensor import Tensor

# What shapes weights, or what they know of boxes: a configuration goes with layers whose values of
# these are its own.
_OF_THE_WEIGHTS = (
    "NUM_CLASSES",
    "IMAGE_CHANNEL_COUNT",
    "NORMALIZATION",
    "POOL_SIZE",
    "MASK_POOL_SIZE",
    "GEOMETRY",
)


@dataclass(frozen=True)
class RegionNetwork:
    """Symbolic tensors of the part that comes before the heads."""

    # [B, H, W, C]
    image: Tensor
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

    def on(self, image: Tensor) -> "RegionNetwork":
        """The same layers on other images."""
        outputs = [*self.pyramid, self.rpn_class_logits, self.rpn_class, self.rpn_bbox]
        # A copy of the graph, not of the layers: those that are called on the image are the same.
        copy = keras.models.clone_model(
            keras.Model(self.image, outputs),
            input_tensors=image,
            clone_function=lambda layer: layer,
        )
        return RegionNetwork(image, copy.outputs[:5], *copy.outputs[5:])


def region_network(input_image: Tensor, config: Config) -> RegionNetwork:
    """Backbone, feature pyramid and RPN on a batch of molded images [B, H, W, C]."""
    pyramid = feature_pyramid(backbone_stages(input_image, config), config.TOP_DOWN_PYRAMID_SIZE)
    rpn = build_rpn(
        config.RPN_ANCHOR_STRIDE,
        len(config.RPN_ANCHOR_RATIOS),
        config.TOP_DOWN_PYRAMID_SIZE,
        config.RPN_CONV_CHANNELS,
        config.RPN_CONVS,
    )
    return RegionNetwork(input_image, pyramid, *rpn_on_pyramid(rpn, pyramid))


class Detector:
    """All layers with weights, made once: a training graph and an inference graph call them.

    Layers draw their initial weights in the order in which they are made, the network first.

    Args:
        network: on the images of the graph that is built first.
        config: the heads are made as it says.
    """

    def __init__(self, network: RegionNetwork, config: Config) -> None:
        self.network = network
        bins = config.GEOMETRY == "torchvision"
        self.class_and_box_head = ClassAndBoxHead(
            config.POOL_SIZE,
            config.NUM_CLASSES,
            fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
            normalization=config.NORMALIZATION,
            train_bn=config.TRAIN_BN,
            bins=bins,
            convs=config.BOX_HEAD_CONVS,
            conv_channels=config.TOP_DOWN_PYRAMID_SIZE,
        )
        self.mask_head = MaskHead(
            config.MASK_POOL_SIZE,
            config.NUM_CLASSES,
            channels=config.MASK_HEAD_CHANNELS,
            normalization=config.NORMALIZATION,
            train_bn=config.TRAIN_BN,
            bins=bins,
        )
        self._settings = {name: getattr(config, name) for name in _OF_THE_WEIGHTS}

    def inference_model(self, config: Config) -> DetectorModel:
        """An inference graph on these layers: it has no weights of its own.

        What they learn in another graph shows at once in what this one detects.

        Args:
            config: of the inference; what shapes the weights must be as when they were made.

        Returns:
            a model as `build_inference_model` makes it.

        Raises:
            ConfigError: the configuration goes with another network.
        """
        self._check_same_network(config)
        with compute_precision(config.MIXED_PRECISION):
            return _inference_graph(self, self.network.on(_image_input(config)), config)

    def _check_same_network(self, config: Config) -> None:
        """ConfigError for settings that the layers contradict."""
        built = self._settings
        other = {name: value for name, value in built.items() if getattr(config, name) != value}
        if other:
            raise ConfigError(
                "The configuration is not that of the model: "
                + ", ".join(
                    f"{name} is {getattr(config, name)!r} and there {other[name]!r}"
                    for name in other
                )
                + ". Give the one that the model was built with, or one derived from it."
            )


def build_inference_model(config: Config) -> DetectorModel:
    """The inference graph, with Matterport's inputs, outputs and layer names.

    Inputs: input_image [B, H, W, C], input_image_meta [B, M], input_anchors [B, A, 4] normalized.

    Outputs: see `mrcnn.ops.outputs.InferenceOutputs`.
    """
    with compute_precision(config.MIXED_PRECISION):
        network = region_network(_image_input(config), config)
        return _inference_graph(Detector(network, config), network, config)


def _image_input(config: Config) -> Tensor:
    return keras.Input((None, None, config.IMAGE_CHANNEL_COUNT), name="input_image")


def _inference_graph(detector: Detector, network: RegionNetwork, config: Config) -> DetectorModel:
    """See `build_inference_model`; `network` has the layers of the detector on images."""
    image_meta = keras.Input((config.IMAGE_META_SIZE,), name="input_image_meta")
    anchors = keras.Input((None, 4), name="input_anchors")

    propose = ProposalLayer(
        config.POST_NMS_ROIS_INFERENCE, config.RPN_NMS_THRESHOLD, config=config, name="ROI"
    )
    rois = propose(
        propose.inputs_of(
            network.rpn_class, network.rpn_bbox, anchors, image_meta, *network.pyramid
        )
    )
    features, even = network.head_features, config.EVEN_ROI_ALIGN
    _, probabilities, deltas = detector.class_and_box_head(rois, features, image_meta, even)
    detections = DetectionLayer(config, name="mrcnn_detection")(
        [rois, probabilities, deltas, image_meta]
    )
    boxes = FilledBoxes(name="detection_boxes", dtype="float32")(detections)
    if config.MASK_MARGIN:
        boxes = WidenBoxes(config.MASK_MARGIN, name="mask_boxes")([boxes, image_meta])
    rows = config.DETECTION_MAX_INSTANCES
    masks = detector.mask_head(boxes, features, image_meta, even, rows)
    model = DetectorModel(
        [network.image, image_meta, anchors],
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
