"""Rendered fields of stained smears, with exact outlines."""

from rbc_cells.smears.rendering import (
    CLASS_NAMES,
    RenderedField,
    is_validation_field,
    polygon_area,
    render_dataset,
    render_field,
    size_classes,
)

__all__ = [
    "CLASS_NAMES",
    "RenderedField",
    "is_validation_field",
    "polygon_area",
    "render_dataset",
    "render_field",
    "size_classes",
]
