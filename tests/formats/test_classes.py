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
    for part in (str(path), "'b.jpg'", "region 2", "'giant'", "'name'", *NAMES, "besar = large"):
        assert part in message


def test_only_unknown_classes(via):
    with pytest.raises(DataError, match=r"region 1: unknown class 'cat'.*large, normal"):
        read_via(via.save(via.image(via.region("cat"))), NAMES)


def test_none_of_several_attributes(via):
    with pytest.raises(DataError, match="none of the attributes 'a', 'name'"):
        read_via(via.save(via.image(via.region("cat", a="dog"))), NAMES)


@pytest.mark.parametrize("value", ["", "  ", None, {}, {"normal": False}])
def test_class_without_value(via, value):
    with pytest.raises(DataError, match=r"region 2: the attribute 'name' has no value"):
        read_via(via.save(via.image(via.region(), via.region(value))), NAMES)


def test_missing_attribute(via):
    other = via.region("x", attribute="color")
    with pytest.raises(DataError, match=r"region 2: .*'name'.*is missing.*'color'"):
        read_via(via.save(via.image(via.region(), other)), NAMES)


def test_two_classes_in_one_region(via):
    value = {"normal": True, "small": True}
    with pytest.raises(DataError, match="several classes, 'normal', 'small'"):
        read_via(via.save(via.image(via.region(value))), NAMES)


# ---- ids of options


@pytest.fixture
def project(via):
    """Write a project as VIA saves it, with the options of its attribute."""

    def write(options, *values, kind="dropdown", attribute="name"):
        content = {
            "_via_settings": {"ui": {}, "core": {}, "project": {"name": "p"}},
            "_via_img_metadata": via.export(via.image(*map(via.region, values))),
            "_via_attributes": {
                "region": {attribute: {"type": kind, "options": options, "default_options": {}}},
                "file": {},
            },
            "_via_data_format_version": "2.0.10",
        }
        return via.write(content)

    return write


OPTIONS = {"1": "large", "2": "normal", "3": "small", "4": "undefined"}


@pytest.mark.parametrize("names", [NAMES, None])
@pytest.mark.parametrize("kind", ["dropdown", "radio", "checkbox"])
def test_ids_of_options_stand_for_their_names(project, names, kind):
    values = ["4", "2", "3"] if kind != "checkbox" else [{n: True, "1": False} for n in "423"]
    (entry,) = read_via(project(OPTIONS, *values, kind=kind), names)
    assert entry.class_names == ["undefined", "normal", "small"]


def test_names_as_ids_stand_for_themselves(project):
    options = {"large": "more than 8 um", "small": "large", "besar": ""}
    (entry,) = read_via(project(options, "large", "small"), NAMES)
    assert entry.class_names == ["large", "small"]
    (entry,) = read_via(project(options, "large", "small", "besar"))
    assert entry.class_names == ["large", "small", "besar"]
    (entry,) = read_via(project({"b": "Besar", "n": "normal"}, "b", "n"), NAMES, None, ALIASES)
    assert entry.class_names == ["large", "normal"]


def test_ids_without_their_names_are_told_to_be_such(via, project):
    path = via.save(via.image(via.region("4")))
    with pytest.raises(DataError, match=r"unknown class '4'.*id of an option.*Project > Save"):
        read_via(path, NAMES)
    with pytest.raises(DataError, match=r"unknown class '9'[^(]*undefined\.$"):
        read_via(project(OPTIONS, "1", "9"), NAMES)


@pytest.mark.parametrize("damaged", [None, 5, [], {"region": 5}, {"region": {"name": 5}}])
def test_damaged_options_are_none(via, damaged):
    export = via.export(via.image(via.region()))
    path = via.write({"_via_img_metadata": export, "_via_attributes": damaged})
    assert read_via(path, NAMES)[0].class_names == ["normal"]


def test_where_nothing_tells_classes_there_is_one(via):
    regions = [{"shape_attributes": TRIANGLE, "region_attributes": {}}] * 2
    assert read_via(via.save(via.image(*regions)))[0].class_names == ["object", "object"]
