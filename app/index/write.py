"""Taking instances in and out: one transaction each, with counts, ready answers, change rows and unused blobs (PS3.18 10.5).

A SOP Instance UID is one instance in the whole index. What decides between rivals is the unique key of its row, not a check before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, delete, select, update

from app.dicom.attributes import DEPTH
from app.dicom.site_keys import SiteKeys
from app.index import branches, bulk, changes, labels, rows, unused
from app.index.branches import StudyBranch
from app.index.lists import among, listed
from app.index.lookup import RECORD, under
from app.index.tables import DOCUMENT, INSTANCE, SERIES, STUDY, VALUE
from app.index.unused import Lost
from app.index.write_back import Values, portions, write_back
from app.model import Access, Added, Blob, ChangeKind, ConflictRule, InstanceRecord, Level, Loss, Outcome, Target, Uid


@dataclass(frozen=True, slots=True)
class _Known:
    """An instance row as far as a newcomer under its UID has to know it."""

    id: int
    study_uid: Uid
    series_uid: Uid
    digest: str
    blob: Blob
    keys: frozenset[str]
    quarantined: bool = False


@dataclass(slots=True, eq=False)
class _Batch:
    """What one `add` has found out and is about to write, by the id of each instance; `ids` are those of the new ones."""

    known: dict[Uid, _Known]
    site: SiteKeys
    ids: Iterator[int] = field(default_factory=lambda: iter(()))
    instances: dict[int, rows.Row] = field(default_factory=dict)
    documents: dict[int, rows.Row] = field(default_factory=dict)
    singles: dict[int, list[rows.Row]] = field(default_factory=dict)
    changes: list[tuple[ChangeKind, InstanceRecord]] = field(default_factory=list)

    def write(self, connection: Connection, values: Values) -> None:
        """The rows of instances whose series are there, and all single values."""
        bulk.insert_rows(connection, INSTANCE, list(self.instances.values()))
        bulk.insert_rows(connection, DOCUMENT, list(self.documents.values()))
        values.fresh += (row for found in self.singles.values() for row in found)
        values.write(connection)


def add(connection: Connection, records: Sequence[InstanceRecord], rule: ConflictRule, now: float, site: SiteKeys) -> list[Added]:
    """Outcomes in the order of the records. Rows are taken by ascending UID, so that concurrent batches wait instead of embracing.

    All is decided before anything is written, so that the statements are as many for one instance as for thousands."""
    if not records:
        return []
    studies = branches.lock_or_make_studies(connection, {record.study_uid for record in records})
    branches.find_or_make_series(connection, studies, {(record.study_uid, record.series_uid) for record in records})
    uids = {record.instance_uid for record in records}
    known = _known(connection, uids)
    batch = _Batch(known, site, iter(bulk.new_ids(connection, INSTANCE, len(uids) - len(known))))
    outcomes: dict[int, Added] = {}
    for position in sorted(range(len(records)), key=lambda n: records[n].instance_uid):
        outcomes[position] = _add_one(connection, batch, studies[records[position].study_uid], records[position], rule)
    taken = _without_used([outcomes[position] for position in range(len(records))], batch)
    _merge(studies, records, taken)
    for row in batch.instances.values():
        studies[batch.known[row["uid"]].study_uid].added_classes.add(row["sop_class_uid"])
    values = Values()
    write_back(connection, studies.values(), site, values)
    batch.write(connection, values)
    unused.use(connection, {key for _, record in batch.changes for key in _keys(record)})
    unused.mark(connection, [lost for record, added in zip(records, taken, strict=True) for lost in _lost(record, added)], now)
    changes.append(connection, batch.changes, now)
    return taken


_KNOWN = (
    select(
        INSTANCE.c.id,
        INSTANCE.c.uid,
        INSTANCE.c.digest,
        INSTANCE.c.blob_key,
        INSTANCE.c.blob_size,
        INSTANCE.c.form_key,
        INSTANCE.c.quarantined,
        STUDY.c.uid.label("study_uid"),
        SERIES.c.uid.label("series_uid"),
    )
    .select_from(INSTANCE.join(SERIES).join(STUDY))
    .where(among(INSTANCE.c.uid, "uids"))
)


def _known(connection: Connection, uids: set[Uid]) -> dict[Uid, _Known]:
    return {
        Uid(row.uid): _Known(
            row.id,
            Uid(row.study_uid),
            Uid(row.series_uid),
            row.digest,
            Blob(row.blob_key, row.blob_size),
            frozenset((row.blob_key, row.form_key)),
            row.quarantined is not None,
        )
        for row in connection.execute(_KNOWN, {"uids": listed(uids)})
    }


def _add_one(connection: Connection, batch: _Batch, study: StudyBranch, record: InstanceRecord, rule: ConflictRule) -> Added:
    known = batch.known.get(record.instance_uid)
    keys = _keys(record)
    if known is None:
        _insert(batch, study, record)
        return Added(Outcome.STORED)
    elsewhere = (known.study_uid, known.series_uid) != (record.study_uid, record.series_uid)
    if not elsewhere and known.digest == record.digest:
        if known.quarantined:
            # The same bytes, whole again: they take the place of the damaged ones.
            _replace(connection, batch, record, known)
            return Added(Outcome.SAME, _sorted(known.keys - keys))
        return Added(Outcome.SAME, _sorted(keys - known.keys), known.blob)
    if elsewhere or rule is ConflictRule.REFUSE:
        return Added(Outcome.REFUSED, _sorted(keys - known.keys))
    _replace(connection, batch, record, known)
    return Added(Outcome.REPLACED, _sorted(known.keys - keys))


def _insert(batch: _Batch, study: StudyBranch, record: InstanceRecord) -> None:
    series = study.series[record.series_uid]
    document = rows.document_row(record)
    row = next(batch.ids)
    batch.instances[row] = {"id": row, "series_id": series.id, "weight": rows.weight(document), **rows.instance_row(record)}
    series.count(1)
    study.count(1)
    _note(batch, row, record, document, ChangeKind.CREATED)


def _replace(connection: Connection, batch: _Batch, record: InstanceRecord, known: _Known) -> None:
    document = rows.document_row(record)
    row = {"weight": rows.weight(document), **rows.instance_row(record)}
    if known.id in batch.instances:
        # Another part of the same request has just brought it.
        batch.instances[known.id] |= row
    else:
        connection.execute(update(INSTANCE).where(INSTANCE.c.id == known.id), {"quarantined": None, **row})
        _clear_documents(connection, [known.id])
    _note(batch, known.id, record, document, ChangeKind.REPLACED)


def _note(batch: _Batch, row: int, record: InstanceRecord, document: rows.Row, kind: ChangeKind) -> None:
    batch.known[record.instance_uid] = _Known(
        row, record.study_uid, record.series_uid, record.digest, record.blob, frozenset(_keys(record))
    )
    batch.documents[row] = {"instance_id": row, **document}
    batch.singles[row] = rows.value_rows(Level.INSTANCE, row, record.attributes, batch.site)
    batch.changes.append((kind, record))


def _merge(studies: dict[Uid, StudyBranch], records: Sequence[InstanceRecord], taken: Sequence[Added]) -> None:
    for record, added in zip(records, taken, strict=True):
        if added.outcome in (Outcome.STORED, Outcome.REPLACED):
            study = studies[record.study_uid]
            overwrite = added.outcome is Outcome.REPLACED
            study.lost |= overwrite
            study.merge(record.study, overwrite=overwrite)
            study.series[record.series_uid].merge(record.series, overwrite=overwrite)


def _lost(record: InstanceRecord, added: Added) -> list[Lost]:
    """A newcomer's blobs were never visible; those that it replaced were, and somebody may be reading them."""
    loss = Loss.SPARE if set(added.unused) <= _keys(record) else Loss.REPLACED
    return [Lost(key, loss, record.target if loss is Loss.REPLACED else Target()) for key in added.unused]


def _without_used(taken: Sequence[Added], batch: _Batch) -> list[Added]:
    """A later record of the batch may have brought a key back into use."""
    used = set().union(*(known.keys for known in batch.known.values()))
    return [replace(added, unused=tuple(key for key in added.unused if key not in used)) for added in taken]


def remove(connection: Connection, target: Target, access: Access, now: float, site: SiteKeys) -> list[InstanceRecord]:
    """All visible instances under the target, which names at least a study; their blobs become unused. Empty if there are none."""
    if target.study is None:
        raise ValueError("a target without a study cannot be removed")
    studies = branches.lock_studies(connection, [target.study])
    study = studies.get(target.study)
    if study is None:
        return []
    found = connection.execute(under(RECORD, target, access)).mappings().all()
    if not found:
        return []
    removed = [rows.record(row) for row in found]
    branches.find_series(connection, studies, {record.series_uid for record in removed})
    study.lost = True
    for record in removed:
        study.count(-1)
        study.series[record.series_uid].count(-1)
    ids = [row["id"] for row in found]
    _clear_documents(connection, ids)
    for some in portions(ids):
        connection.execute(delete(INSTANCE).where(INSTANCE.c.id.in_(some)))
    _write_back(connection, studies, site)
    if not connection.scalar(select(STUDY.c.id).where(STUDY.c.uid == target.study)):
        labels.forget(connection, target.study)
    unused.mark(connection, [lost for record in removed for lost in unused.of_record(record, Loss.DELETED)], now)
    changes.append(connection, [(ChangeKind.DELETED, record) for record in removed], now)
    return removed


def renew(connection: Connection, record: InstanceRecord, site: SiteKeys) -> bool:
    """Write the row of an instance anew from what its bytes say, and count its study again. False if there is no such row any more."""
    studies = branches.lock_studies(connection, [record.study_uid])
    study = studies.get(record.study_uid)
    known = _known(connection, {record.instance_uid}).get(record.instance_uid)
    if study is None or known is None or (known.digest, known.blob.key) != (record.digest, record.blob.key):
        return False
    batch = _Batch({}, site)
    _replace(connection, batch, record, known)
    batch.write(connection, Values())
    branches.find_series(connection, studies, {known.series_uid})
    study.merge(record.study, overwrite=False)
    study.series[known.series_uid].merge(record.series, overwrite=False)
    branches.recount(connection, study)
    _write_back(connection, studies, site)
    return True


def recount(connection: Connection, uid: Uid, site: SiteKeys) -> None:
    """Bring the counts, lists and ready answers of a study and its series to what lies below them."""
    studies = branches.lock_studies(connection, [uid])
    for study in studies.values():
        branches.recount(connection, study)
    _write_back(connection, studies, site)


def _write_back(connection: Connection, studies: dict[Uid, StudyBranch], site: SiteKeys) -> None:
    values = Values()
    write_back(connection, studies.values(), site, values)
    values.write(connection)


def _clear_documents(connection: Connection, ids: Sequence[int]) -> None:
    for some in portions(ids):
        connection.execute(delete(DOCUMENT).where(DOCUMENT.c.instance_id.in_(some)))
        connection.execute(delete(VALUE).where(VALUE.c.level == DEPTH[Level.INSTANCE], VALUE.c.owner.in_(some)))


def _keys(record: InstanceRecord) -> set[str]:
    return {record.blob.key, record.form.key}


def _sorted(keys: set[str] | frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(keys))
