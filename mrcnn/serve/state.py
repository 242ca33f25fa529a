"""`State`: what all parts of the server share."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from mrcnn.app.application import Application
from mrcnn.serve.corrections_file import CorrectionsFile
from mrcnn.serve.detector import Detector, Model
from mrcnn.serve.events import Events
from mrcnn.serve.exports import Exports
from mrcnn.serve.learning import Learning
from mrcnn.serve.models import Models
from mrcnn.serve.project import Project
from mrcnn.serve.tiles import Tiles
from mrcnn.serve.work import Work


class State:
    """What all parts of the server share.

    Args:
        application: whose objects they are.
        options: of `detect`.
        detector: the queue into the network.
        project: the folder.
        command: starts the same program, for trainings.

    Attributes:
        events: what happens, for pages that listen.
        work: the project's jobs.
        tiles: of its pictures.
        exports: files of other programs.
        corrections_file: the VIA file.
        learning: the training in the background.
        models: that there are.
    """

    def __init__(
        self,
        application: Application,
        options: Any,
        detector: Detector,
        project: Project,
        command: Sequence[str] = (),
    ) -> None:
        self.application, self.options = application, options
        self.detector, self.project = detector, project
        self.events = Events()
        self.work = Work(application, options, detector, project, self.events)
        self.tiles = Tiles(project.folder / "thumbnails", self._tell_tiles)
        self.exports = Exports(application, options, project)
        self.corrections_file = CorrectionsFile(project)
        self.learning = Learning(
            application,
            project,
            command,
            lambda told: self.events.publish("learning", told),
        )
        self.models = Models(application, project, self.learning)
        detector.when_loaded(lambda: self.events.publish("model", self.told_model()))

    def present_weights(self) -> Path | None:
        """The weights that count now; None before they are loaded."""
        model = self.detector.model
        return model.weights if model else None

    def use(self, load: Callable[[], Model], path: Path) -> None:
        """Count with another model once it is loaded; if it cannot be, the present one stays.

        Args:
            load: gives it.
            path: its weights.
        """

        def take(done: Future[Model]) -> None:
            if not done.cancelled() and done.exception() is None:
                self.models.choose(path)
            problem = "" if done.cancelled() else str(done.exception() or "")
            told = self.told_model()
            self.events.publish("model", {**told, "problem": problem or told["problem"]})

        self.detector.use(load).add_done_callback(take)

    def _tell_tiles(self, name: str, share: float, problem: str) -> None:
        self.events.publish("prepared", {"picture": name, "share": share, "problem": problem})

    def told_model(self) -> dict[str, Any]:
        """What pages have to know of the model."""
        model = self.detector.model
        return {
            "state": self.detector.state,
            "problem": self.detector.problem,
            "weights": str(model.weights or "") if model else "",
            "classes": list(model.class_names) if model else [],
            "confidence": model.confidence if model else None,
            "floor": model.floor if model else None,
        }

    def close(self) -> None:
        """Keep what is to be kept, and end."""
        self.events.close()
        self.learning.close()
        self.detector.close()
        self.corrections_file.close()
        self.tiles.close()
