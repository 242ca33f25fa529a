"""Which results are doubtful, and what is said of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from mrcnn.app.application import Application, Baseline
from mrcnn.app.finding import Found
from mrcnn.app.quality import column, judge, warning
from mrcnn.config import Config
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.instances import Instances
from mrcnn.report.words import Words

WORDS = Words(object="cell", objects="cells", image="field", subject="cells")
GIVEN = SimpleNamespace(method="network", diameter=None, image_size=None)


def application(foreground=lambda image: image[..., 0] < 128, **others) -> Application:
    baseline = Baseline(lambda image: None, help="", title="By threshold")
    return Application(
        "cells",
        Config,
        AnnotatedDataset,
        foreground=foreground,
        baselines={"threshold": baseline},
        words=WORDS,
        **others,
    )


def cells(count: int = 20, diameter: int = 40, **attributes) -> tuple[np.ndarray, Found]:
    """Dark discs in rows of five on a bright ground, and all of them found."""
    pitch = diameter * 3 // 2
    shape = (pitch * -(-count // 5), pitch * 5)
    image = np.full((*shape, 3), 220, np.uint8)
    y, x = np.mgrid[:diameter, :diameter] - (diameter - 1) / 2
    crop = np.hypot(y, x) <= diameter / 2
    boxes = []
    for number in range(count):
        top, left = (number // 5 * pitch + diameter // 4, number % 5 * pitch + diameter // 4)
        image[top : top + diameter, left : left + diameter][crop] = 90
        boxes.append((top, left, top + diameter, left + diameter))
    instances = Instances(shape, boxes, [crop] * count, np.ones(count, int), np.ones(count))
    return image, Found(instances, **attributes)


def without(found: Found, count: int) -> Found:
    rows = np.arange(count, len(found.instances))
    return Found(found.instances.take(rows), diameter=found.diameter, quality=found.quality)


def reasons(image, found, options=GIVEN, program=None) -> str:
    return column(judge(program or application(), image, found, options))


def test_a_good_result_is_ok():
    assert reasons(*cells()) == "ok"
    # So is one in which two of twenty are missing, such as cells of another kind.
    image, found = cells()
    assert reasons(image, without(found, 2)) == "ok"


def test_what_the_network_tells_stands_in_its_order():
    image, found = cells(quality=("scale", "foreign", "limit"))
    assert reasons(image, found) == "limit;scale;foreign"


def test_several_missing_cells_are_counted_and_many_are_a_share():
    image, found = cells()
    assert reasons(image, without(found, 4)) == "cells-missed"
    (doubt,) = judge(application(), image, without(found, 4), GIVEN)
    assert doubt.text == "about 4 cells have no outline"
    assert reasons(image, without(found, 10)) == "unstained-outside;cells-missed"
    share, _ = judge(application(), image, without(found, 10), GIVEN)
    assert share.text == "50% of what stands out lies outside all outlines"


def test_where_nothing_is_found_the_size_may_be_known_all_the_same():
    image, found = cells()
    nothing = without(found, 20)
    assert reasons(image, nothing) == "unstained-outside"
    known = Found(nothing.instances, diameter=40.0)
    assert reasons(image, known) == "unstained-outside;cells-missed"


def test_blurred_edges():
    image, found = cells()
    for share, expected in ((0.02, "ok"), (0.1, "blur")):
        blurred = ndimage.gaussian_filter(image, (share * 40, share * 40, 0))
        assert reasons(blurred, found) == expected


def test_edges_of_small_cells_are_not_judged():
    # A pixel is a tenth of them.
    image, found = cells(diameter=10)
    blurred = ndimage.gaussian_filter(image, (1, 1, 0))
    assert reasons(blurred, found) == "ok"
    assert reasons(blurred, without(found, 5)) == "cells-missed"


def test_an_overview_is_judged_like_the_whole():
    image, found = cells(diameter=80)
    for step in (2, 3):
        assert reasons(image[::step, ::step], found) == "ok"
        assert reasons(image[::step, ::step], without(found, 5)) == "cells-missed"
    blurred = ndimage.gaussian_filter(image, (8, 8, 0))
    assert reasons(blurred[::2, ::2], found) == "blur"


def test_an_application_that_knows_no_foreground_and_an_image_without_one():
    image, found = cells()
    for foreground in (None, lambda image: None):
        assert reasons(image, without(found, 19), program=application(foreground)) == "ok"
        # Where nothing is found, there may be nothing.
        nothing = without(found, 20)
        assert reasons(image, nothing, program=application(foreground)) == "foreign"


def test_the_foreground_may_ask_for_what_hooks_ask_for():
    asked = []

    def foreground(image, class_names):
        asked.append((image.shape, image.dtype, class_names))

    image, found = cells(diameter=100)
    judge(application(foreground), image, found, GIVEN, class_names=("round",))
    # No larger than it takes.
    assert asked == [((150, 188, 3), np.uint8, ("round",))]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (2500, 2)])
def test_images_of_any_shape_are_judged(shape):
    image = np.zeros((*shape, 3), np.uint8)
    assert reasons(image, Found(Instances.empty(shape))) == "unstained-outside"


def test_the_warning_names_the_image_and_what_to_try():
    image, found = cells(quality=("limit",))
    doubts = judge(application(), image, without(found, 10), GIVEN)
    assert warning("dir/a.png", doubts) == (
        "Warning: dir/a.png: 50% of what stands out lies outside all outlines; about 10 cells have "
        "no outline; as many detections as the model returns, so cells may be missing "
        "(unstained-outside;cells-missed;limit). Try --diameter PX, the width of one in pixels of "
        "the image, or another model, or detect --method threshold, or a higher "
        "DETECTION_MAX_INSTANCES."
    )


@pytest.mark.parametrize(
    ("options", "remedies"),
    [
        ({"diameter": 30.0}, ("another --diameter, or leave it out",)),
        ({"image_size": 768}, ("--diameter PX instead of --image-size",)),
    ],
)
def test_what_was_given_is_not_tried_again(options, remedies):
    image, found = cells(quality=("scale",))
    (doubt,) = judge(application(), image, found, SimpleNamespace(**{**vars(GIVEN), **options}))
    assert doubt.remedies == remedies


def test_a_method_without_a_network_sends_back_to_the_network():
    image, found = cells()
    options = SimpleNamespace(**{**vars(GIVEN), "method": "threshold"})
    (doubt,) = judge(application(), image, without(found, 4), options)
    assert doubt.remedies == ("detect --method network",)
