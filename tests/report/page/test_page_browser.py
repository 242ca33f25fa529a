"""The report page in a browser: what is drawn, what switches and keys do, what does not happen."""

import io
import re

import numpy as np
import pytest
from PIL import Image

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def address(example_page, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(example_page, encoding="utf-8")
    return path.as_uri()


def watch(page, address: str) -> list[str]:
    """Collects what must not happen on a page: requests, messages, errors, dialogs."""
    complaints = []

    def requested(request) -> None:
        if not request.url.startswith((address, "data:")):
            complaints.append(f"request for {request.url}")

    page.set_default_timeout(5000)
    page.on("console", lambda message: complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", requested)
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    return complaints


@pytest.fixture
def open_page(browser, address):
    """Opens the report; at the end nothing may have been fetched, logged or thrown."""
    opened = []

    def open_(viewport=WIDE, **options):
        page = browser.new_page(viewport=viewport, **options)
        opened.append((page, watch(page, address)))
        page.goto(address)
        return page

    yield open_
    for page, complaints in opened:
        page.close()
        assert complaints == []


@pytest.fixture(scope="module")
def watched_page(browser, address):
    page = browser.new_page(viewport=WIDE)
    return page, watch(page, address)


@pytest.fixture
def page(watched_page, address):
    """The report in a wide window, freshly loaded, watched as by `open_page`."""
    page, complaints = watched_page
    complaints.clear()
    page.mouse.move(0, 0)
    page.goto(address)
    yield page
    assert complaints == []


OUTLINES = ".stage .outline"
KINDS = ("truth.found", "prediction.found", "missed", "alarm", "border")


def visible(page, selector: str) -> int:
    script = "all => all.filter(one => getComputedStyle(one).display !== 'none').length"
    return page.locator(selector).evaluate_all(script)


def drawn(page) -> list[int]:
    """Visible outlines by kind: ground truth, predictions, misses, false alarms, at the border."""
    script = """(all, kinds) => {
        const shown = all.filter(one => getComputedStyle(one).display !== 'none');
        return [shown.length, ...kinds.map(kind => shown.filter(one => one.matches(kind)).length)];
    }"""
    total, *numbers = page.locator(OUTLINES).evaluate_all(script, [f".{kind}" for kind in KINDS])
    assert total == sum(numbers)
    return numbers


def cell(page, start: str):
    """The cell whose description starts like this."""
    return page.locator(f'#field-1 [role=option][aria-label^="{start}"]').first


def note(page) -> str | None:
    shown = page.locator("#note")
    return re.sub(r"\s+", " ", shown.inner_text()) if shown.is_visible() else None


def focused(page) -> str:
    return page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")


@pytest.mark.parametrize("viewport", [WIDE, PHONE, {"width": 320, "height": 600}])
def test_the_page_fits_the_window(open_page, viewport):
    page = open_page(viewport)
    for button in page.locator(".enlarge").all():
        button.click()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= viewport["width"]
    # Wide tables scroll in boxes that the keyboard reaches.
    boxes = page.locator(".scroll").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth && one.tabIndex !== 0).length"
    )
    assert boxes == 0


def test_every_outline_is_drawn(page):
    assert drawn(page) == [3, 3, 1, 1, 1]
    styles = {
        kind: page.locator(f"{OUTLINES}.{kind}").first.evaluate(
            "one => [getComputedStyle(one).strokeWidth, getComputedStyle(one).strokeDasharray]"
        )
        for kind in KINDS
    }
    # Each kind has a line of its own, whatever its color.
    assert len(set(map(tuple, styles.values()))) == len(KINDS)


@pytest.mark.parametrize("viewport", [WIDE, PHONE])
def test_layers_switch_by_click(open_page, viewport):
    page = open_page(viewport)
    expected = [3, 3, 1, 1, 1]
    for index, button in enumerate(page.locator("#layers button").all()):
        button.click()
        assert button.get_attribute("aria-pressed") == "false"
        assert drawn(page) == [0 if k == index else n for k, n in enumerate(expected)]
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
    assert drawn(page) == expected


def test_layers_switch_by_key(page):
    page.locator("#layers button").first.focus()
    page.keyboard.press("Space")
    assert drawn(page) == [0, 3, 1, 1, 1]
    page.keyboard.press("Enter")
    cell(page, "Missed").focus()
    for key, expected in zip(
        "pmfbg",
        ([3, 0, 1, 1, 1], [3, 0, 0, 1, 1], [3, 0, 0, 0, 1], [3, 0, 0, 0, 0], [0] * 5),
        strict=True,
    ):
        page.keyboard.press(key)
        assert drawn(page) == expected
    # What is not drawn is not reached, and the note of a hidden cell goes.
    assert visible(page, "[role=option]") == 0 and note(page) is None
    # Keys go on working: the field has the focus now.
    page.keyboard.press("g")
    assert drawn(page) == [3, 0, 0, 0, 0]
    page.keyboard.press("g")
    # Keys with Ctrl belong to the browser, and outside the fields a letter is a letter.
    page.keyboard.press("Control+g")
    page.locator("h1 ~ nav a").first.focus()
    page.keyboard.press("g")
    assert drawn(page) == [0] * 5


def test_a_cell_tells_about_itself_on_focus(page, place_cells):
    cell(page, "Found. ").focus()
    text = "Found Score 0.950 IoU 0.910 Class, truth large Class, predicted large"
    assert note(page).startswith(text)
    crops = place_cells((60, 60, 30, 1), (61, 61, 29, 1)).crops
    sizes = [2 * np.sqrt(crop.sum() / np.pi) for crop in crops]
    assert "Diameter, truth {:.1f} px Diameter, predicted {:.1f} px".format(*sizes) in note(page)
    label = focused(page)
    assert "Score: 0.950; IoU: 0.910; Class, truth: large" in label
    page.keyboard.press("Escape")
    assert note(page) is None
    cell(page, "Found, with another class").focus()
    assert "Class, truth normal Class, predicted <b onclick=window.hacked=3>small</b>" in note(page)
    cell(page, "Missed").focus()
    assert "Missed" in note(page) and "Score" not in note(page) and "IoU" not in note(page)
    cell(page, "False alarm").focus()
    assert "Score 0.850" in note(page) and "truth" not in note(page)
    cell(page, "Cut by the image border").focus()
    assert "Score 0.720" in note(page)
    page.locator("#layers button").first.focus()
    assert note(page) is None


def test_a_cell_tells_about_itself_under_the_pointer(page):
    cell(page, "False alarm").hover()
    assert "Score 0.850" in note(page)
    page.locator("#gallery h2").hover()
    assert note(page) is None


def test_a_cell_tells_about_itself_on_tap(open_page):
    page = open_page(PHONE, has_touch=True)
    cell(page, "Found. ").tap()
    assert "Score 0.950 IoU 0.910" in note(page)
    box = page.locator("#note").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360


def test_arrows_go_to_every_cell(page):
    # One stop for Tab in each field.
    assert page.locator('#field-1 [role=option][tabindex="0"]').count() == 1
    page.locator('#field-1 [role=option][tabindex="0"]').focus()
    page.keyboard.press("Home")
    seen = [focused(page)]
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        seen.append(focused(page))
    assert len(set(seen)) == 5 and page.locator("#field-1 [role=option]").count() == 5
    page.keyboard.press("ArrowRight")
    assert focused(page) == seen[-1]
    page.keyboard.press("Home")
    assert focused(page) == seen[0] and seen[0].startswith("Found. ")
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("Missed")
    page.keyboard.press("ArrowUp")
    assert focused(page) == seen[0]
    assert page.locator('#field-1 [aria-selected="true"]').count() == 1


def test_the_next_error_is_found_by_button_and_by_key(page):
    errors = []
    for _ in range(3):
        page.locator("#field-1 .next-error").click()
        errors.append(focused(page).split(":")[0])
    assert sorted(errors[:2]) == ["False alarm", "Missed"] and errors[2] == errors[0]
    page.keyboard.press("n")
    assert focused(page).startswith(errors[1])
    page.keyboard.press("m")
    page.keyboard.press("f")
    assert page.locator("#field-1 .next-error").is_disabled()
    assert page.locator("#field-2 .next-error").is_disabled()


def test_the_operating_point_changes_figures_and_outlines(page):
    tile = page.locator(".tile.strong .value:visible")
    assert tile.inner_text() == "0.750"
    numbers = page.locator("#field-1 .numbers:visible")
    assert "2 found, 1 missed; 1 false alarm, 1 more at" in numbers.inner_text()
    page.get_by_role("radio", name="≥ 0.8").check()
    assert tile.inner_text() == "0.571"
    assert "1 found, 2 missed; 1 false alarm; F1 0.400" in numbers.inner_text()
    assert drawn(page) == [2, 2, 2, 1, 0]
    assert page.locator("#announcement").inner_text() == "Figures at confidence ≥ 0.8"
    # Back by keyboard.
    page.keyboard.press("ArrowLeft")
    assert tile.inner_text() == "0.750" and drawn(page) == [3, 3, 1, 1, 1]


def test_tab_leads_through_the_page(page):
    stops = []
    script = (
        "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"
    )
    for _ in range(60):
        page.keyboard.press("Tab")
        tag, outline = page.evaluate(script)
        if tag == "BODY":
            break
        stops.append(tag.lower())
        # What has the focus shows it; radio buttons show it on their label, cells by their line.
        if tag not in ("INPUT", "path"):
            assert outline == "solid", tag
    assert stops[0] == "a" and stops.count("input") == 1 and stops.count("path") == 2
    assert stops.index("input") < stops.index("path") and stops.count("button") == 8


def test_no_name_is_run(page, hostile_name):
    assert page.evaluate("window.hacked === undefined")
    assert page.locator("main script, [onerror], [onclick], main b[onclick]").count() == 0
    assert page.locator("#field-2 h3").text_content() == hostile_name
    label = page.locator("#field-2 [role=listbox]").get_attribute("aria-label")
    assert label == f"Cells of {hostile_name}"


def test_the_policy_stops_what_breaks_out(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.hacked === undefined")
    assert page.evaluate("fetch('https://example.org').then(() => 'fetched', () => 'refused')") == (
        "refused"
    )
    page.close()


def painted(page) -> tuple[int, int]:
    """Pixels of the first field that are clearly green and clearly red."""
    stage = page.locator("#field-1 .stage").screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(stage)).convert("RGB"), int)
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return (
        int(((green > red + 80) & (green > blue + 50)).sum()),
        int(((red > green + 120) & (red > blue + 120)).sum()),
    )


def test_ground_truth_is_green_and_predictions_are_red(page):
    def switch(*layers: str) -> None:
        for layer in layers:
            page.locator(f"#layers [data-layer={layer}]").click()

    green, red = painted(page)
    assert green > 1500 and red > 800
    switch("truth", "missed")
    without_truth = painted(page)
    assert without_truth[0] == 0 and without_truth[1] >= red
    switch("truth", "missed", "prediction", "alarm", "border")
    without_predictions = painted(page)
    assert without_predictions[0] >= green and without_predictions[1] == 0


def test_outlines_lie_on_their_cells(page):
    stage = page.locator("#field-1 .stage").bounding_box()
    outline = page.locator(f"#field-1 {OUTLINES}.missed").bounding_box()
    scale = stage["width"] / 320
    # A disc of radius 28 around (170, 90), half a pixel larger on each side.
    assert outline["x"] - stage["x"] == pytest.approx(62 * scale, abs=3)
    assert outline["y"] - stage["y"] == pytest.approx(142 * scale, abs=3)
    assert outline["width"] == pytest.approx(57 * scale, abs=6)


def test_enlarging_a_field(page):
    before = page.locator("#field-1 .stage").bounding_box()["width"]
    page.locator("#field-1 .enlarge").click()
    assert page.locator("#field-1 .stage").bounding_box()["width"] > 1.8 * before
    assert page.locator("#field-1 .enlarge").get_attribute("aria-pressed") == "true"


def test_everything_but_the_outlines_is_there_without_scripts(browser, address):
    page = browser.new_page(java_script_enabled=False)
    page.goto(address)
    assert page.locator(".tile.strong:visible").count() == 2
    assert page.locator("svg.chart:visible").count() == 6
    assert page.locator("#layers, #operating-points").first.is_hidden()
    assert page.get_by_text("The outlines are drawn by a script").is_visible()
    page.close()


def test_on_paper_there_are_no_switches(open_page):
    page = open_page()
    page.emulate_media(media="print")
    assert visible(page, "#layers, #bar, nav, .card-buttons") == 0
    assert page.locator(".tile.strong:visible").count() == 1
    assert drawn(page) == [3, 3, 1, 1, 1]


def test_a_dark_page_has_light_text(open_page):
    page = open_page(color_scheme="dark")
    script = "getComputedStyle(document.body).{}.match(/\\d+/g).map(Number)"
    assert min(page.evaluate(script.format("color"))) > 200
    assert max(page.evaluate(script.format("backgroundColor"))) < 40
