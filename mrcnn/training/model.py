"""The training graph, and the Keras model whose step sums its losses."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.config import LOSS_NAMES, Config
from mrcnn.data.anchors import normalized_anchors
from mrcnn.errors import ConfigError
from mrcnn.nets.anchors import AnchorLayer
from mrcnn.nets.detector import Detector, region_network
from mrcnn.nets.layers import TakeRegions, register
from mrcnn.nets.model import DetectorModel
from mrcnn.nets.precision import compute_precision
from mrcnn.nets.proposals import ProposalLayer
from mrcnn.nets.sharing import filled_up
from mrcnn.nets.speed.sampled_anchors import SampledAnchors
from mrcnn.ops.boxes import normalize_boxes
from mrcnn.ops.image_meta import ImageMeta, image_meta_size
from mrcnn.ops.outputs import TrainingOutputs
from mrcnn.ops.tensor import Shape, Tensor
from mrcnn.training import losses
from mrcnn.training.optimizer import RegularizedSGD, l2_factor, weighted_squares
from mrcnn.training.replicas import replica_count
from mrcnn.training.targets import DetectionTargetLayer

SAMPLED_ANCHORS = "sampled_anchors"


# What Keras 2 took to say how batches are queued.
_QUEUE_OPTIONS = ("max_queue_size", "workers", "use_multiprocessing")


def _without_targets(batches: Iterator, devices: int) -> Iterator[tuple]:
    """Inputs of batches (inputs, ...) as a tuple, which Keras 3 wants where Keras 2 took a list.

    Batches that do not divide among the devices get images that teach nothing.
    """
    for batch in batches:
        yield (tuple(filled_up(batch[0], devices, weightless=True)),)


@register
class NormalizeBoxes(keras.layers.Layer):
    """Pixel boxes [B, G, 4] of images [B, H, W, C] to normalized ones."""

    def call(self, boxes: Tensor, images: Tensor) -> Tensor:
        return normalize_boxes(boxes, ops.shape(images)[1:3])

    def compute_output_shape(self, boxes_shape: Shape, images_shape: Shape) -> Shape:
        return boxes_shape


@register
class LossLayer(keras.layers.Layer):
    """One of the five losses as an output of the graph: a scalar.

    Args:
        name: one of `mrcnn.config.LOSS_NAMES`; the function of that name computes it.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(name=name, **kwargs)
        self.function = getattr(losses, name)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return self.function(*inputs)

    def compute_output_spec(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        return keras.KerasTensor((), "float32")


@register
class ActiveClasses(keras.layers.Layer):
    """The class flags at the end of image meta rows: [B, M] to [B, classes]."""

    def call(self, image_meta: Tensor) -> Tensor:
        return ImageMeta(image_meta).active_class_ids

    def compute_output_shape(self, image_meta_shape: tuple[int | None, int]) -> Shape:
        return (image_meta_shape[0], image_meta_shape[1] - image_meta_size(0))


@register
class TrainingModel(DetectorModel):
    """A model of `TrainingOutputs`; training minimizes the weighted sum of their losses + L2.

    L2 is `weight_decay * sum(w ** 2) / size(w)` for each trainable weight but the scales and
    shifts of normalization layers.

    Attributes:
        detector: the layers, for an inference graph on them; a model that Keras loaded has none.
    """

    detector: Detector | None = None

    def __init__(
        self,
        *args: Any,
        loss_weights: dict[str, float] | None = None,
        weight_decay: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.set_loss_weights(loss_weights, weight_decay)
        # Keras finds them here and reports them as metrics.
        self.loss_trackers = {name: keras.metrics.Mean(name=name) for name in LOSS_NAMES}
        rpn = self.get_layer("rpn_model")
        # Patches are of the pyramid, so of what one shared convolution looks at.
        if not any(layer.name == "rpn_conv1" for layer in rpn.layers):
            self.get_layer(SAMPLED_ANCHORS).read_from(rpn)

    def set_loss_weights(self, loss_weights: dict[str, float] | None, weight_decay: float) -> None:
        """Change what the training minimizes; it counts from the next `compile`."""
        self.loss_weights = {name: 1.0 for name in LOSS_NAMES} | (loss_weights or {})
        self.weight_decay = weight_decay

    def regularization_loss(self) -> Tensor:
        """The L2 term, a scalar."""
        factors = [l2_factor(weight, self.weight_decay) for weight in self.trainable_weights]
        return weighted_squares(
            [
                (ops.convert_to_tensor(weight), factor)
                for weight, factor in zip(self.trainable_weights, factors, strict=True)
                if factor
            ]
        )

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """As in Keras, and as in Keras 2 with generators that yield lists of inputs.

        The losses are outputs of the network, so the targets that a generator yields are not used.
        """
        for name in _QUEUE_OPTIONS:
            kwargs.pop(name, None)
        devices = self.sharing.replicas
        if isinstance(kwargs.get("validation_data"), Iterator):
            kwargs["validation_data"] = _without_targets(kwargs["validation_data"], devices)
        if isinstance(x, Iterator):
            x = _without_targets(x, devices)
            kwargs.setdefault("shuffle", False)
        return super().fit(x, *args, **kwargs)

    fit_generator = fit

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        total = self.regularization_loss()
        if self._l2_of_optimizer():
            total = ops.stop_gradient(total)
        outputs = TrainingOutputs(*y_pred)
        for name in LOSS_NAMES:
            value = getattr(outputs, name)
            self.loss_trackers[name].update_state(value)
            total = total + self.loss_weights[name] * value
        # Keras has the gradients of TensorFlow's replicas summed, and wants a part of the loss.
        return total / replica_count() if keras.backend.backend() == "tensorflow" else total

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """For TensorFlow, which would take a mean of masks to learn what is built already."""

    def _l2_of_optimizer(self) -> bool:
        """Whether the optimizer adds the gradient of the L2 term itself.

        Raises:
            ConfigError: it adds that of another term.
        """
        optimizer = getattr(self, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        l2 = optimizer.l2 if isinstance(optimizer, RegularizedSGD) else 0.0
        if l2 and l2 != self.weight_decay:
            raise ConfigError(
                f"The optimizer's l2 is {l2}, the model's weight_decay {self.weight_decay}: give "
                "both the same value, or the optimizer 0, and the loss brings the gradient."
            )
        return bool(l2)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "loss_weights": self.loss_weights,
            "weight_decay": self.weight_decay,
        }


def build_training_model(
    config: Config, shuffle_targets: bool = True, stop_gradients: bool = True
) -> TrainingModel:
    """The training graph, with Matterport's inputs, outputs and layer names.

    Inputs: input_image [B, H, W, C], input_image_meta [B, M], input_rpn_match int32 [B, A, 1],
    input_rpn_bbox [B, K, 4], input_gt_class_ids int32 [B, G], input_gt_boxes [B, G, 4] in pixels,
    input_gt_masks bool [B, h, w, G]; with USE_RPN_ROIS False also input_roi [B, R, 4] in pixels.

    Outputs: see `mrcnn.ops.outputs.TrainingOutputs`.

    Args:
        config: the settings.
        shuffle_targets: False takes the first candidates instead of a random draw, for tests.
        stop_gradients: False lets the box loss reach the RPN through its targets, as it does in
            the original by mistake; to compare gradients with it.

    Raises:
        ConfigError: MASK_SHAPE is not what the mask head makes of MASK_POOL_SIZE.
    """
    made = (2 * config.MASK_POOL_SIZE,) * 2
    if tuple(config.MASK_SHAPE) != made:
        raise ConfigError(
            f"MASK_SHAPE is {tuple(config.MASK_SHAPE)}, but of regions of MASK_POOL_SIZE "
            f"{config.MASK_POOL_SIZE} the mask head makes masks of {made}: let one fit the other."
        )
    with compute_precision(config.MIXED_PRECISION):
        return _training_graph(config, shuffle_targets, stop_gradients)


def _training_graph(config: Config, shuffle_targets: bool, stop_gradients: bool) -> TrainingModel:
    image_shape = tuple(int(side) for side in config.IMAGE_SHAPE)
    mask_shape = tuple(config.MINI_MASK_SHAPE) if config.USE_MINI_MASK else image_shape[:2]
    image = keras.Input(image_shape, name="input_image")
    image_meta = keras.Input((config.IMAGE_META_SIZE,), name="input_image_meta")
    rpn_match = keras.Input((None, 1), name="input_rpn_match", dtype="int32")
    rpn_bbox = keras.Input((config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4), name="input_rpn_bbox")
    gt_class_ids = keras.Input((config.MAX_GT_INSTANCES,), name="input_gt_class_ids", dtype="int32")
    gt_boxes = keras.Input((config.MAX_GT_INSTANCES, 4), name="input_gt_boxes")
    gt_masks = keras.Input(
        (*mask_shape, config.MAX_GT_INSTANCES), name="input_gt_masks", dtype="bool"
    )
    inputs = [image, image_meta, rpn_match, rpn_bbox, gt_class_ids, gt_boxes, gt_masks]

    network = region_network(image, config)
    if config.USE_RPN_ROIS:
        anchors = AnchorLayer(normalized_anchors(config, image_shape), name="anchors")(image)
        propose = ProposalLayer(
            config.POST_NMS_ROIS_TRAINING,
            config.RPN_NMS_THRESHOLD,
            config=config,
            stop_gradients=stop_gradients,
            name="ROI",
        )
        rois = propose(
            propose.inputs_of(
                network.rpn_class, network.rpn_bbox, anchors, image_meta, *network.pyramid
            )
        )
    else:
        input_rois = keras.Input((config.POST_NMS_ROIS_TRAINING, 4), name="input_roi")
        inputs.append(input_rois)
        rois = NormalizeBoxes(name="normalize_rois", dtype="float32")(input_rois, image)

    targets = DetectionTargetLayer(
        config,
        masks_of_positives=True,
        shuffle=shuffle_targets,
        stop_gradients=stop_gradients,
        name="proposal_targets",
    )(
        [
            rois,
            gt_class_ids,
            NormalizeBoxes(name="normalize_gt_boxes", dtype="float32")(gt_boxes, image),
            gt_masks,
        ]
    )
    target_rois, target_class_ids, target_deltas, target_masks = targets
    # After the targets, whose seed is drawn between those of the network and of the heads.
    detector = Detector(network, config)
    features, even = network.head_features, config.EVEN_ROI_ALIGN
    logits, probabilities, deltas = detector.class_and_box_head(
        target_rois, features, image_meta, even
    )
    # Only positive regions have a mask to learn, and they stand first.
    positives = target_masks.shape[1]
    take_positives = TakeRegions(positives, name="positive_rois", dtype="float32")
    masks = detector.mask_head(take_positives(target_rois), features, image_meta, even)
    positive_class_ids = TakeRegions(positives, name="positive_class_ids", dtype="int32")(
        target_class_ids
    )
    active_classes = ActiveClasses(name="active_class_ids", dtype="float32")(image_meta)
    sampled_match, sampled_logits, sampled_bbox = SampledAnchors(
        config.RPN_TRAIN_ANCHORS_PER_IMAGE, name=SAMPLED_ANCHORS
    )([rpn_match, network.rpn_class_logits, network.rpn_bbox, *network.pyramid])
    loss_inputs = {
        "rpn_class_loss": [sampled_match, sampled_logits],
        "rpn_bbox_loss": [rpn_bbox, sampled_match, sampled_bbox],
        "mrcnn_class_loss": [target_class_ids, logits, active_classes],
        "mrcnn_bbox_loss": [target_deltas, target_class_ids, deltas],
        "mrcnn_mask_loss": [target_masks, positive_class_ids, masks],
    }
    outputs = TrainingOutputs(
        rpn_class_logits=network.rpn_class_logits,
        rpn_class=network.rpn_class,
        rpn_bbox=network.rpn_bbox,
        mrcnn_class_logits=logits,
        mrcnn_class=probabilities,
        mrcnn_bbox=deltas,
        mrcnn_mask=masks,
        rpn_rois=rois,
        output_rois=keras.layers.Identity(name="output_rois", dtype="float32")(target_rois),
        **{name: LossLayer(name)(loss_inputs[name]) for name in LOSS_NAMES},
    )
    model = TrainingModel(
        inputs,
        list(outputs),
        name="mask_rcnn",
        loss_weights=config.LOSS_WEIGHTS,
        weight_decay=config.WEIGHT_DECAY,
    )
    model.detector = detector
    return model


def compile_training_model(
    model: DetectorModel, network: TrainingModel, config: Any, learning_rate: Any, momentum: float
) -> None:
    """Give a training model its optimizer, and the weights of its losses as they are now.

    Args:
        model: what is trained: the network itself, or a `ParallelModel` of it.
        network: the model that holds the layers.
        config: LOSS_WEIGHTS, WEIGHT_DECAY and GRADIENT_CLIP_NORM are used.
        learning_rate: a number or a Keras schedule.
        momentum: 0 to 1.
    """
    # Both may have been changed since the model was built.
    network.set_loss_weights(config.LOSS_WEIGHTS, config.WEIGHT_DECAY)
    # A model around the network has the term in its loss.
    l2 = config.WEIGHT_DECAY if network is model else 0.0
    with model.sharing.scope():
        model.compile(
            optimizer=RegularizedSGD(learning_rate, momentum, config.GRADIENT_CLIP_NORM, l2),
            # The other backends gain nothing from a compiler here, and lose minutes to it.
            jit_compile=keras.backend.backend() == "jax",
        )
        # Variables made inside the first step would have it traced twice.
        model.optimizer.build(model.trainable_variables)
