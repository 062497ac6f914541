"""A search as a value, and its parser from query parameters (PS3.18 8.3.4, 10.6).

Must not know: HTTP, SQL. What each attribute's value means stands in `terms`, which attributes there are in `dicom.attributes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from urllib.parse import unquote

from pydicom.datadict import tag_for_keyword

from app.dicom import values
from app.dicom.attributes import DEPTH, PATIENT_TAGS, Key, tag, vr_of
from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys, creator_tag, is_creator, is_private, private_link
from app.dicomweb import ordering
from app.dicomweb.combined import combine, zone
from app.dicomweb.ordering import Order
from app.dicomweb.terms import CLAUSE, WILDCARD_VRS, Match, Reading, Rule, read
from app.errors import InvalidQuery, TooLarge
from app.model import Level, Mark, Target

__all__ = ["Match", "Order", "Query", "Rule", "decode", "next_cursor", "parse", "path_of"]

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_KEYWORD = re.compile(r"[A-Z][A-Za-z0-9]{1,99}")
_NUMBER = re.compile(r"[0-9]{1,19}")
_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DEPTH = 16
_WARNINGS = 16
"""Sentences of one answer: they stand in its head, whose length clients bound."""

_LARGEST = 2**31 - 1

_OFFSET = (tag("TimezoneOffsetFromUTC"),)

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A whole search: resources of `level` under `target` for which every match holds.

    `include` holds tag paths beyond the attributes that are always returned; `include_all` is includefield=all. `warnings` are sentences
    for `Warning: 299` that arose from parsing. `order` comes before the usual order; the answer begins behind the resource that stands at
    `after`, up to which `seen` were given before; `count` asks how many match in all. `by_patient` asks for the patients of the studies
    that match. `site` are the keys beyond the standard ones that the query was read with.
    An answer ends before its limit once its matches take more than `room` bytes.
    """

    level: Level
    target: Target = field(default_factory=Target)
    matches: tuple[Match, ...] = ()
    include: tuple[tuple[str, ...], ...] = ()
    include_all: bool = False
    limit: int | None = None
    offset: int = 0
    warnings: tuple[str, ...] = ()
    order: tuple[Order, ...] = ()
    after: tuple[Mark, ...] = ()
    seen: int = 0
    room: int | None = None
    count: bool = False
    by_patient: bool = False
    site: SiteKeys = NO_SITE_KEYS


@dataclass(slots=True)
class _Draft:
    """What has been read so far; attributes and fields wait until the switches and the Private Creators are known."""

    level: Level
    site: SiteKeys
    by_patient: bool
    attributes: dict[Path, tuple[str, str]] = field(default_factory=dict)
    creators: dict[str, str] = field(default_factory=dict)
    fields: dict[str, None] = field(default_factory=dict)
    include: dict[Path, None] = field(default_factory=dict)
    include_all: bool = False
    offset: int | None = None
    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    switches: dict[str, bool] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)


def decode(text: str) -> list[tuple[str, str]]:
    """The (name, value) pairs of a raw query string; InvalidQuery if it is not UTF-8.

    A `+` is a space only in values of attributes with a text VR: in a date-time it begins a UTC offset (PS3.18 8.3.4).
    """
    try:
        return [_pair(*pair.partition("=")[::2]) for pair in text.split("&") if pair]
    except UnicodeDecodeError:
        raise InvalidQuery("The query is not percent-encoded UTF-8", clause="PS3.18 8.3.1") from None


def parse(
    items: Sequence[tuple[str, str]],
    *,
    level: Level,
    target: Target,
    wildcards: int,
    site: SiteKeys = NO_SITE_KEYS,
    by_patient: bool = False,
    uids: int = 5000,
    keys: int = 64,
    fields: int = 256,
    characters: int = 64 * 1024,
) -> Query:
    """The search that decoded (name, value) pairs ask for, with the site's own search keys.

    Bounds: `wildcards` in one value, `uids` in one list, `keys` to match, include `fields`, and `characters` in all. InvalidQuery
    for what breaks the grammar, TooLarge for what breaks a bound. What is understood but not performed gives a warning (PS3.18 8.3.4).
    """
    if sum(len(name) + len(value) for name, value in items) > characters:
        raise TooLarge(f"The query is longer than {characters} characters", clause="PS3.18 8.3.4")
    draft = _Draft(level, site, by_patient)
    for name, value in items:
        _PARAMETERS.get(name, _read_attribute)(draft, name, value)
    if len(draft.attributes) + len(draft.creators) > keys:
        raise TooLarge(f"The query has more than {keys} attributes", clause=CLAUSE)
    if len(draft.fields) > fields:
        raise TooLarge(f"The query includes more than {fields} attributes", clause="PS3.18 8.3.4.3")
    _resolve_fields(draft)
    fuzzy, multiple, empty = (draft.switches.get(name, False) for name in ("fuzzymatching", "multiplevaluematching", "emptyvaluematching"))
    reading = Reading(wildcards, uids, fuzzy, multiple, empty, draft.offset)
    matches = [term for path, (name, value) in draft.attributes.items() for term in _terms(draft, path, name, value, reading)]
    _warn_of_creators(draft)
    query = Query(
        level=level,
        target=target,
        matches=combine(matches) if draft.offset is None else _zoned(draft, matches, draft.offset),
        include=tuple(draft.include),
        include_all=draft.include_all,
        limit=draft.numbers.get("limit"),
        offset=draft.numbers.get("offset", 0),
        order=_order(draft),
        count=draft.switches.get("count", False),
        by_patient=by_patient,
        site=site,
        warnings=tuple(islice(draft.warnings, _WARNINGS)),
    )
    return _behind(query, draft.texts["cursor"]) if "cursor" in draft.texts else query


def next_cursor(query: Query, last: tuple[Mark, ...], given: int) -> str:
    """The cursor by which the same search goes on after the resource that stands at `last`, the last of so many in this answer."""
    return ordering.seal(_search_text(query), (query.seen + query.offset + given, *last))


def _behind(query: Query, cursor: str) -> Query:
    if query.offset:
        raise InvalidQuery("A cursor and an offset exclude one another", clause="extension")
    seen, *after = ordering.unseal(_search_text(query), cursor)
    if not isinstance(seen, int) or not after:
        raise InvalidQuery("The cursor does not belong to this search", clause="extension")
    return replace(query, seen=seen, after=tuple(after))


def _search_text(query: Query) -> str:
    """What decides which resources there are and how they stand; a page's length and its fields may differ."""
    return repr((query.level, query.by_patient, query.target, query.matches, query.order))


def _order(draft: _Draft) -> tuple[Order, ...]:
    if "orderby" not in draft.texts:
        return ()
    if draft.by_patient:
        raise InvalidQuery("Patients come in the order of their PatientID: orderby cannot be asked for", clause="extension")
    return ordering.read(draft.texts["orderby"], draft.level, lambda name: _key(draft, name))


def _key(draft: _Draft, name: str) -> Key | None:
    path = path_of(name)
    return draft.site.get(_linked(draft, path)) if path else None


def _zoned(draft: _Draft, matches: Sequence[Match], offset: int) -> tuple[Match, ...]:
    found = zone(matches, offset)
    for match in found:
        if match.vr == "TM" and match.rule in (Rule.SINGLE, Rule.RANGE):
            key = draft.site.get(match.path)
            name = key.keyword if key else match.path[0]
            draft.warnings[f"TimezoneOffsetFromUTC was not applied to {_shown(name)}, which has no date beside it."] = None
    return found


def _pair(name: str, value: str) -> tuple[str, str]:
    name = unquote(name, errors="strict")
    path = path_of(name)
    # Of a private attribute the VR is not known here: text is likelier than a date-time with an unescaped offset.
    if path and path != _OFFSET and (vr_of(path[-1]) in WILDCARD_VRS or is_private(path[-1]) or is_creator(path[-1])):
        value = value.replace("+", " ")
    return name, unquote(value, errors="strict")


def path_of(name: str) -> Path | None:
    """The tags of a keyword, an 8-hex tag or a dotted chain of them; None if a link of it is neither."""
    if len(name) > _DEPTH * 100:
        return None
    tags = [_tag(link) for link in name.split(".", _DEPTH)]
    return tuple(found for found in tags if found) if all(tags) else None


def _tag(link: str) -> str | None:
    if _TAG.fullmatch(link):
        return link.upper()
    number = tag_for_keyword(link) if _KEYWORD.fullmatch(link) else None
    return None if number is None else f"{number:08X}"


def _read_attribute(draft: _Draft, name: str, value: str) -> None:
    path = path_of(name)
    if path is None:
        if len(name) <= _DEPTH * 100 and all(_KEYWORD.fullmatch(link) or _TAG.fullmatch(link) for link in name.split(".")):
            raise InvalidQuery(f"{_shown(name)} is no attribute of PS3.6", clause=CLAUSE)
        draft.warnings[f"The parameter {_shown(name)} is not known and was ignored."] = None
        return
    if path in draft.attributes or path[0] in draft.creators:
        raise InvalidQuery(f"{_shown(name)} stands in the query twice", clause=CLAUSE)
    if len(path) == 1 and is_creator(path[0]):
        draft.creators[path[0]] = value.strip()
        return
    draft.attributes[path] = (name, value)
    if path == _OFFSET and value.strip("* "):
        draft.offset = values.utc_offset(value)
        if draft.offset is None:
            raise InvalidQuery("TimezoneOffsetFromUTC has to be a UTC offset such as +0100", clause="PS3.3 C.12.1.1.8")


def _linked(draft: _Draft, path: Path) -> Path:
    """The path, with a private attribute named by the Private Creator that the query gives for its block (PS3.18 8.3.4.3)."""
    creator = draft.creators.get(creator_tag(path[0])) if is_private(path[0]) else None
    return (private_link(path[0], creator), *path[1:]) if creator and len(path) == 1 else path


def _warn_of_creators(draft: _Draft) -> None:
    used = {creator_tag(path[0]) for path in draft.attributes if is_private(path[0])}
    used |= {creator_tag(path[0]) for path in map(path_of, draft.fields) if path and is_private(path[0])}
    for name, value in draft.creators.items():
        if name not in used:
            _include(draft, (name,))
            if value.strip("* "):
                draft.warnings[f"{name} is not supported for matching and was not applied."] = None


def _terms(draft: _Draft, path: Path, name: str, value: str, reading: Reading) -> Iterable[Match]:
    if path == _OFFSET:
        return ()
    path = _linked(draft, path)
    key = draft.site.get(path)
    if key is not None:
        return read(key, value, reading)
    _include(draft, path)
    if value.strip("* "):
        draft.warnings[f"{_shown(name)} is not supported for matching and was not applied."] = None
    return ()


def _read_include(draft: _Draft, _name: str, value: str) -> None:
    for name in filter(None, (part.strip() for part in value.split(","))):
        if name == "all":
            draft.include_all = True
        else:
            draft.fields[name] = None


def _resolve_fields(draft: _Draft) -> None:
    for name in draft.fields:
        path = path_of(name)
        if path is None:
            draft.warnings[f"The includefield {_shown(name)} is not known and was ignored."] = None
        else:
            _include(draft, _linked(draft, path))


def _include(draft: _Draft, path: Path) -> None:
    if draft.by_patient and path[0] not in PATIENT_TAGS:
        return
    if DEPTH[draft.site.level_of(path[0])] <= DEPTH[draft.level]:
        draft.include[path] = None


def _read_switch(draft: _Draft, name: str, value: str) -> None:
    if name in draft.switches:
        raise InvalidQuery(f"{name} stands in the query twice", clause="PS3.18 8.3.4")
    if value.lower() not in ("true", "false"):
        raise InvalidQuery(f"{name} has to be true or false", clause="PS3.18 8.3.4")
    draft.switches[name] = value.lower() == "true"


def _read_text(draft: _Draft, name: str, value: str) -> None:
    if name in draft.texts:
        raise InvalidQuery(f"{name} stands in the query twice", clause="extension")
    draft.texts[name] = value


def _read_number(draft: _Draft, name: str, value: str) -> None:
    if name in draft.numbers:
        raise InvalidQuery(f"{name} stands in the query twice", clause="PS3.18 8.3.4.4")
    if not _NUMBER.fullmatch(value):
        raise InvalidQuery(f"{name} has to be a non-negative integer", clause="PS3.18 8.3.4.4")
    draft.numbers[name] = min(int(value), _LARGEST)


def _skip(_draft: _Draft, _name: str, _value: str) -> None:
    """`accept` and `charset` belong to content negotiation (PS3.18 8.3.3)."""


def _shown(name: str) -> str:
    return name if _PRINTABLE.fullmatch(name) else "with an unprintable name"


_PARAMETERS: dict[str, Callable[[_Draft, str, str], None]] = {
    "includefield": _read_include,
    "fuzzymatching": _read_switch,
    "emptyvaluematching": _read_switch,
    "multiplevaluematching": _read_switch,
    "count": _read_switch,
    "orderby": _read_text,
    "cursor": _read_text,
    "limit": _read_number,
    "offset": _read_number,
    "accept": _skip,
    "charset": _skip,
}
