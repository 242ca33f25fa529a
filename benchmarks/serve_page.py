"""Whether a slide of many cells on the local page can be looked at and corrected without waits.

    python -m benchmarks.serve_page [--side 20000] [--cells 100000] [--scratch DIR] [--out FILE]

makes a tiled TIFF without further levels and a project in which so many cells were found in it,
starts `rbc serve` and opens the slide in an installed Chromium. It waits until the coarse tiles are
made, and then pans at several magnifications, deletes and undoes. Told are the milliseconds of the
longest frame, of the slowest act until the page shows it, and of the slowest tile. The exit status
is 0 if none is over 200 ms, 1 if one is, 2 for a wrong command line. It needs Playwright, 1 GB of
disk, and minutes; the times mean something only where nothing else runs.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serve_training import ask, server
from mrcnn.serve.project import Project
from mrcnn.serve.results import Result

MOST = 200.0
_TILE = 256
_KINDS = 100
_POINTS = 24
_NAMES = ("large", "normal", "small", "undefined", "white blood cell", "platelet")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 1800.0

# Milliseconds between frames while the picture moves: each step is done at the start of a frame.
_MOVE = """async ([zoom, steps]) => {
  const viewport = viewerLayer.viewer.viewport;
  viewport.goHome(true);
  viewport.zoomBy(zoom, null, true);
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let wait = 0; wait < 30; wait += 1) await frame();
  let longest = 0;
  let last = await frame();
  for (let step = 0; step < steps; step += 1) {
    const way = (step % 2 ? -1 : 1) * 0.3 / zoom;
    viewport.panBy(new OpenSeadragon.Point(way, way / 2), true);
    const now = await frame();
    longest = Math.max(longest, now - last);
    last = now;
  }
  return longest;
}"""
# Milliseconds from a key to the count that it makes.
_PRESS = """([key, ctrl]) => new Promise((done) => {
  const count = document.getElementById("count");
  const before = count.textContent;
  const began = performance.now();
  const watch = new MutationObserver(() => {
    if (count.textContent === before) return;
    watch.disconnect();
    done(performance.now() - began);
  });
  watch.observe(count, { childList: true, characterData: true, subtree: true });
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey: ctrl, bubbles: true }));
})"""
_TILES = """() => Math.max(0, ...performance.getEntriesByType("resource")
  .filter((each) => each.name.includes("/tiles/"))
  .map((each) => each.responseStart - each.requestStart))"""


def slide(path: Path, side: int) -> None:
    """A TIFF file of disks on a light ground, in tiles, without further levels."""
    import tifffile

    y, x = np.mgrid[:_TILE, :_TILE]
    tiles = []
    for number in range(_KINDS):
        random = np.random.default_rng(number)
        tile = np.full((_TILE, _TILE, 3), (225, 215, 220), np.int16)
        for cy, cx in random.integers(0, _TILE, (14, 2)):
            away = (y - cy) ** 2 + (x - cx) ** 2
            tile[away < 23**2], tile[away < 9**2] = (200, 150, 160), (225, 190, 195)
        tile += random.integers(-6, 7, tile.shape, dtype=np.int16)
        tiles.append(zlib.compress(tile.clip(0, 255).astype(np.uint8).tobytes(), 1))
    across = -(-side // _TILE)
    chosen = np.random.default_rng(0).integers(0, _KINDS, across**2)
    tifffile.imwrite(
        path,
        (tiles[number] for number in chosen),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(_TILE, _TILE),
        compression="zlib",
        photometric="rgb",
    )


def found(side: int, count: int) -> Result:
    """As many objects as asked for, in rows."""
    random = np.random.default_rng(0)
    across = math.ceil(math.sqrt(count))
    angles = np.linspace(0, 2 * np.pi, _POINTS, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], 1)
    radii = random.uniform(0.25, 0.4, count) * side / across
    scores = np.sort(random.uniform(0.5, 1, count))[::-1]
    cells = []
    for number, (radius, score) in enumerate(zip(radii, scores, strict=True)):
        center = (np.array([number % across, number // across]) + 0.5) * side / across
        outline = np.round(2 * (center + radius * around)) / 2
        x, y = center
        box = [int(y - radius), int(x - radius), int(y + radius) + 1, int(x + radius) + 1]
        cells.append(
            {
                "box": box,
                "class": _NAMES[number % 3],
                "score": round(float(score), 4),
                "outline": outline.tolist(),
                "area": int(math.pi * radius**2),
                "measurements": {"shape": "normal", "circularity": 0.95},
            }
        )
    return Result("made", (side, side), cells, 0.7, 0.5, _NAMES)


def measure(folder: Path, options: Any) -> dict[str, Any]:
    """Make the slide, open it and work on it."""
    from playwright.sync_api import sync_playwright

    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(f"no browser found ({', '.join(_BROWSERS)})")
    path = folder / "slide.tif"
    slide(path, options.side)
    project = Project(folder / "project")
    name = project.add(path, path.name)
    project.store(name, found(options.side, options.cells))
    project.close()
    with server(folder / "project", []) as (_, address), sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(_SECONDS * 1000)
        began = time.monotonic()
        page.goto(f"{address}#/picture/{name}")
        page.locator("#viewer canvas").first.wait_for()
        seen = time.monotonic() - began
        page.locator("#legend li").first.wait_for()
        counted = time.monotonic() - began
        while not ask(address, f"pictures/{name}?cells=false")["is_prepared"]:
            time.sleep(0.5)
        prepared = time.monotonic() - began
        page.reload()
        page.locator("#legend li").first.wait_for()
        page.evaluate(
            "performance.clearResourceTimings(); performance.setResourceTimingBufferSize(5000)"
        )
        frames = {str(zoom): page.evaluate(_MOVE, [zoom, 20]) for zoom in (1, 4, 16, 64)}
        acts = []
        for number in range(5):
            page.keyboard.press("n")
            acts.append(page.evaluate(_PRESS, ["Delete", False]))
            if number % 2:
                acts.append(page.evaluate(_PRESS, ["z", True]))
        slowest_tile = page.evaluate(_TILES)
        count = page.locator("#count").inner_text()
        opened.close()
    return {
        "cells": options.cells,
        "count": count,
        "seconds_until_seen": round(seen, 2),
        "seconds_until_counted": round(counted, 2),
        "seconds_until_prepared": round(prepared, 2),
        "longest_frame_ms": {zoom: round(value, 1) for zoom, value in frames.items()},
        "acts_ms": [round(value, 1) for value in acts],
        "slowest_tile_ms": round(slowest_tile, 1),
    }


def complaints(result: dict[str, Any]) -> list[str]:
    """What takes too long; nothing if all is well."""
    told = {f"a frame at zoom {zoom}": ms for zoom, ms in result["longest_frame_ms"].items()}
    told |= {"an act": max(result["acts_ms"]), "a tile": result["slowest_tile_ms"]}
    return [f"{what} took {ms} ms, more than {MOST:g}" for what, ms in told.items() if ms > MOST]


def parse(arguments: Sequence[str] | None = None) -> Any:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--scratch", type=Path, help="where the slide is made")
    parser.add_argument("--out", type=Path, help="JSON file of the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit status."""
    options = parse(arguments)
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        result = measure(Path(name), options)
    for key, value in result.items():
        print(f"{key}: {value}")
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    wrong = complaints(result)
    for line in wrong:
        print(f"FAIL {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
