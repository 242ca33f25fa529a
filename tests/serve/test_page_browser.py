"""The page in a browser: pictures in, looked at, corrected, saved, learned from."""

import os
import re
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mrcnn.serve.command import listen
from mrcnn.serve.results import Result
from mrcnn.serve.server import make_server
from tests.inference.bright_spots import field
from tests.serve.made_up import made_up_model, made_up_state, png

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")


# Milliseconds; a machine that does much else is slow.
PATIENCE = 30_000
playwright.expect.set_options(timeout=PATIENCE)
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 400, "height": 800}
COMMAND = [sys.executable, str(Path(__file__).with_name("made_up_program.py"))]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server in a thread: its address, and its state."""
    folder = tmp_path_factory.mktemp("page")
    weights = folder / "weights" / "model.h5"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    weights.with_name("README.md").write_text(
        "# The card\n\nA [link](x).\n\n| | |\n|---|---|\n| size | 5 < 6 |\n\n- **sharp** `code`\n"
    )
    state = made_up_state(
        folder / "project", lambda: replace(made_up_model(), weights=weights), COMMAND
    )
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(make_server(state), log_level="warning", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/", state
    running.should_exit = True
    thread.join()
    state.project.close()


@pytest.fixture
def open_page(browser, server):
    """Opens the page; at the end nothing may have gone elsewhere, or wrong."""
    address, _ = server
    opened = []

    def open_(viewport=WIDE, path="", **options):
        page = browser.new_page(viewport=viewport, **options)
        complaints = []
        page.set_default_timeout(PATIENCE)
        # That the server refused something is told on the page.
        page.on(
            "console",
            lambda message: (
                "status of 422" in message.text or complaints.append(f"console: {message.text}")
            ),
        )
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: (
                request.url.startswith((address, "data:", "blob:"))
                or complaints.append(f"request for {request.url}")
            ),
        )
        opened.append((page, complaints))
        page.goto(address + path)
        page.locator("#model", has_text="is ready").wait_for()
        return page

    yield open_
    for page, complaints in opened:
        page.close()
        assert complaints == []


def send(page, name: str, content: bytes | None = None) -> None:
    """Choose a file on the page and open it, once it is counted."""
    file = {"name": name, "mimeType": "image/png", "buffer": content or png()}
    page.set_input_files("#files", [file])
    page.locator(f"#gallery li[data-name='{name}'] .number", has_text="2 objects").wait_for()


def open_picture(page, name: str) -> None:
    page.locator(f"#gallery li[data-name='{name}'] a").click()
    page.locator("#count", has_text="2 objects").wait_for()
    settle(page)


def settle(page) -> None:
    """Wait until the picture lies where it is to stay."""
    before = None
    for _ in range(50):
        page.wait_for_timeout(100)
        now = page.evaluate("viewerLayer.place()")
        if now is not None and now == before:
            return
        before = now
    raise AssertionError("the picture moves on")


def spot(page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the picture is on the page."""
    left, top, scale = page.evaluate("viewerLayer.place()")
    frame = page.locator("#viewer").bounding_box()
    return frame["x"] + left + (x + 0.5) * scale, frame["y"] + top + (y + 0.5) * scale


def drag(page, *points) -> None:
    page.mouse.move(*spot(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*spot(page, *point), steps=4)
    page.mouse.up()


def count(page, text: str) -> None:
    playwright.expect(page.locator("#count")).to_have_text(text)


def test_the_whole_loop(open_page, server):
    page = open_page()
    send(page, "loop.png")
    open_picture(page, "loop.png")
    # What is over the pointer is told.
    page.mouse.move(*spot(page, 15, 15))
    tip = page.locator("#tip")
    playwright.expect(tip).to_contain_text("bright")
    playwright.expect(tip).to_contain_text("score 0.94")
    playwright.expect(tip).to_contain_text("480 px²")
    # The slider counts at once.
    slider = page.locator("#confidence")
    slider.fill("0.5")
    count(page, "3 objects")
    slider.fill("0.8")
    count(page, "1 object")
    slider.fill("0.7")
    count(page, "2 objects")
    # Draw, choose, delete.
    page.locator("[data-tool=draw]").click()
    drag(page, (40, 40), (55, 40), (55, 55), (40, 55), (40, 42))
    count(page, "3 objects")
    page.locator("[data-tool=select]").click()
    page.mouse.click(*spot(page, 15, 40))
    playwright.expect(page.locator("#chosen")).to_contain_text("dim")
    page.locator("#delete").click()
    count(page, "2 objects")
    # Split from side to side, merge the parts.
    page.locator("[data-tool=split]").click()
    drag(page, (17, 2), (17, 28))
    count(page, "3 objects")
    page.locator("#merge").click()
    count(page, "2 objects")
    page.locator("#undo").click()
    count(page, "3 objects")
    page.locator("#redo").click()
    count(page, "2 objects")
    # Another class, and all of it again after a reload.
    page.locator("[data-tool=select]").click()
    page.mouse.click(*spot(page, 47, 47))
    page.locator("#class").select_option("bright")
    playwright.expect(page.locator("#legend li").nth(1)).to_contain_text("2")
    page.reload()
    count(page, "2 objects")
    with page.expect_download() as saved:
        page.locator("#panel summary").first.click()
        page.locator("#panel a", has_text="Table (CSV)").click()
    table = Path(saved.value.path()).read_text("utf-8-sig").splitlines()
    assert len(table) == 3 and all(",bright," in line for line in table[1:])
    page.locator(".where a").click()
    card = page.locator("#gallery li[data-name='loop.png']")
    playwright.expect(card).to_contain_text("corrected")


def test_keys_alone(open_page):
    page = open_page()
    send(page, "keys.png")
    page.locator("#gallery li[data-name='keys.png'] a").focus()
    page.keyboard.press("Enter")
    count(page, "2 objects")
    settle(page)
    for key, what in (("p", "dim"), ("p", "bright"), ("p", "dim"), ("n", "bright"), ("n", "dim")):
        page.keyboard.press(key)
        playwright.expect(page.locator("#chosen")).to_contain_text(f"{what}, score")
    page.keyboard.press("n")
    playwright.expect(page.locator("#chosen")).to_contain_text("bright, score 0.94")
    page.keyboard.press("1")
    playwright.expect(page.locator("#chosen")).to_contain_text("dim, by hand")
    page.keyboard.press("n")
    page.keyboard.press("Delete")
    count(page, "1 object")
    page.keyboard.press("Control+z")
    count(page, "2 objects")
    # A triangle: points are set where the cross is.
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(" ")
        for _ in range(6):
            page.keyboard.press(key)
    page.keyboard.press("Enter")
    count(page, "3 objects")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    playwright.expect(page.locator("#chosen")).to_have_text("")


def test_a_rectangle_is_detected_in(open_page):
    page = open_page()
    send(page, "rectangle.png")
    open_picture(page, "rectangle.png")
    # All goes, and what is in the rectangle comes back.
    for _ in range(2):
        page.keyboard.press("n")
        page.keyboard.press("Delete")
        page.wait_for_timeout(100)
    count(page, "0 objects")
    rectangle = page.locator("[data-tool=region]")
    rectangle.click()
    drag(page, (2, 2), (38, 27))
    count(page, "1 object")
    playwright.expect(rectangle).to_have_attribute("aria-pressed", "false")
    page.locator("#undo").click()
    count(page, "0 objects")
    # By two clicks, and by keys alone: the cross begins in the middle.
    rectangle.click()
    page.mouse.click(*spot(page, 2, 28))
    page.mouse.click(*spot(page, 25, 55))
    count(page, "1 object")
    page.locator("#undo").click()
    count(page, "0 objects")
    page.keyboard.press("r")
    page.keyboard.press(" ")
    for key in ("ArrowLeft", "ArrowUp"):
        for _ in range(30):
            page.keyboard.press(key)
    page.keyboard.press("Enter")
    count(page, "1 object")
    page.locator("#undo").click()
    count(page, "0 objects")
    rectangle.click()
    drag(page, (2, 2), (4, 4))
    playwright.expect(page.locator("#message")).to_contain_text("too small")


def test_a_slide_waits_for_what_is_asked_of_it(open_page, monkeypatch):
    monkeypatch.setattr("mrcnn.serve.work.MOST_WHOLE_PIXELS", 10)
    page = open_page()
    page.set_input_files(
        "#files", [{"name": "slide.png", "mimeType": "image/png", "buffer": png()}]
    )
    card = page.locator("#gallery li[data-name='slide.png']")
    playwright.expect(card.locator(".badge")).to_have_text("not counted yet")
    card.locator("a").click()
    playwright.expect(page.locator("#uncounted")).to_be_visible()
    playwright.expect(page.locator("#again")).to_have_text("Detect everything")
    page.locator("#again").click()
    count(page, "2 objects")
    playwright.expect(page.locator("#uncounted")).to_be_hidden()
    playwright.expect(page.locator("#again")).to_have_text("Detect anew")


def test_a_phone(open_page):
    page = open_page(PHONE, has_touch=True)
    send(page, "phone.png")

    def fits() -> bool:
        return page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert fits()
    open_picture(page, "phone.png")
    assert fits()
    # The count is seen without scrolling, above the picture.
    head, stage = page.locator("#count").bounding_box(), page.locator("#stage").bounding_box()
    assert head["y"] >= 0 and head["y"] + head["height"] <= stage["y"] < 400
    page.touchscreen.tap(*spot(page, 15, 15))
    playwright.expect(page.locator("#chosen")).to_contain_text("bright")
    for view in ("figures", "learn"):
        page.locator(f"nav a[data-view={view}]").click()
        page.locator(f"#view-{view}").wait_for()
        assert fits()


def test_another_language_is_kept(open_page):
    page = open_page()
    page.locator("#language").select_option("id")
    playwright.expect(page.locator("nav a").first).to_have_text("Gambar")
    assert page.evaluate("document.documentElement.lang") == "id"
    page.reload()
    playwright.expect(page.locator("nav a").first).to_have_text("Gambar")
    page.locator("#language").select_option("en")


def test_what_is_refused_is_told(open_page, server):
    page = open_page()
    page.set_input_files(
        "#files", [{"name": "a.png", "mimeType": "image/png", "buffer": b"<svg onload=alert(1)>"}]
    )
    playwright.expect(page.locator("#message")).to_contain_text(
        "Cannot read a.png: it is not an image"
    )


@pytest.mark.skipif(os.name == "nt", reason="files have no such names there")
def test_names_are_text(open_page):
    page = open_page()
    name = "<img src=x onerror=alert(1)>'&.png"
    file = {"name": name, "mimeType": "image/png", "buffer": png()}
    page.set_input_files("#files", [file])
    card = page.locator("#gallery li", has_text="onerror")
    card.locator(".number", has_text="2 objects").wait_for()
    card.locator("a").click()
    playwright.expect(page.locator("#name")).to_have_text(name)
    count(page, "2 objects")
    page.wait_for_timeout(300)


def test_changes_of_another_window_are_shown(open_page):
    page = open_page()
    send(page, "two.png")
    open_picture(page, "two.png")
    other = open_page(path="#/picture/two.png")
    count(other, "2 objects")
    page.mouse.click(*spot(page, 15, 15))
    page.keyboard.press("Delete")
    count(page, "1 object")
    count(other, "1 object")


def many_cells(number: int, side: int) -> Result:
    """A picture full of round cells."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], 1) * 10
    across = int(np.ceil(np.sqrt(number)))
    cells = []
    for place in range(number):
        x, y = (np.array([place % across, place // across]) + 0.5) * side / across
        box = [int(y - 10), int(x - 10), int(y + 11), int(x + 11)]
        cells.append(
            {
                "box": box, "class": ("dim", "bright")[place % 2], "score": 0.9, "area": 314,
                "outline": (np.round((ring + np.array([x, y])) * 4) / 4).tolist(),
            }
        )  # fmt: skip
    return Result("many", (side, side), cells, 0.7, 0.5, ("dim", "bright"))


def test_thousands_of_cells_move_and_change_without_a_wait(open_page, server):
    _, state = server
    content = png(field(shape=(2400, 2400)))
    path = state.project.scratch / "many"
    path.write_bytes(content)
    name = state.project.add(path, "many.png")
    state.project.store(name, many_cells(7000, 2400))
    page = open_page(path=f"#/picture/{name}")
    count(page, "7,000 objects")
    settle(page)
    slowest = page.evaluate(
        """() => {
          const times = [];
          for (let number = 0; number < 10; number += 1) {
            const began = performance.now();
            viewerLayer.draw();
            times.push(performance.now() - began);
          }
          return times.sort((one, other) => one - other)[5];
        }"""
    )
    assert slowest < 200
    page.mouse.click(*spot(page, 14, 14))
    playwright.expect(page.locator("#chosen")).to_contain_text("dim")
    began = time.monotonic()
    page.keyboard.press("Delete")
    count(page, "6,999 objects")
    assert time.monotonic() - began < 10


def test_figures(open_page):
    page = open_page(path="#/figures")
    playwright.expect(page.locator("#figures-count")).to_contain_text("objects")
    playwright.expect(page.locator("#histogram rect.bar").first).to_be_visible()
    playwright.expect(page.locator("#figures-classes tbody tr")).to_have_count(2)
    row = page.locator("#figures-rows tr", has_text="whole objects")
    playwright.expect(row.locator("td")).to_have_text(re.compile(r"^[1-9][\d,]*$"))


def test_learning(open_page, monkeypatch):
    page = open_page()
    for number in (1, 2):
        send(page, f"learn{number}.png")
        open_picture(page, f"learn{number}.png")
        page.locator("#checked").click()
        playwright.expect(page.locator("#chosen")).to_have_text("Marked as correct.")
        page.locator(".where a").click()
    monkeypatch.setattr(
        "mrcnn.serve.api_learning.load_model",
        lambda application, options: replace(made_up_model(), weights=Path(options.weights)),
    )
    page.locator("nav a[data-view=learn]").click()
    page.locator("#epochs").fill("3")
    page.locator("#learn-start").click()
    playwright.expect(page.locator("#learn-state")).to_have_text("Done. Choose a model.")
    playwright.expect(page.locator("#learn-chart path")).to_have_count(2)
    table = page.locator("#learn-compare tbody tr")
    f1 = table.filter(has=page.locator("th", has_text="F1"))
    playwright.expect(f1.locator("td")).to_have_text(["0.800", "0.900"])
    table.last.locator("button").nth(1).click()
    present = page.locator("#models > li[aria-current]")
    playwright.expect(present).to_contain_text("best.h5")
    # The cards: what was learned from, and the file beside other weights.
    present.locator("summary").click()
    playwright.expect(present.locator(".card")).to_contain_text("3 epochs of 50 steps")
    other = page.locator("#models > li", has_text="weights/model.h5").last
    other.locator("summary").click()
    playwright.expect(other.locator(".card h4")).to_have_text("The card")
    playwright.expect(other.locator(".card td")).to_have_text(["size", "5 < 6"])
    playwright.expect(other.locator(".card li strong")).to_have_text("sharp")
