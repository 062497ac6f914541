"""Store (PS3.18 10.5): from a streamed body to instances that are on stable storage, and a report that tells each one's fate.

The order of writing is the promise, and `writing` keeps it: blobs first, all durable; then one index transaction for the whole request;
then the answer. If not one instance could be kept because a backend is full or away, the request as a whole is 507 or 503.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from app.dicomweb.multipart import StowContent
from app.dicomweb.store_report import Failed, FailureReason, Stored, WarningReason
from app.errors import BadRequest
from app.model import Access, Action, Added, Caller, InstanceRecord, Outcome, Target, Uid
from app.ports import Archive, Spool
from app.studies.audited import audited
from app.studies.body import bounded
from app.studies.incoming import StoreBody, instances
from app.studies.writing import Trouble, abandon, indexed, keep, refused_by_backends

CONCURRENT = 4
"""Instances of one request that are examined and written at a time; bounds its memory as well."""

SAME_UID = "Another object with this SOP Instance UID but other content is stored already; it was kept and this one was refused"


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """`study`: the Study Instance UID of the path, which all parts must carry; `body`: the chunks as they arrive; `uri`: the request's."""

    content: StowContent
    body: AsyncIterator[bytes]
    study: Uid | None = None
    uri: str = ""


@dataclass(slots=True)
class StoreAnswer:
    """The fate of each instance, in the order received within each list; `remarks` are sentences on the request as a whole."""

    stored: list[Stored] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    """What one request has brought so far: results in the order of arrival, and the tasks that still work on them."""

    archive: Archive
    study: Uid | None
    access: Access
    trouble: Trouble = field(default_factory=Trouble)
    results: list[asyncio.Future[InstanceRecord | Failed]] = field(default_factory=list)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT))

    async def take(self, spool: Spool | Failed) -> None:
        """Hand a complete spool over; waits while too many are in work, which in turn slows the sender down."""
        if isinstance(spool, Failed):
            settled = asyncio.get_running_loop().create_future()
            settled.set_result(spool)
            self.results.append(settled)
            return
        try:
            await self.room.acquire()
        except BaseException:
            spool.close()
            raise
        self.results.append(asyncio.create_task(self._settle(spool)))

    async def _settle(self, spool: Spool) -> InstanceRecord | Failed:
        try:
            return await keep(self.archive, spool, self.study, self.trouble, self.access)
        finally:
            spool.close()
            self.room.release()


async def store(archive: Archive, caller: Caller, request: StoreRequest) -> StoreAnswer:
    """Store every instance of the body. InvalidMultipart if the body breaks off: then nothing of it is kept. Unavailable,
    InsufficientStorage if nothing at all could be kept; Busy if too much waits already."""
    async with audited(archive, caller, Action.STORE, Target(request.study)) as granted:
        archive.turns.ensure_room()
        batch = _Batch(archive, request.study, granted.access)
        remarks: list[str] = []
        try:
            async with aclosing(
                instances(archive, StoreBody(request.content, bounded(archive, request.body), request.uri), remarks)
            ) as received:
                async for spool in received:
                    await batch.take(spool)
            # Shielded: what is being written when the request is given up comes to its end, and is then withdrawn as a whole.
            outcomes = await asyncio.shield(asyncio.gather(*batch.results))
        except BaseException:
            await asyncio.shield(abandon(archive, batch.results))
            raise
        if not outcomes:
            raise BadRequest("The request holds no instance; send a part with one, or with its metadata", clause="PS3.18 10.5.1")
        if (error := refused_by_backends(outcomes)) is not None:
            raise error
        answer = await commit(archive, outcomes)
        answer.remarks += remarks
        granted.detail.update(
            stored=len(answer.stored), failed=len(answer.failed), studies=sorted({str(item.target.study) for item in answer.stored})
        )
        return answer


async def commit(archive: Archive, outcomes: Sequence[InstanceRecord | Failed]) -> StoreAnswer:
    """Index what was kept, in one transaction, and tell each one's fate."""
    records = [outcome for outcome in outcomes if isinstance(outcome, InstanceRecord)]
    answer = StoreAnswer(failed=[outcome for outcome in outcomes if isinstance(outcome, Failed)])
    added = await indexed(archive, records)
    for record, fate in zip(records, added, strict=True):
        if fate.outcome is Outcome.REFUSED:
            answer.failed.append(Failed(record.sop_class_uid, record.instance_uid, FailureReason.DUPLICATE_SOP_INSTANCE, SAME_UID))
        else:
            answer.stored.append(_stored(record, fate))
    return answer


def _stored(record: InstanceRecord, fate: Added) -> Stored:
    warning, comments = (WarningReason.DATA_SET_DOES_NOT_MATCH_SOP_CLASS, record.repairs) if record.repairs else (None, ())
    if fate.outcome is Outcome.REPLACED:
        sentence = "Another object with this SOP Instance UID was stored; this one has taken its place"
        warning, comments = WarningReason.COERCION, (sentence, *record.repairs)
    return Stored(record.target, record.sop_class_uid, warning, comments)
