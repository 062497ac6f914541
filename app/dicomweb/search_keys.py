"""From the attributes of a level to what an index keeps of them: normal forms by column, and single values by path.

Knows the keys (`dicom.attributes`) and their normal forms (`dicom.values`). Must not know: SQL, queries (PS3.4 C.2.2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.dicom import names, values
from app.dicom.attributes import KEYS_OF, Key, Kind, tag
from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys, tags_of
from app.model import JsonObject, Level

Column = str | int | float | None

VALUES = 256
"""Values, or items, of one attribute that are searched; more than that is no longer a search key but an attack or an error."""

ROWS = 1024
"""Single values of one key that an index keeps, words of names and values in items included."""

WORDS = "~"
"""Stands behind the path of a name's folded words, which fuzzy matching reads."""

_OFFSET = tag("TimezoneOffsetFromUTC")
_NORMAL: dict[Kind, Callable[[Any], Column]] = {
    Kind.UID: values.uid,
    Kind.TEXT: values.text,
    Kind.DATE: values.date,
    Kind.TIME: values.time,
    Kind.INTEGER: values.integer,
    Kind.DECIMAL: values.decimal,
}
_COLUMNS = {
    level: [(key.column, key.path[0], _NORMAL.get(key.kind)) for key in KEYS_OF[level] if key.column is not None] for level in Level
}
"""For each level: column, tag, and how the normal form is made; None for date-times, which need the offset as well."""


@dataclass(frozen=True, slots=True)
class IndexedValue:
    """One normal form: `path` joins the tags by dots (`00400275.00400009`), followed by `~` for the words of a name.

    `item` is the number of the sequence's item from 1, and 0 for an attribute that is not nested.
    """

    path: str
    item: int
    value: str


def columns(level: Level, attributes: JsonObject) -> dict[str, Column]:
    """The normal form of the first value for each column of `attributes.KEYS` at this level; None where there is no value or no form."""
    offset = utc_offset(attributes)
    found: dict[str, Column] = dict.fromkeys(name for name, _, _ in _COLUMNS[level])
    for name, first, normal in _COLUMNS[level]:
        if first in attributes:
            value = next((value for value in stored_values(attributes[first]) if value is not None), None)
            if value is not None:
                form = values.instant(value, offset) if normal is None else normal(value)
                found[name] = None if form == "" else form
    return found


def utc_offset(attributes: JsonObject) -> int | None:
    """The object's Timezone Offset From UTC in minutes: that of its dates and times, if they do not say another (PS3.3 C.12.1.1.8)."""
    return next((values.utc_offset(value) for value in stored_values(attributes.get(_OFFSET))), None)


def indexed_values(level: Level, attributes: JsonObject, site: SiteKeys = NO_SITE_KEYS) -> list[IndexedValue]:
    """What the keys without a column hold: a row for each value, for each group and each word of a name; at most ROWS for a key.

    No two rows are equal. Numbers are `values.sortable`.
    """
    keys = (key for key in site.at(level) if key.column is None and not key.computed_from)
    return list(dict.fromkeys(row for key in keys for row in islice(_rows(key, attributes), ROWS)))


def stored_values(element: Any) -> list[Any]:
    """The Value array of an element of DICOM JSON, at most VALUES long; empty for anything that is not one."""
    found = element.get("Value") if isinstance(element, dict) else None
    return found[:VALUES] if isinstance(found, list) else []


def kept(kind: Kind, form: Column) -> str:
    """How a normal form stands among single values: as text in the same order."""
    return values.sortable(form) if kind in (Kind.INTEGER, Kind.DECIMAL) and isinstance(form, int | float) else str(form)


def _normal(key: Key, value: Any, offset: int | None) -> Column:
    return values.instant(value, offset) if key.kind is Kind.DATETIME else _NORMAL[key.kind](value)


def _rows(key: Key, attributes: JsonObject) -> Iterator[IndexedValue]:
    tags = tags_of(key.path[0], attributes)
    if not tags or tags[-1] not in attributes:
        return
    path, element, offset = ".".join(key.path), attributes[tags[-1]], utc_offset(attributes)
    if len(key.path) == 1:
        yield from _leaf_rows(key, path, 0, element, offset)
        return
    for number, item in enumerate(stored_values(element), 1):
        if isinstance(item, dict) and key.path[1] in item:
            yield from _leaf_rows(key, path, number, item[key.path[1]], offset)


def _leaf_rows(key: Key, path: str, item: int, element: Any, offset: int | None) -> Iterator[IndexedValue]:
    for value in stored_values(element):
        if key.kind is Kind.NAME:
            yield from (IndexedValue(path, item, group) for group in names.name_groups(value))
            yield from (IndexedValue(path + WORDS, item, word) for word in names.name_words(value))
            continue
        form = _normal(key, value, offset)
        if form is not None and form != "":
            yield IndexedValue(path, item, kept(key.kind, form))
