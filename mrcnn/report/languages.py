"""The languages of reports; `strings.json` has each text in all of them.

Names in braces stay as they are in every language; see `mrcnn.report.words.Words`.
"""

import functools
import json
from dataclasses import replace
from pathlib import Path

from mrcnn.report.words import Words

ENGLISH = "en"
# By the names that HTML has for them.
LANGUAGES = (ENGLISH, "id")


@functools.cache
def strings(language: str) -> dict[str, str]:
    """The texts of a language, by the English ones.

    Args:
        language: one of `LANGUAGES`.
    """
    table = json.loads((Path(__file__).parent / "strings.json").read_text(encoding="utf-8"))
    return {row[ENGLISH]: row[language] for row in table}


def in_language(words: Words, language: str | None) -> Words:
    """What to say in another language; what it has no string for stays English.

    Args:
        words: in English.
        language: one of `LANGUAGES`; None for English.
    """
    if language in (None, ENGLISH):
        return words
    said = strings(language)

    def noun(text: str) -> str:
        return said.get(text, text)

    return replace(
        words,
        title=noun(words.title),
        object=noun(words.object),
        objects=noun(words.objects),
        image=noun(words.image),
        images=noun(words.images),
        class_term=noun(words.class_term),
        class_terms=noun(words.class_terms),
        language=language,
        strings=said,
    )
