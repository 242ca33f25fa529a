"""The calls about learning and about models."""

from copy import copy
from typing import Any

from fastapi import APIRouter, HTTPException

from mrcnn.errors import DataError
from mrcnn.serve.detector import load_model
from mrcnn.serve.state import State


def routes(state: State) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api", tags=["learning"])
    learning, models = state.learning, state.models

    @router.get("/learning")
    def get_learning() -> dict[str, Any]:
        """How the training is, with the losses of each epoch, and what came of it."""
        return learning.told()

    @router.post("/learning")
    def start(asked: dict[str, Any]) -> dict[str, Any]:
        """Learn from the corrected pictures: `epochs` of `steps`."""
        epochs, steps = asked.get("epochs"), asked.get("steps")
        if type(epochs) is not int or type(steps) is not int:
            raise HTTPException(422, "Expected `epochs` and `steps`, whole numbers.")
        model = state.detector.model
        if model is None or model.weights is None:
            raise DataError("There is no model to start from yet.")
        learning.start(model.weights, model.finder.class_names, epochs, steps)
        return learning.told()

    @router.post("/learning/stop")
    def stop() -> dict[str, Any]:
        """Stop; the epochs that are done stay."""
        learning.stop()
        return {}

    @router.post("/learning/go-on")
    def go_on() -> dict[str, Any]:
        """Go on with what was stopped."""
        learning.go_on()
        return learning.told()

    @router.get("/models")
    def list_models() -> list[dict[str, Any]]:
        """All models with card and date, the newest first."""
        return models.listed(state.present_weights())

    @router.post("/models")
    def choose(asked: dict[str, Any]) -> dict[str, Any]:
        """Count with another model from now on: `path` of one in the list."""
        path = models.known(asked.get("path"), state.present_weights())
        options = copy(state.options)
        options.weights = str(path)
        state.use(lambda: load_model(state.application, options), path)
        return {}

    return router
