"""CVAT's and Pascal VOC's XML, as the programs write it, and XML that was made to do harm."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations
from mrcnn.instances import Instances

NAMES = ["large", "normal"]

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><job><id>7</id><labels><label><name>normal</name></label></labels></job></meta>
  <image id="0" name="a.png" width="50" height="40">{}</image>
  <image id="1" name="sub/b.png" width="50" height="40">
  </image>
</annotations>
"""
VOC = """<annotation verified="no">
\t<folder>train</folder><filename>{filename}</filename><path>C:\\pictures\\{filename}</path>
\t<source><database>Unknown</database></source>
\t<size><width>50</width><height>40</height><depth>3</depth></size>
\t<segmented>0</segmented>
{objects}
</annotation>
"""


@pytest.fixture
def read(tmp_path):
    """Write an XML file beside the image a.png, and read it."""
    Image.new("RGB", (50, 40)).save(tmp_path / "a.png")

    def write_and_read(content, names=NAMES, problems=None):
        path = tmp_path / "a.xml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_annotations(path, names, problems=problems)

    return write_and_read


def masks(image):
    found = Instances.from_polygons(image.polygons, [1] * len(image.polygons), (40, 50))
    return np.moveaxis(found.full_masks(), 2, 0)


def cvat(*shapes):
    return CVAT.format("\n".join(shapes))


POLYGON = (
    '<polygon label="normal" source="manual" occluded="0" points="1.00,2.00;9.50,2.00;5.00,8.00" '
    'z_order="0"><attribute name="stage">ring</attribute></polygon>'
)


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
def test_cvat_images_and_shapes(read):
    box = '<box label="large" occluded="0" xtl="5.00" ytl="7.00" xbr="20.00" ybr="12.00"></box>'
    rle = '<mask label="normal" rle="1, 2, 1, 3, 1" left="30" top="20" width="4" height="2"/>'
    oval = '<ellipse label="large" cx="20.5" cy="15.5" rx="10" ry="10"></ellipse>'
    first, empty = read(cvat(POLYGON, box, rle, oval, '<tag label="large"></tag>'))
    assert (first.filename, first.image_shape) == ("a.png", (40, 50))
    assert (empty.filename, empty.polygons) == ("sub/b.png", [])
    assert first.class_names == ["normal", "large", "normal", "large"]
    assert first.is_box == [False, True, False, False]
    assert first.polygons[0].tolist() == [[2, 1], [2, 9.5], [8, 5]]
    _, boxed, masked, round_ = masks(first)
    assert boxed[7:12, 5:20].all() and boxed.sum() == 75
    expected = np.zeros((40, 50), bool)
    expected[20, 31:33] = expected[21, 30:33] = True
    np.testing.assert_array_equal(masked, expected)
    rows, columns = np.mgrid[:40, :50]
    distance = np.hypot(rows - 15, columns - 20)
    assert round_[distance < 9.9].all() and not round_[distance > 10].any()


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
def test_turned_shapes_of_cvat(read):
    box = '<box label="large" xtl="10" ytl="18" xbr="30" ybr="22" rotation="90.00"></box>'
    oval = '<ellipse label="large" cx="20" cy="20" rx="10" ry="2" rotation="45"></ellipse>'
    first, _ = read(cvat(box, oval))
    upright, turned = masks(first)
    assert upright[10:30, 18:22].all() and upright.sum() == 80
    # Clockwise, as y points down.
    assert turned[25, 25] and turned[15, 15] and not turned[25, 15]


def test_tracks_and_lines_of_cvat(read):
    with pytest.raises(DataError, match=r"a\.xml has the tracks of a video.*CVAT for images"):
        read('<annotations><track id="0" label="normal"></track></annotations>')
    with pytest.warns(UserWarning, match="2 point regions"):
        read(cvat('<points label="large" points="1,2"/>', '<polyline label="x" points="1,2;3,4"/>'))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ('<cuboid label="large"/>', "unknown shape 'cuboid'"),
        ('<polygon label="large" points="1,2;3;4,5"/>', "'points' must be x,y;x,y"),
        ('<polygon label="large" points="1,2;3,x;4,5"/>', "'points' is 'x'"),
        ('<polygon label="large" points="1,2;3,nan;4,5"/>', "'points' is nan"),
        ('<box label="large" xtl="1" ytl="2" xbr="3"/>', "'ybr' is None"),
        ('<box label="large" xtl="5" ytl="2" xbr="3" ybr="9"/>', "ends at 3, 9 before 5, 2"),
        ('<mask label="large" rle="1,x" left="0" top="0" width="2" height="2"/>', "whole numbers"),
        ('<mask label="large" rle="9" left="0" top="0" width="2" height="2"/>', "cover 9 pixels"),
        ('<mask label="large" rle="1" left="0" top="0" width="-2" height="2"/>', "'size'"),
        ('<polygon label="ring" points="1,2;9,2;5,8"/>', "unknown class 'ring'"),
        ('<polygon points="1,2;9,2;5,8"/>', "class, is missing"),
    ],
)
def test_broken_shapes_of_cvat(read, shape, said):
    problems = []
    first, _ = read(cvat(POLYGON, shape), problems=problems)
    assert first.class_names == ["normal"]
    assert len(problems) == 1 and "'a.png', shape 2" in problems[0]
    with pytest.raises(DataError, match=said):
        read(cvat(POLYGON, shape))


def voc(*objects, filename="a.png"):
    return VOC.format(filename=filename, objects="\n".join(objects))


BOX = """<object><name>normal</name><pose>Unspecified</pose><truncated>0</truncated>
<difficult>0</difficult><occluded>0</occluded>
<bndbox><xmin>5</xmin><xmax>20</xmax><ymin>7</ymin><ymax>12</ymax></bndbox>{}</object>"""


def test_voc_boxes(read):
    with pytest.warns(UserWarning, match="1 objects are boxes without masks"):
        (image,) = read(voc(BOX.format("")))
    assert (image.filename, image.image_shape) == ("a.png", (40, 50))
    assert image.class_names == ["normal"] and image.is_box == [True]
    assert image.polygons[0].tolist() == [[6.5, 4.5], [6.5, 19.5], [11.5, 19.5], [11.5, 4.5]]


def test_the_polygons_of_roboflow(read):
    polygon = "<polygon><x1>1</x1><y1>2</y1><x2>9.5</x2><y2>2</y2><x3>5</x3><y3>8</y3></polygon>"
    (image,) = read(voc(BOX.format(polygon)))
    assert image.polygons[0].tolist() == [[2, 1], [2, 9.5], [8, 5]]
    assert image.is_box == [False]


@pytest.mark.parametrize("filename", ["a.png", "lost.jpg", "", "../pictures/a.png"])
def test_the_image_is_that_of_the_name(read, filename):
    (image,) = read(voc(filename=filename))
    assert image.filename == "a.png" and image.polygons == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("<object><name>large</name></object>", "'bndbox' is missing"),
        (BOX.format("").replace("<xmin>5", "<xmin>x"), "'xmin' is 'x'"),
        (BOX.format("").replace("<xmin>5", "<xmin>99"), "ends at 20, 12 before 99, 7"),
        (BOX.format("").replace("normal", "ring"), "unknown class 'ring'"),
        (BOX.format("").replace("<name>normal</name>", ""), "class, is missing"),
        (BOX.format("<polygon><x1>1</x1><x2>3</x2></polygon>"), "'y1' is None"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*boxes without masks")
def test_broken_objects_of_voc(read, entry, said):
    problems = []
    (image,) = read(voc(BOX.format(""), entry), problems=problems)
    assert image.class_names == ["normal"]
    assert len(problems) == 1 and "a.xml, object 2" in problems[0]
    with pytest.raises(DataError, match=said):
        read(voc(BOX.format(""), entry))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><annotations>&l9;</annotations>', "the entity"),
        ('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><annotation>&f;</annotation>',
         "defines the entity 'f'"),
        ("<annotations>" + "<image>" * 100_000, "nested too deeply"),
        ("<annotations><image>", "not valid XML: no element found in line 1"),
        ("<annotations>&nbsp;</annotations>", "not valid XML: undefined entity"),
        ('<?xml version="1.0" encoding="nowhere"?><annotations/>', "not valid XML"),
        (b"<annotations>\xff</annotations>", "not valid XML"),
        ("<other/>", "XML of a kind that is not read"),
    ],
)  # fmt: skip
def test_xml_that_does_harm_or_is_damaged(read, content, said):
    with pytest.raises(DataError, match=said) as caught:
        read(content)
    assert "a.xml" in str(caught.value)


def test_other_encodings(read):
    for encoding in ("utf-8-sig", "utf-16"):
        (image,) = read(voc().encode(encoding))
        assert image.filename == "a.png"
