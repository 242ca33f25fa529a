"""`State`: what all parts of the server share."""

from dataclasses import dataclass
from typing import Any

from mrcnn.app.application import Application
from mrcnn.serve.detector import Detector
from mrcnn.serve.project import Project


@dataclass
class State:
    """What all parts of the server share.

    Attributes:
        application: whose objects they are.
        options: of `detect`.
        detector: the queue into the network.
        project: the folder.
    """

    application: Application
    options: Any
    detector: Detector
    project: Project
