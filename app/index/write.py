"""Taking instances in and out: one transaction each, with counts, ready answers, change rows and unused blobs (PS3.18 10.5).

A SOP Instance UID is one instance in the whole index. What decides between rivals is the unique key of its row, not a check before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select, update

from app.dicom.attributes import DEPTH
from app.dicom.site_keys import SiteKeys
from app.index import branches, changes, rows
from app.index.branches import StudyBranch
from app.index.database import Raced
from app.index.lookup import RECORD, under
from app.index.tables import DOCUMENT, INSTANCE, SERIES, STUDY, VALUE
from app.index.upsert import insert_new
from app.index.visibility import one_of
from app.model import Access, Added, ChangeKind, ConflictRule, InstanceRecord, Level, Outcome, Target, Uid


@dataclass(frozen=True, slots=True)
class _Known:
    """An instance row as far as a newcomer under its UID has to know it."""

    id: int
    study_uid: Uid
    series_uid: Uid
    digest: str
    keys: frozenset[str]


@dataclass(slots=True, eq=False)
class _Batch:
    """What one `add` has found out and is about to write."""

    known: dict[Uid, _Known]
    site: SiteKeys
    documents: dict[int, rows.Row] = field(default_factory=dict)
    values: dict[int, list[rows.Row]] = field(default_factory=dict)
    changes: list[tuple[ChangeKind, InstanceRecord]] = field(default_factory=list)
    classes: dict[Uid, set[str]] = field(default_factory=dict)
    replaced: set[Uid] = field(default_factory=set)


def add(connection: Connection, records: Sequence[InstanceRecord], rule: ConflictRule, now: float, site: SiteKeys) -> list[Added]:
    """Outcomes in the order of the records. Rows are taken by ascending UID, so that concurrent batches wait instead of embracing."""
    if not records:
        return []
    studies = branches.lock_or_make_studies(connection, {record.study_uid for record in records})
    for uid, study in studies.items():
        branches.find_or_make_series(connection, study, {record.series_uid for record in records if record.study_uid == uid})
    batch = _Batch(_known(connection, {record.instance_uid for record in records}), site)
    outcomes: dict[int, Added] = {}
    for position in sorted(range(len(records)), key=lambda n: records[n].instance_uid):
        outcomes[position] = _add_one(connection, batch, studies[records[position].study_uid], records[position], rule)
    taken = _without_used([outcomes[position] for position in range(len(records))], batch)
    _merge(studies, records, taken)
    _write_documents(connection, batch)
    for uid, study in studies.items():
        branches.write_back(connection, study, None if uid in batch.replaced else batch.classes.get(uid, ()), site)
    changes.forget_unused(connection, {key for _, record in batch.changes for key in _keys(record)})
    changes.mark_unused(connection, {key for added in taken for key in added.unused}, now)
    changes.append(connection, batch.changes, now)
    return taken


def _known(connection: Connection, uids: set[Uid]) -> dict[Uid, _Known]:
    statement = (
        select(
            INSTANCE.c.id,
            INSTANCE.c.uid,
            INSTANCE.c.digest,
            INSTANCE.c.blob_key,
            INSTANCE.c.form_key,
            STUDY.c.uid.label("study_uid"),
            SERIES.c.uid.label("series_uid"),
        )
        .select_from(INSTANCE.join(SERIES).join(STUDY))
        .where(one_of(INSTANCE.c.uid, uids))
    )
    return {
        Uid(row.uid): _Known(row.id, Uid(row.study_uid), Uid(row.series_uid), row.digest, frozenset((row.blob_key, row.form_key)))
        for row in connection.execute(statement)
    }


def _add_one(connection: Connection, batch: _Batch, study: StudyBranch, record: InstanceRecord, rule: ConflictRule) -> Added:
    known = batch.known.get(record.instance_uid)
    keys = _keys(record)
    if known is None:
        _insert(connection, batch, study, record)
        return Added(Outcome.STORED)
    elsewhere = (known.study_uid, known.series_uid) != (record.study_uid, record.series_uid)
    if not elsewhere and known.digest == record.digest:
        return Added(Outcome.SAME, _sorted(keys - known.keys))
    if elsewhere or rule is ConflictRule.REFUSE:
        return Added(Outcome.REFUSED, _sorted(keys - known.keys))
    _replace(connection, batch, record, known)
    return Added(Outcome.REPLACED, _sorted(known.keys - keys))


def _insert(connection: Connection, batch: _Batch, study: StudyBranch, record: InstanceRecord) -> None:
    series = study.series[record.series_uid]
    document = rows.document_row(record)
    row = {"series_id": series.id, "weight": rows.weight(document), **rows.instance_row(record)}
    made = connection.execute(insert_new(connection, INSTANCE).returning(INSTANCE.c.id), row).scalar_one_or_none()
    if made is None:
        raise Raced
    series.count(1)
    study.count(1)
    batch.classes.setdefault(record.study_uid, set()).add(record.sop_class_uid)
    _note(batch, made, record, document, ChangeKind.CREATED)


def _replace(connection: Connection, batch: _Batch, record: InstanceRecord, known: _Known) -> None:
    document = rows.document_row(record)
    row = {"weight": rows.weight(document), **rows.instance_row(record)}
    connection.execute(update(INSTANCE).where(INSTANCE.c.id == known.id), row)
    _clear_documents(connection, [known.id])
    batch.replaced.add(record.study_uid)
    _note(batch, known.id, record, document, ChangeKind.REPLACED)


def _note(batch: _Batch, row: int, record: InstanceRecord, document: rows.Row, kind: ChangeKind) -> None:
    batch.known[record.instance_uid] = _Known(row, record.study_uid, record.series_uid, record.digest, frozenset(_keys(record)))
    batch.documents[row] = {"instance_id": row, **document}
    batch.values[row] = rows.value_rows(Level.INSTANCE, row, record.attributes, batch.site)
    batch.changes.append((kind, record))


def _write_documents(connection: Connection, batch: _Batch) -> None:
    if batch.documents:
        connection.execute(insert(DOCUMENT), list(batch.documents.values()))
    values = [row for found in batch.values.values() for row in found]
    if values:
        connection.execute(insert(VALUE), values)


def _merge(studies: dict[Uid, StudyBranch], records: Sequence[InstanceRecord], taken: Sequence[Added]) -> None:
    for record, added in zip(records, taken, strict=True):
        if added.outcome in (Outcome.STORED, Outcome.REPLACED):
            study = studies[record.study_uid]
            overwrite = added.outcome is Outcome.REPLACED
            study.merge(record.study, overwrite=overwrite)
            study.series[record.series_uid].merge(record.series, overwrite=overwrite)


def _without_used(taken: Sequence[Added], batch: _Batch) -> list[Added]:
    """A later record of the batch may have brought a key back into use."""
    used = set().union(*(known.keys for known in batch.known.values()))
    return [Added(added.outcome, tuple(key for key in added.unused if key not in used)) for added in taken]


def remove(connection: Connection, target: Target, access: Access, now: float, site: SiteKeys) -> list[InstanceRecord]:
    """All visible instances under the target, which names at least a study; their blobs become unused. Empty if there are none."""
    if target.study is None:
        raise ValueError("a target without a study cannot be removed")
    study = branches.lock_studies(connection, [target.study]).get(target.study)
    if study is None:
        return []
    found = connection.execute(under(RECORD, target, access)).mappings().all()
    if not found:
        return []
    removed = [rows.record(row) for row in found]
    branches.find_series(connection, study, {record.series_uid for record in removed})
    for record in removed:
        study.count(-1)
        study.series[record.series_uid].count(-1)
    ids = [row["id"] for row in found]
    _clear_documents(connection, ids)
    for some in _portions(ids):
        connection.execute(delete(INSTANCE).where(INSTANCE.c.id.in_(some)))
    branches.write_back(connection, study, None, site)
    changes.mark_unused(connection, {key for record in removed for key in _keys(record)}, now)
    changes.append(connection, [(ChangeKind.DELETED, record) for record in removed], now)
    return removed


def _clear_documents(connection: Connection, ids: Sequence[int]) -> None:
    for some in _portions(ids):
        connection.execute(delete(DOCUMENT).where(DOCUMENT.c.instance_id.in_(some)))
        connection.execute(delete(VALUE).where(VALUE.c.level == DEPTH[Level.INSTANCE], VALUE.c.owner.in_(some)))


def _portions(ids: Sequence[int], size: int = 500) -> list[Sequence[int]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _keys(record: InstanceRecord) -> set[str]:
    return {record.blob.key, record.form.key}


def _sorted(keys: set[str] | frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(keys))
