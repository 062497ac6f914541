"""Finding instances by Target: records for retrieval, stored Metadata, digests; in the order of search answers (PS3.18 10.4).

Many are first listed by id, in order, then read page by page, so that a page is bounded in rows and in bytes and nothing is skipped or
given twice when rows come and go meanwhile. An instance that is gone when its page is read is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select, tuple_

from app.index.lists import one_of
from app.index.tables import DOCUMENT, INSTANCE, SERIES, STUDY
from app.index.visibility import visible
from app.model import Access, Metadata, Target, Uid

PAGE_ROWS = 200
PAGE_BYTES = 4 * 1024**2
"""A page ends when either is reached; a single row may be larger."""

STUDIES = 500
"""Studies that are listed at a time, when a target names none."""

_JOINED = INSTANCE.join(SERIES).join(STUDY)
_PLACE = (STUDY.c.uid.label("study_uid"), SERIES.c.uid.label("series_uid"), INSTANCE.c.uid)

RECORD = select(
    *_PLACE,
    INSTANCE.c.id,
    INSTANCE.c.sop_class_uid,
    INSTANCE.c.transfer_syntax,
    INSTANCE.c.digest,
    INSTANCE.c.blob_key,
    INSTANCE.c.blob_size,
    INSTANCE.c.blob_modified,
    INSTANCE.c.form_key,
    INSTANCE.c.received,
    INSTANCE.c.quarantined,
    DOCUMENT.c.form,
    DOCUMENT.c.repairs,
    DOCUMENT.c.bulkdata,
    DOCUMENT.c.frames,
).select_from(_JOINED.join(DOCUMENT))

METADATA = select(*_PLACE, INSTANCE.c.id, INSTANCE.c.digest, DOCUMENT.c.metadata).select_from(_JOINED.join(DOCUMENT))

_LISTED = select(INSTANCE.c.id, INSTANCE.c.weight).select_from(_JOINED)
_DIGEST = select(INSTANCE.c.digest).select_from(_JOINED)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study stands in the order of all studies."""

    position: str
    uid: Uid


def under(statement: Select[Any], target: Target, access: Access) -> Select[Any]:
    """The visible rows under the target, every UID of which must fit, in the order of search answers."""
    terms = [visible(access)]
    for column, uid in ((STUDY.c.uid, target.study), (SERIES.c.uid, target.series), (INSTANCE.c.uid, target.instance)):
        if uid is not None:
            terms.append(column == uid)
    statement = statement.where(*terms)
    if target.instance is not None:
        return statement
    return statement.order_by(SERIES.c.position, SERIES.c.uid, INSTANCE.c.position, INSTANCE.c.uid)


def listed(connection: Connection, target: Target, access: Access) -> list[list[int]]:
    """The ids under a target that names a study, in order, parted into pages."""
    return list(_pages((row[0], row[1]) for row in connection.execute(under(_LISTED, target, access))))


def _pages(found: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    page: list[int] = []
    size = 0
    for row, weight in found:
        if page and (len(page) >= PAGE_ROWS or size + weight > PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(row)
        size += weight
    if page:
        yield page


def page(connection: Connection, statement: Select[Any], ids: Sequence[int], access: Access) -> list[RowMapping]:
    """The rows of these ids, in this order, as far as they are still there and visible."""
    found = {row["id"]: row for row in connection.execute(statement.where(INSTANCE.c.id.in_(ids), visible(access))).mappings()}
    return [found[row] for row in ids if row in found]


def one(connection: Connection, statement: Select[Any], target: Target, access: Access) -> list[RowMapping]:
    """The row of a target that names an instance: one statement, for this is what a viewer asks a thousand times."""
    return list(connection.execute(under(statement, target, access)).mappings())


def sees(connection: Connection, study: Uid, access: Access) -> bool:
    """Whether the access covers a study that is there."""
    return connection.scalar(select(STUDY.c.id).where(STUDY.c.uid == study, visible(access))) is not None


def hidden(connection: Connection, studies: Collection[Uid], access: Access) -> list[Uid]:
    """Those of the studies that are there, and that the access does not cover."""
    there = set(connection.scalars(select(STUDY.c.uid).where(one_of(STUDY.c.uid, studies))))
    seen = set(connection.scalars(select(STUDY.c.uid).where(one_of(STUDY.c.uid, studies), visible(access))))
    return [Uid(uid) for uid in sorted(there - seen)]


def patients(connection: Connection, studies: Collection[Uid]) -> dict[Uid, str]:
    """Those of the studies that tell of a patient, with what tells it apart: for the audit trail, whoever asks."""
    found = connection.execute(select(STUDY.c.uid, STUDY.c.patient).where(one_of(STUDY.c.uid, studies), STUDY.c.patient.is_not(None)))
    return {Uid(row.uid): row.patient for row in found}


def studies_of(connection: Connection, patient: str) -> list[Uid]:
    """All studies of a patient: for the audit trail, whoever asks."""
    return [Uid(uid) for uid in connection.scalars(select(STUDY.c.uid).where(STUDY.c.patient == patient))]


def studies(connection: Connection, after: Place | None, access: Access) -> list[Place]:
    """The next visible studies, newest first as in search answers."""
    statement = select(STUDY.c.position, STUDY.c.uid).where(visible(access))
    if after is not None:
        statement = statement.where(tuple_(STUDY.c.position, STUDY.c.uid) < (after.position, after.uid))
    found = connection.execute(statement.order_by(STUDY.c.position.desc(), STUDY.c.uid.desc()).limit(STUDIES))
    return [Place(row.position, Uid(row.uid)) for row in found]


def digests(connection: Connection, target: Target, access: Access) -> list[str]:
    """The digests under a target that names a study."""
    return list(connection.scalars(under(_DIGEST, target, access)))


def metadata(row: RowMapping) -> Metadata:
    """The stored Metadata from a row of METADATA."""
    return Metadata(Target(Uid(row["study_uid"]), Uid(row["series_uid"]), Uid(row["uid"])), row["metadata"], row["digest"])
