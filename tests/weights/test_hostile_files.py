"""Files that are broken, something else, or made to do harm: the model stays as it was."""

import zipfile

import h5py
import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights.loading import load_weights


def assert_refuses(path, twin, small, match, **kwargs):
    before = small.arrays(twin)
    with pytest.raises(WeightsError, match=match) as caught:
        load_weights(twin, path, **kwargs)
    assert str(path) in str(caught.value)
    small.assert_equal(small.arrays(twin), before)


@pytest.mark.parametrize("kept", [0.001, 0.02, 0.3, 0.6, 0.9, 0.999])
def test_truncated_files(saved, twin, small, tmp_path, kept):
    content = saved.read_bytes()
    broken = tmp_path / "broken.h5"
    broken.write_bytes(content[: int(len(content) * kept)])
    assert_refuses(broken, twin, small, r"cannot be read")


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_truncated_archives(model, twin, small, tmp_path, kept):
    path = tmp_path / "whole.keras"
    model.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert_refuses(path, twin, small, r"cannot be read")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"not HDF5 at all", "it is not HDF5, and begins with b'not HDF5 at all'"),
        (b"<!DOCTYPE html><html>404</html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "cannot be read as an HDF5 weights file"),
    ],
)
def test_files_of_another_kind(twin, small, tmp_path, content, said):
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    assert_refuses(path, twin, small, said)


def test_a_missing_file_a_folder_and_an_archive_of_something_else(twin, small, tmp_path):
    assert_refuses(tmp_path / "nowhere.h5", twin, small, "there is no such weights file")
    assert_refuses(tmp_path, twin, small, "is a folder, not a weights file")
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mask_rcnn.h5", b"")
    assert_refuses(path, twin, small, "ZIP archive but no Keras model")


def test_an_archive_that_unpacks_to_very_much_is_not_unpacked(twin, small, tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(10_000_000))
    assert_refuses(path, twin, small, "absurdly compressed")


def test_a_file_without_groups_and_one_without_weights(twin, small, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(3.0)
    assert_refuses(path, twin, small, "none of its layers fits")


def replace(saved, dataset, make):
    """Put something else where the file has an array."""
    with h5py.File(saved, "a") as file:
        group = file[dataset].parent
        name = dataset.rsplit("/", 1)[1]
        del group[name]
        make(group, name)


KERNEL = "conv1/conv1/kernel:0"
SHAPE = (3, 3, 3, 4)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda g, n: None, "is listed but not in the file"),
        (lambda g, n: g.create_group(n), "is not an array of numbers"),
        (lambda g, n: g.create_dataset(n, data=h5py.Empty("f4")), "is not an array of numbers"),
        (lambda g, n: g.create_dataset(n, SHAPE, h5py.string_dtype()), "is of type text"),
        (lambda g, n: g.create_dataset(n, SHAPE, "S8"), "is of type text"),
        (lambda g, n: g.create_dataset(n, SHAPE, "i4"), "is of type int32"),
        (lambda g, n: g.create_dataset(n, SHAPE, "c8"), "is of type records"),
        (lambda g, n: g.create_dataset(n, SHAPE, [("x", "f4")]), "is of type records"),
        (
            lambda g, n: g.create_dataset(
                n, SHAPE, "f4", maxshape=(None,) * 4, chunks=(1, 1, 1, 1 << 19)
            ),
            "absurdly large chunks",
        ),
    ],
)
def test_what_is_not_an_array_of_weights(saved, twin, small, make, said):
    replace(saved, KERNEL, make)
    assert_refuses(saved, twin, small, said)
    # A model that does not need the layer does not mind.
    report = load_weights(twin, saved, exclude=["conv1"])
    assert report.loaded == small.layers[1:]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(saved, twin, small, value):
    with h5py.File(saved, "a") as file:
        file[KERNEL][1, 1, 1, 1] = value
    assert_refuses(saved, twin, small, "not numbers or infinite")
    assert "conv1" not in load_weights(twin, saved, exclude="conv1").loaded


def test_a_value_too_large_for_float32(saved, twin, small):
    replace(saved, KERNEL, lambda g, n: g.create_dataset(n, data=np.full(SHAPE, 1e300)))
    assert_refuses(saved, twin, small, "not numbers or infinite")


def test_huge_shapes_take_no_memory(saved, twin, small):
    def huge(group, name):
        group.create_dataset(name, (1 << 20, 1 << 20, 4), "f4", chunks=(64, 64, 4))

    replace(saved, KERNEL, huge)
    report = load_weights(twin, saved)
    assert report.loaded == small.layers[1:]
    assert "1048576x1048576x4" in report.misfits[0]
    assert_refuses(saved, twin, small, "belongs to a model of another shape", strict=True)


def test_storage_in_other_files_is_not_read(saved, twin, small, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones(SHAPE, np.float32).tobytes())
    replace(
        saved, KERNEL, lambda g, n: g.create_dataset(n, SHAPE, "f4", external=[(secret, 0, 432)])
    )
    assert_refuses(saved, twin, small, "is stored in another file, which is not followed")


def test_virtual_arrays_are_not_read(saved, twin, small, tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.ones(SHAPE, np.float32)
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[...] = h5py.VirtualSource(other, "x", SHAPE)
    replace(saved, KERNEL, lambda g, n: g.create_virtual_dataset(n, layout))
    assert_refuses(saved, twin, small, "is stored in another file, which is not followed")


@pytest.mark.parametrize("where", [KERNEL, "conv1"])
def test_links_are_not_followed(saved, twin, small, tmp_path, where):
    other = tmp_path / "other.h5"
    other.write_bytes(saved.read_bytes())
    for link in (h5py.ExternalLink(other, where), h5py.SoftLink(f"/{where}"), h5py.SoftLink("/")):
        with h5py.File(saved, "a") as file:
            del file[where]
            file[where] = link
        assert_refuses(saved, twin, small, "is a link to elsewhere, not followed")


def test_links_that_nobody_needs_do_no_harm(saved, model, twin, small):
    with h5py.File(saved, "a") as file:
        file["loop"] = h5py.SoftLink("/loop")
        file["other"] = h5py.ExternalLink("nowhere.h5", "/")
    load_weights(twin, saved, strict=True)
    small.assert_equal(small.arrays(twin), small.arrays(model))


def test_groups_that_hold_themselves(saved, model, twin, small):
    with h5py.File(saved, "a") as file:
        del file["conv1"].attrs["weight_names"]
        file["conv1/again"] = file["conv1"]
        file["conv1/conv1/root"] = file["/"]
    report = load_weights(twin, saved, strict=True)
    assert set(report.loaded) == set(small.layers)
    small.assert_equal(small.arrays(twin), small.arrays(model))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (np.arange(3), "of type .*, not text"),
        (np.float64(2.5), "of type .*, not text"),
        (np.array([b"\xff\xfe"]), "is listed but not in the file"),
        (np.array([b"conv1/kernel:0/deeper"]), "is listed but not in the file"),
        (np.array([b"../bn_conv1/bn_conv1/gamma:0"]), "is listed but not in the file"),
        (np.array([b"/"]), "is not an array"),
        (b"conv1/kernel:0", "belongs to a model of another shape"),
        (h5py.Empty("S1"), "belongs to a model of another shape"),
    ],
)
def test_lists_of_names_that_are_none(saved, twin, small, names, said):
    with h5py.File(saved, "a") as file:
        file["conv1"].attrs["weight_names"] = names
    assert_refuses(saved, twin, small, said, strict=True)
