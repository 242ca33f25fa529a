"""The tiny model that all formats are tried with."""

import pytest

from tests.deploy.exported import TinyModel


@pytest.fixture(scope="package")
def tiny(tiny_config, tmp_path_factory):
    names = ("round", "long")
    config = tiny_config(CLASS_NAMES=names, SUBPIXEL_MASKS=True, MASK_MARGIN=0.1)
    return TinyModel(config, tmp_path_factory.mktemp("tiny"))
