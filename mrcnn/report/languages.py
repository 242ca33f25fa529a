"""The languages of reports."""

from dataclasses import replace

from mrcnn.report.strings import INDONESIAN
from mrcnn.report.words import Words

ENGLISH = "en"
# By the names that HTML has for them.
_STRINGS = {ENGLISH: {}, "id": INDONESIAN}
LANGUAGES = tuple(_STRINGS)


def in_language(words: Words, language: str | None) -> Words:
    """What to say in another language; what it has no string for stays English.

    Args:
        words: in English.
        language: one of `LANGUAGES`; None for English.
    """
    if language in (None, ENGLISH):
        return words
    strings = _STRINGS[language]
    nouns = ("object", "objects", "image", "images", "class_term", "class_terms", "title")
    return replace(
        words,
        **{noun: strings.get(name, name) for noun in nouns for name in [getattr(words, noun)]},
        language=language,
        strings=strings,
    )
