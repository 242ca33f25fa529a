"""Which class a region has: by one of its attributes, which is named or found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mrcnn.errors import DataError, listed, shown

# The class of all objects where annotations tell none.
ANY_CLASS = "object"


class ClassReader:
    """Reads class names from the attributes of regions.

    Args:
        class_names: the known classes; None takes every value as a class of its own.
        attribute: the region attribute that holds the class; None: `find_attribute` looks for it.
        aliases: other names of the classes -> class name.

    Raises:
        DataError: an alias stands for a class that is not known.
    """

    def __init__(
        self,
        class_names: Sequence[str] | None = None,
        attribute: str | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.class_names = None if class_names is None else list(class_names)
        self.attribute = attribute
        self.aliases = dict(aliases or {})
        # Of attributes whose values are ids of options, the names by id.
        self.options: dict[str, dict[str, str]] = {}
        self._spelling = {_key(name): name for name in self.class_names or []}
        for alias, name in self.aliases.items():
            if self.class_names is not None and _key(name) not in self._spelling:
                raise DataError(
                    f"The class alias {alias!r} stands for {name!r}, which is not among the "
                    f"classes {', '.join(self.class_names)}."
                )
        for alias, name in self.aliases.items():
            self._spelling.setdefault(_key(alias), self._spelling.get(_key(name), name))

    @property
    def single_class(self) -> str | None:
        """The class of all regions, where there is one class and no attribute to tell others."""
        if self.attribute is None and self.class_names is not None and len(self.class_names) == 1:
            return self.class_names[0]
        return None

    def default_to(self, attribute: str) -> None:
        """Read this attribute where none was named, and where there is more than one class."""
        if self.attribute is None and self.single_class is None:
            self.attribute = attribute

    def find_attribute(self, regions: Sequence[tuple[str, Mapping]], path: Any) -> None:
        """Find the region attribute that holds the class, where none was named.

        With known classes it is the one whose values are known classes; else the one that all
        regions have.

        Args:
            regions: where each region is, for messages, and its "region_attributes".
            path: the file, for messages.

        Raises:
            DataError: none or several attributes qualify.
        """
        if self.attribute is not None or self.single_class is not None or not regions:
            return
        names = sorted({name for _, attributes in regions for name in attributes})
        if not names and self.class_names is None:
            # Nothing tells objects apart, so they are of one class.
            self.class_names = [ANY_CLASS]
            return
        if not names:
            raise DataError(
                f"{path}: no region has attributes, so classes cannot be told apart. Annotate a "
                "class attribute, or give a single class name."
            )
        if self.class_names is None:
            having = Counter(name for _, attributes in regions for name in attributes)
            candidates = [name for name in names if having[name] == len(regions)]
        else:
            # An attribute with one misspelled value is still the class attribute: the reader names
            # that region then. Several qualify only by all of their values.
            hits = Counter(
                name
                for _, attributes in regions
                for name, value in attributes.items()
                if self._is_known(name, value)
            )
            candidates = [name for name in names if hits[name]]
            if len(candidates) > 1:
                candidates = [name for name in names if hits[name] == len(regions)] or candidates
            if not candidates and len(names) == 1:
                candidates = names
        if len(candidates) != 1:
            found = listed(candidates or names)
            expected = f" (classes: {self._known()})" if self.class_names else ""
            problem = (
                f"several attributes could hold the class: {found}"
                if candidates
                else f"none of the attributes {found} holds the class of all regions"
            )
            raise DataError(f"{path}: {problem}{expected}. Name the attribute to use.")
        self.attribute = candidates[0]

    def read(self, attributes: Mapping, where: str) -> str:
        """The class name of a region.

        Args:
            attributes: its "region_attributes".
            where: names file, image and region in messages.

        Raises:
            DataError: the attribute is missing or empty, or its value is no known class.
        """
        if self.single_class is not None:
            return self.single_class
        attribute = f"the attribute {shown(self.attribute)}"
        if self.attribute not in attributes:
            present = listed(attributes) or "none"
            raise DataError(
                f"{where}: {attribute}, which holds the class, is missing "
                f"(attributes of this region: {present})."
            )
        values = self._values(self.attribute, attributes[self.attribute])
        if not values:
            raise DataError(f"{where}: {attribute} has no value; expected is {self._known()}.")
        names = list(dict.fromkeys(self._spelling.get(_key(value), value) for value in values))
        if self.class_names is not None:
            unknown = [name for name in names if name not in self.class_names]
            if unknown:
                raise DataError(
                    f"{where}: unknown class {shown(unknown[0])} in {attribute}; "
                    f"expected is {self._known()}.{self._hint(unknown[0])}"
                )
        if len(names) > 1:
            raise DataError(
                f"{where}: {attribute} holds several classes, "
                f"{listed(names)}; exactly one is expected."
            )
        return names[0]

    def _values(self, attribute: str | None, value: Any) -> list[str]:
        """The texts that a value holds, with names in place of the ids of options."""
        options = self.options.get(attribute or "", {})
        return [self._option_name(text, options) for text in _values(value)]

    def _option_name(self, text: str, options: Mapping[str, str]) -> str:
        name = options.get(text, "").strip()
        if not name or _key(text) in self._spelling:
            return text
        # Other ids are the names themselves, and their descriptions say more about them.
        return name if text.isdecimal() or _key(name) in self._spelling else text

    def _hint(self, value: str) -> str:
        if not value.isdecimal() or self.options.get(self.attribute or ""):
            return ""
        return (
            f" {value} may be the id of an option: its name stands in the project file (in VIA "
            "Project > Save), not in exported annotations."
        )

    def _is_known(self, attribute: str, value: Any) -> bool:
        values = self._values(attribute, value)
        return bool(values) and all(_key(item) in self._spelling for item in values)

    def _known(self) -> str:
        if self.class_names is None:
            return "a class name"
        known = f"one of {', '.join(self.class_names)}"
        if self.aliases:
            pairs = ", ".join(f"{alias} = {name}" for alias, name in self.aliases.items())
            known += f" (or {pairs})"
        return known


def _key(name: str) -> str:
    return name.strip().casefold()


def _values(value: Any) -> list[str]:
    """Text and radio values as they are; of a checkbox group the options that are checked.

    What holds further values is no class: it is empty here.
    """
    if isinstance(value, Mapping):
        value = [name for name, checked in value.items() if checked]
    elif not isinstance(value, list):
        value = [value]
    texts = []
    for item in value:
        if isinstance(item, Mapping | list):
            return []
        # Text of more digits than Python writes is no class either.
        text = shown(item) if isinstance(item, int) else str(item).strip()
        if item is not None and text:
            texts.append(text)
    return texts
