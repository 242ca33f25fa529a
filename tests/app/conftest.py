"""Drawn fields of blood cells and slides of discs, for the tests of this folder."""

from tests.app.large_slides import detect  # noqa: F401
from tests.drawn_cells import (  # noqa: F401
    annotate,
    dataset_dir,
    field_image,
    make_field,
    make_subset,
    regions,
)
