"""Which differences from torchvision's outputs are told, on made-up outputs."""

import numpy as np
import pytest

from benchmarks.torchvision_parity import WHOLE, figures_of, lines

HEADS = ("rpn_scores", "rpn_deltas", "class_logits", "deltas", "mask_logits")


@pytest.fixture
def theirs():
    random = np.random.default_rng(0)
    proposals = np.cumsum(np.full((6, 4), 8.0), axis=0)
    return {
        **{key: random.normal(size=(4, 3)) for key in WHOLE},
        "proposals": proposals,
        "class_logits": random.normal(size=(6, 3)),
        "deltas": random.normal(size=(6, 3, 4)),
        "boxes": proposals[:3] + 1,
        "labels": np.array([1, 2, 1]),
        "scores": np.array([0.9, 0.8, 0.7]),
        "mask_logits": random.normal(size=(3, 3, 4, 4)),
    }


def figures(theirs, found=None, fed=None):
    heads = {key: theirs[key] for key in HEADS}
    return figures_of({**theirs, **(found or {})}, {**heads, **(fed or {})}, theirs, theirs)


def test_the_same_outputs_pass_in_any_order_of_detections(theirs):
    order = [2, 0, 1]
    turned = {key: theirs[key][order] for key in ("boxes", "labels", "scores", "mask_logits")}
    result = figures(theirs, turned)
    assert result["passes"]
    assert not any(result["differences"].values())
    assert len(lines(result)) == 1 + len(result["differences"])


@pytest.mark.parametrize("key", ["p4", "rpn_deltas", "class_logits", "deltas", "mask_logits"])
def test_a_difference_of_the_whole_network_fails(theirs, key):
    assert not figures(theirs, {key: theirs[key] * (1 + 2e-4)})["passes"]
    assert figures(theirs, {key: theirs[key] * (1 + 5e-5)})["passes"]


@pytest.mark.parametrize("key", HEADS)
def test_a_difference_of_a_head_on_the_same_inputs_fails(theirs, key):
    assert not figures(theirs, fed={key: theirs[key] * (1 + 2e-4)})["passes"]


def test_a_detection_of_another_class_fails(theirs):
    result = figures(theirs, {"labels": np.array([1, 2, 2])})
    assert result["detections_unpaired"] == 1
    assert not result["passes"]


def test_probabilities_of_the_whole_network_are_shown_and_not_judged(theirs):
    theirs["mask_logits"][0, 0, 0, 0] = 40.0
    logits = theirs["mask_logits"].copy()
    # Near to the largest logit it is little, and to the probability at 0 it is not.
    logits[0, 0, 1] += 2e-3
    result = figures(theirs, {"mask_logits": logits})
    assert result["differences"]["mask_probabilities"] > 1e-4
    assert result["passes"]
    assert not figures(theirs, fed={"mask_logits": logits})["passes"]
