"""Which frames a volume is made of, by attributes that have to match (PS3.18 8.3.5.3.2, 8.3.4.1; PS3.4 C.2.2.2).

A term holds for a frame if any value of the attribute matches: in the data set, or in the functional groups that hold for the frame.
Numbers match as numbers, also as a range `140-260`; dates and times as single values or ranges; UIDs as a list; text with `*` and `?`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.dicom.attributes import vr_of
from app.dicom.functional_groups import PER_FRAME, SHARED
from app.dicom.item import Item
from app.dicomweb.matching import wildcard
from app.errors import InvalidQuery

CLAUSE = "PS3.18 8.3.5.3.2"
LONGEST = 1024

_NUMBERS = frozenset({"DS", "IS", "FL", "FD", "US", "SS", "UL", "SL", "SV", "UV"})
_MOMENTS = frozenset({"DA", "TM", "DT"})
_TEXTS = frozenset({"AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_DECIMAL = r"[+-]?(?:[0-9]{1,16}(?:\.[0-9]{0,16})?|\.[0-9]{1,16})(?:[eE][+-]?[0-9]{1,2})?"
_NUMBER = re.compile(_DECIMAL, re.ASCII)
_RANGE = re.compile(rf"({_DECIMAL})-({_DECIMAL})", re.ASCII)
_MOMENT = re.compile(r"([0-9.:]{2,26})?(-)?([0-9.:]{2,26})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Term:
    """The tags that lead to the attribute, and the value as asked for; `kind` is its VR."""

    path: tuple[str, ...]
    kind: str
    value: str


def term(path: tuple[str, ...], name: str, value: str) -> Term:
    """InvalidQuery if the value is none of the attribute's; `name` is what the attribute is called in the sentence."""
    kind, value = vr_of(path[-1]) or "", value.strip()
    if kind in _NUMBERS:
        sound = bool(_NUMBER.fullmatch(value) or _RANGE.fullmatch(value))
    elif kind in _MOMENTS:
        sound = bool(_MOMENT.fullmatch(value))
    else:
        sound = kind in _TEXTS or kind == "UI"
    if not sound or len(value) > LONGEST:
        raise InvalidQuery(f"{name} cannot be matched with this value", clause=CLAUSE)
    return Term(path, kind, value)


def holds(term: Term, dataset: Item, number: int) -> bool:
    """Whether it does for frame `number` (from 1)."""
    return any(_matches(term, value) for value in _values(term.path, dataset, number))


def _values(path: tuple[str, ...], dataset: Item, number: int) -> Iterator[str]:
    groups = _groups(dataset, number)
    yield from _under(path, dataset)
    for group in groups:
        yield from _under(path, group)
        if len(path) == 1:
            for tag in group.attributes:
                for item in group.items(tag):
                    yield from item.texts(path[0])


def _groups(dataset: Item, number: int) -> list[Item]:
    own = dataset.values(PER_FRAME)
    found = [Item(own[number - 1])] if 0 < number <= len(own) and isinstance(own[number - 1], dict) else []  # type: ignore[arg-type]
    shared = dataset.item(SHARED)
    return [*found, shared] if shared is not None else found


def _under(path: tuple[str, ...], item: Item) -> Iterator[str]:
    if len(path) == 1:
        yield from item.texts(path[0])
        return
    for inner in item.items(path[0]):
        yield from _under(path[1:], inner)


def _matches(term: Term, text: str) -> bool:
    if term.kind in _NUMBERS:
        return _in_numbers(term.value, text)
    return _MATCHERS.get(term.kind, _as_text)(term.value, text)


def _in_numbers(value: str, text: str) -> bool:
    if not _NUMBER.fullmatch(text):
        return False
    bounds = None if _NUMBER.fullmatch(value) else _RANGE.fullmatch(value)
    return float(bounds[1]) <= float(text) <= float(bounds[2]) if bounds else float(value) == float(text)


def _in_moments(value: str, text: str) -> bool:
    first, hyphen, last = value.partition("-")
    if not hyphen:
        return text.startswith(first) or text == first
    return first <= text and (not last or text[: len(last)] <= last)


def _in_uids(value: str, text: str) -> bool:
    return text in re.split(r"[,\\]", value)


def _as_text(value: str, text: str) -> bool:
    return wildcard(value, text[:LONGEST])


def _as_name(value: str, text: str) -> bool:
    return wildcard(value.casefold(), text[:LONGEST].casefold())


_MATCHERS: dict[str, Callable[[str, str], bool]] = {"DA": _in_moments, "TM": _in_moments, "DT": _in_moments, "UI": _in_uids, "PN": _as_name}
