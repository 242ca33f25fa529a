"""Pictures that are predicted several at the same time, and given in their order."""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from mrcnn.errors import DataError
from mrcnn.inference.prediction import Prediction

_END = object()


def one_by_one(
    images: Iterable[Any],
    predict: Callable[[Any], Prediction],
    failed: Callable[[DataError], None] | None = None,
) -> Generator[Prediction]:
    """Predictions of pictures, each made in the thread that asks for it.

    Args:
        images: are taken in a thread, one ahead.
        predict: gives the prediction of one.
        failed: is told why there is none of a picture; by default that is raised.

    Raises:
        DataError: see `failed`.
        Exception: what `images` and `predict` raise.
    """
    source = iter(images)
    with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
        following = reader.submit(next, source, _END)
        while (image := following.result()) is not _END:
            following = reader.submit(next, source, _END)
            try:
                prediction = predict(image)
            except DataError as error:
                if failed is None:
                    raise
                failed(error)
            else:
                yield prediction


def several_at_once(
    images: Iterable[Any],
    predict: Callable[[Any], Prediction],
    at_once: int,
    failed: Callable[[DataError], None] | None = None,
) -> Generator[Prediction]:
    """The same with so many threads that predict.

    `at_once` + 2 pictures are in memory at most: those that are predicted, one that waits for its
    turn and one that is read. The thread that asks only waits. What goes wrong with a picture is
    told or raised in its turn, when all before it are given. A thread is left in no case; the
    pictures that are under way when the iterator is closed are predicted first.

    Args:
        images, predict, failed: see `one_by_one`.
        at_once: threads.

    Raises:
        DataError, Exception: see `one_by_one`.
    """
    source = iter(images)
    begun: deque[Future[Prediction]] = deque()
    with (
        ThreadPoolExecutor(1, thread_name_prefix="read") as reader,
        ThreadPoolExecutor(at_once, thread_name_prefix="predict") as pool,
        contextlib.ExitStack() as leaving,
    ):
        leaving.callback(lambda: [each.cancel() for each in begun])
        following: Future[Any] | None = reader.submit(next, source, _END)
        failure: BaseException | None = None
        while following is not None or begun:
            if following is not None and len(begun) <= at_once:
                wait([following, *list(begun)[:1]], return_when=FIRST_COMPLETED)
                if following.done():
                    failure = following.exception()
                    if failure is not None or following.result() is _END:
                        following = None
                    else:
                        begun.append(pool.submit(predict, following.result()))
                        following = reader.submit(next, source, _END)
                    continue
            try:
                prediction = begun.popleft().result()
            except DataError as error:
                if failed is None:
                    raise
                failed(error)
            else:
                yield prediction
        if failure is not None:
            raise failure
