"""Our reader of HDF5 against the HDF5 library, on every form of file that is read."""

import zlib

import h5py
import numpy as np
import pytest

from mrcnn.weights.hdf5 import Dataset, Group, UnreadableError, check_structure, open_file

FORMS = [None, "earliest", ("v108", "v108"), ("v110", "v110"), "latest"]


def assert_same(ours: Group, theirs: h5py.Group) -> int:
    """Compare names, attributes of text and arrays; returns the number of arrays."""
    assert list(ours) == sorted(theirs)
    for name, value in theirs.attrs.items():
        items = [item.decode() if isinstance(item, bytes) else item for item in np.ravel(value)]
        assert ours.texts(name) == items
    assert ours.texts("no such attribute") is None
    arrays = 0
    for name in theirs:
        found = ours.child(name)
        if isinstance(found, Dataset):
            stored = theirs[name][()]
            assert not found.problem
            assert found.shape == stored.shape
            np.testing.assert_array_equal(found.read(), stored)
            assert found.read().dtype == stored.dtype
            arrays += 1
        else:
            arrays += assert_same(found, theirs[name])
    return arrays


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize(("members", "in_front"), [(3, 0), (9, 1024), (90, 0)])
def test_groups_attributes_and_whole_arrays(tmp_path, form, members, in_front):
    path = tmp_path / "a.h5"
    random = np.random.default_rng(members)
    with h5py.File(path, "w", libver=form, userblock_size=in_front) as file:
        for number in range(members):
            array = random.normal(size=(3, number % 5)).astype([">f2", "<f4", "<f8"][number % 3])
            file[f"layer_{number}/nested/kernel:0"] = array
        file["scalar"] = np.float32(3)
        for number in range(members % 40):
            file.attrs[f"names_{number}"] = [f"näme {number} {n}" for n in range(number)] or "none"
        file.attrs["fixed"] = np.array([b"abc", b"d"])
    with open(path, "rb") as ours, h5py.File(path) as theirs:
        assert assert_same(open_file(ours), theirs) == members + 1


@pytest.mark.parametrize("form", FORMS[:3], ids=str)
def test_trees_of_several_levels(tmp_path, form):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=form) as file:
        # Every name for the same group: many members are made quickly.
        file.create_group("first").attrs["names"] = ["x"]
        for number in range(2000):
            file[f"again_{number}"] = file["first"]
    with open(path, "rb") as ours, h5py.File(path) as theirs:
        root = open_file(ours)
        assert list(root) == sorted(theirs)
        assert {root.child(name) for name in root} == {root.child("first")}


@pytest.mark.parametrize("form", FORMS[:3], ids=str)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "gzip"},
        {"shuffle": True},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
    ],
    ids=str,
)
def test_arrays_in_chunks(tmp_path, form, options):
    path = tmp_path / "a.h5"
    random = np.random.default_rng(0)
    with h5py.File(path, "w", libver=form) as file:
        file.create_dataset("a", data=random.normal(size=(50, 70)), chunks=(8, 16), **options)
        file.create_dataset("b", data=np.zeros((5000,), "f4"), chunks=(7,), **options)
        file.create_dataset("c", data=random.normal(size=(9, 9)), chunks=(9, 9), **options)
    with open(path, "rb") as ours, h5py.File(path) as theirs:
        assert assert_same(open_file(ours), theirs) == 3


def test_arrays_within_their_headers(tmp_path):
    path = tmp_path / "a.h5"
    values = np.arange(6, dtype="f4").reshape(2, 3)
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(values.shape)
        array = h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_FLOAT, space, plan)
        array.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    with open(path, "rb") as ours, h5py.File(path) as theirs:
        assert assert_same(open_file(ours), theirs) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f: f.create_dataset("a", (3,), "f4"), "was never written"),
        (lambda f: f.create_dataset("a", (9,), "f4", chunks=(2,)), "was never written"),
        (lambda f: f.create_dataset("a", data=np.ones(9), compression="lzf"), "packed with filter"),
        (lambda f: f.create_dataset("a", data=np.ones(9, "i4")), "is of type int32"),
        (lambda f: f.create_dataset("a", data=["x"]), "is of type text"),
        (lambda f: f.create_dataset("a", data=h5py.Empty("f4")), "is not an array"),
    ],
)
def test_arrays_that_are_not_read(tmp_path, make, said):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        make(file)
    with open(path, "rb") as file, pytest.raises(UnreadableError, match=said):
        open_file(file).child("a").read()


def test_chunks_of_the_newest_form_are_named(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("a", data=np.ones(9), chunks=(2,))
    with open(path, "rb") as file:
        assert "chunks of a newer form" in open_file(file).child("a").problem


def test_a_chunk_that_unpacks_to_more_than_it_may(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        array = file.create_dataset("a", (100,), "f4", chunks=(100,), compression="gzip")
        array.id.write_direct_chunk((0,), zlib.compress(bytes(1_000_000)))
    with open(path, "rb") as file, pytest.raises(UnreadableError, match="a damaged chunk"):
        open_file(file).child("a").read()


def test_what_is_no_hdf5_is_none(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3000)
    with open(path, "rb") as file:
        assert open_file(file) is None


# --- Files that the library would loop on, or follow to somewhere --------------------------------


@pytest.fixture
def plain(tmp_path):
    """A file as Keras writes it."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for number in range(3):
            group = file.create_group(f"layers/dense_{number}/vars")
            group["0"] = np.ones((2, 3), "f4")
            group.attrs["name"] = f"dense_{number}"
        file["optimizer/vars/0"] = np.int64(3)
    return path


def changed(path, mark, offset, content, nth=0):
    """Put bytes at an offset from the nth place of a mark."""
    data = bytearray(path.read_bytes())
    at = -1
    for _ in range(nth + 1):
        at = data.index(mark, at + 1)
    data[at + offset : at + offset + len(content)] = content
    path.write_bytes(data)
    return at


def check(path):
    with open(path, "rb") as file:
        root = open_file(file)
        if root is None:
            raise UnreadableError("it is not HDF5.")
        check_structure(root)


def test_what_keras_writes_passes(plain):
    check(plain)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_form_of_it_passes(tmp_path, form):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=form) as file:
        for number in range(20):
            file.create_group(f"layers/dense_{number}/vars").attrs["name"] = "x"
            file[f"layers/dense_{number}/vars/0"] = np.ones((2, 3), "f4")
    check(path)


ADDRESS = 8


@pytest.mark.parametrize(
    ("mark", "offset", "said"),
    [
        # A tree whose node has a neighbor, one whose node is its own child, one of another kind.
        (b"TREE", 8, "damaged tree"),
        (b"TREE", 32, "begins with|beyond|damaged"),
        (b"TREE", 4, "damaged tree"),
        # A heap whose chain of free places leads back to itself, or out.
        (b"HEAP", 16, "circle|damaged heap|cut short"),
        (b"HEAP", 24, "beyond the end|damaged|circle|cut short"),
        (b"SNOD", 8, "outside of its heap"),
        (b"SNOD", 16, "damaged|beyond|contradicts|cut short|unknown"),
        (b"SNOD", 24, "damaged member"),
        (b"SNOD", 32, "contradicts"),
    ],
)
def test_damaged_structure(plain, mark, offset, said):
    at = plain.read_bytes().index(mark)
    changed(plain, mark, offset, at.to_bytes(ADDRESS, "little"))
    with pytest.raises(UnreadableError, match=said):
        check(plain)


def test_free_places_that_go_round(plain):
    data = plain.read_bytes()
    heap = data.index(b"HEAP")
    free = int.from_bytes(data[heap + 16 : heap + 24], "little")
    names = int.from_bytes(data[heap + 24 : heap + 32], "little")
    at = names + free
    content = bytearray(data)
    content[at : at + 8] = free.to_bytes(8, "little")
    plain.write_bytes(content)
    with pytest.raises(UnreadableError, match="circle"):
        check(plain)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.__setitem__("again", f["layers"]),
        lambda f: f.__setitem__("round", h5py.SoftLink("/round")),
        lambda f: f.__setitem__("out", h5py.ExternalLink("b.h5", "/")),
        lambda f: f.create_dataset("chunks", data=np.ones(9), chunks=(2,)),
        lambda f: f.create_dataset("out", (3,), "f4", external=[("secret", 0, 12)]),
        lambda f: f.create_dataset("none", (3,), "f4"),
        lambda f: f.create_dataset("lists", (3,), h5py.vlen_dtype("f4")),
        lambda f: f.attrs.__setitem__("reference", f["layers"].ref),
        lambda f: f.create_group("ordered", track_order=True),
        lambda f: f.create_group("/".join(["x"] * 100)),
    ],
)
def test_what_keras_does_not_write(plain, change):
    with h5py.File(plain, "a") as file:
        change(file)
    with pytest.raises(UnreadableError):
        check(plain)


@pytest.mark.parametrize("size", [0, 1, 3, 200])
def test_places_in_a_heap_that_have_another_size(tmp_path, size):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        for number in range(30):
            file.create_group(f"group_{number}")
    changed(path, b"FRHP", 5, bytes([size]))
    with pytest.raises(UnreadableError):
        check(path)


def test_a_description_of_more_than_the_file_holds_is_not_followed(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["names"] = ["x" * 60_000] * 1000
    # The library stores each; here all are made to be the first one.
    data = bytearray(path.read_bytes())
    with open(path, "rb") as file:
        content = next(m for m in open_file(file).header.messages if m.type == 12).data
    at = data.index(content)
    start = at + len(content) - 16 * 1000
    data[start : start + 16_000] = data[start : start + 16] * 1000
    small = bytes(data[: 1 << 20])
    path.write_bytes(data)
    with open(path, "rb") as file:
        root = open_file(file)
        root.source._allowance = len(small)
        with pytest.raises(UnreadableError, match="far more than it holds"):
            root.texts("names")


def test_any_changed_byte_is_read_or_refused(plain, tmp_path):
    """Each of many files with one byte changed: nothing is raised but the reader's own error."""
    data = plain.read_bytes()
    outcomes = {"read": 0, "refused": 0}
    for at in range(0, len(data), 29):
        content = bytearray(data)
        content[at] ^= 1 << (at % 8)
        plain.write_bytes(content)
        try:
            check(plain)
            outcomes["read"] += 1
        except UnreadableError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20
