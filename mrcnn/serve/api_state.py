"""The calls about the server itself: its state, its words, and what happens."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from mrcnn import __version__
from mrcnn.drawing.palette import class_color
from mrcnn.pictures import IMAGE_SUFFIXES
from mrcnn.serve.state import State


def routes(state: State) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api", tags=["state"])

    @router.get("/state")
    def get_state() -> dict[str, Any]:
        """Whether the model is there, what waits for it, and what objects are called."""
        words, told = state.application.words, state.told_model()
        classes = told["classes"]
        return {
            "version": __version__,
            "program": state.application.name,
            "project": str(state.project.folder),
            "model": told,
            "waiting": state.detector.waiting,
            "suffixes": list(IMAGE_SUFFIXES),
            "words": words.forms() | {"title": words.title},
            "colors": [list(class_color(number)) for number in range(1, 8)],
            "counted": dict(zip(classes, state.application.is_counted(classes), strict=True)),
        }

    @router.get("/events", response_class=StreamingResponse)
    async def get_events() -> StreamingResponse:
        """What happens, as server-sent events.

        These are job, progress, changed, removed, prepared, model and learning.
        """
        stream = state.events.stream()
        # Begun here, so that a page too many is refused.
        first = await anext(stream)

        async def lines() -> Any:
            yield first
            async for text in stream:
                yield text

        return StreamingResponse(lines(), media_type="text/event-stream")

    return router
