"""The models of a project: which there are, and which one counts."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.record import RECORD_FILE
from mrcnn.app.settings import read_settings
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import atomic_write
from mrcnn.serve.learning import Learning
from mrcnn.serve.project import Project
from mrcnn.weights.places import shipped_files, shipped_license

_CHOICE = "model.json"
_CARD = "README.md"
# Letters of it that are shown.
_MOST_CARD = 2**16


class Models:
    """Lists models, and keeps which one was chosen.

    Args:
        application: may ship some.
        project: keeps the choice.
        learning: made the others.
    """

    def __init__(self, application: Application, project: Project, learning: Learning) -> None:
        self._application, self._project, self._learning = application, project, learning

    def listed(self, present: Path | None) -> list[dict[str, Any]]:
        """All models with card and date, the newest first.

        Args:
            present: weights that count now.
        """
        cards: dict[str, dict[str, Any]] = {}
        lessons = self._learning.lessons()
        for lesson in reversed(lessons):
            if lesson.result and Path(lesson.result).is_file():
                cards[lesson.result] = {
                    "date": lesson.began,
                    "lesson": {
                        "figures": lesson.figures,
                        "trained": lesson.trained,
                        "validated": lesson.validated,
                        "epochs": lesson.epochs,
                        "steps": lesson.steps,
                        "from": _name(Path(lesson.weights)),
                    },
                }
        others = [] if present is None else [present]
        others += shipped_files(self._application.shipped)
        # Those that were learned from stay: a choice can be taken back.
        others += [Path(each.weights) for each in lessons if Path(each.weights).is_file()]
        for path in others:
            cards.setdefault(str(path), {})
        return [self._told(Path(path), card, present) for path, card in cards.items()]

    def _told(self, path: Path, card: dict[str, Any], present: Path | None) -> dict[str, Any]:
        is_shipped = path in shipped_files(self._application.shipped)
        try:
            classes = list((read_settings(path) or {}).get("CLASS_NAMES") or ())
        except ConfigError:
            classes = []
        return {
            "path": str(path),
            "name": _name(path),
            "date": _date(path),
            "card": _card(path),
            "classes": classes,
            "is_present": path == present,
            "is_shipped": is_shipped,
            "license": shipped_license(path.stem) if is_shipped else None,
            **card,
        }

    def known(self, path: Any, present: Path | None) -> Path:
        """A model of the list by its path.

        Raises:
            DataError: it is not in the list.
        """
        for each in self.listed(present):
            if each["path"] == path:
                return Path(each["path"])
        raise DataError("There is no such model in the list.")

    def choose(self, path: Path) -> None:
        """Keep a model as the one that counts.

        Raises:
            OutputError: it cannot be kept.
        """
        text = json.dumps({"weights": str(path)}, indent=2)
        atomic_write(self._project.folder / _CHOICE, text + "\n")


def _name(path: Path) -> str:
    return "/".join(path.parts[-2:])


def _card(path: Path) -> str:
    """What lies beside weights as their card, in Markdown; empty where nothing does."""
    try:
        return path.with_name(_CARD).read_text(encoding="utf-8", errors="replace")[:_MOST_CARD]
    except OSError:
        return ""


def _date(path: Path) -> str:
    """When the last training of weights began, by the record beside them, else that of the file."""
    try:
        record = json.loads(path.with_name(RECORD_FILE).read_text(encoding="utf-8"))
        return datetime.fromisoformat(record["trainings"][-1]["began"]).isoformat()
    except (OSError, ValueError, LookupError, TypeError):
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return modified.isoformat(timespec="minutes")


def chosen_model(project: Project) -> str | None:
    """The weights that were chosen in a project; None where none were, or they are gone."""
    try:
        text = (project.folder / _CHOICE).read_text(encoding="utf-8")
        path = json.loads(text)["weights"]
        return path if Path(path).is_file() else None
    except (OSError, ValueError, LookupError, TypeError):
        return None
