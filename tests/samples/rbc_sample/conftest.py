"""The drawn fields of blood cells, for the tests of this folder."""

from tests.drawn_cells import (  # noqa: F401
    annotate,
    dataset_dir,
    field_image,
    make_field,
    make_subset,
    regions,
)
