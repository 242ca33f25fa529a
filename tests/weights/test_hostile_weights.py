"""Weights from anywhere: nothing in a file is ever evaluated, and none makes the program hang."""

import ast
import json
import random
import time
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from benchmarks import fuzz_weights
from mrcnn.errors import WeightsError
from mrcnn.nets.model import DetectorModel
from mrcnn.weights.layouts import open_weights
from mrcnn.weights.loading import load_weights
from mrcnn.weights.saving import save_weights

ROOT = Path(__file__).resolve().parents[2]


def small_model():
    image = keras.Input((3,), name="input_image")
    return DetectorModel(image, keras.layers.Dense(2, name="conv1")(image))


@pytest.fixture(scope="module")
def model():
    return small_model()


def weights(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def assert_refuses(model, path, said, load=load_weights):
    before = weights(model)
    with pytest.raises(WeightsError, match=said) as caught:
        load(model, path)
    assert path.name in str(caught.value)
    assert all(map(np.array_equal, weights(model), before))


def by_keras(model, path):
    return model.load_weights(path)


# --- Nothing is evaluated ------------------------------------------------------------------------

# Modules that make objects of what a file says, and calls that do.
_MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
_MODULES |= {"yaml", "copyreg"}
_CALLS = {"eval", "exec", "enable_unsafe_deserialization", "unsafe_load", "full_load", "func_load"}
# Pickles of a known checksum, whose reader knows two functions of its own and refuses all others:
# test_torch_file tries one that calls something else.
_CALLS_NOTHING = {"mrcnn/weights/torch_file.py"}
# Dask hands what it runs to its processes as pickles: of the command itself, never of a file.
_OWN_PROCESSES = {"mrcnn/app/engine/dask_engine.py", "mrcnn/app/engine/job.py"}
_ARGUMENTS = {"allow_pickle": False, "safe_mode": True, "weights_only": True}


def ways_to_evaluate(source):
    """Lines of a source that could evaluate what a file holds."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").split(".")[0]]
        if _MODULES & set(names):
            found.append(node.lineno)
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        # `model.eval()` of PyTorch evaluates a network.
        if name in _CALLS and (node.args or node.keywords):
            found.append(node.lineno)
        for argument in node.keywords:
            if argument.arg in _ARGUMENTS:
                value = getattr(argument.value, "value", None)
                if value is not _ARGUMENTS[argument.arg]:
                    found.append(node.lineno)
    return found


@pytest.mark.parametrize("folder", ["mrcnn", "samples"])
def test_no_source_can_evaluate_a_file(folder):
    paths = list((ROOT / folder).rglob("*.py"))
    assert len(paths) > 10
    found = {
        str(path): ways_to_evaluate(path.read_text(encoding="utf-8"))
        for path in paths
        if path.relative_to(ROOT).as_posix() not in _CALLS_NOTHING | _OWN_PROCESSES
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import safe_load",
        "eval(text)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=wanted)",
        "keras.saving.load_model(path, safe_mode=False)",
        "keras.config.enable_unsafe_deserialization(1)",
        "torch.load(path, weights_only=False)",
    ],
)
def test_ways_to_evaluate_are_found(source):
    assert ways_to_evaluate(source)


@pytest.fixture
def trapped(tmp_path, monkeypatch):
    """A `.keras` file with a function that leaves a trace when it runs, and the trace."""
    trace = tmp_path / "trace"
    path = tmp_path / "model.keras"
    image = keras.Input((3,), name="input_image")
    monkeypatch.setenv("TRACE_OF_THE_TRAP", str(trace))
    # Its code goes into the archive, as it would from anyone.
    trap = keras.layers.Lambda(
        lambda x: (open(__import__("os").environ["TRACE_OF_THE_TRAP"], "w").close(), x)[1],
        name="trap",
    )
    model = keras.Model(image, keras.layers.Dense(2, name="conv1")(trap(image)))
    model.save(path)
    assert trace.exists()
    trace.unlink()
    return path, trace


def test_a_function_in_a_keras_file_never_runs(trapped, model):
    path, trace = trapped
    report = load_weights(model, path, strict=True)
    assert report.loaded == ["conv1"]
    assert model.load_weights(path, by_name=True).loaded == ["conv1"]
    model.load_weights(path)
    with pytest.raises(ValueError, match=r"(?s)Lambda.*safe_mode"):
        keras.saving.load_model(path)
    assert not trace.exists()


def test_the_function_would_run_if_it_were_let(trapped):
    path, trace = trapped
    keras.saving.load_model(path, safe_mode=False)
    assert trace.exists()


# --- Files that Keras opens itself ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras"])
def test_good_files_go_to_keras(model, tmp_path, name):
    path = tmp_path / name
    model.save(path) if name == "a.keras" else model.save_weights(path)
    twin = small_model()
    assert twin.load_weights(path) is None
    assert all(map(np.array_equal, weights(twin), weights(model)))


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras"])
def test_damaged_files_do_not_reach_the_library(model, tmp_path, name, monkeypatch):
    path = tmp_path / name
    model.save(path) if name == "a.keras" else model.save_weights(path)
    stored = {"": path.read_bytes()}
    if name == "a.keras":
        with zipfile.ZipFile(path) as archive:
            stored = {item: archive.read(item) for item in archive.namelist()}
    member = "model.weights.h5" if name == "a.keras" else ""
    stored[member] = data = damage_the_tree(stored[member])
    if name == "a.keras":
        with zipfile.ZipFile(path, "w") as archive:
            for item, content in stored.items():
                archive.writestr(item, content)
    else:
        path.write_bytes(data)

    def opened(*args, **kwargs):
        raise AssertionError("the library opened it")

    monkeypatch.setattr(h5py, "File", opened)
    assert_refuses(model, path, "damaged tree", by_keras)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_what_keras_cannot_load_is_told_and_changes_nothing(tmp_path):
    image = keras.Input((3,), name="input_image")
    first = keras.layers.Dense(2, name="conv1")(image)
    model = DetectorModel(image, keras.layers.Dense(2, name="conv2")(first))
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    # The first layer's values can be loaded, the second one's cannot.
    with h5py.File(path, "a") as file:
        file["layers/dense/vars/0"][...] = 7
        del file["layers/dense_1/vars/1"]
    assert_refuses(model, path, "Keras cannot load it", by_keras)


def damage_the_tree(content):
    """The tree of the root group becomes its own neighbor."""
    tree = content.index(b"TREE")
    return content[: tree + 8] + tree.to_bytes(8, "little") + content[tree + 16 :]


def test_a_file_that_can_be_read_in_two_ways_is_looked_at_as_keras_reads_it(model, tmp_path):
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    good = path.read_bytes()
    # HDF5 when read from its start, a ZIP archive when read from its end.
    path = tmp_path / "a.keras"
    path.write_bytes(good)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model.weights.h5", damage_the_tree(good))
    assert_refuses(model, path, "damaged tree", by_keras)


def test_a_file_that_keras_opens_though_no_list_names_it(model, tmp_path):
    path = tmp_path / "a.weights.json"
    model.save_weights(path, max_shard_size=1)
    first = tmp_path / "a_00000.weights.h5"
    (tmp_path / "b.weights.h5").write_bytes(first.read_bytes())
    path.write_text(path.read_text().replace(first.name, "b.weights.h5"))
    first.write_bytes(damage_the_tree(first.read_bytes()))
    with pytest.raises(WeightsError, match=r"a_00000\.weights\.h5.*damaged tree"):
        model.load_weights(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not the list of files"),
        ("[" * 100_000, "is not the list of files"),
        ('{"weight_map": 5}', "is not the list of files"),
        ('{"weight_map": {"/x": "../b.weights.h5"}}', "which is no file beside it"),
        ('{"weight_map": {"/x": "C:\\\\b.weights.h5"}}', "which is no file beside it"),
        ('{"weight_map": {"/x": ["a.h5", 5]}}', "which is no file beside it"),
        ('{"weight_map": {"/x": "b.weights.h5"}}', "b.weights.h5: there is no such"),
    ],
)
def test_lists_of_files_stay_in_their_folder(model, tmp_path, content, said):
    path = tmp_path / "a.weights.json"
    path.write_text(content)
    with pytest.raises(WeightsError, match=said):
        model.load_weights(path)


def test_an_archive_packed_in_another_way(model, tmp_path):
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("model.weights.h5", random.Random(0).randbytes(1000))
    assert_refuses(model, path, "packed in a way that Keras does not use")


def test_an_archive_that_lists_very_many_members(model, tmp_path):
    path = tmp_path / "a.keras"
    path.write_bytes(fuzz_weights.archive_of_many(20_000))
    start = time.process_time()
    for load in (load_weights, by_keras):
        assert_refuses(model, path, "list of members is absurdly long", load)
    assert time.process_time() - start < 0.5


# --- Files that mean more work than they look ----------------------------------------------------


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "a.h5"
    save_weights(model, path)
    return path


def test_many_names_for_one_group_are_one_group(saved, model):
    with h5py.File(saved, "a") as file:
        group = file.create_group("hub")
        group.attrs["weight_names"] = np.array([b"x/y"] * 2000)
        for number in range(1500):
            file[f"again_{number:04}"] = group
    start = time.process_time()
    with open_weights(saved) as groups:
        assert sum(map(len, groups.values())) < 5000
    assert time.process_time() - start < 1
    assert load_weights(model, saved).loaded == ["conv1"]


def test_deep_groups_are_told(saved, model):
    with h5py.File(saved, "a") as file:
        del file["conv1"]
        file.create_group("/".join(["conv1"] * 100)).create_dataset("kernel:0", data=[1.0])
    assert_refuses(model, saved, "nested too deeply")


def test_long_lists_of_what_the_model_does_not_need_are_quick(tmp_path, model):
    path = tmp_path / "a.h5"
    save_weights(model, path)
    with h5py.File(path, "a") as file:
        names = np.array([f"layer_{n}/kernel_{n}:0".encode() for n in range(2000)])
        for number in range(5):
            file.create_group(f"nested_{number}").attrs["weight_names"] = names
    start = time.process_time()
    report = load_weights(model, path)
    assert time.process_time() - start < 2
    assert report.loaded == ["conv1"]
    assert len(str(report)) < 2000


def test_a_misfit_of_many_weights_is_told_in_short(saved, model):
    with h5py.File(saved, "a") as file:
        for number in range(500):
            file[f"conv1/extra_{number}"] = np.ones(1, "f4")
        del file["conv1"].attrs["weight_names"]
    before = weights(model)
    with pytest.raises(WeightsError, match=r"and 49\d more") as caught:
        load_weights(model, saved)
    assert len(str(caught.value)) < 2000
    assert all(map(np.array_equal, weights(model), before))


@pytest.mark.parametrize("parts", [1_000, 30_000])
def test_long_names_of_weights_are_neither_walked_for_ever_nor_shown_in_full(saved, model, parts):
    with h5py.File(saved, "a") as file:
        file["conv1/a"] = file["conv1"]
        file["conv1"].attrs["weight_names"] = ["a/" * parts] * 150
    start = time.process_time()
    with pytest.raises(WeightsError) as caught:
        load_weights(model, saved)
    assert time.process_time() - start < 0.5
    assert len(str(caught.value)) < 1500


def test_a_header_of_very_many_messages(model, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(fuzz_weights.long_header(200_000))
    assert_refuses(model, path, "it describes far more than it holds")


@pytest.mark.parametrize("ending", [".h5", ".weights.h5", ".keras"])
def test_files_with_changes_are_loaded_or_refused(tmp_path, ending):
    model = fuzz_weights.build_model()
    files = fuzz_weights.seeds(model, tmp_path)
    rng = random.Random(ending)
    outcomes = {"loaded": 0, "refused": 0}
    for _ in range(25):
        path = tmp_path / f"a{ending}"
        path.write_bytes(fuzz_weights.changed_bytes(rng.choice(files[ending]), rng))
        try:
            fuzz_weights.load(model, path, rng)
            outcomes["loaded"] += 1
        except WeightsError as error:
            assert str(path) in str(error)
            outcomes["refused"] += 1
    assert outcomes["refused"]


def test_the_list_of_files_is_what_keras_writes(model, tmp_path):
    path = tmp_path / "a.weights.json"
    model.save_weights(path, max_shard_size=1e-7)
    assert json.loads(path.read_text())["weight_map"]
    twin = small_model()
    twin.load_weights(path)
    assert all(map(np.array_equal, weights(twin), weights(model)))
