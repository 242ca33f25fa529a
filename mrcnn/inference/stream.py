"""A stream of images: molded one ahead of the network, and put together to batches."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import Any, NamedTuple, NoReturn

import numpy as np

from mrcnn.inference.molding import MoldedImage, mold
from mrcnn.pictures import Picture


class Waiting(NamedTuple):
    """An image that waits for the network.

    Attributes:
        number: its place in the stream.
        image: as the network takes it.
        seconds: that molding took.
    """

    number: int
    image: MoldedImage
    seconds: float


def pixels_of(image: Any) -> np.ndarray:
    """The pixels [H, W, C] of an image that is given as such, or as a `Picture`.

    Raises:
        DataError: the picture's file cannot be read.
    """
    return image.pixels() if isinstance(image, Picture) else np.asarray(image)


def mold_ahead(
    images: Iterable[Any], config: Any, scales: Iterable[float | None] | None = None
) -> Generator[Waiting]:
    """Mold images, the next one in a thread while the present one is worked on.

    One image is taken from `images` ahead of its turn, in the thread that asks. No thread is
    left when the iterator ends or is closed. `scales` has for each image the scale of
    `mrcnn.inference.molding.mold`.

    Raises:
        Exception: what `images` or molding raised, once all images before have been given.
    """
    source = enumerate(zip(images, repeat(None) if scales is None else scales, strict=False))
    pool = ThreadPoolExecutor(1, thread_name_prefix="mold")
    try:
        # Nothing else is to be done while the first is molded.
        following = _next(source, partial, config)
        while following is not None:
            current = following()
            following = _next(source, partial(_submit, pool), config)
            yield current
            # Or it would be held while the next is waited for.
            del current
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _next(
    source: Iterator[tuple[int, tuple[Any, float | None]]],
    begin: Callable[..., Callable[[], Waiting]],
    config: Any,
) -> Callable[[], Waiting] | None:
    """What gives the next image molded, or raises why there is none; None at the end."""
    try:
        number, (image, scale) = next(source)
    except StopIteration:
        return None
    except Exception as error:
        return partial(_raise, error)
    return begin(_mold, number, image, config, scale)


def _submit(pool: ThreadPoolExecutor, *work: Any) -> Callable[[], Waiting]:
    return pool.submit(*work).result


def _mold(number: int, image: Any, config: Any, scale: float | None) -> Waiting:
    began = perf_counter()
    molded = mold(pixels_of(image), config, scale)
    return Waiting(number, molded, perf_counter() - began)


def _raise(error: Exception) -> NoReturn:
    raise error


def batches(
    stream: Iterable[Waiting], batch_size: int, most_waiting: int
) -> Iterator[list[Waiting]]:
    """Groups of images of one molded shape.

    Args:
        stream: the images in their order.
        batch_size: images of a group at most. A group is smaller where no more of its shape came.
        most_waiting: how many later images may come before a group is run as it is.

    Raises:
        Exception: what `stream` raised, once the images before are given.
    """
    groups: dict[tuple[int, ...], list[Waiting]] = {}
    source, failure = iter(stream), None
    while True:
        try:
            latest = next(source)
        except StopIteration:
            break
        except Exception as error:
            failure = error
            break
        shape, number = latest.image.picture.shape, latest.number
        groups.setdefault(shape, []).append(latest)
        del latest
        if len(groups[shape]) == batch_size:
            yield groups.pop(shape)
        # The group that was begun first is the first one.
        oldest = next(iter(groups), None)
        if oldest is not None and number - groups[oldest][0].number >= most_waiting:
            yield groups.pop(oldest)
    while groups:
        yield groups.pop(next(iter(groups)))
    if failure is not None:
        raise failure
