"""Changed files of weights: small real ones in every layout, and some that were made to do harm.

The bytes of a file are changed with an eye to HDF5: near its signatures, and with numbers that are
addresses in the file.
"""

import functools
import io
import os
import random
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

_SIGNATURES = re.compile(
    rb"\x89HDF\r\n\x1a\n|TREE|SNOD|HEAP|GCOL|OHDR|OCHK|FRHP|FHDB|FHIB|BTHD|BTLF|BTIN|PK\x01\x02|"
    rb"PK\x03\x04|PK\x05\x06"
)
_SIZES = [0, 1, 2, 7, 255, 65535, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
_MEMBER = "model.weights.h5"


def build_model():
    """The model that every input is loaded into: a convolution, a norm and a nested model."""
    import keras

    from mrcnn.nets.model import DetectorModel

    image = keras.Input((4, 4, 2), name="input_image")
    x = keras.layers.Conv2D(3, 1, name="conv1")(image)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    inner_input = keras.Input((None, None, 3), name="input_rpn_feature_map")
    inner = keras.Model(
        inner_input,
        keras.layers.Conv2D(2, 1, name="rpn_class_raw")(inner_input),
        name="rpn_model",
    )
    return DetectorModel(image, inner(x))


def seeds(model, folder: Path) -> dict[str, list[bytes]]:
    """Valid files, by the ending of their names.

    Args:
        model: whose weights they hold.
        folder: where they are made.
    """
    found: dict[str, list[bytes]] = {}
    for name in ("a.h5", "a.weights.h5", "a.keras"):
        path = folder / f"seed_{name}"
        model.save(path) if name.endswith(".keras") else model.save_weights(path)
        found[name.removeprefix("a")] = [path.read_bytes()]
    model.save(folder / "whole.h5")
    found[".h5"].append((folder / "whole.h5").read_bytes())
    weights = [
        (layer, [(weight.name, np.asarray(weight)) for weight in model_layer.weights])
        for layer, model_layer in _layers(model)
    ]
    # Other writers: HDF5's newer forms, many layers, packed chunks, text of any length.
    for libver in (None, ("v108", "v108"), "latest"):
        for others in (0, 30):
            found[".h5"].append(_written(weights, libver, others))
    found[".h5"].append(_written(weights, None, 0, packed=True))
    found[".h5"] += [_changed(found[".h5"][0], harm) for harm in _HARMS]
    found[".weights.h5"] += [_changed(found[".weights.h5"][0], harm) for harm in _HARMS[:4]]
    return found


def _layers(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        elif layer.weights:
            yield layer.name, layer


def _written(weights, libver, others: int, packed: bool = False) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w", libver=libver) as file:
        file.attrs["layer_names"] = [name for name, _ in weights]
        for number in range(others):
            file.create_group(f"other_{number}").attrs["weight_names"] = np.zeros(0)
        for layer, arrays in weights:
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{name}:0" for name, _ in arrays]
            for name, array in arrays:
                options = {"compression": "gzip", "shuffle": True, "fletcher32": True}
                group.create_dataset(f"{layer}/{name}:0", data=array, **(options if packed else {}))
    return content.getvalue()


def _changed(content: bytes, change: Callable[[h5py.File], None]) -> bytes:
    stored = io.BytesIO(content)
    with h5py.File(stored, "a") as file:
        change(file)
    return stored.getvalue()


# --- Files that were made to do harm -------------------------------------------------------------


def _first_group(file: h5py.File) -> h5py.Group:
    return file[next(name for name in file if isinstance(file[name], h5py.Group))]


def _cycles(file: h5py.File) -> None:
    group = _first_group(file)
    for number in range(5):
        group[f"again{number}"] = file["/"]
        file[f"other{number}"] = group


def _links(file: h5py.File) -> None:
    group = _first_group(file)
    group["soft"] = h5py.SoftLink("/soft")
    group["external"] = h5py.ExternalLink("elsewhere.h5", "/")
    file["round"] = h5py.SoftLink("/round")


def _nested(file: h5py.File) -> None:
    file.create_group("layers/" + "/".join(["x"] * 150) + "/vars")


def _many_names(file: h5py.File) -> None:
    _first_group(file).attrs["weight_names"] = np.array([b"a/b/c/d"] * 1000)


def _bombs(file: h5py.File) -> None:
    group = _first_group(file)
    huge = group.create_dataset("conv1/huge:0", (1 << 40, 64), "f4", chunks=(1, 64))
    huge[0] = 1
    zeros = np.zeros((1 << 20,), np.float32)
    group.create_dataset("conv1/zeros:0", data=zeros, chunks=(1 << 20,), compression="gzip")
    group.attrs["weight_names"] = np.array([b"conv1/huge:0", b"conv1/zeros:0"])


def _elsewhere(file: h5py.File) -> None:
    group = _first_group(file)
    group.create_dataset("conv1/out:0", (3,), "f4", external=[("elsewhere", 0, 12)])
    layout = h5py.VirtualLayout((3,), "f4")
    layout[...] = h5py.VirtualSource("elsewhere.h5", "x", (3,))
    group.create_virtual_dataset("conv1/virtual:0", layout)
    group.attrs["weight_names"] = np.array([b"conv1/out:0", b"conv1/virtual:0"])


def _shared_text(file: h5py.File) -> None:
    text = "x" * 60_000
    _first_group(file).attrs["weight_names"] = [text] * 50


def _large_chunks(file: h5py.File) -> None:
    group = _first_group(file)
    names = group.attrs["weight_names"]
    for name in names:
        shape = group[name].shape
        del group[name]
        chunk = (*(1 for _ in shape[1:]), 1 << 25)
        options = {"chunks": chunk, "maxshape": (None,) * len(shape), "compression": "gzip"}
        group.create_dataset(name, shape, "f4", **options)


_HARMS = [_cycles, _links, _nested, _bombs, _many_names, _elsewhere, _shared_text, _large_chunks]


# --- Large files that mean more work than they look -----------------------------------------------


def _many_links(links: int = 60_000) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        group = file.create_group("conv1")
        for number in range(links):
            h5py.h5o.link(file.id, group.id, b"%d" % number)
    return content.getvalue()


def _deep_names() -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        group = file.create_group("conv1")
        group["a"] = group
        group.attrs["weight_names"] = ["a/" * 30_000] * 150
    return content.getvalue()


def long_header(messages: int = 2_000_000) -> bytes:
    """A file whose root group has a header of many messages that say nothing."""
    header = b"OHDR\2\2" + struct.pack("<I", 4 * messages) + bytes(4 * messages)
    start = b"\x89HDF\r\n\x1a\n\2\x08\x08\0"
    addresses = struct.pack("<4Q", 0, 2**64 - 1, 48 + len(header), 48)
    return start + addresses + bytes(4) + header


def archive_of_many(members: int = 100_000) -> bytes:
    """A `.keras` archive that lists one small member very often."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(_MEMBER, b"")
        archive.filelist *= members
    return content.getvalue()


def archive_of_zeros(size: int = 100 << 20) -> bytes:
    """A `.keras` archive whose weights are nothing but zeros, very many of them."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_MEMBER, bytes(size))
    return content.getvalue()


_BOMBS = [
    (".h5", _many_links),
    (".weights.h5", _many_links),
    (".h5", _deep_names),
    (".h5", long_header),
    (".weights.h5", long_header),
    (".keras", archive_of_many),
    (".keras", archive_of_zeros),
]
_made = functools.cache(lambda make: make())


# --- Changes -------------------------------------------------------------------------------------


def _word(content: bytes, rng: random.Random) -> bytes:
    """A number that could be an address, a size or a count."""
    kind = rng.randrange(4)
    if kind == 0:
        value = rng.choice(_SIZES)
    elif kind == 1:
        value = rng.randrange(len(content) + 1) // 8 * 8
    elif kind == 2:
        marks = [found.start() for found in _SIGNATURES.finditer(content)] or [0]
        value = rng.choice(marks)
    else:
        value = len(content) + rng.choice([-8, -1, 0, 1, 8])
    size = rng.choice([1, 2, 4, 8, 8, 8])
    return struct.pack("<Q", max(value, 0))[:size]


def changed_bytes(content: bytes, rng: random.Random) -> bytes:
    """A file with a few bytes changed, moved or missing."""
    marks = [found.start() for found in _SIGNATURES.finditer(content)]
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        if not changed:
            break
        at = rng.randrange(len(changed))
        if marks and rng.random() < 0.7:
            at = min(rng.choice(marks) + rng.randrange(120), len(changed) - 1)
        change = rng.randrange(10)
        if change < 3:
            changed[at] ^= 1 << rng.randrange(8)
        elif change < 5:
            changed[at] = rng.randrange(256)
        elif change < 8:
            word = _word(content, rng)
            changed[at // 8 * 8 : at // 8 * 8 + len(word)] = word
        elif change == 8:
            length = rng.choice([8, 24, 40, 328])
            source = rng.randrange(len(changed))
            changed[at : at + length] = changed[source : source + length]
        elif rng.random() < 0.3:
            del changed[at:]
        else:
            changed[at : at + 16] = bytes(16)
    return bytes(changed)


def changed_weights(files: dict[str, list[bytes]], rng: random.Random) -> tuple[str, bytes]:
    """An input: the name of a file and what it holds."""
    if rng.random() < 0.001:
        ending, make = rng.choice(_BOMBS)
        return f"a{ending}", _made(make)
    ending = rng.choices([".h5", ".weights.h5", ".keras"], [6, 3, 1])[0]
    content = rng.choice(files[ending])
    if ending != ".keras":
        return f"a{ending}", changed_bytes(content, rng) if rng.random() < 0.97 else content
    if rng.random() < 0.4:
        return "a.keras", changed_bytes(content, rng)
    return "a.keras", _repacked(content, rng)


def _repacked(content: bytes, rng: random.Random) -> bytes:
    """The archive anew, with the weights in it changed or replaced by something too large."""
    packed = io.BytesIO()
    way = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", way) as new:
        for name in old.namelist():
            member = old.read(name)
            if name == _MEMBER:
                kind = rng.randrange(20)
                if kind == 0:
                    member = member + bytes(rng.choice([1_000, 3_000_000]))
                elif kind == 1:
                    name = rng.choice(["../model.weights.h5", "/model.weights.h5", "model.h5"])
                else:
                    member = changed_bytes(member, rng)
            new.writestr(name, member)
    return packed.getvalue()


def load(model, path: Path, rng: random.Random) -> None:
    """What a program does with a file of weights; raises what the package raises."""
    from mrcnn.weights.loading import load_weights

    if path.name.endswith((".keras", ".weights.h5")) and rng.random() < 0.5:
        model.load_weights(path)
    else:
        load_weights(model, path, strict=rng.random() < 0.5)


def temporary_folder() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
