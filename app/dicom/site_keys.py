"""Search keys that a site adds to those of `attributes.KEYS`: any attribute, private ones too, at the level where it is wanted.

A private attribute has no fixed tag: its block is wherever the object's Private Creator reserved one (PS3.5 7.8.1). So it is named by a
link such as `0009xx01:ACME 1.0`, which `tags_of` looks up in each object. Must not know: settings, queries, SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import tag_for_keyword

from app.dicom.attributes import DEPTH, KEY_BY_PATH, KEYS_OF, KINDS, Key, Kind, level_of, vr_of
from app.model import Level

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_CREATOR = re.compile(r"[0-9A-F]{3}[13579BDF]00[1-9A-F][0-9A-F]")
_PRIVATE = re.compile(r"[0-9A-F]{3}[13579BDF][1-9A-F][0-9A-F]{3}")
_NOT_SEARCHED = frozenset(("SQ", "OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_VR = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """The keys that one site has chosen. A value: whoever parses queries or writes the index is given it."""

    keys: tuple[Key, ...] = ()

    def at(self, level: Level) -> tuple[Key, ...]:
        """All keys of a level: the standard ones, then the site's."""
        return KEYS_OF[level] + tuple(key for key in self.keys if key.level is level) if self.keys else KEYS_OF[level]

    def get(self, path: tuple[str, ...]) -> Key | None:
        return KEY_BY_PATH.get(path) or next((key for key in self.keys if key.path == path), None)

    def level_of(self, link: str) -> Level:
        """Where an attribute is kept: at the highest level for which the site has chosen it, else at its own."""
        chosen = [key.level for key in self.keys if key.path[0] == link]
        return min(chosen, key=DEPTH.__getitem__) if chosen else level_of(link)


NO_SITE_KEYS = SiteKeys()


def parse(texts: tuple[str, ...]) -> SiteKeys:
    """Keys from `LEVEL:attribute[:VR[:creator]]`. ValueError, with a sentence, for one that cannot be a key."""
    keys = tuple(_key(text) for text in texts)
    if len({key.path for key in keys}) < len(keys):
        raise ValueError("an attribute is named twice")
    return SiteKeys(keys)


def name_of(key: Key) -> str:
    """One text for one key: two keys with the same name are filled with the same values."""
    return f"{key.level.value}:{'.'.join(key.path)}:{key.vr}"


def is_creator(tag: str) -> bool:
    """Whether a tag (8 hex digits, uppercase) is that of a Private Creator."""
    return _CREATOR.fullmatch(tag) is not None


def is_private(tag: str) -> bool:
    """Whether a tag is that of a private attribute within a block."""
    return _PRIVATE.fullmatch(tag) is not None


def creator_tag(tag: str) -> str:
    """The tag of the Private Creator that reserved the block of a private tag."""
    return f"{tag[:4]}00{tag[4:6]}"


def private_link(tag: str, creator: str) -> str:
    return f"{tag[:4]}xx{tag[6:]}:{creator.strip()}"


def tags_of(link: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags that a link stands for in this object, the attribute last: itself, or Private Creator and attribute; () if it has none."""
    if "x" not in link:
        return (creator_tag(link), link) if is_private(link) else (link,)
    creator = link[9:]
    for tag, element in attributes.items():
        if tag[:6] == link[:4] + "00" and is_creator(tag) and isinstance(element, Mapping) and _names(element, creator):
            return tag, link[:4] + tag[6:] + link[6:8]
    return ()


def _names(element: Mapping[str, Any], creator: str) -> bool:
    found = element.get("Value")
    return isinstance(found, list) and bool(found) and isinstance(found[0], str) and found[0].strip() == creator


def _key(text: str) -> Key:
    level_name, _, rest = text.partition(":")
    name, _, rest = rest.partition(":")
    vr, _, creator = (part.strip() for part in rest.partition(":"))
    level = _level(level_name.strip())
    tags = tuple(_tag(link) for link in name.strip().split("."))
    if len(tags) > 2 or (len(tags) > 1 and any(is_private(tag) for tag in tags)):
        raise ValueError("an attribute may stand in one sequence, which must not be private")
    if is_private(tags[-1]) and not (vr and creator):
        raise ValueError("a private attribute needs its VR and its Private Creator")
    path = (private_link(tags[0], creator),) if is_private(tags[0]) else tags
    vr = vr or vr_of(tags[-1])
    if not _VR.fullmatch(vr) or vr in _NOT_SEARCHED or (len(tags) > 1 and vr_of(tags[0]) != "SQ"):
        raise ValueError("the VR cannot be searched")
    if path in KEY_BY_PATH:
        raise ValueError("this attribute is a search key already")
    if DEPTH[level_of(path[0])] < DEPTH[level]:
        raise ValueError(f"this attribute belongs to the {level_of(path[0]).value}")
    return Key(name.strip(), path, vr, level, KINDS.get(vr, Kind.TEXT), None)


def _level(text: str) -> Level:
    try:
        return Level(text.lower())
    except ValueError:
        raise ValueError("a key begins with study:, series: or instance:") from None


def _tag(link: str) -> str:
    if _TAG.fullmatch(link):
        return link.upper()
    number = tag_for_keyword(link) if link else None
    if number is None:
        raise ValueError("an attribute is a keyword of PS3.6 or 8 hexadecimal digits")
    return f"{number:08X}"
