"""The report page as text: what it says, that it is whole, and that no name breaks out of it."""

import base64
import copy
import hashlib
import io
import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.draw import polygon2mask

from mrcnn.errors import DataError
from mrcnn.evaluation import InstanceEvaluator, Instances
from mrcnn.report import page as page_package
from mrcnn.report.page import PageField
from mrcnn.report.page.gallery import picture_data
from mrcnn.report.page.outline_paths import outline_path, simplified
from rbc import WORDS


def report_page(summary, fields) -> str:
    """A page in the words of blood cells."""
    return page_package.report_page(summary, fields, WORDS)


VOID = {"meta", "link", "img", "input", "br", "wbr"}


class Page(HTMLParser):
    """Elements, visible text and the nesting of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.scripts: list[tuple[dict, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "wbr":
            # Nothing stands there unless a line ends.
            self.text = self.text.removesuffix(" ")
        if tag in ("script", "style"):
            self.scripts.append((dict(attributes), ""))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        else:
            self.text += data + " "

    def having(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def words(page: str) -> str:
    return re.sub(r"\s+", " ", Page(page).text)


def test_the_page_is_whole(example_page):
    page = Page(example_page)
    assert page.open == []
    idents = page.having("id")
    assert len(idents) == len(set(idents))
    referred = " ".join(page.having("aria-labelledby") + page.having("aria-controls")).split()
    anchors = [address[1:] for address in page.having("href") if address.startswith("#")]
    assert {*referred, *anchors} <= set(idents) and len(anchors) >= 12
    assert next(attributes for tag, attributes in page.elements if tag == "html")["lang"] == "en"


def test_headings_are_in_order(example_page):
    levels = [int(tag[1]) for tag, _ in Page(example_page).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and levels.count(2) == 10
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_nothing_is_fetched(example_page):
    page = Page(example_page)
    for address in page.having("src") + page.having("href"):
        assert address.startswith(("data:", "#")), address[:80]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket", example_page)
    # The name of the SVG language is no address that anything is fetched from.
    assert set(re.findall(r"https?://[^\"' ]+", example_page)) == {"http://www.w3.org/2000/svg"}


def test_the_policy_allows_the_pages_own_script_and_style_alone(example_page):
    page = Page(example_page)
    (policy,) = [
        attributes["content"]
        for _, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    own = [text for attributes, text in page.scripts if "type" not in attributes]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in own]
    assert [rules["style-src"], rules["script-src"]] == [f"'sha256-{digest}'" for digest in hashes]
    # Attributes with script or style would need a weaker policy.
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_the_headline_says_what_was_found(example_page):
    text = words(example_page)
    assert "F1 0.750 95 % interval 0.411 to 0.988" in text
    assert "Accuracy 83.3 % 95 % interval 20.0 % to 100.0 %" in text
    # An interval that is not defined is left out.
    assert "Count ratio 125.0 % PQ 0.690" in text
    assert "Confidence threshold ≥ 0.7 highest F1 of the 2 evaluated" in text
    assert "Confidence threshold ≥ 0.8 F1 is higher at 0.7" in text
    assert "3 of 4 cells in the ground truth were found, 1 missed, and 1 detection is" in text
    assert "1 more unmatched detection is cut by the image border and not judged" in text
    for fact in ("Mask R-CNN", "mask_rcnn_rbc_0012.h5", "data/rbc", "Fields 2", "Cells 4"):
        assert fact in text
    assert "ignored: an unmatched detection that the border cuts is no false alarm" in text


def test_the_tables_hold_the_figures(example_page, hostile_name):
    text = words(example_page)
    assert "a.png 3 2 66.7 % 2 133.3 % 1 33.3 % 1 66.7 %" in text
    assert "mean of 2 2.0 1.5 83.3 % 1.0 116.7 % 1.0 66.7 % 0.5 83.3 %" in text
    assert "ignored 0.50 3 1 1 0.750 0.750 0.750 0.600 0.920 0.690 0.611 0.622" in text
    assert "ignored 0.50 3 1 1 0.750 0.750 0.750 0.600 0.930 0.698 0.611 0.622" in text
    assert "F1 0.750 (0.411 to 0.988)" in text and "count ratio 1.250 precision" in text
    assert "any class 0.711 0.722 0.733 0.744" in text
    assert "Up to 200 detections" in text
    assert "mean of classes 3 0.544 0.555 0.566 1 1 1" in text
    assert "Learned: by the network." in text
    assert "Size classes of the matched cells by the way to tell them, at confidence ≥ 0.8" in text
    assert "learned – – 0.344 0.355 0.366 measured 3 0.667 0.544 0.555 0.566" in text
    assert "all cells 4 5 125.0 % +0.50 0.50 12.5 % –" in text
    assert "large 4 5 125.0 % −1.50 0.50 12.5 % –" in text
    assert "Right class for 0.667" in text
    assert "Expected calibration error (ECE): 0.123." in text
    assert "F1 is highest, 0.750, at confidence ≥ 0.7. PQ is highest, 0.630, at" in text
    assert "≥ 0.6000 0.600 0.750 0.700 0.630 0.800 1.400 best PQ" in text
    assert "Mean error: +0.50 cells a field." in text
    # 2 of 4 detections at 0.7 found a cell, 1 of the others is at the border.
    assert "3 cells in the ground truth: 2 found, 1 missed; 1 false alarm, 1 more at" in text


def test_it_says_where_the_outlines_lie(summary, fields):
    assert "Outlines moved to the edge of the stain" in words(report_page(summary, fields))
    summary["outline"] = None
    assert "Outlines moved" not in words(report_page(summary, fields))


def test_sizes_leave_out_what_the_border_cuts(summary, fields, place_cells):
    (first, _) = fields
    summary["operating_points"] = summary["operating_points"][:1]
    field = replace(
        first,
        truth=place_cells((100, 100, 20, 1), (0, 200, 39, 1)),
        detections=place_cells((100, 100, 30, 1), (0, 200, 39, 1), scores=[0.9, 0.9]),
        pairs=(np.array([[0, 0], [1, 1]]),),
        iou=(np.array([0.5, 1.0]),),
    )
    text = words(report_page(summary, [field]))
    sizes = [2 * np.sqrt(crop.sum() / np.pi)
             for crop in (field.truth.crops[0], field.detections.crops[0])]  # fmt: skip
    assert "Median diameter: {:.1f} px in the ground truth, {:.1f} px".format(*sizes) in text


@pytest.mark.parametrize(
    ("part", "section"),
    [("average_precision", "coco"), ("sweep", "sweep"), ("calibration", "calibration")],
)
@pytest.mark.parametrize("empty", [None, {}, "missing"])
def test_a_part_that_is_not_there_is_left_out(summary, fields, part, section, empty):
    if empty == "missing":
        del summary[part]
    else:
        summary[part] = empty
    page = report_page(summary, fields)
    assert f'id="{section}"' not in page and f'href="#{section}"' not in page
    assert 'id="counting"' in page


def without_figures(tree):
    """The same tree with None for every ratio."""
    if isinstance(tree, dict):
        return {key: without_figures(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [without_figures(value) for value in tree]
    return None if isinstance(tree, float) else tree


def test_figures_that_are_not_defined_show_as_a_dash(summary, fields):
    blank = without_figures(summary)
    for before, after in zip(summary["operating_points"], blank["operating_points"], strict=True):
        after["min_confidence"] = before["min_confidence"]
    blank["calibration"], blank["sweep"] = summary["calibration"], None
    text = words(report_page(blank, fields))
    assert "F1 – Accuracy –" in text
    assert not re.search(r"\b(None|nan|null|inf)\b", text)


def test_a_method_without_confidence(summary, fields):
    point = {**summary["operating_points"][0], "min_confidence": 0.7, "intervals": None}
    del point["classification"]
    summary |= {"method": "watershed", "weights": None, "operating_points": [point]}
    summary |= {"sweep": None, "calibration": None, "average_precision": {}, "border": "count"}
    fields = [replace(f, pairs=f.pairs[:1], iou=f.iou[:1]) for f in fields]
    page = report_page(summary, fields)
    text = words(page)
    assert "At all detections, 3 of 4" in text and "watershed" in text
    assert "Confidence threshold none the only one evaluated" in text
    assert "counted: an unmatched detection that the border cuts is a false alarm" in text
    assert "not judged" not in text.split("The fields")[0]
    assert "Weights" not in text and 'type="radio"' not in page and 'id="classes"' not in page


def test_a_page_without_pictures(summary):
    page = report_page(summary, [])
    assert 'id="gallery"' not in page and 'id="sizes"' not in page and 'id="fields"' in page


def test_no_name_becomes_markup(summary, fields, example_page, hostile_name):
    page = Page(example_page)
    assert hostile_name in Page(example_page).text
    # Every script and picture is one of the page's own.
    assert [attributes.get("type") for attributes, _ in page.scripts] == [
        None,
        "application/json",
        None,
    ]
    sources = [attributes["src"] for tag, attributes in page.elements if tag == "img"]
    assert len(sources) == 2 and all(source.startswith("data:image/jpeg") for source in sources)
    ((_, text),) = [pair for pair in page.scripts if pair[0].get("type")]
    data = json.loads(text)
    assert [field["name"] for field in data["fields"]] == ["a.png", hostile_name]
    assert data["classes"] == summary["classes"]
    assert "\u2028" not in text and "<" not in text
    # A name like a placeholder of the template stays a name.
    assert page.text.count("{{script}}") >= 4


def test_names_that_are_no_unicode(summary, fields):
    renamed = json.loads(json.dumps(summary).replace('"a.png"', '"a\\udcff\\u0000.png"'))
    renamed["dataset"] = "\udc80"
    page = report_page(renamed, [replace(fields[0], name="a\udcff\x00.png"), fields[1]])
    assert "a\\udcff\ufffd.png" in Page(page).text
    page.encode("utf-8")


def test_the_same_evaluation_gives_the_same_page(summary, fields, example_page):
    before = copy.deepcopy(summary)
    assert report_page(summary, fields) == example_page
    assert summary == before


def test_another_schema_is_refused(summary, fields):
    with pytest.raises(DataError, match="schema_version 1, expected 2"):
        report_page({**summary, "schema_version": 1}, fields)
    with pytest.raises(DataError, match="no operating point"):
        report_page({**summary, "operating_points": []}, fields)


def test_a_later_schema_is_told_and_read(summary, fields):
    with pytest.warns(UserWarning, match="summary: is of version 3, .* versions up to 2"):
        page = report_page({**summary, "schema_version": 3, "weather": "fine"}, fields)
    assert "</html>" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pairs": (np.zeros((0, 2)),), "iou": (np.zeros(0),)}, "1 and 1 operating points"),
        ({"iou": (np.zeros(1), np.zeros(1))}, "2 pairs but 1 IoU at operating point 0"),
        ({"pairs": (np.array([[0, 0], [3, 1]]), np.array([[0, 0]]))}, r"pair \(3, 1\)"),
        ({"pairs": (np.array([[0, 0], [1, 4]]), np.array([[0, 0]]))}, r"pair \(1, 4\)"),
        # The detection is below the second operating point's confidence.
        ({"pairs": (np.array([[0, 0], [1, 1]]), np.array([[0, 3]]))}, "operating point 1"),
    ],
)
def test_fields_that_do_not_fit_are_refused(summary, fields, changes, message):
    with pytest.raises(DataError, match=rf"a\.png: .*{message}"):
        report_page(summary, [replace(fields[0], **changes), fields[1]])


def path_masks(path: str, shape: tuple[int, int]) -> np.ndarray:
    """What an outline encloses by the even-odd rule, pixel centers at halves."""
    mask = np.zeros(shape, bool)
    for part in path.removesuffix("z").split("z"):
        start, steps = part.removeprefix("M").split("l")
        numbers = np.array([start.split(), *np.reshape(steps.split(), (-1, 2))], float)
        points = np.cumsum(numbers, axis=0)
        mask ^= polygon2mask(shape, points[:, ::-1] - 0.5)
    return mask


def test_outlines_follow_the_masks(place_cells):
    made = place_cells((60, 60, 40, 1), (5, 200, 30, 1))
    ring = made.crops[0].copy()
    ring[30:50, 30:50] = False
    two = np.zeros((20, 50), bool)
    two[2:18, 2:20] = two[4:15, 30:49] = True
    cases = [*zip(made.boxes, made.crops, strict=True), ((20, 20, 101, 101), ring),
             ((100, 30, 120, 80), two)]  # fmt: skip
    for box, crop in cases:
        path = outline_path(box, crop, 0.6)
        whole = np.zeros((240, 320), bool)
        whole[box[0] : box[2], box[1] : box[3]] = crop
        drawn = path_masks(path, whole.shape)
        assert (drawn & whole).sum() / (drawn | whole).sum() > 0.97
        assert len(path) < 420


def test_an_outline_of_one_pixel():
    assert path_masks(outline_path((7, 9, 8, 10), np.ones((1, 1), bool), 0.1), (12, 12)).sum() == 1
    assert path_masks(outline_path((7, 9, 8, 10), np.ones((1, 1), bool), 1.5), (12, 12)).sum() == 1
    assert outline_path((7, 9, 8, 10), np.zeros((1, 1), bool), 0.6) == ""


def test_points_left_out_are_near_the_line():
    turn = np.linspace(0, 2 * np.pi, 400)
    radius = 50 + 6 * np.sin(5 * turn) + np.random.default_rng(0).normal(0, 0.3, 400)
    points = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    points[-1] = points[0]
    for tolerance in (0.5, 2.0):
        (kept,) = simplified([points], tolerance)
        assert len(kept) < 200
        closed = np.vstack([kept, kept[:1]])
        start, along = closed[:-1], np.diff(closed, axis=0)
        beside = points[:, None] - start
        share = np.clip((beside * along).sum(-1) / (along**2).sum(-1), 0, 1)
        away = np.linalg.norm(beside - share[..., None] * along, axis=-1).min(axis=1)
        assert away.max() <= tolerance + 1e-9


def test_pictures_are_small(fields):
    rng = np.random.default_rng(1)
    image = np.kron(rng.integers(120, 250, (12, 16, 3)), np.ones((150, 150, 1))).astype(np.uint8)
    content = base64.b64decode(picture_data(image).removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.format == "JPEG" and opened.size == (1200, 900)
        shown = np.asarray(opened.resize((16, 12), Image.Resampling.BOX), float)
    np.testing.assert_allclose(shown, image[75::150, 75::150], atol=8)


def test_a_crowded_field_is_made_fast_and_stays_small(summary, place_cells):
    places = [
        (60 + 110 * row, 60 + 110 * column, 50, 1) for row in range(10) for column in range(14)
    ]
    rng = np.random.default_rng(2)
    # As grainy as a photograph.
    image = rng.normal(200, 12, (1200, 1600, 3)).clip(0, 255).astype(np.uint8)
    size = image.shape[:2]
    everything = np.stack([np.arange(140)] * 2, axis=1)
    field = PageField(
        "a.png",
        image.shape,
        picture_data(image),
        place_cells(*places, size=size),
        place_cells(*places, scores=np.linspace(0.8, 1, 140), size=size),
        (everything, everything),
        (np.ones(140), np.ones(140)),
    )
    start = time.process_time()
    page = report_page(summary, [field])
    # Ten such fields are to take less than ten seconds and six megabytes.
    assert time.process_time() - start < 2.0
    assert len(page) < 600_000


def test_it_takes_what_the_evaluator_gives(place_cells):
    names = ["large", "normal"]
    evaluator = InstanceEvaluator(names)
    truth = place_cells((60, 60, 30, 1), (60, 180, 25, 2))
    found = place_cells((61, 61, 29, 1), (180, 240, 26, 2), scores=[0.9, 0.6])
    shape = (240, 320)
    evaluator.add_truth("a.png", Instances(shape, truth.boxes, truth.crops, truth.class_ids))
    predictions = Instances(shape, found.boxes, found.crops, found.class_ids, found.scores)
    record = evaluator.process("a.png", predictions)
    evaluation = evaluator.evaluate([0.5, 0.7])
    pairs = [point.pairs[0] for point in evaluation.operating_points]
    iou = [record.iou[pair[:, 0], pair[:, 1]] for pair in pairs]
    image = np.full((*shape, 3), 200, np.uint8)
    summary = {"schema_version": 2, "classes": names, **evaluation.to_dict()}
    field = PageField("a.png", shape, picture_data(image), truth, predictions, pairs, iou)
    text = words(report_page(summary, [field]))
    assert "At confidence ≥ 0.5, 1 of 2 cells in the ground truth were found, 1 missed" in text
    assert "highest F1 of the 2 evaluated" in text
    assert not re.search(r"\b(None|nan|null)\b", text)


# Contrast of WCAG 2 -----------------------------------------------------------------------------


def luminance(color: str) -> float:
    values = np.array([int(color[index : index + 2], 16) for index in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme):
    style = Path(page_package.__file__).with_name("page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    colors = dict(re.findall(r"--([\w-]+): (#\w{6});", blocks[scheme == "dark"]))

    def contrast(first: str, second: str) -> float:
        darker, lighter = sorted(luminance(colors[name]) for name in (first, second))
        return (lighter + 0.05) / (darker + 0.05)

    for text in ("ink", "muted", "link"):
        assert min(contrast(text, "paper"), contrast(text, "panel")) >= 4.5
    for line in ("precision", "recall", "f1", "pq", "focus", "prediction"):
        assert contrast(line, "paper") >= 3
