"""What an application calls its objects and its images, for all that is said about them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NETWORK = "network"


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
        default_classes: which classes are expected where none are named.
        annotations: what lies beside the images of a data set.
        layers_note: why more than the heads of a network should learn.
        follows_paper: whether the figures are those of a paper that the application follows.
        methods: names of the methods, for people.
        facts: entries of a summary that a page tells: key -> (title, text of each value).
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
    default_classes: str = "those in the annotations"
    annotations: str = "their annotations (VIA, COCO, YOLO, LabelMe, ...)"
    layers_note: str = ""
    follows_paper: bool = False
    methods: Mapping[str, str] = field(default_factory=lambda: {NETWORK: "Mask R-CNN"})
    facts: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        """The text with its braces filled."""
        forms = self.forms()
        return re.sub(r"\{(\w+)\}", lambda match: forms.get(match[1], match[0]), text)

    def forms(self) -> dict[str, str]:
        """What may stand in braces, and what stands there then."""
        nouns = {
            "object": self.object,
            "objects": self.objects,
            "image": self.image,
            "images": self.images,
            "class_term": self.class_term,
            "class_terms": self.class_terms,
            "an_object": _article(self.object),
            "an_image": _article(self.image),
            "a_class_term": _article(self.class_term),
        }
        return {
            **nouns,
            **{_capital(name): _capital(noun) for name, noun in nouns.items()},
            "program": self.program,
            # Phrases that only stand where there is a paper.
            "paper_accuracy": "the paper’s own accuracy, " if self.follows_paper else "",
            "as_in_paper": ", which is the accuracy of the paper" if self.follows_paper else "",
        }

    def counted(self, number: int, noun: str = "object") -> str:
        """A number with its noun: "1 cell", "12 cells"; noun is "object" or "image"."""
        return f"{number} {getattr(self, noun if number == 1 else f'{noun}s')}"
