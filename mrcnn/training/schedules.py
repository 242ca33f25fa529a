"""How the learning rate goes over the steps of a run."""

from typing import Any

import keras
from keras.optimizers.schedules import CosineDecay

from mrcnn.config import Config
from mrcnn.nets.layers import register


def learning_rate_for(config: Config, learning_rate: Any, steps: int) -> Any:
    """The number itself, or the schedule that a configuration asks for.

    A linear rise, from the first step's share to the whole, keeps the first steps from random
    weights from running away (Goyal et al. 2017, section 2.2). Then the rate is constant, or falls
    to zero over half a cosine (Loshchilov & Hutter 2017, without restarts).

    Args:
        config: gives LEARNING_RATE_SCHEDULE and WARMUP_STEPS.
        learning_rate: the highest value.
        steps: steps of the run, at which a cosine reaches zero.

    Returns:
        `learning_rate` as it is, or a `CosineDecay`.
    """
    if config.LEARNING_RATE_SCHEDULE == "constant" and not config.WARMUP_STEPS:
        return learning_rate
    return _schedule(learning_rate, config.WARMUP_STEPS, steps, config.LEARNING_RATE_SCHEDULE)


def _schedule(
    learning_rate: float, warmup_steps: int, total_steps: int, shape: str
) -> keras.optimizers.schedules.LearningRateSchedule:
    rate = float(learning_rate)
    return CosineDecay(
        rate / (warmup_steps + 1),
        decay_steps=max(total_steps - warmup_steps, 1),
        # A cosine that falls to the whole rate is constant.
        alpha=1.0 if shape == "constant" else 0.0,
        warmup_target=rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )


@register
class WarmupSchedule(CosineDecay):
    """What earlier versions called these schedules in their files; reads as a `CosineDecay`."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> keras.optimizers.schedules.LearningRateSchedule:
        return _schedule(**config)
