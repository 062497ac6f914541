"""One search term: an attribute, how it matches, and the values in normal form (PS3.4 C.2.2.2, PS3.18 8.3.4.1).

Knows keys and normal forms. Must not know: other parameters of a search, HTTP, SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

from app.dicom import names, values
from app.dicom.attributes import Key, Kind
from app.errors import InvalidQuery, TooLarge
from app.model import Level

CLAUSE = "PS3.18 8.3.4.1"
WILDCARD_VRS = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
MULTIPLE_VALUE_VRS = frozenset(("AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"))
EMPTY_VALUE = '""'
_RANGE_CHARACTERS = 64
_PARTS = 16


class Rule(Enum):
    """How a term matches (PS3.4 C.2.2.2)."""

    UNIVERSAL = "universal"  # matches everything, and returns the attribute
    SINGLE = "single"
    UID_LIST = "uid list"
    WILDCARD = "wildcard"
    RANGE = "range"
    COMBINED = "combined"  # a date and a time that make one range of instants
    ZONED = "zoned"  # a date and a time in a UTC offset, against objects that may have another
    FUZZY = "fuzzy"  # PN with fuzzymatching=true
    EMPTY = "empty"  # the attribute is absent or has no value, with emptyvaluematching=true


@dataclass(frozen=True, slots=True)
class Match:
    """One term. `path` is a chain of 8-hex tags (one, or sequence to leaf); `vr` that of the leaf.

    `level` may be below the query's: then some child must match, one and the same child for all such terms but computed keys.
    `values` are in normal form (`dicom.values`, as text; numbers as `str` of the int or float):

    - SINGLE: one; it equals a stored value. A name equals any of its three groups, folded.
    - UID_LIST: one or more; any of them equals.
    - WILDCARD: one; `*` stands for any characters, none too, `?` for one; names folded.
    - RANGE: two, both inclusive, "" = open. A date, time or date-time of less than full precision is the range that it names.
    - COMBINED: four: first date, first time, last date, last time; "" = open, and a time is "" if its date is. `time_path` is that of the
      time. A date on the first or last day counts if its time lies inside; a record without a time is judged by its date.
    - FUZZY: one or more folded words; each is the beginning of some word of the name.
    - ZONED: two instants `YYYYMMDDHHMMSS.FFFFFF`, both inclusive, "" = open, in the UTC offset of `offset` minutes. A record that has an
      offset of its own is compared in that; one without a time is judged by its date as it stands.
    - EMPTY: none. No value that its VR allows is there. On a leaf of a sequence: none in the item in which the other terms of that
      sequence hold; without such terms, none in any item.
    - UNIVERSAL: none.
    """

    path: tuple[str, ...]
    vr: str
    level: Level
    rule: Rule
    values: tuple[str, ...] = ()
    time_path: tuple[str, ...] = ()
    offset: int = 0

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Every path that this term speaks of."""
        return (self.path, self.time_path) if self.time_path else (self.path,)


@dataclass(frozen=True, slots=True)
class Reading:
    """How values are read: bounds of one term, and what the client asked for."""

    wildcards: int
    uids: int
    fuzzy: bool = False
    multiple: bool = False
    empty: bool = False
    offset: int | None = None


def read(key: Key, value: str, reading: Reading) -> tuple[Match, ...]:
    """The terms that a key and its value make, all of which have to hold. InvalidQuery for a value that its VR does not allow."""
    if not value.strip("* "):
        return (Match(key.path, key.vr, key.level, Rule.UNIVERSAL),)
    if reading.empty and value.strip() == EMPTY_VALUE:
        return (Match(key.path, key.vr, key.level, Rule.EMPTY),)
    terms = _READERS[key.kind](key, value, reading)
    if len(terms) > _PARTS or any(term.rule is Rule.FUZZY and len(term.values) > _PARTS for term in terms):
        raise InvalidQuery(f"{key.keyword} has more than {_PARTS} parts", clause=CLAUSE)
    return terms


def _term(key: Key, rule: Rule, *found: str) -> Match:
    return Match(key.path, key.vr, key.level, rule, found)


def _read_uid(key: Key, value: str, reading: Reading) -> tuple[Match, ...]:
    uids = tuple(dict.fromkeys(filter(None, map(values.uid, re.split(r"[,\\]", value)))))
    if len(uids) > reading.uids:
        raise TooLarge(f"{key.keyword} lists more than {reading.uids} UIDs", clause=CLAUSE)
    return (_term(key, Rule.SINGLE if len(uids) == 1 else Rule.UID_LIST, *uids),) if uids else (_term(key, Rule.UNIVERSAL),)


def _read_text(key: Key, value: str, reading: Reading) -> tuple[Match, ...]:
    return tuple(_text_term(key, part, values.text, reading) for part in _parts(key, value, reading))


def _read_name(key: Key, value: str, reading: Reading) -> tuple[Match, ...]:
    if reading.fuzzy and len(key.path) == 1 and not _has_wildcard(value):
        words = names.name_words(value)
        return (_term(key, Rule.FUZZY, *words) if words else _term(key, Rule.UNIVERSAL),)
    groups = [group for part in _parts(key, value, reading) for group in part.split("=")]
    found = tuple(_text_term(key, group, names.fold, reading) for group in groups if names.fold(group))
    return found or (_term(key, Rule.UNIVERSAL),)


def _parts(key: Key, value: str, reading: Reading) -> list[str]:
    several = reading.multiple and len(key.path) == 1 and key.column is None and key.vr in MULTIPLE_VALUE_VRS
    return [part for part in value.split("\\") if part] if several else [value]


def _text_term(key: Key, value: str, normal: Callable[[str], str], reading: Reading) -> Match:
    form = normal(value)
    if not form.strip("*"):
        return _term(key, Rule.UNIVERSAL)
    if key.vr not in WILDCARD_VRS or not _has_wildcard(value):
        return _term(key, Rule.SINGLE, form)
    pattern = re.sub(r"\*+", "*", form)
    if pattern.count("*") + pattern.count("?") > reading.wildcards:
        raise InvalidQuery(f"{key.keyword} has more than {reading.wildcards} wildcards", clause=CLAUSE)
    return _term(key, Rule.WILDCARD, pattern)


def _has_wildcard(value: str) -> bool:
    return "*" in value or "?" in value


def _read_date(key: Key, value: str, _reading: Reading) -> tuple[Match, ...]:
    ends = value.strip().split("-")
    if len(ends) > 2:
        raise _invalid(key, "a date YYYYMMDD or a range of two")
    days = [_day(key, end) for end in ends]
    if days == ["", ""]:
        raise _invalid(key, "a date YYYYMMDD or a range of two")
    return (_term(key, Rule.SINGLE if len(days) == 1 else Rule.RANGE, *days),)


def _day(key: Key, end: str) -> str:
    if not end.strip():
        return ""
    found = values.date(end)
    if found is None:
        raise _invalid(key, "a date YYYYMMDD or a range of two")
    return found


def _read_time(key: Key, value: str, _reading: Reading) -> tuple[Match, ...]:
    stripped = value.strip()
    cuts = [position for position, character in enumerate(stripped) if character == "-"]
    return (_range(key, stripped, cuts if len(cuts) == 1 else [], values.time_bounds, "a time HHMMSS.FFFFFF or a range of two"),)


def _read_datetime(key: Key, value: str, reading: Reading) -> tuple[Match, ...]:
    # A hyphen may belong to a UTC offset: what reads as one value is one, else the first cut that leaves two sound ends counts.
    stripped = value.strip()
    cuts = [position for position, character in enumerate(stripped[:_RANGE_CHARACTERS]) if character == "-"]
    return (
        _range(
            key,
            stripped,
            cuts,
            partial(values.datetime_bounds, minutes=reading.offset),
            "a date-time YYYYMMDDHHMMSS.FFFFFF&ZZXX or a range of two",
        ),
    )


def _range(key: Key, value: str, cuts: list[int], bounds: Callable[[str], values.Bounds | None], wanted: str) -> Match:
    single = bounds(value) if len(value) <= _RANGE_CHARACTERS else None
    if single is not None:
        return _term(key, Rule.SINGLE, single[0]) if single[0] == single[1] else _term(key, Rule.RANGE, *single)
    if len(value) <= _RANGE_CHARACTERS:
        for cut in cuts:
            left, right = value[:cut], value[cut + 1 :]
            first, last = bounds(left), bounds(right)
            if (left or right) and (first or not left) and (last or not right):
                return _term(key, Rule.RANGE, first[0] if first else "", last[1] if last else "")
    raise _invalid(key, wanted)


def _read_integer(key: Key, value: str, _reading: Reading) -> tuple[Match, ...]:
    number = values.integer(value)
    if number is None:
        raise _invalid(key, "an integer")
    return (_term(key, Rule.SINGLE, str(number)),)


def _read_decimal(key: Key, value: str, _reading: Reading) -> tuple[Match, ...]:
    number = values.decimal(value)
    if number is None:
        raise _invalid(key, "a number")
    return (_term(key, Rule.SINGLE, repr(number)),)


def _invalid(key: Key, wanted: str) -> InvalidQuery:
    return InvalidQuery(f"The value of {key.keyword} has to be {wanted}", clause="PS3.5 6.2, PS3.18 8.3.4.1")


_READERS: dict[Kind, Callable[[Key, str, Reading], tuple[Match, ...]]] = {
    Kind.UID: _read_uid,
    Kind.TEXT: _read_text,
    Kind.NAME: _read_name,
    Kind.DATE: _read_date,
    Kind.TIME: _read_time,
    Kind.DATETIME: _read_datetime,
    Kind.INTEGER: _read_integer,
    Kind.DECIMAL: _read_decimal,
}
