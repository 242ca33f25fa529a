"""The class of a region: which attribute holds it, and which values are a class."""

import pytest

from mrcnn.errors import DataError
from mrcnn.formats import read_via

NAMES = ["large", "normal", "small", "undefined"]
ALIASES = {"besar": "large", "kecil": "small"}

TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}


@pytest.mark.parametrize("value", ["normal", " NORMAL ", {"normal": True}, ["normal"]])
def test_values_of_all_kinds(via, value):
    (entry,) = read_via(via.save(via.image(via.region(value))), NAMES)
    assert entry.class_names == ["normal"]


def test_checkbox_with_unchecked_options(via):
    value = {"large": False, "small": True}
    assert read_via(via.save(via.image(via.region(value))), NAMES)[0].class_names == ["small"]


def test_aliases(via):
    path = via.save(via.image(via.region("Besar"), via.region("kecil "), via.region("LARGE")))
    (entry,) = read_via(path, NAMES, class_aliases=ALIASES)
    assert entry.class_names == ["large", "small", "large"]
    (entry,) = read_via(path, attribute="name", class_aliases=ALIASES)
    assert entry.class_names == ["large", "small", "LARGE"]


def test_alias_of_an_unknown_class(via):
    with pytest.raises(DataError, match=r"'riesig' stands for 'huge'.*large, normal"):
        read_via(via.save(via.image(via.region())), NAMES, class_aliases={"riesig": "huge"})


def test_numbers_as_classes(via):
    assert read_via(via.save(via.image(via.region(3))))[0].class_names == ["3"]


def test_attribute_is_found_among_others(via):
    path = via.save(
        via.image(
            via.region("normal", stage="ring"),
            via.region("small", stage="none", note="normal?"),
        )
    )
    assert read_via(path, NAMES)[0].class_names == ["normal", "small"]
    assert read_via(path, attribute="stage")[0].class_names == ["ring", "none"]


def test_several_candidates(via):
    path = via.save(via.image(via.region("normal", second="small")))
    with pytest.raises(DataError, match=r"several attributes.*'name', 'second'.*Name the"):
        read_via(path, NAMES)
    with pytest.raises(DataError, match="several attributes"):
        read_via(path)
    assert read_via(path, NAMES, attribute="second")[0].class_names == ["small"]


def test_the_attribute_that_all_regions_fill_wins(via):
    path = via.save(via.image(via.region("normal", second="small"), via.region("large")))
    assert read_via(path, NAMES)[0].class_names == ["normal", "large"]


def test_one_class_needs_no_attribute(via):
    regions = [via.region(), {"shape_attributes": TRIANGLE, "region_attributes": {}}]
    (entry,) = read_via(via.save(via.image(*regions)), ["balloon"])
    assert entry.class_names == ["balloon", "balloon"]


def test_no_attribute_at_all(via):
    path = via.save(via.image({"shape_attributes": TRIANGLE, "region_attributes": {}}))
    with pytest.raises(DataError, match="no region has attributes"):
        read_via(path, NAMES)


def test_unknown_class_is_named_with_region_and_aliases(via):
    path = via.save(
        via.image(via.region()), via.image(via.region(), via.region("giant"), name="b.jpg")
    )
    with pytest.raises(DataError) as caught:
        read_via(path, NAMES, class_aliases=ALIASES)
    message = str(caught.value)
    for part in (str(path), "'b.jpg'", "region 1", "'giant'", "'name'", *NAMES, "besar = large"):
        assert part in message


def test_only_unknown_classes(via):
    with pytest.raises(DataError, match=r"region 0: unknown class 'cat'.*large, normal"):
        read_via(via.save(via.image(via.region("cat"))), NAMES)


def test_none_of_several_attributes(via):
    with pytest.raises(DataError, match="none of the attributes 'a', 'name'"):
        read_via(via.save(via.image(via.region("cat", a="dog"))), NAMES)


@pytest.mark.parametrize("value", ["", "  ", None, {}, {"normal": False}])
def test_class_without_value(via, value):
    with pytest.raises(DataError, match=r"region 1: the attribute 'name' has no value"):
        read_via(via.save(via.image(via.region(), via.region(value))), NAMES)


def test_missing_attribute(via):
    other = via.region("x", attribute="colour")
    with pytest.raises(DataError, match=r"region 1: .*'name'.*is missing.*'colour'"):
        read_via(via.save(via.image(via.region(), other)), NAMES)


def test_two_classes_in_one_region(via):
    value = {"normal": True, "small": True}
    with pytest.raises(DataError, match="several classes, 'normal', 'small'"):
        read_via(via.save(via.image(via.region(value))), NAMES)
