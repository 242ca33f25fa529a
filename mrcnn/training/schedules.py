"""How the learning rate goes over the steps of a run."""

import math
from typing import Any

import keras
from keras import ops

from mrcnn.config import Config
from mrcnn.nets.layers import register
from mrcnn.ops.tensor import Tensor


@register
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise from zero, then constant or half a cosine down to zero.

    The rise keeps the first steps from random weights from running away (Goyal et al. 2017,
    section 2.2); the cosine is Loshchilov & Hutter's (2017) without restarts.

    Args:
        learning_rate: the highest value.
        warmup_steps: steps of the rise.
        total_steps: step at which a cosine reaches zero.
        shape: "constant" or "cosine".
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int = 0,
        total_steps: int = 0,
        shape: str = "constant",
    ) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.shape = shape

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        factor = ops.minimum((step + 1.0) / (self.warmup_steps + 1.0), 1.0)
        if self.shape == "cosine":
            length = max(self.total_steps - self.warmup_steps, 1)
            progress = ops.clip((step - self.warmup_steps) / length, 0.0, 1.0)
            factor = factor * 0.5 * (1.0 + ops.cos(math.pi * progress))
        return self.learning_rate * factor

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "shape": self.shape,
        }


def learning_rate_for(config: Config, learning_rate: float, steps: int) -> float | WarmupSchedule:
    """The number itself, or the schedule that a configuration asks for.

    Args:
        config: gives LEARNING_RATE_SCHEDULE and WARMUP_STEPS.
        learning_rate: the highest value.
        steps: steps of the run.
    """
    if config.LEARNING_RATE_SCHEDULE == "constant" and not config.WARMUP_STEPS:
        return learning_rate
    return WarmupSchedule(learning_rate, config.WARMUP_STEPS, steps, config.LEARNING_RATE_SCHEDULE)
