"""Reading an XML file from anyone: no entities, no files of others, no depth without end."""

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from mrcnn.errors import DataError, shown

_DEEPEST = 30


@dataclass
class Element:
    """One element.

    Attributes:
        tag: its name.
        attributes: by name.
        children: the elements in it.
        text: between its tags, without that of the children.
    """

    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def named(self, tag: str) -> list["Element"]:
        """The children of a name."""
        return [child for child in self.children if child.tag == tag]

    def text_of(self, tag: str) -> str | None:
        """The text of the first child of a name; None without one."""
        return next((child.text.strip() for child in self.children if child.tag == tag), None)


def is_xml(content: object, root: str) -> bool:
    """Whether the bytes of a file begin as XML with an element of this name outermost."""
    if not isinstance(content, bytes):
        return False
    start = content[:4000]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.decode("utf-16", "ignore").encode()
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"<") and f"<{root}".encode() in start


def parse_xml(content: bytes, path: Path) -> Element:
    """The outermost element of an XML file.

    Raises:
        DataError: the file is no XML or cut short, defines entities, or is nested too deeply.
    """
    top = Element("", {})
    stack = [top]
    texts: list[list[str]] = [[]]

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) > _DEEPEST:
            raise DataError(f"{path}: nested too deeply for annotations.")
        element = Element(tag, attributes)
        stack[-1].children.append(element)
        stack.append(element)
        texts.append([])

    def end(_: str) -> None:
        stack.pop().text = "".join(texts.pop())

    def refuse(name: str, *_: object) -> None:
        raise DataError(f"{path}: defines the entity {shown(name)}, which no annotations need.")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: texts[-1].append(text)
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise DataError(
            f"{path} is not valid XML: {expat.ErrorString(error.code)} in line {error.lineno}, "
            f"column {error.offset + 1}. Export it again."
        ) from None
    except (ValueError, LookupError) as error:
        if isinstance(error, DataError):
            raise
        # An encoding that is not known.
        raise DataError(f"{path} is not valid XML: {error}.") from None
    return top.children[0]
