"""Which engine a command has: this process alone, or workers."""

import argparse
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.engine.dask_engine import DaskEngine, dask_engine
from mrcnn.app.engine.job import Job
from mrcnn.app.finding import Found
from mrcnn.app.methods import Method

# What the limits of a network would have had to be, each with a message.
Needed = Mapping[str, tuple[int, str]]

_FIND = f"{__name__}:find"


@contextlib.contextmanager
def engine_of(
    application: Application, options: Any, method: Method, choose: str
) -> Iterator[DaskEngine | None]:
    """The workers that were asked for with `--engine`; None for this process alone.

    Args:
        application, options: of the command.
        method: what this process has chosen.
        choose: see `Job`.

    Raises:
        ConfigError: see `dask_engine`.
    """
    if options.engine is None:
        yield None
        return
    if method.weights is not None:
        # Each worker takes the very same, whatever is trained meanwhile.
        weights = str(method.weights.absolute())
        options = argparse.Namespace(**{**vars(options), "weights": weights})
    with dask_engine(options.engine, application, options, choose) as engine:
        print(f"Engine: {engine}", flush=True)
        yield engine


def needed_by(method: Method) -> Needed:
    """What the limits of a worker's network would have had to be so far."""
    if method.limits is None:
        return {}
    messages = method.limits.messages
    return {name: (number, messages[name]) for name, number in method.limits.needed.items()}


def note_needed(method: Method, needed: Needed) -> None:
    """Take what a worker's network needed for what this one's did."""
    if method.limits is not None:
        for name, (number, message) in needed.items():
            method.limits.note(name, number, message)


def find_all(
    engine: DaskEngine | None, method: Method, images: Iterable[np.ndarray]
) -> Iterator[Found]:
    """The objects of images one after the other, by workers or in this process.

    Args:
        engine: of the command.
        method: finds them where there is no engine.
        images: uint8 [H, W, 3].
    """
    if engine is None:
        yield from method.finder.find_many(images)
        return
    for found, needed in engine.in_order(_FIND, ((image,) for image in images)):
        note_needed(method, needed)
        yield found


def find(job: Job, image: np.ndarray) -> tuple[Found, Needed]:
    """In a worker: the objects of an image, uint8 [H, W, 3]."""
    _, _, method = job.made()
    (found,) = method.finder.find_many([image])
    return found, needed_by(method)
