"""One measurement of torchvision's Mask R-CNN, in a process and an environment of its own.

Called by `benchmarks.speed`; needs torch, torchvision and numpy, not this project's packages.
"""

import argparse
import contextlib

import torch
import torchvision
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops.misc import FrozenBatchNorm2d

from benchmarks import speed_workload as workload

DTYPES = {
    "float32": None,
    "mixed_bfloat16": torch.bfloat16,
    "mixed_float16": torch.float16,
}


def build(options: argparse.Namespace) -> MaskRCNN:
    """ResNet-50-FPN with frozen batch norm and the numbers of the workload."""
    backbone = resnet_fpn_backbone(
        backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=5
    )
    anchors = AnchorGenerator(
        tuple((side,) for side in workload.ANCHOR_SCALES), ((0.5, 1.0, 2.0),) * 5
    )
    return MaskRCNN(
        backbone,
        num_classes=workload.CLASSES,
        min_size=options.size,
        max_size=options.size,
        rpn_anchor_generator=anchors,
        # It takes this many of each of five levels.
        rpn_pre_nms_top_n_train=workload.PRE_NMS_LIMIT // 5,
        rpn_pre_nms_top_n_test=workload.PRE_NMS_LIMIT // 5,
        rpn_post_nms_top_n_train=workload.PROPOSALS,
        rpn_post_nms_top_n_test=workload.PROPOSALS,
        box_batch_size_per_image=workload.TRAIN_ROIS,
        box_positive_fraction=workload.POSITIVE_RATIO,
        # Every detection counts until the limit is reached.
        box_score_thresh=0.0,
        box_nms_thresh=1.0,
        box_detections_per_img=options.detections,
    )


def train(model: MaskRCNN, options: argparse.Namespace, device: torch.device) -> dict:
    """Training steps: loss, gradients, gradient norm, SGD with momentum."""
    model.train()
    if options.task == "train-heads":
        for parameter in model.backbone.body.parameters():
            parameter.requires_grad_(False)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-5, momentum=0.9, weight_decay=1e-4)
    field = workload.make_field(options.size, options.size)
    image = torch.from_numpy(field.image).permute(2, 0, 1).float() / 255
    target = {
        "boxes": torch.from_numpy(field.boxes[:, [1, 0, 3, 2]].copy()),
        "labels": torch.from_numpy(field.class_ids).long(),
        "masks": torch.from_numpy(field.masks()),
    }
    target = {name: value.to(device) for name, value in target.items()}
    images, targets = [image.to(device)] * options.batch, [target] * options.batch
    scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "mixed_float16")

    def step() -> None:
        with precision(options, device):
            loss = sum(model(images, targets).values())
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(trained, 5.0)
        scaler.step(optimizer)
        scaler.update()
        wait(device)

    step()
    first = workload.seconds_since_start()
    return {"first": first, "seconds": workload.time_calls(step, options.calls)}


def detect(model: MaskRCNN, options: argparse.Namespace, device: torch.device) -> dict:
    """Detections with their masks in the size of the image."""
    model.eval()
    field = workload.make_field(options.size, options.size)
    image = torch.from_numpy(field.image).permute(2, 0, 1).float() / 255
    found = []

    @torch.inference_mode()
    def call() -> None:
        with precision(options, device):
            results = model([image.to(device)] * options.batch)
        found[:] = [len(results[0]["masks"].cpu())]
        wait(device)

    call()
    first = workload.seconds_since_start()
    seconds = workload.time_calls(call, options.calls)
    return {"first": first, "seconds": seconds, "detections": found[0]}


def precision(options: argparse.Namespace, device: torch.device):
    """The context in which the network computes."""
    dtype = DTYPES[options.precision]
    return torch.autocast(device.type, dtype) if dtype else contextlib.nullcontext()


def wait(device: torch.device) -> None:
    """For what a GPU still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure one task and print the result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("train-all", "train-heads", "detect"))
    parser.add_argument("--precision", choices=tuple(DTYPES), default="float32")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--detections", type=int, default=200)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build(options).to(device)
    built = workload.seconds_since_start()
    result = (
        detect(model, options, device)
        if options.task == "detect"
        else train(model, options, device)
    )
    if device.type == "cuda":
        result["gpu_peak_mib"] = torch.cuda.max_memory_allocated() / 2**20
    workload.tell(
        {
            **result,
            "built": built,
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        }
    )


if __name__ == "__main__":
    main()
