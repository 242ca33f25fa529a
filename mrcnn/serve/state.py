"""`State`: what all parts of the server share."""

from typing import Any

from mrcnn.app.application import Application
from mrcnn.serve.corrections_file import CorrectionsFile
from mrcnn.serve.detector import Detector
from mrcnn.serve.events import Events
from mrcnn.serve.exports import Exports
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

    Attributes:
        events: what happens, for pages that listen.
        work: the project's jobs.
        tiles: of its pictures.
        exports: files of other programs.
        corrections_file: the VIA file.
    """

    def __init__(
        self, application: Application, options: Any, detector: Detector, project: Project
    ) -> None:
        self.application, self.options = application, options
        self.detector, self.project = detector, project
        self.events = Events()
        self.work = Work(application, options, detector, project, self.events)
        self.tiles = Tiles(project.folder / "thumbnails")
        self.exports = Exports(application, options, project)
        self.corrections_file = CorrectionsFile(project)
        detector.when_loaded(lambda: self.events.publish("model", self.told_model()))

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
        self.detector.close()
        self.corrections_file.close()
        self.tiles.close()
