"""`POST /api/detect`: one image in, its objects out; for programs."""

import asyncio
import shutil
from concurrent.futures import CancelledError, Future
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException

from mrcnn.errors import MrcnnError
from mrcnn.serve.detection import answer, detect
from mrcnn.serve.detector import BusyError, Model
from mrcnn.serve.limits import open_checked
from mrcnn.serve.state import State

# Seconds between two looks at whether the client is still there.
_PATIENCE = 0.25
# What status a client gets that went away, as nginx has it; nobody reads it.
_GONE = 499

IMAGE_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


async def sent_image(request: Request) -> UploadFile:
    """The one file of a form.

    Raises:
        HTTPException: it is no form, has further files, or none called `image`.
    """
    try:
        form = await request.form(max_files=1, max_fields=4)
    except StarletteHTTPException as error:
        text = f"Send one image as the field `image` of a form: {error.detail}"
        raise HTTPException(error.status_code, text) from None
    image = form.get("image")
    if not isinstance(image, UploadFile):
        await form.close()
        raise HTTPException(400, "Send the image as the field `image` of a form (multipart).")
    return image


async def result_of(request: Request, done: Future) -> Any:
    """What a future gives; a client that goes away takes its question out of the queue.

    Raises:
        HTTPException: it cannot be done, or the client is gone.
    """
    waiting = asyncio.wrap_future(done)
    try:
        while True:
            finished, _ = await asyncio.wait({waiting}, timeout=_PATIENCE)
            if finished:
                return waiting.result()
            if await request.is_disconnected():
                raise HTTPException(_GONE, "The client is gone.")
    except MrcnnError as error:
        raise HTTPException(422, str(error)) from None
    except (CancelledError, asyncio.CancelledError):
        raise HTTPException(503, "The server is ending.") from None
    finally:
        done.cancel()


def routes(state: State) -> APIRouter:
    """The route.

    Args:
        state: of the server.
    """
    router = APIRouter(tags=["detect"])

    @router.post("/api/detect", openapi_extra=IMAGE_FORM)
    async def detect_image(request: Request) -> dict[str, Any]:
        """Find the objects of an image.

        Boxes are [y1, x1, y2, x2], outlines lists of [x, y], both in pixels; the middle of the
        first pixel is (0, 0). Measurements are the columns of the table of `detect`. `quality`
        lists reasons to doubt the result, and is empty where it is well.
        """
        image = await sent_image(request)
        folder = Path(mkdtemp(prefix="detect-", dir=state.project.scratch))
        try:
            name = Path(image.filename or "image").name[-80:]
            path = folder / "image"
            await asyncio.to_thread(store_image, image, path)

            def work(model: Model) -> dict[str, Any]:
                with open_checked(path, name) as picture:
                    picture.name = name
                    found = detect(state.application, state.options, model, picture, folder)
                return answer(state.application, model, found)

            # Looked at before it waits: what is no image is refused at once.
            await asyncio.to_thread(lambda: open_checked(path, name).close())
            return await result_of(request, state.detector.submit(work))
        except BusyError as error:
            raise HTTPException(429, str(error)) from None
        except MrcnnError as error:
            raise HTTPException(422, str(error)) from None
        finally:
            await image.close()
            await asyncio.to_thread(shutil.rmtree, folder, True)

    return router


def store_image(image: UploadFile, path: Path) -> None:
    """Write a file that was sent to the disk."""
    with open(path, "wb") as file:
        shutil.copyfileobj(image.file, file, 2**20)
