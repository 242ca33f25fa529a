"""The server: its routes, and the guard before them."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from mrcnn import __version__
from mrcnn.errors import MrcnnError
from mrcnn.serve import api_detect
from mrcnn.serve.limits import MOST_BYTES, MOST_SMALL_BYTES
from mrcnn.serve.safety import Guard
from mrcnn.serve.state import State

PAGE = Path(__file__).with_name("page")
# Where files are sent to; everything else is small.
_UPLOADS = ("/api/detect", "/api/pictures")


def most_bytes(method: str, path: str) -> int:
    """Bytes of a body that a request may have."""
    return MOST_BYTES if method == "POST" and path in _UPLOADS else MOST_SMALL_BYTES


def make_server(state: State, token: str | None = None) -> Any:
    """The ASGI application.

    Args:
        state: what the routes work with.
        token: that everybody has to know; None where only this machine can ask.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        state.detector.close()

    words = state.application.words
    app = FastAPI(
        title=f"{words.title}: the local page",
        version=__version__,
        description=words("Finds {objects} in {images}. Nothing leaves this machine."),
        # Their pages load scripts from elsewhere; /openapi.json has it all.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )

    @app.exception_handler(MrcnnError)
    async def told(_: Request, error: MrcnnError) -> Response:
        return JSONResponse({"detail": str(error)}, 422)

    app.include_router(api_detect.routes(state))

    @app.get("/api/state", tags=["state"])
    async def tell_state() -> dict[str, Any]:
        """Whether the model is there, and what waits for it."""
        model = state.detector.model
        return {
            "version": __version__,
            "model": state.detector.state,
            "problem": state.detector.problem,
            "weights": str(model.weights or "") if model else "",
            "waiting": state.detector.waiting,
        }

    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return Guard(app, token, most_bytes)
