"""Which results are doubtful, and what is said of them."""

from types import SimpleNamespace

import pytest

from mrcnn.app.finding import Found
from mrcnn.app.quality import column, judge, warning
from mrcnn.instances import Instances
from mrcnn.report.words import Words

WORDS = Words(objects="cells")
GIVEN = SimpleNamespace(diameter=None, image_size=None)


def found(*quality: str) -> Found:
    return Found(Instances.empty((20, 20)), quality=quality)


def test_a_good_result_is_ok():
    assert judge(found(), GIVEN, WORDS) == []
    assert column([]) == "ok"


def test_reasons_stand_in_their_order_and_say_what_to_try():
    doubts = judge(found("scale", "limit"), GIVEN, WORDS)
    assert column(doubts) == "limit;scale"
    assert warning("dir/a.png", doubts) == (
        "Warning: dir/a.png: as many detections as the model returns, so cells may be missing; "
        "shown in a size in which the model may not know its cells (limit;scale). Try a higher "
        "DETECTION_MAX_INSTANCES, or --diameter PX, the width of one in pixels of the image."
    )


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"diameter": 30.0}, "another --diameter, or leave it out"),
        ({"image_size": 768}, "--diameter PX instead of --image-size"),
    ],
)
def test_what_was_given_is_not_tried_again(options, remedy):
    (doubt,) = judge(found("scale"), SimpleNamespace(**{**vars(GIVEN), **options}), WORDS)
    assert doubt.remedy == remedy
