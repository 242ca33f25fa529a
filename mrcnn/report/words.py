"""What an application calls its objects and its images, for all that is said about them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NETWORK = "network"
# Languages that write 1.234,5 where English has 1,234.5.
_COMMA_LANGUAGES = ("id",)
_EXCHANGED = str.maketrans(",.", ".,")


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


@dataclass(frozen=True)
class Words:
    """Nouns and a few phrases; called with a text, they fill its braces.

    In a text `{object}`, `{objects}`, `{image}`, `{images}` and `{class_term}` stand for the nouns,
    `{an_object}`, `{an_image}` and `{a_class_term}` for those with their article, each also with a
    capital (`{Objects}`, `{An_object}`), and `{program}` for the command.

    Attributes:
        program: name of the command in messages.
        description: of the program, a sentence.
        title: of pages, what is looked for.
        subject: what a network of this application knows.
        object, objects, image, images: the nouns.
        class_term, class_terms: what a class is called.
        class_methods: a sentence about the ways to tell classes, where there are several.
        ways_key: of a summary, for the figures of classes by the ways to tell them; by default
            after the class terms.
        default_classes: which classes are expected where none are named.
        annotations: what lies beside the images of a data set.
        layers_note: why more than the heads of a network should learn.
        follows_paper: whether the figures are those of a paper that the application follows.
        methods: names of the methods, for people.
        facts: entries of a summary that a page tells: key -> (title, text of each value).
        language: of the texts, as HTML names it.
        strings: what stands for an English text in that language, see
            `mrcnn.report.languages.in_language`.
    """

    program: str = "mrcnn"
    description: str = (
        "Instances of objects in images: train, evaluate, detect, check, convert, pack."
    )
    title: str = "Objects"
    subject: str = "objects"
    object: str = "object"
    objects: str = "objects"
    image: str = "image"
    images: str = "images"
    class_term: str = "class"
    class_terms: str = "classes"
    class_methods: str = ""
    ways_key: str = ""
    default_classes: str = "those in the annotations"
    annotations: str = "their annotations (VIA, COCO, YOLO, LabelMe, ...)"
    layers_note: str = ""
    follows_paper: bool = False
    methods: Mapping[str, str] = field(default_factory=lambda: {NETWORK: "Mask R-CNN"})
    facts: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    language: str = "en"
    strings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # In another language the terms are others, and the key is the same.
        if not self.ways_key:
            object.__setattr__(self, "ways_key", self.class_terms.replace(" ", "_"))

    def __call__(self, text: str, **values: Any) -> str:
        """The text in its language, with its braces filled.

        Args:
            text: in English.
            **values: what further names in braces stand for.
        """
        forms = {**self.forms(), **{name: str(value) for name, value in values.items()}}
        said = self.strings.get(text, text)
        return re.sub(r"\{(\w+)\}", lambda match: forms.get(match[1], match[0]), said)

    def named(self, name: str) -> str:
        """A name, as of a class, in the language where it is known; braces in it stay."""
        return self.strings.get(name, name)

    def forms(self) -> dict[str, str]:
        """What may stand in braces, and what stands there then."""
        nouns = {
            "object": self.object,
            "objects": self.objects,
            "image": self.image,
            "images": self.images,
            "class_term": self.class_term,
            "class_terms": self.class_terms,
            "an_object": self._with_article(self.object),
            "an_image": self._with_article(self.image),
            "a_class_term": self._with_article(self.class_term),
        }
        return {
            **nouns,
            **{_capital(name): _capital(noun) for name, noun in nouns.items()},
            "program": self.program,
            # Phrases that only stand where there is a paper.
            "paper_accuracy": self._phrase("the paper’s own accuracy, "),
            "as_in_paper": self._phrase(", which is the accuracy of the paper"),
        }

    def _phrase(self, text: str) -> str:
        return self.strings.get(text, text) if self.follows_paper else ""

    def _with_article(self, noun: str) -> str:
        # Other languages of ours have none.
        return _article(noun) if self.language == "en" else noun

    def counted(self, number: int, noun: str = "object") -> str:
        """A number with its noun: "1 cell", "1,200 cells"; noun is "object" or "image"."""
        return f"{self.number(number)} {getattr(self, noun if number == 1 else f'{noun}s')}"

    def number(self, value: float, digits: int = 0) -> str:
        """A number as the language writes it, for pages: 1,234.5 or 1.234,5."""
        return self._as_written(f"{value:,.{digits}f}")

    def plain(self, value: float) -> str:
        """A number with the decimals that it has and no separator of thousands: 0.25 or 0,25."""
        return self._as_written(f"{value:g}")

    @property
    def decimal(self) -> str:
        """What stands before the decimals: a point or a comma."""
        return self._as_written(".")

    def _as_written(self, text: str) -> str:
        return text.translate(_EXCHANGED) if self.language in _COMMA_LANGUAGES else text
