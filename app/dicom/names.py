"""Folded forms of person names (PS3.5 6.2.1), so that a search finds a name however it was typed.

Case, accents, half and full width, trailing delimiters and runs of spaces do not count. Must not know: queries, levels.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

LENGTH = 512
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
"""The component groups of a name, under their keys in DICOM JSON (PS3.18 F.2.2)."""

# Only marks that are an ornament of their letter: those of Indic scripts are vowels, those of kana make another sound.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BREAKS = re.compile(r"[\s^,=.-]+")
_APOSTROPHES = re.compile("['`‘’]")


def fold(value: str) -> str:
    """One component group in its folded form, at most LENGTH characters; `*` and `?` stay as they are."""
    if value.isascii():
        plain = value[: 4 * LENGTH].lower().replace("\x00", "")
    else:
        letters = _MARKS.sub("", unicodedata.normalize("NFKD", _UNSTORABLE.sub("", value[: 4 * LENGTH])))
        plain = unicodedata.normalize("NFKC", _MARKS.sub("", unicodedata.normalize("NFKD", letters.casefold())))
    components = [" ".join(component.split()) for component in plain.split("^")]
    return "^".join(components).rstrip("^ ")[:LENGTH].rstrip("^ ")


def name_groups(value: Any) -> tuple[str, ...]:
    """The folded alphabetic, ideographic and phonetic groups of a name: PN text or its DICOM JSON object. Empty ones are left out."""
    if isinstance(value, dict):
        groups = [value.get(name) for name in GROUPS]
    else:
        groups = list(value.split("=", 3)[:3]) if isinstance(value, str) else []
    folded = (fold(group) for group in groups if isinstance(group, str))
    return tuple(dict.fromkeys(group for group in folded if group))


def name_words(value: Any) -> tuple[str, ...]:
    """The folded words of all groups, for fuzzy matching; hyphens part words, apostrophes do not count."""
    words = (word for group in name_groups(value) for word in _BREAKS.split(_APOSTROPHES.sub("", group)))
    return tuple(dict.fromkeys(word for word in words if word))
