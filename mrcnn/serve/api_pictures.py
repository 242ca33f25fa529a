"""The calls about pictures: take in, list, look at, detect in, correct, export."""

import asyncio
import json
import shutil
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from mrcnn.report.languages import ENGLISH
from mrcnn.serve.api_detect import IMAGE_FORM, sent_image, store_image
from mrcnn.serve.corrections import Corrections
from mrcnn.serve.exports import written_in_scratch
from mrcnn.serve.figures import figures
from mrcnn.serve.project import acts_of
from mrcnn.serve.state import State

_JPEG = "image/jpeg"
# Tiles and thumbnails of a file stay as they are.
_KEPT = {"cache-control": "private, max-age=3600"}
# What only the server needs of an object; of its measurements the page shows these.
_UNTOLD = {"mask", "measurements"}
_SHOWN = ("shape", "circularity")
# Objects of one answer: a page that takes more at once stands still meanwhile.
MOST_CELLS = 4_000


def listed(state: State) -> list[dict[str, Any]]:
    """The pictures with what was found, those first that the model doubts most."""
    newest = state.project.jobs.newest()
    told = []
    for name, summary in state.project.summaries().items():
        job = newest.get(name)
        version = _version(state.project.pictures / name)
        job_told = job.plain() if job else None
        told.append({"name": name, "version": version, **summary, "job": job_told})
    return sorted(told, key=lambda each: (-each.get("doubt", -1.0), each["name"]))


def told_picture(state: State, name: str, with_cells: bool = True) -> dict[str, Any]:
    """What the page shows of a picture; `cells` are None before it was detected in.

    Args:
        state: of the server.
        name: of the picture.
        with_cells: whether `cells` has them, or only says how many there are.
    """
    path = state.project.path(name)
    height, width = state.tiles.size(path)
    job = state.project.jobs.newest().get(name)
    told: dict[str, Any] = {
        "name": name,
        "version": _version(path),
        "size": [height, width],
        "job": job.plain() if job else None,
        "is_prepared": state.tiles.is_prepared(path),
        "cells": None,
    }
    with state.project.editing():
        opened = state.project.opened(name)
        if opened is None:
            return told
        result, corrections = opened
        return {
            **told,
            "cells": told_cells(corrections) if with_cells else len(corrections.cells),
            "confidence": corrections.confidence,
            "floor": result.floor,
            "classes": list(result.class_names),
            "scale": result.scale,
            "doubts": result.doubts,
            "notes": list(result.notes),
            "model": Path(result.model).name,
            **acts_of(corrections),
        }


def told_cells(corrections: Corrections, start: int = 0, most: int | None = None) -> list[Any]:
    """Some objects of a picture, in their order, as the page takes them."""
    end = None if most is None else start + most
    return [_told_cell(cell) for cell in islice(corrections.cells.values(), start, end)]


def _version(path: Path) -> str:
    """Tells a file from another one that had its name, for what a browser keeps."""
    try:
        told = path.stat()
    except OSError:
        return ""
    return f"{told.st_mtime_ns:x}-{told.st_size:x}"


def _told_cell(cell: dict[str, Any]) -> dict[str, Any]:
    known = cell.get("measurements", {})
    shown = {name: known[name] for name in _SHOWN if known.get(name) is not None}
    told = {key: value for key, value in cell.items() if key not in _UNTOLD}
    return {**told, "measurements": shown} if shown else told


def changed(state: State, name: str, asked: Any) -> dict[str, Any]:
    """Do an act that a page asks for, and tell all pages that show the picture."""
    after = asked.get("after") if isinstance(asked, dict) else None
    act = asked.get("act") if isinstance(asked, dict) else None
    done = state.project.change(
        name,
        lambda corrections, at: corrections.do(act, at),
        after if isinstance(after, int) else None,
    )
    state.corrections_file.touch()
    state.events.publish("changed", {"picture": name, "number": done["number"]})
    return {**done, "added": [_told_cell(cell) for cell in done["added"]]}


def routes(state: State) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api", tags=["pictures"])
    project = state.project

    @router.get("/pictures")
    def list_pictures() -> list[dict[str, Any]]:
        """All pictures with what was found in them, those first that the model doubts most."""
        return listed(state)

    @router.post("/pictures", openapi_extra=IMAGE_FORM)
    async def add_picture(request: Request) -> dict[str, Any]:
        """Take an image into the project, and have it detected in.

        Of a slide of more than 64 million pixels `job` is null: ask for all of it, or a region.
        """
        image = await sent_image(request)
        folder = Path(mkdtemp(prefix="upload-", dir=project.scratch))
        try:
            path = folder / "image"
            await asyncio.to_thread(store_image, image, path)
            name = await asyncio.to_thread(project.add, path, image.filename or "image")
            job = await asyncio.to_thread(state.work.add_new, name)
            return {"name": name, "job": job.plain() if job else None}
        finally:
            await image.close()
            await asyncio.to_thread(shutil.rmtree, folder, True)

    @router.get("/pictures/{name}", response_class=JSONResponse)
    def get_picture(name: str, cells: bool = True) -> Response:
        """A picture with all objects; without `cells` only with their number."""
        return _json(told_picture(state, name, cells))

    @router.get("/pictures/{name}/cells", response_class=JSONResponse)
    def get_cells(name: str, start: int = 0) -> Response:
        """Objects of a picture from the one of a number on, and the `number` of acts so far."""
        with project.editing():
            opened = project.opened(name)
            if opened is None:
                raise HTTPException(404, "Nothing was detected in this picture yet.")
            corrections = opened[1]
            told = told_cells(corrections, max(start, 0), MOST_CELLS)
            return _json({"number": corrections.number, "cells": told})

    @router.delete("/pictures/{name}")
    def remove_picture(name: str) -> dict[str, Any]:
        """Take a picture out of the project; its files are kept in the folder `removed`."""
        job = project.jobs.newest().get(name)
        path = project.path(name)
        if job is not None:
            state.work.cancel(job.number)
        project.remove(name)
        state.tiles.forget(path)
        state.corrections_file.touch()
        state.events.publish("removed", {"picture": name})
        return {}

    @router.get("/pictures/{name}/thumbnail", response_class=Response)
    def get_thumbnail(name: str) -> Response:
        """A small JPEG of the whole."""
        return _image(*state.tiles.thumbnail(project.path(name)))

    @router.get("/pictures/{name}/tiles/{level}/{x}/{y}", response_class=Response)
    def get_tile(name: str, level: int, x: int, y: int) -> Response:
        """A tile of 512 x 512 pixels as JPEG; levels count as in Deep Zoom."""
        return _image(*state.tiles.tile(project.path(name), level, x, y))

    @router.post("/pictures/{name}/detect")
    def detect_picture(name: str, asked: dict[str, Any] | None = None) -> dict[str, Any]:
        """Detect anew, in all of it or in a `region` [y, x, height, width].

        What was corrected is set aside with `replace`, and else a reason to refuse.
        """
        asked = asked or {}
        region = asked.get("region")
        if region is not None:
            is_right = isinstance(region, list) and len(region) == 4
            if not is_right or not all(type(value) is int for value in region):
                raise HTTPException(422, "A region is [y, x, height, width] in pixels.")
        elif not asked.get("replace"):
            with project.editing():
                opened = project.opened(name)
                if opened is not None and opened[1].is_corrected:
                    raise HTTPException(409, "The picture has corrections, which would be lost.")
        return state.work.add(name, region).plain()

    @router.delete("/jobs/{number}")
    def cancel_job(number: int) -> dict[str, Any]:
        """Cancel what waits or runs."""
        if not state.work.cancel(number):
            raise HTTPException(409, "It has ended already.")
        return {}

    @router.post("/pictures/{name}/acts")
    def change_picture(name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Draw, delete, split, merge, change class, undo; confirmed once it is on the disk.

        `act` is what to do, and `after` the number of acts that the page knows of.
        """
        return changed(state, name, asked)

    @router.get("/pictures/{name}/export/{kind}", response_class=FileResponse)
    def export_picture(name: str, kind: str) -> FileResponse:
        """What counts in a picture, as csv, summary, via, coco, geojson or imagej."""
        project.path(name)
        return _sent(written_in_scratch(state.exports, kind, [name], project.scratch))

    @router.get("/export/{kind}", response_class=FileResponse)
    def export_all(kind: str) -> FileResponse:
        """What counts in all pictures."""
        return _sent(written_in_scratch(state.exports, kind, project.names(), project.scratch))

    @router.get("/figures")
    def get_figures(language: str = ENGLISH) -> dict[str, Any]:
        """Counts of all pictures together, and the figures and histogram of the report."""
        return figures(state.application, project, language)

    return router


def _json(told: dict[str, Any]) -> Response:
    """Plain values as they are: to look through those of a slide takes many seconds."""
    return Response(json.dumps(told, allow_nan=False), media_type="application/json")


def _image(content: bytes, is_final: bool) -> Response:
    """A tile or thumbnail; one that another one follows is not kept by the browser."""
    return Response(content, 200, _KEPT if is_final else None, _JPEG)


def _sent(path: Path) -> FileResponse:
    away = BackgroundTask(shutil.rmtree, path.parent, True)
    return FileResponse(path, filename=path.name, background=away)
