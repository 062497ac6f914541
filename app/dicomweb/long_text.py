"""Texts that are too long to stand in the Metadata, put back into it for those who show all of an object (PS3.18 F.2.2).

Knows paths of bulkdata and character sets. Must not know: where bulkdata lies, what the texts say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.dicom.charset import DEFAULT_REPERTOIRE, Repertoire, repertoire
from app.dicomweb.json_values import CONVERTERS
from app.model import Bulkdata, JsonObject

MOST = 8 * 1024 * 1024
"""Bytes of text that are put back into one object."""

_TEXT = frozenset({"LT", "ST", "UC", "UT"})
_CHARACTER_SET = "00080005"


def needed(bulkdata: Iterable[Bulkdata]) -> list[Bulkdata]:
    """The texts among these values, up to MOST bytes together."""
    found, room = [], MOST
    for each in bulkdata:
        if each.vr in _TEXT and each.span.length <= room:
            room -= each.span.length
            found.append(each)
    return found


def inlined(dataset: JsonObject, texts: Mapping[str, bytes]) -> JsonObject:
    """The data set with these texts, by path, as values; the given one stays as it is."""
    for path, raw in texts.items():
        dataset = _with(dataset, path.split("/"), raw, DEFAULT_REPERTOIRE)
    return dataset


def _with(dataset: JsonObject, path: list[str], raw: bytes, inherited: Repertoire) -> JsonObject:
    tag, *rest = path
    declared = dataset.get(_CHARACTER_SET)
    active = inherited if declared is None else repertoire("\\".join(term or "" for term in declared.get("Value", ())).encode())
    element = dataset.get(tag)
    if element is None:
        return dataset
    if not rest:
        values, _ = CONVERTERS[element["vr"]](raw, True, active)
        return dataset | {tag: {"vr": element["vr"], "Value": values}}
    at = int(rest[0]) - 1
    items = element["Value"]
    changed = [*items[:at], _with(items[at], rest[1:], raw, active), *items[at + 1 :]]
    return dataset | {tag: element | {"Value": changed}}
