"""`Detector`: the one queue into the network."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mrcnn.app.application import Application
from mrcnn.app.finding import Finder
from mrcnn.app.methods import choose_detector
from mrcnn.app.model_files import trained_weights
from mrcnn.app.threshold import chosen_confidences, own_folder
from mrcnn.errors import MrcnnError
from mrcnn.inference.scale import COUNTED
from mrcnn.serve.limits import MOST_WAITING

Result = TypeVar("Result")
LOADING, READY, FAILED = "loading", "ready", "failed"


class BusyError(MrcnnError):
    """More work waits than the page takes on."""


@dataclass(frozen=True)
class Model:
    """A trained model that is loaded.

    Attributes:
        finder: finds objects from `floor` on.
        class_names: of classes 1, 2, ...
        confidence: from which on objects count, as `detect` has it.
        weights: the file, or None of a made-up one.
    """

    finder: Finder
    class_names: tuple[str, ...]
    confidence: float
    weights: Path | None = None

    @property
    def floor(self) -> float:
        """The least confidence that the page can show."""
        return min(COUNTED, self.confidence)


def load_model(application: Application, options: Any) -> Model:
    """Load what `detect` would count with.

    It is asked for weaker objects as well, down to the confidence of which `detect` knows that of
    its scale; so all else is found as there.

    Args:
        application: whose model it is.
        options: of `detect`.

    Raises:
        ConfigError, WeightsError: options or weights that do not go.
    """
    weights = trained_weights(application, options)
    usual = application.config.DETECTION_MIN_CONFIDENCE
    given = usual if options.min_conf is None else options.min_conf
    folder = own_folder(application, weights)
    (confidence,) = chosen_confidences([given], weights, application.words, folder)
    asked = {"min_conf": min(COUNTED, confidence), "weights": str(weights)}
    weaker = type(options)(**{**vars(options), **asked})
    method = choose_detector(application, weaker)
    assert isinstance(method.finder, Finder)
    return Model(method.finder, method.class_names, confidence, weights)


class Detector:
    """One thread that has the model, and does what is asked for in turn.

    The model is the first thing that waits there: what is asked meanwhile comes after it.

    Args:
        load: gives the model.
    """

    def __init__(self, load: Callable[[], Model]) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._lock = threading.Lock()
        self._waiting = 0
        self._model: Future[Model] = self._pool.submit(load)

    @property
    def state(self) -> str:
        """`LOADING`, `READY` or `FAILED`."""
        if not self._model.done():
            return LOADING
        return FAILED if self._model.cancelled() or self._model.exception() else READY

    @property
    def problem(self) -> str:
        """Why there is no model; empty where there is one, or may be one soon."""
        if self.state != FAILED or self._model.cancelled():
            return ""
        return str(self._model.exception())

    @property
    def model(self) -> Model | None:
        """The model, once it is there."""
        return self._model.result() if self.state == READY else None

    @property
    def waiting(self) -> int:
        """What was asked for and is not done."""
        return self._waiting

    def when_loaded(self, call: Callable[[], None]) -> None:
        """Call something once the model is there, or is known not to come."""
        self._model.add_done_callback(lambda _: call())

    def use(self, load: Callable[[], Model]) -> Future[Model]:
        """Load another model in its turn; if it cannot be, the present one stays.

        Args:
            load: gives the model.
        """
        loading = self._pool.submit(load)

        def take(done: Future[Model]) -> None:
            if not done.cancelled() and done.exception() is None:
                self._model = done

        loading.add_done_callback(take)
        return loading

    def submit(self, work: Callable[[Model], Result]) -> Future[Result]:
        """Have something done with the model. The future can be cancelled while it waits.

        Args:
            work: is called with the model, in the thread of the network.

        Raises:
            BusyError: too much waits.
        """
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise BusyError(
                    f"{self._waiting} pictures wait already, the most that are taken. Try again "
                    "later."
                )
            self._waiting += 1
        try:
            done = self._pool.submit(lambda: work(self._model.result()))
        except BaseException:
            self._finished(None)
            raise
        done.add_done_callback(self._finished)
        return done

    def _finished(self, _: object) -> None:
        with self._lock:
            self._waiting -= 1

    def close(self) -> None:
        """End the thread once it is done with what it is at."""
        self._pool.shutdown(wait=False, cancel_futures=True)
