"""CSV exports: VIA's, and those of boxes."""

import csv
import json

import pytest

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations
from mrcnn.formats.tables import rows

NAMES = ["large", "normal"]
TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}
VIA_2 = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
    "region_attributes"
)
VIA_1 = (
    "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
    "region_attributes"
)


@pytest.fixture
def read(tmp_path):
    """Write a table and read it."""

    def write_and_read(content, names=NAMES, problems=None, filename="table.csv"):
        path = tmp_path / filename
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_annotations(path, names, problems=problems)

    return write_and_read


def quoted(value):
    return '"' + json.dumps(value).replace('"', '""') + '"'


def row(name="a.jpg", shape=TRIANGLE, attributes=None, count=2, number=0):
    cells = quoted(shape), quoted(attributes or {"name": "normal"})
    return f"{name},123,{quoted({})},{count},{number},{','.join(cells)}"


@pytest.mark.parametrize("header", [VIA_2, VIA_1])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["via.csv", "via_region_data.json"])
def test_via_csv_is_as_its_json(read, header, end, name):
    large = {"name": "Large", "note": 'a, "quoted" one; é'}
    empty = 'b.jpg,99,"{}",0,0,"{}","{}"'
    lines = [header, row(), row(attributes=large, number=1), empty, ""]
    first, second = read(end.join(lines), filename=name)
    assert (first.filename, first.size) == ("a.jpg", 123)
    assert first.class_names == ["normal", "large"]
    assert first.polygons[0].tolist() == [[2, 1], [2, 9], [8, 5]]
    assert (second.filename, second.size, second.polygons) == ("b.jpg", 99, [])


def test_long_outlines_of_via_csv(read):
    xs = [n % 1000 for n in range(100_000)]
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": [n * n % 99 for n in xs]}
    (image,) = read(f"{VIA_2}\n{row(shape=shape)}\n")
    assert len(image.polygons[0]) == 100_000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('a.jpg,123,"{}",1,0,"{nonsense","{}"', "row 3: '{nonsense' is not the JSON"),
        (row(shape={"name": "star"}), "image 'a.jpg', region 2: unknown shape 'star'"),
        (row(attributes={"name": "ring"}), "image 'a.jpg', region 2: unknown class 'ring'"),
    ],
)
def test_broken_rows_of_via_csv(read, line, said):
    problems = []
    (image,) = read(f"{VIA_2}\n{row()}\n{line}\n", problems=problems)
    assert image.class_names == ["normal"]
    assert len(problems) == 1
    with pytest.raises(DataError, match=said):
        read(f"{VIA_2}\n{row()}\n{line}\n")


ROBOFLOW = "filename,width,height,class,xmin,ymin,xmax,ymax"
MAKESENSE = "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height"


@pytest.mark.parametrize(
    "table",
    [
        f"{ROBOFLOW}\na.jpg,50,40,normal,5,7,20,12\na.jpg,50,40,large,0,0,50,40\n",
        f"{ROBOFLOW}\r\na.jpg,50,40,normal,5,7,20,12\r\na.jpg,50,40,large,0,0,50,40\r\n",
        f"{MAKESENSE}\nnormal,5,7,15,5,a.jpg,50,40\nlarge,0,0,50,40,a.jpg,50,40\n",
        "normal,5,7,15,5,a.jpg,50,40\nlarge,0,0,50,40,a.jpg,50,40\n",
        "class;filename;xmin;ymin;xmax;ymax;width;height\n"
        "normal;a.jpg;5;7;20;12;50;40\nlarge;a.jpg;0;0;50;40;50;40\n",
    ],
)
def test_tables_of_boxes(read, table):
    with pytest.warns(UserWarning, match="2 objects are boxes without masks"):
        (image,) = read(table)
    assert (image.filename, image.image_shape) == ("a.jpg", (40, 50))
    assert image.class_names == NAMES[::-1] and image.is_box == [True, True]
    assert image.polygons[0].tolist() == [[6.5, 4.5], [6.5, 19.5], [11.5, 19.5], [11.5, 4.5]]
    assert image.polygons[1].min() == -0.5


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.jpg,50,40,normal,x,7,20,12", "row 3: 'xmin' is 'x'"),
        ("a.jpg,50,40,normal,5,7,20", "row 3: 'ymax' is None"),
        ("a.jpg,50,40,normal,30,7,20,12", "row 3: the box is -10 x 5 pixels large"),
        (",50,40,normal,5,7,20,12", "row 3: 'filename', the name of the image, is missing"),
        ("a.jpg,50,40,ring,5,7,20,12", "row 3: unknown class 'ring'"),
    ],
)
def test_broken_rows_of_boxes(read, line, said):
    problems = []
    (image,) = read(f"{ROBOFLOW}\na.jpg,50,40,normal,5,7,20,12\n{line}\n", problems=problems)
    assert image.class_names == ["normal"] and len(problems) == 1
    with pytest.raises(DataError, match=said):
        read(f"{ROBOFLOW}\na.jpg,50,40,normal,5,7,20,12\n{line}\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("image,area,width,height\na.jpg,1,2,3\n", "a table .CSV. of a kind that is not read"),
        (f'{VIA_2}\n"a.jpg', "no valid CSV"),
        (f"{ROBOFLOW}\n".encode() + b"caf\xe9.jpg,50,40,normal,5,7,20,12\n", "not UTF-8"),
    ],
)
def test_tables_that_are_damaged_or_others(read, content, said):
    with pytest.raises(DataError, match=said) as caught:
        read(content)
    assert "table.csv" in str(caught.value)


def test_a_table_half_read_does_not_limit_those_of_others(tmp_path):
    half_read = rows(b"a,b\nc,d\n", tmp_path / "short.csv")
    next(half_read)
    long_cell = "x" * 200_000
    assert list(csv.reader([long_cell])) == [[long_cell]]
    assert list(half_read) == [(2, ["c", "d"])]


def test_rows_have_the_numbers_that_a_spreadsheet_shows(tmp_path):
    table = b'sep=;\nimage;cells\n\n;\n"a\nb";3\nc;4\n'
    numbered = [(1, ["image", "cells"]), (4, ["a\nb", "3"]), (5, ["c", "4"])]
    assert list(rows(table, tmp_path / "table.csv")) == numbered


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
@pytest.mark.parametrize(
    ("titles", "line"),
    [(ROBOFLOW, "a.jpg,50,40,ring,5,7,20,12"), (VIA_2, 'a.jpg,123,"{}",1,0,"{nonsense","{}"')],
)
def test_empty_rows_are_counted_where_a_row_is_told(read, titles, line):
    with pytest.raises(DataError, match="row 4"):
        read(f"{titles}\n\n\n{line}\n")
