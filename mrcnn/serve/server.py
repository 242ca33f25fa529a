"""The server: its routes, and the guard before them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from mrcnn import __version__
from mrcnn.errors import MrcnnError, OutputError
from mrcnn.serve import api_detect, api_learning, api_pictures, api_state
from mrcnn.serve.detector import BusyError
from mrcnn.serve.limits import MOST_BYTES, MOST_SMALL_BYTES
from mrcnn.serve.project import BehindError, UnknownPictureError
from mrcnn.serve.safety import Guard
from mrcnn.serve.state import State

PAGE = Path(__file__).with_name("page")
_STATUS = ((UnknownPictureError, 404), (BehindError, 409), (BusyError, 429), (OutputError, 507))
# Where files are sent to; everything else is small.
_UPLOADS = ("/api/detect", "/api/pictures")


def most_bytes(method: str, path: str) -> int:
    """Bytes of a body that a request may have."""
    return MOST_BYTES if method == "POST" and path in _UPLOADS else MOST_SMALL_BYTES


def _status_of(error: Exception) -> int:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return 422


def make_server(state: State, token: str | None = None) -> Any:
    """The ASGI application.

    Args:
        state: what the routes work with.
        token: that everybody has to know; None where only this machine can ask.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(state.close)

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

    async def told(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, _status_of(error))

    # The page shows what is told; starlette finds the handler by the class of an error.
    app.add_exception_handler(MrcnnError, told)
    for calls in (api_detect, api_pictures, api_learning, api_state):
        app.include_router(calls.routes(state))
    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return Guard(app, token, most_bytes)
