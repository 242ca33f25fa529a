"""Parts of a drawing as data; the page's templates write them as SVG."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """An element of SVG.

    Attributes:
        tag: its name.
        attributes: name -> value; those of None are not there.
        children: shapes and texts within.
    """

    tag: str
    attributes: dict[str, Any]
    children: tuple[Any, ...] = ()


def shape(tag: str, *children: Any, **attributes: Any) -> Shape:
    """A shape; of names a trailing underscore is dropped and others become hyphens (`class_`)."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return Shape(tag, named, children)
