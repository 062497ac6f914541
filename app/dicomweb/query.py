"""A search as a value, and its parser from query parameters (PS3.18 8.3.4, 10.6).

Must not know: HTTP, SQL. What each attribute's value means stands in `terms`, which attributes there are in `dicom.attributes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from pydicom.datadict import tag_for_keyword

from app.dicom.attributes import DEPTH, KEY_BY_PATH, level_of, vr_of
from app.dicomweb.combined import combine
from app.dicomweb.terms import CLAUSE, WILDCARD_VRS, Match, Reading, Rule, read
from app.errors import InvalidQuery, TooLarge
from app.model import Level, Target

__all__ = ["Match", "Query", "Rule", "decode", "parse"]

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_KEYWORD = re.compile(r"[A-Z][A-Za-z0-9]{1,99}")
_NUMBER = re.compile(r"[0-9]{1,19}")
_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DEPTH = 16
_LARGEST = 2**31 - 1

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A whole search: resources of `level` under `target` for which every match holds.

    `include` holds tag paths beyond the attributes that are always returned; `include_all` is includefield=all. `warnings` are sentences
    for `Warning: 299` that arose from parsing.
    """

    level: Level
    target: Target = field(default_factory=Target)
    matches: tuple[Match, ...] = ()
    include: tuple[tuple[str, ...], ...] = ()
    include_all: bool = False
    limit: int | None = None
    offset: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    """What has been read so far; `attributes` wait until fuzzymatching and multiplevaluematching are known."""

    level: Level
    attributes: dict[Path, tuple[str, str]] = field(default_factory=dict)
    include: dict[Path, None] = field(default_factory=dict)
    include_all: bool = False
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
        raise InvalidQuery("The query is not percent-encoded UTF-8.", clause="PS3.18 8.3.1") from None


def parse(
    items: Sequence[tuple[str, str]],
    *,
    level: Level,
    target: Target,
    wildcards: int,
    uids: int = 5000,
    keys: int = 64,
    fields: int = 256,
    characters: int = 64 * 1024,
) -> Query:
    """The search that decoded (name, value) pairs ask for.

    Bounds: `wildcards` in one value, `uids` in one list, `keys` to match, include `fields`, and `characters` in all. InvalidQuery
    for what breaks the grammar, TooLarge for what breaks a bound. What is understood but not performed gives a warning (PS3.18 8.3.4).
    """
    if sum(len(name) + len(value) for name, value in items) > characters:
        raise TooLarge(f"The query is longer than {characters} characters.", clause="PS3.18 8.3.4")
    draft = _Draft(level)
    for name, value in items:
        _PARAMETERS.get(name, _read_attribute)(draft, name, value)
    if len(draft.attributes) > keys:
        raise TooLarge(f"The query has more than {keys} attributes.", clause=CLAUSE)
    if len(draft.include) > fields:
        raise TooLarge(f"The query includes more than {fields} attributes.", clause="PS3.18 8.3.4.3")
    reading = Reading(wildcards, uids, draft.switches.get("fuzzymatching", False), draft.switches.get("multiplevaluematching", False))
    matches = [term for path, (name, value) in draft.attributes.items() for term in _terms(draft, path, name, value, reading)]
    return Query(
        level=level,
        target=target,
        matches=combine(matches),
        include=tuple(draft.include),
        include_all=draft.include_all,
        limit=draft.numbers.get("limit"),
        offset=draft.numbers.get("offset", 0),
        warnings=tuple(draft.warnings),
    )


def _pair(name: str, value: str) -> tuple[str, str]:
    name = unquote(name, errors="strict")
    path = _path(name)
    if path and vr_of(path[-1]) in WILDCARD_VRS:
        value = value.replace("+", " ")
    return name, unquote(value, errors="strict")


def _path(name: str) -> Path | None:
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
    path = _path(name)
    if path is None:
        if len(name) <= _DEPTH * 100 and all(_KEYWORD.fullmatch(link) or _TAG.fullmatch(link) for link in name.split(".")):
            raise InvalidQuery(f"{_shown(name)} is no attribute of PS3.6.", clause=CLAUSE)
        draft.warnings[f"The parameter {_shown(name)} is not known and was ignored."] = None
        return
    if path in draft.attributes:
        raise InvalidQuery(f"{_shown(name)} stands in the query twice.", clause=CLAUSE)
    draft.attributes[path] = (name, value)


def _terms(draft: _Draft, path: Path, name: str, value: str, reading: Reading) -> Iterable[Match]:
    key = KEY_BY_PATH.get(path)
    if key is not None:
        return read(key, value, reading)
    _include(draft, path)
    if value.strip("* "):
        draft.warnings[f"{_shown(name)} is not supported for matching and was not applied."] = None
    return ()


def _read_include(draft: _Draft, _name: str, value: str) -> None:
    for name in filter(None, (part.strip() for part in value.split(","))):
        path = _path(name)
        if name == "all":
            draft.include_all = True
        elif path is None:
            draft.warnings[f"The includefield {_shown(name)} is not known and was ignored."] = None
        else:
            _include(draft, path)


def _include(draft: _Draft, path: Path) -> None:
    if DEPTH[level_of(path[0])] <= DEPTH[draft.level]:
        draft.include[path] = None


def _read_switch(draft: _Draft, name: str, value: str) -> None:
    if name in draft.switches:
        raise InvalidQuery(f"{name} stands in the query twice.", clause="PS3.18 8.3.4")
    if value.lower() not in ("true", "false"):
        raise InvalidQuery(f"{name} has to be true or false.", clause="PS3.18 8.3.4")
    draft.switches[name] = value.lower() == "true"
    if name == "emptyvaluematching" and draft.switches[name]:
        draft.warnings["The emptyvaluematching parameter is not supported. Empty value matching has not been performed."] = None


def _read_number(draft: _Draft, name: str, value: str) -> None:
    if name in draft.numbers:
        raise InvalidQuery(f"{name} stands in the query twice.", clause="PS3.18 8.3.4.4")
    if not _NUMBER.fullmatch(value):
        raise InvalidQuery(f"{name} has to be a non-negative integer.", clause="PS3.18 8.3.4.4")
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
    "limit": _read_number,
    "offset": _read_number,
    "accept": _skip,
    "charset": _skip,
}
