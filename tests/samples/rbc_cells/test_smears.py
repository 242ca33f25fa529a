"""The renderer of synthetic smears: same bytes, exact outlines, honest classes, careful writing."""

import json
import math

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.draw import polygon as polygon_pixels

from mrcnn.errors import DataError
from mrcnn.instances import Instances
from mrcnn.measure.hull import hull_area
from rbc_cells import smears
from rbc_cells.smears.shapes import Cell, visible_patches

SIZE = {"height": 200, "width": 260, "cell_diameter": 34.0}
FIELDS = 8


@pytest.fixture(scope="module")
def fields():
    return [smears.render_field(5, index, **SIZE) for index in range(FIELDS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("smears")
    smears.render_dataset(directory, fields=4, seed=2, **SIZE)
    return directory


def contents(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def cover(polygon, shape):
    mask = np.zeros(shape, dtype=bool)
    mask[polygon_pixels(polygon[:, 0], polygon[:, 1], shape)] = True
    return mask


def round_cell(y, x, radius=12.0, pressed=False):
    return Cell(y, x, radius, np.full(360, radius), "disc", pressed)


# Fields


def test_same_seed_and_index_give_the_same_field(fields):
    again = smears.render_field(5, 3, **SIZE)
    assert np.array_equal(again.image, fields[3].image)
    assert again.class_names == fields[3].class_names
    assert all(
        np.array_equal(one, other)
        for one, other in zip(again.polygons, fields[3].polygons, strict=True)
    )


def test_other_seeds_and_indices_give_other_fields(fields):
    other = smears.render_field(6, 3, **SIZE)
    assert not np.array_equal(other.image, fields[3].image)
    assert not np.array_equal(fields[4].image, fields[3].image)


def test_a_field_is_a_photograph_with_one_outline_and_class_for_each_cell(fields):
    for field in fields:
        assert field.image.shape == (200, 260, 3)
        assert field.image.dtype == np.uint8
        assert len(field.polygons) == len(field.class_names) >= 5
        assert set(field.class_names) <= set(smears.CLASS_NAMES)


def test_polygons_lie_inside_the_image_and_enclose_something(fields):
    for field in fields:
        for polygon in field.polygons:
            assert polygon.dtype == np.float64
            assert polygon.shape[0] >= 3
            assert polygon.shape[1] == 2
            assert (polygon >= 0).all()
            assert (polygon <= (199, 259)).all()
            assert smears.polygon_area(polygon) > 10
            assert (polygon != np.roll(polygon, 1, axis=0)).any(axis=1).all()


def test_visible_outlines_share_no_more_than_their_edges(fields):
    for field in fields:
        count = sum(cover(polygon, (200, 260)).astype(int) for polygon in field.polygons)
        assert (count > 1).sum() < 0.01 * (count > 0).sum()


@pytest.mark.parametrize("index", range(FIELDS))
def test_what_the_polygons_cover_is_what_stands_out_of_the_background(fields, index):
    field = fields[index]
    cells = np.zeros((200, 260), dtype=bool)
    for polygon in field.polygons:
        cells |= cover(polygon, (200, 260))
    background = np.median(field.image[~cells], axis=0)
    contrast = gaussian_filter(np.abs(field.image - background).max(axis=2), 1)
    # Half of what a typical cell pixel differs by parts cells from background.
    seen = contrast > 0.5 * np.median(contrast[cells])
    assert (seen & cells).sum() / (seen | cells).sum() > 0.75


def test_outline_lies_on_the_edge_of_the_cell():
    # In a whole field of lone and clumped cells the light must fall where the outline runs:
    # a ring of two pixels inside is darker than a ring of two pixels outside.
    field = smears.render_field(0, 2, height=300, width=400, cell_diameter=60.0)
    cells = sum(cover(polygon, (300, 400)).astype(int) for polygon in field.polygons) > 0
    inside = distance_transform_edt(cells)
    outside = distance_transform_edt(~cells)
    green = field.image[..., 1].astype(float)
    empty = np.median(green[outside > 6])
    near_inside = empty - green[(inside > 2) & (inside <= 4)].mean()
    near_outside = empty - green[(outside > 2) & (outside <= 4)].mean()
    assert near_inside > 5 * max(near_outside, 1.0)


def test_classes_follow_the_size_rule(fields):
    for field in fields:
        ids = np.ones(len(field.polygons), int)
        cells = Instances.from_polygons(field.polygons, ids, (200, 260))
        hulls = np.array([hull_area(crop) for crop in cells.crops])
        whole = ~cells.touches_border() & (cells.areas() >= 0.9 * hulls)
        diameters = np.sqrt(cells.areas())
        ratios = diameters / np.median(diameters[whole])
        for is_whole, ratio, name in zip(whole, ratios, field.class_names, strict=True):
            if not is_whole or ratio > 1.35:
                assert name == "undefined"
            else:
                assert name == ("large" if ratio > 1.12 else "small" if ratio < 0.88 else "normal")


def test_all_four_classes_occur(fields):
    names = {name for field in fields for name in field.class_names}
    assert names == set(smears.CLASS_NAMES)


def test_size_classes_of_made_up_cells():
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)

    def disc(y, x, radius):
        # Large enough for whole pixels to tell the sizes.
        return 5 * np.stack([y + radius * np.sin(turn), x + radius * np.cos(turn)], axis=1)

    dented = disc(50, 250, 10)
    dented[:20] = (250, 1250)
    polygons = [
        disc(50, 50, 10),
        disc(50, 90, 10),
        disc(50, 130, 10),
        disc(50, 170, 11.3),
        disc(50, 210, 8.7),
        dented,
        disc(90, 50, 13.7),
        np.clip(disc(5, 300, 10), 0, 1999),
        disc(90, 130, 11.1),
    ]
    assert smears.size_classes(polygons, 2000, 2000) == [
        "normal",
        "normal",
        "normal",
        "large",
        "small",
        "undefined",
        "undefined",
        "undefined",
        "normal",
    ]
    assert smears.size_classes([], 100, 100) == []
    without_pixel = np.array([[5.2, 5.2], [5.4, 5.2], [5.3, 5.4]])
    assert smears.size_classes([without_pixel, disc(50, 50, 5)], 500, 500) == [
        "undefined",
        "normal",
    ]


def test_cells_touch_overlap_and_are_cut_by_the_border(fields):
    touching = at_border = 0
    for field in fields:
        around = sum(
            (gaussian_filter(cover(polygon, (200, 260)).astype(float), 1) > 0.1).astype(int)
            for polygon in field.polygons
        )
        touching += (around > 1).sum()
        at_border += sum(
            bool((polygon <= 0).any() or (polygon >= (199, 259)).any())
            for polygon in field.polygons
        )
    assert touching > 100
    assert 5 <= at_border < 0.6 * sum(len(field.polygons) for field in fields)


def test_stain_and_light_vary_between_fields(fields):
    assert len({field.stain for field in fields}) >= 3
    middles = np.array([np.median(field.image.reshape(-1, 3), axis=0) for field in fields])
    assert np.ptp(middles, axis=0).min() > 10


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": -1, "index": 0}, "below 0"),
        ({"seed": 0, "index": -2}, "below 0"),
        ({"seed": 0, "index": 0, "height": 20}, "too small"),
        ({"seed": 0, "index": 0, "cell_diameter": 3.0}, "cell_diameter 3.0"),
    ],
)
def test_values_out_of_range_are_named(values, message):
    with pytest.raises(DataError, match=message):
        smears.render_field(**values)


# Geometry of touching cells


def area_of(patch):
    return smears.polygon_area(patch.polygon)


def test_a_lone_cell_has_its_own_area():
    (patch,) = visible_patches([round_cell(40, 50, 20.0)], 80, 100)
    assert area_of(patch) == pytest.approx(math.pi * 20**2, rel=0.01)
    assert np.hypot(*(patch.polygon - (40, 50)).T) == pytest.approx(20, abs=0.5)


def test_the_cell_in_front_keeps_its_outline_and_hides_the_other():
    behind, front = visible_patches([round_cell(40, 40, 20.0), round_cell(40, 64, 20.0)], 80, 110)
    # Two circles of radius r at distance d share 2 r^2 acos(d / 2r) - d / 2 sqrt(4 r^2 - d^2).
    lens = 2 * 400 * math.acos(24 / 40) - 12 * math.sqrt(1600 - 576)
    assert area_of(front) == pytest.approx(math.pi * 400, rel=0.01)
    assert area_of(behind) == pytest.approx(math.pi * 400 - lens, rel=0.015)


def test_pressed_cells_flatten_against_each_other():
    pair = [round_cell(40, 40, 20.0, True), round_cell(40, 76, 20.0, True)]
    left, right = visible_patches(pair, 80, 120)
    assert area_of(left) == pytest.approx(area_of(right), rel=0.01)
    assert left.polygon[:, 1].max() < 58 < right.polygon[:, 1].min()


def test_hidden_and_barely_entering_cells_are_left_out():
    hidden = [round_cell(40, 40, 10.0), round_cell(40, 41, 20.0)]
    assert [patch.cell.radius for patch in visible_patches(hidden, 80, 80)] == [20.0]
    assert visible_patches([round_cell(-18.5, 40, 20.0)], 80, 80) == []
    assert visible_patches([round_cell(-60, 40, 20.0)], 80, 80) == []
    assert visible_patches([], 80, 80) == []


# Data sets


def test_data_set_repeats_its_bytes_and_accepts_its_own_output(folder, tmp_path):
    seen = []
    before = contents(folder)
    smears.render_dataset(
        tmp_path, fields=4, seed=2, **SIZE, progress=lambda *done: seen.append(done)
    )
    assert contents(tmp_path) == before
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    smears.render_dataset(tmp_path, fields=4, seed=2, **SIZE)
    assert contents(tmp_path) == before


def test_a_field_does_not_depend_on_the_number_of_fields(folder, tmp_path):
    smears.render_dataset(tmp_path, fields=2, seed=2, **SIZE)
    fewer, more = contents(tmp_path), contents(folder)
    images = [name for name in fewer if name.endswith(".jpg")]
    assert images == ["train/smear_0000.jpg", "val/smear_0001.jpg"]
    assert all(fewer[name] == more[name] for name in images)


def test_a_call_that_was_cut_off_is_completed(folder, tmp_path):
    smears.render_dataset(tmp_path, fields=4, seed=2, **SIZE)
    (tmp_path / "train" / "via_region_data.json").unlink()
    (tmp_path / "train" / "smear_0003.jpg").unlink()
    (tmp_path / "train" / ".smear_0003.x1.jpg").write_bytes(b"half")
    smears.render_dataset(tmp_path, fields=4, seed=2, **SIZE)
    (tmp_path / "train" / ".smear_0003.x1.jpg").unlink()
    assert contents(tmp_path) == contents(folder)


def test_annotations_are_a_via_2_export(folder):
    for subset, count in (("train", 3), ("val", 1)):
        directory = folder / subset
        entries = json.loads((directory / "via_region_data.json").read_text())
        assert len(entries) == count
        for key, entry in entries.items():
            image = directory / entry["filename"]
            assert entry["size"] == image.stat().st_size
            assert key == f"{entry['filename']}{entry['size']}"
            with Image.open(image) as picture:
                assert picture.size == (260, 200)
            field = smears.render_field(2, int(entry["file_attributes"]["field"]), **SIZE)
            assert len(entry["regions"]) == len(field.polygons)
            for region, polygon, name in zip(
                entry["regions"], field.polygons, field.class_names, strict=True
            ):
                shape = region["shape_attributes"]
                assert shape["name"] == "polygon"
                assert region["region_attributes"] == {"name": name}
                points = np.stack([shape["all_points_y"], shape["all_points_x"]], axis=1)
                assert np.array_equal(points, polygon)


def test_stored_image_is_the_rendered_one_but_for_compression(folder):
    with Image.open(folder / "val" / "smear_0001.jpg") as picture:
        stored = np.asarray(picture, dtype=float)
    rendered = smears.render_field(2, 1, **SIZE).image
    assert np.abs(stored - rendered).mean() < 4


def test_validation_fields_are_spread_and_fixed():
    picked = [index for index in range(20) if smears.is_validation_field(index, 0.2)]
    assert picked == [1, 6, 11, 16]
    assert not any(smears.is_validation_field(index, 0.0) for index in range(20))
    half = [index for index in range(6) if smears.is_validation_field(index, 0.5)]
    assert half == [1, 3, 5]


def test_without_validation_there_is_only_train(tmp_path):
    smears.render_dataset(tmp_path, fields=1, height=64, width=64, cell_diameter=20.0,
                          validation_fraction=0.0)  # fmt: skip
    assert set(contents(tmp_path)) == {"train/smear_0000.jpg", "train/via_region_data.json"}


def foreign_image(directory):
    (directory / "train" / "field7.png").write_bytes(b"mine")


def other_image(directory):
    (directory / "val" / "smear_0001.jpg").write_bytes(b"mine")


def other_annotations(directory):
    (directory / "train" / "via_region_data.json").write_text('{"a.jpg1": {"regions": []}}')


def broken_annotations(directory):
    (directory / "train" / "via_region_data.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (foreign_image, "field7.png"),
        (other_image, "smear_0001.jpg"),
        (other_annotations, "via_region_data.json"),
        (broken_annotations, "via_region_data.json"),
    ],
)
def test_files_of_others_are_neither_changed_nor_joined(tmp_path, spoil, name):
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()
    spoil(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(DataError, match=name) as error:
        smears.render_dataset(tmp_path, fields=4, seed=2, **SIZE)
    assert "Choose an empty or new folder" in str(error.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("change", [{"seed": 3}, {"fields": 3}, {"fields": 7}, {"width": 280}])
def test_another_call_does_not_mix_with_an_earlier_one(folder, change):
    before = contents(folder)
    with pytest.raises(DataError, match="nothing there was changed"):
        smears.render_dataset(folder, **{"fields": 4, "seed": 2, **SIZE, **change})
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fields": 0}, "0 fields are too few"),
        ({"fields": 1}, "at least 2"),
        ({"validation_fraction": 0.7}, "validation_fraction 0.7"),
    ],
)
def test_impossible_data_sets_are_refused(tmp_path, values, message):
    with pytest.raises(DataError, match=message):
        smears.render_dataset(tmp_path, **values)
    assert contents(tmp_path) == {}


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    (tmp_path / "train").write_text("not a folder")
    with pytest.raises(DataError, match="train is a file"):
        smears.render_dataset(tmp_path, fields=2, **SIZE)
    (tmp_path / "occupied").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        smears.render_dataset(tmp_path / "occupied", fields=2, **SIZE)
