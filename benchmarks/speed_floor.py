"""How much work a step or an image is, in multiply-adds, and how fast the machine can be."""


def training_work(model, heads_only):
    return {}


def inference_work(model, config, detections):
    return {}
