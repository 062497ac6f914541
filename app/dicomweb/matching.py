"""What a search finds, in plain Python: the oracle that every index is tested against (PS3.4 C.2.2.2, PS3.18 10.6).

A resource matches if all terms hold for one and the same chain of study, series and instance through it. So terms above the query's
level are those of its parents, and terms below it hold together for one child. Computed keys look at the whole study instead. Text is
compared exactly, names folded, numbers as numbers; any value of a multi-valued attribute may match; what is absent matches only the
universal term. Terms that lead into one sequence hold in one and the same item.

Order of answers, total: studies by StudyDate, StudyTime and StudyInstanceUID, all descending, without a date or time last; series within
their study by SeriesNumber ascending, without one last, then SeriesInstanceUID; instances within their series by InstanceNumber
ascending, without one last, then SOPInstanceUID. UIDs compare in code point order. What a query orders by comes before all that: what has
no value is last either way, what has several goes by the least.

Must not know: SQL, limit and offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from app.dicom.attributes import DEPTH, KEY_BY_PATH, KEYS_OF, Kind
from app.dicomweb.combined import bounds
from app.dicomweb.query import Order, Query
from app.dicomweb.search_keys import WORDS, Column, columns, indexed_values, kept, utc_offset
from app.dicomweb.search_results import merge, split
from app.dicomweb.terms import Match, Rule
from app.model import InstanceRecord, JsonObject, Level, Target


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a resource offers to terms: forms by path, and by item within each path; and the UTC offset of its times."""

    column: dict[tuple[str, ...], Column]
    items: dict[str, dict[int, list[str]]]
    offset: int | None


@dataclass(frozen=True, slots=True)
class _Chain:
    """One record with the facts of its three levels; `computed` holds those of its whole study."""

    target: Target
    facts: dict[Level, _Facts]
    computed: dict[tuple[str, ...], list[str]]


@dataclass(frozen=True, slots=True)
class Patient:
    """Who is told apart by PatientID and IssuerOfPatientID, with the counts over all studies; `newest` is the first in their order."""

    patient_id: str
    issuer: str
    newest: Target
    studies: int
    series: int
    instances: int


def search(query: Query, records: Sequence[InstanceRecord]) -> list[Target]:
    """The targets of the query's level that match, in the order of answers. `records` are all there are, in the order of storing."""
    chains = _in_order(query, records)
    found = (_cut(chain.target, query.level) for chain in chains if _is_under(chain.target, query.target) and _matches(query, chain))
    return list(dict.fromkeys(found))


def patients(query: Query, records: Sequence[InstanceRecord]) -> list[Patient]:
    """The patients who have a study that matches, by PatientID, then issuer. A study without a PatientID tells of none."""
    matching = {target.study for target in search(query, records)}
    found: dict[tuple[str, str], list[_Chain]] = {}
    for chain in _in_order(query, records):
        column = chain.facts[Level.STUDY].column
        if column[_PATHS["PatientID"]] is not None:
            pair = str(column[_PATHS["PatientID"]]), str(column[_PATHS["IssuerOfPatientID"]] or "")
            found.setdefault(pair, []).append(chain)
    return [
        Patient(*pair, _cut(own[0].target, Level.STUDY), *(len({_cut(chain.target, level) for chain in own}) for level in Level))
        for pair, own in sorted(found.items())
        if any(chain.target.study in matching for chain in own)
    ]


def _in_order(query: Query, records: Sequence[InstanceRecord]) -> list[_Chain]:
    chains = sorted(_chains(query, records), key=_instance_order)
    chains.sort(key=_series_order)
    chains.sort(key=_study_order, reverse=True)
    for order in reversed(query.order):
        placed = [(_place(order, chain), chain) for chain in chains]
        present = [(place, chain) for place, chain in placed if place is not None]
        present.sort(key=itemgetter(0), reverse=order.descending)
        chains = [chain for _, chain in present] + [chain for place, chain in placed if place is None]
    return chains


def _place(order: Order, chain: _Chain) -> str | int | float | None:
    """By what a resource is ordered; None if it has no value."""
    facts, path = chain.facts[order.key.level], order.key.path
    if order.key.column is not None:
        return facts.column[path]
    forms = chain.computed.get(path, []) if order.key.computed_from else facts.items.get(path[0], {}).get(0, [])
    return min(forms, default=None)


def _matches(query: Query, chain: _Chain) -> bool:
    sequences: dict[str, list[Match]] = {}
    for match in query.matches:
        if len(match.path) > 1:
            sequences.setdefault(match.path[0], []).append(match)
        elif not _holds(query, match, chain):
            return False
    return all(_holds_in_one_item(query, terms, chain) for terms in sequences.values())


def wildcard(pattern: str, text: str) -> bool:
    """Whether `*` (any characters) and `?` (one) make the pattern the whole text; at worst in the product of both lengths."""
    at = position = mark = 0
    star = -1
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at, position = at + 1, position + 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def _chains(query: Query, records: Sequence[InstanceRecord]) -> list[_Chain]:
    studies: dict[str, JsonObject] = {}
    series: dict[tuple[str, str], JsonObject] = {}
    gathered: dict[str, dict[tuple[str, ...], list[str]]] = {}
    parts = [_parts(query, record) for record in records]
    for record, (of_study, of_series, _) in zip(records, parts, strict=True):
        pair = record.study_uid, record.series_uid
        studies[record.study_uid] = merge(studies.get(record.study_uid, {}), of_study, overwrite=False)
        series[pair] = merge(series.get(pair, {}), of_series, overwrite=False)
    chains = []
    for record, (_, _, of_instance) in zip(records, parts, strict=True):
        pair = record.study_uid, record.series_uid
        facts = {
            Level.STUDY: _facts(query, Level.STUDY, studies[record.study_uid]),
            Level.SERIES: _facts(query, Level.SERIES, series[pair]),
            Level.INSTANCE: _facts(query, Level.INSTANCE, of_instance),
        }
        computed = gathered.setdefault(record.study_uid, {})
        _gather(computed, facts)
        chains.append(_Chain(record.target, facts, computed))
    return chains


def _parts(query: Query, record: InstanceRecord) -> tuple[JsonObject, JsonObject, JsonObject]:
    """The attributes of a record by level, as they are kept for the query's keys."""
    if not query.site.keys:
        return record.study, record.series, record.attributes
    return split(record.study | record.series | record.attributes, query.site)


def _facts(query: Query, level: Level, attributes: JsonObject) -> _Facts:
    by_column = columns(level, attributes)
    items: dict[str, dict[int, list[str]]] = {}
    for row in indexed_values(level, attributes, query.site):
        items.setdefault(row.path, {}).setdefault(row.item, []).append(row.value)
    return _Facts({key.path: by_column[key.column] for key in KEYS_OF[level] if key.column}, items, utc_offset(attributes))


def _gather(computed: dict[tuple[str, ...], list[str]], facts: dict[Level, _Facts]) -> None:
    for key in KEYS_OF[Level.STUDY]:
        source = next((other for other in KEY_BY_PATH.values() if other.keyword == key.computed_from), None)
        form = facts[source.level].column[source.path] if source else None
        if form is not None:
            computed.setdefault(key.path, []).append(str(form))


def _holds(query: Query, match: Match, chain: _Chain) -> bool:
    facts = chain.facts[match.level]
    if match.rule is Rule.UNIVERSAL:
        return True
    if match.rule is Rule.COMBINED:
        return _is_in_combined(match.values, facts.column[match.path], facts.column[match.time_path])
    if match.rule is Rule.ZONED:
        return _is_in_zoned(match, facts)
    if match.rule is Rule.FUZZY:
        words = facts.items.get(match.path[0] + WORDS, {}).get(0, [])
        return all(any(word.startswith(start) for word in words) for start in match.values)
    forms = _forms(query, match, chain)
    return not forms if match.rule is Rule.EMPTY else _any_fits(query, match, forms)


def _forms(query: Query, match: Match, chain: _Chain) -> Sequence[str]:
    """What is there for a term on an attribute that is not nested."""
    facts, key = chain.facts[match.level], query.site.get(match.path)
    if key is None or key.column is None:
        computed = key is not None and key.computed_from
        return chain.computed.get(match.path, ()) if computed else facts.items.get(match.path[0], {}).get(0, ())
    form = facts.column[match.path]
    return () if form is None else (kept(key.kind, form),)


def _holds_in_one_item(query: Query, terms: Iterable[Match], chain: _Chain) -> bool:
    asked = [(term, chain.facts[term.level].items.get(".".join(term.path), {})) for term in terms if term.rule is not Rule.UNIVERSAL]
    empty = [items for term, items in asked if term.rule is Rule.EMPTY]
    real = [(term, items) for term, items in asked if term.rule is not Rule.EMPTY]
    if not real:
        return not any(empty)
    numbers = {number for _, items in real for number in items}
    return any(
        all(_any_fits(query, term, items.get(number, ())) for term, items in real) and not any(number in items for items in empty)
        for number in numbers
    )


def _any_fits(query: Query, match: Match, forms: Iterable[str]) -> bool:
    if match.rule is Rule.RANGE:
        first, last = match.values
        return any(first <= form and (not last or form <= last) for form in forms)
    if match.rule is Rule.WILDCARD:
        return any(wildcard(match.values[0], form) for form in forms)
    wanted = {_kept(query, match, value) for value in match.values}
    return any(form in wanted for form in forms)


def _kept(query: Query, match: Match, value: str) -> str:
    key = query.site.get(match.path)
    if key is None or key.kind not in (Kind.INTEGER, Kind.DECIMAL):
        return value
    return kept(key.kind, int(value) if key.kind is Kind.INTEGER else float(value))


def _is_in_zoned(match: Match, facts: _Facts) -> bool:
    date, time = facts.column[match.path], facts.column[match.time_path]
    if date is None:
        return False
    if time is None:
        first, last = (value[:8] for value in match.values)
        return first <= str(date) and (not last or str(date) <= last)
    first, last = bounds(match, facts.offset)
    moment = f"{date}{time}"
    return first <= moment and (not last or moment <= last)


def _is_in_combined(bounds: tuple[str, ...], date: Column, time: Column) -> bool:
    first_date, first_time, last_date, last_time = bounds
    if date is None:
        return False
    day, moment = str(date), None if time is None else str(time)
    if day < first_date or (last_date and day > last_date):
        return False
    if moment is None:
        return True
    return not (day == first_date and moment < first_time) and not (day == last_date and last_time and moment > last_time)


def _is_under(target: Target, above: Target) -> bool:
    named = ((target.study, above.study), (target.series, above.series), (target.instance, above.instance))
    return all(wanted is None or own == wanted for own, wanted in named)


def _cut(target: Target, level: Level) -> Target:
    depth = DEPTH[level]
    return Target(target.study, target.series if depth > 0 else None, target.instance if depth > 1 else None)


def _study_order(chain: _Chain) -> tuple[str, ...]:
    column = chain.facts[Level.STUDY].column
    return str(column[_PATHS["StudyDate"]] or ""), str(column[_PATHS["StudyTime"]] or ""), str(chain.target.study)


def _series_order(chain: _Chain) -> tuple[bool, int, str]:
    return *_number(chain, "SeriesNumber"), str(chain.target.series)


def _instance_order(chain: _Chain) -> tuple[bool, int, str]:
    return *_number(chain, "InstanceNumber"), str(chain.target.instance)


def _number(chain: _Chain, name: str) -> tuple[bool, int]:
    key = KEY_BY_PATH[_PATHS[name]]
    form = chain.facts[key.level].column[key.path]
    return form is None, int(form or 0)


_PATHS = {key.keyword: key.path for key in KEY_BY_PATH.values()}
