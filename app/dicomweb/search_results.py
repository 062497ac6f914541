"""The objects that a search answers with (PS3.18 10.6.3.3): split by level, kept ready, and put together on demand.

Every object is one DICOM JSON object as compact UTF-8 text, keys ascending, BASE_MARK for the base URL. Must not know: SQL, HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.dicom.attributes import ALWAYS, DEPTH, KEYS_OF, PATIENT_TAGS, REQUIRED, SERIES_TAGS, SHARED, STUDY_TAGS, tag, vr_of
from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys, tags_of
from app.dicomweb import json_text
from app.dicomweb.members import replaced
from app.dicomweb.query import Query
from app.dicomweb.search_keys import IndexedValue, columns, indexed_values
from app.model import BASE_MARK, JsonObject, Level

__all__ = [
    "IndexedValue",
    "Needs",
    "Stored",
    "answer",
    "columns",
    "indexed_values",
    "instance_computed",
    "merge",
    "needs",
    "patient",
    "ready",
    "series_computed",
    "split",
    "study_computed",
]

_MARK = BASE_MARK.decode()
_BULK_MARK = b'"BulkDataURI":"\\u0001'
_BULK_BASE = b'"BulkDataURI":"' + BASE_MARK
_CHARACTER_SET, _AVAILABILITY, _RETRIEVE_URL = tag("SpecificCharacterSet"), tag("InstanceAvailability"), tag("RetrieveURL")
_OWN_MARK = f'"{_RETRIEVE_URL}":{{"vr":"UR","Value":["\\u0001'.encode()
_OWN_BASE = _OWN_MARK.replace(b"\\u0001", BASE_MARK)
_STUDY_UID, _SERIES_UID = tag("StudyInstanceUID"), tag("SeriesInstanceUID")
_VRS = {name: vr_of(name) for level in Level for name in REQUIRED[level]}
_READY = {level: frozenset(REQUIRED[level] + ALWAYS[level]) for level in Level}
_EMPTY: dict[Level, JsonObject] = {level: {name: {"vr": _VRS[name]} for name in REQUIRED[level]} for level in Level}
_UTF_8: JsonObject = {"vr": "CS", "Value": ["ISO_IR 192"]}
_ONLINE: JsonObject = {"vr": "CS", "Value": ["ONLINE"]}
_PATIENT_REQUIRED = tuple(map(tag, ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")))
_PATIENT = (*_PATIENT_REQUIRED, tag("IssuerOfPatientID"))
_PATIENT_COUNTS = tuple(map(tag, ("NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances")))
_SEARCHED_IN_INSTANCE = _READY[Level.INSTANCE] | {key.path[0] for key in KEYS_OF[Level.INSTANCE]}


@dataclass(frozen=True, slots=True)
class Stored:
    """What the index keeps of one resource: its `ready` object, and all its attributes if `needs` asks for them.

    The attributes of an instance are its whole Metadata; where they are long, `metadata` may be given instead, as its text.
    """

    ready: bytes
    attributes: JsonObject = field(default_factory=dict)
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What `answer` has to be given for a query: the levels of the `Stored` arguments, and those among them with `attributes`.

    If `only_ready`, the ready object of the query's own level is the answer as it stands, and `answer` need not be called.
    """

    levels: frozenset[Level]
    attributes: frozenset[Level]

    @property
    def only_ready(self) -> bool:
        return len(self.levels) == 1 and not self.attributes


def split(obj: JsonObject, site: SiteKeys = NO_SITE_KEYS) -> tuple[JsonObject, JsonObject, JsonObject]:
    """The attributes of study, series and instance in the Metadata of one instance; each holds its own UID.

    Study and series are without bulkdata, nested or not, for it belongs to one instance. The instance's part holds only what searches
    match or always return: everything else stands in its Metadata. What the site has made a key stands at the level of that key as well.
    """
    study: JsonObject = {}
    series: JsonObject = {}
    instance: JsonObject = {}
    for name, element in obj.items():
        if name in STUDY_TAGS:
            _take(study, name, element)
        elif name in SERIES_TAGS:
            _take(series, name, element)
        elif name in _SEARCHED_IN_INSTANCE:
            instance[name] = element
    for name in SHARED:
        if name in obj:
            study[name] = series[name] = obj[name]
    parts = {Level.STUDY: study, Level.SERIES: series, Level.INSTANCE: instance}
    for key in site.keys:
        for name in tags_of(key.path[0], obj):
            if name in obj:
                _take(parts[key.level], name, obj[name])
    return study, series, instance


def merge(old: JsonObject, new: JsonObject, *, overwrite: bool) -> JsonObject:
    """The attributes of a study or series after one more instance: the first stored value wins, and an empty one is filled.

    With `overwrite`, for an instance that replaces another, values of `new` win. Returns `old` itself if nothing changes.
    """
    changed = {
        name: element
        for name, element in new.items()
        if name not in old or (not _is_empty(element) and (overwrite or _is_empty(old[name])) and element != old[name])
    }
    return old | changed if changed else old


def study_computed(modalities: Iterable[str], series: int, instances: int, sop_classes: Iterable[str] = ()) -> JsonObject:
    """ModalitiesInStudy, the two counts, and SOPClassesInStudy if given (PS3.4 C.3.4)."""
    classes = sorted(set(sop_classes))
    return {
        "00080061": _element("CS", sorted(filter(None, set(modalities)))),
        **({"00080062": _element("UI", classes)} if classes else {}),
        "00201206": _element("IS", [series]),
        "00201208": _element("IS", [instances]),
    }


def series_computed(study_uid: str, instances: int) -> JsonObject:
    """The count, and the UID above, by which a client finds its way without remembering what it asked."""
    return {_STUDY_UID: _element("UI", [study_uid]), "00201209": _element("IS", [instances])}


def instance_computed(study_uid: str, series_uid: str) -> JsonObject:
    """The UIDs above."""
    return {_STUDY_UID: _element("UI", [study_uid]), _SERIES_UID: _element("UI", [series_uid])}


def ready(level: Level, attributes: JsonObject, *, computed: JsonObject, retrieve_uri: str) -> bytes:
    """The object that answers a search which asks for nothing special (PS3.18 tables 10.6.3-3 to 10.6.3-5).

    Required attributes stand in it even if they are empty, conditional ones if they have a value. `retrieve_uri` is relative to the base
    URL (`/studies/1.2`). The text is UTF-8 whatever the stored objects are written in, and says so in (0008,0005).
    """
    found = _EMPTY[level].copy()
    for name in _READY[level]:
        element = computed.get(name) or attributes.get(name)
        if element is not None and not _is_empty(element):
            found[name] = element
    found[_CHARACTER_SET] = _UTF_8
    found[_AVAILABILITY] = _ONLINE
    found[_RETRIEVE_URL] = _element("UR", [_MARK + retrieve_uri])
    return _text(found)


def needs(query: Query) -> Needs:
    """What `answer` reads for this query; made once, good for all its matches."""
    whole = _whole(query)
    if query.include_all:
        return Needs(whole, whole)
    level_of = query.site.level_of
    picked = [path[0] for path in _paths(query) if not any(path[0] in _READY[level] for level in whole)]
    levels = {level_of(name) for name in picked}
    return Needs(whole | levels, frozenset(level_of(name) for name in picked if name not in _READY[level_of(name)]))


def answer(query: Query, *, study: Stored | None = None, series: Stored | None = None, instance: Stored | None = None) -> bytes:
    """The object of one match: the ready ones of its level and of the levels above that the URI does not name (PS3.18 10.6.3), and what
    the query includes or matches beyond them. `needs(query)` says which arguments it reads. A requested attribute without a value is
    left out unless it is required; `sequence.leaf` gives the sequence with items of those leaves only.
    """
    stored = {Level.STUDY: study, Level.SERIES: series, Level.INSTANCE: instance}
    wanted, whole, trees = needs(query), _whole(query), _trees(query)
    picked: JsonObject = {}
    found: JsonObject = {}
    for level in sorted(wanted.levels, key=DEPTH.__getitem__):
        own = json.loads(_of(stored, level).ready, strict=False)
        known = _of(stored, level).attributes | own if level in wanted.attributes else own
        # An instance's Metadata repeats what stands above it: there the study and the series know better, and come first.
        picked = (known if query.include_all else _pick(known, trees.get(level, {}))) | picked
        if level in whole:
            found |= own
    if query.include_all and instance is not None and instance.metadata:
        return replaced(instance.metadata, {name: _member(name, element).decode() for name, element in (picked | found).items()}).encode()
    return _text(picked | found)


def patient(query: Query, attributes: JsonObject, *, studies: int, series: int, instances: int) -> bytes:
    """The object of one patient, from the attributes of a study and the counts over all studies (PS3.4 C.3.4)."""
    tree = _trees(query).get(Level.STUDY, {})
    known = {name: element for name, element in attributes.items() if name in PATIENT_TAGS}
    found: JsonObject = {name: {"vr": _VRS[name]} for name in _PATIENT_REQUIRED}
    found |= known if query.include_all else _pick(known, tree)
    found |= {name: known[name] for name in _PATIENT if not _is_empty(known.get(name, {}))}
    counts = zip(_PATIENT_COUNTS, (studies, series, instances), strict=True)
    return _text(found | {_CHARACTER_SET: _UTF_8} | {name: _element("IS", [number]) for name, number in counts})


def _whole(query: Query) -> frozenset[Level]:
    """The query's level, and the levels above that its URI leaves open."""
    named = {Level.STUDY: query.target.study, Level.SERIES: query.target.series}
    return frozenset({query.level} | {level for level, uid in named.items() if uid is None and DEPTH[level] < DEPTH[query.level]})


def _of(stored: dict[Level, Stored | None], level: Level) -> Stored:
    found = stored[level]
    if found is None:
        raise ValueError(f"the {level.value} that needs() names was not given")
    return found


def _paths(query: Query) -> list[tuple[str, ...]]:
    """Paths that the answer returns, at the query's level or above; one sequence may be asked for by several leaves."""
    asked = dict.fromkeys([*query.include, *(path for match in query.matches for path in match.paths)])
    return [path for path in asked if DEPTH[query.site.level_of(path[0])] <= DEPTH[query.level]]


def _trees(query: Query) -> dict[Level, dict[str, list[tuple[str, ...]]]]:
    """For each level the tags to pick, each with the rests of its paths."""
    trees: dict[Level, dict[str, list[tuple[str, ...]]]] = {}
    for path in _paths(query):
        trees.setdefault(query.site.level_of(path[0]), {}).setdefault(path[0], []).append(path[1:])
    return trees


def _pick(attributes: JsonObject, tree: dict[str, list[tuple[str, ...]]]) -> JsonObject:
    """What the tree leads to; a private attribute comes with the Private Creator of its block, without which it means nothing."""
    found = ((name, rests) for link, rests in tree.items() for name in tags_of(link, attributes) if name in attributes)
    return {name: _prune(attributes[name], rests) for name, rests in found}


def _prune(element: Any, rests: Sequence[tuple[str, ...]]) -> Any:
    """The element whole if one of the paths ends here, else a sequence whose items hold only what the paths lead to."""
    if () in rests or element.get("vr") != "SQ" or "Value" not in element:
        return element
    by_tag: dict[str, list[tuple[str, ...]]] = {}
    for rest in rests:
        by_tag.setdefault(rest[0], []).append(rest[1:])
    kept = [{name: _prune(item[name], by_tag[name]) for name in sorted(by_tag) if name in item} for item in element["Value"]]
    return element | {"Value": kept}


def _take(part: JsonObject, name: str, element: Any) -> None:
    if not _is_bulk(element):
        part[name] = _without_bulk(element)


def _is_bulk(element: Any) -> bool:
    return "BulkDataURI" in element or "InlineBinary" in element


def _without_bulk(element: Any) -> Any:
    if element.get("vr") != "SQ" or "Value" not in element:
        return element
    items = [{name: _without_bulk(inner) for name, inner in item.items() if not _is_bulk(inner)} for item in element["Value"]]
    return element | {"Value": items}


def _is_empty(element: Any) -> bool:
    for value in element.get("Value") or ():
        if value not in (None, "", {}):
            return False
    return not _is_bulk(element)


def _element(vr: str, values: list[Any]) -> JsonObject:
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _text(obj: JsonObject) -> bytes:
    text = json_text.sorted_text(obj)
    # The mark of the address that we wrote ourselves; if it stands nowhere else, there is no need to look at each member.
    if _RETRIEVE_URL in obj and text.count(b"\\u0001") == 1 and _OWN_MARK in text:
        return text.replace(_OWN_MARK, _OWN_BASE)
    return b"{" + b",".join(_member(name, obj[name]) for name in sorted(obj)) + b"}"


def _member(name: str, element: Any) -> bytes:
    """One member, where the mark stands as its raw byte only in URIs that this server wrote; in any other value it stays escaped."""
    text = json_text.text(element)
    if b"\\u0001" in text:
        text = text.replace(_BULK_MARK, _BULK_BASE)
        if name == _RETRIEVE_URL:
            text = text.replace(b"\\u0001", BASE_MARK, 1)
    return b'"' + name.encode() + b'":' + text
