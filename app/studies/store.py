"""Store (PS3.18 10.5): from a streamed body to instances that are on stable storage, and a report that tells each one's fate.

The order of writing is the promise: blobs first, each durable; then one index transaction for the whole request; then the answer. A
crash in between leaves blobs without a row, which `verify` finds and removes, and never a row without bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from app.dicomweb.multipart import StowContent
from app.dicomweb.store_report import Failed, FailureReason, Stored, WarningReason
from app.errors import BadRequest, Unavailable
from app.model import Action, Added, Caller, InstanceRecord, Outcome, Target, Uid
from app.ports import Archive, Spool, SupportsAdopt
from app.studies.audited import audited
from app.studies.body import spooled
from app.studies.examine import Examined, Receipt, examine
from app.studies.incoming import StoreBody, instances

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
            return await keep(self.archive, spool, self.study)
        finally:
            spool.close()
            self.room.release()


async def store(archive: Archive, caller: Caller, request: StoreRequest) -> StoreAnswer:
    """Store every instance of the body. InvalidMultipart if the body breaks off: then nothing of it is kept."""
    async with audited(archive, caller, Action.STORE, Target(request.study)) as granted:
        batch = _Batch(archive, request.study)
        remarks: list[str] = []
        try:
            async with aclosing(instances(archive, StoreBody(request.content, request.body, request.uri), remarks)) as received:
                async for spool in received:
                    await batch.take(spool)
            # Shielded: what is being written when the request is given up comes to its end, and is then withdrawn as a whole.
            outcomes = await asyncio.shield(asyncio.gather(*batch.results))
        except BaseException:
            await asyncio.shield(abandon(archive, batch.results))
            raise
        if not outcomes:
            raise BadRequest("The request holds no instance; send a part with one, or with its metadata", clause="PS3.18 10.5.1")
        answer = await commit(archive, outcomes)
        answer.remarks += remarks
        granted.detail.update(
            stored=len(answer.stored), failed=len(answer.failed), studies=sorted({str(item.target.study) for item in answer.stored})
        )
        return answer


async def keep(archive: Archive, spool: Spool, study: Uid | None = None) -> InstanceRecord | Failed:
    """Examine one received object and bring its bytes to stable storage; visible only once `commit` has indexed the record."""
    key = archive.new_key()
    receipt = Receipt(key, archive.web_key(key), archive.now())
    try:
        examined = await spooled(examine, spool, archive.spool, receipt, archive.limits)
    except Unavailable as error:
        return Failed(None, None, FailureReason.OUT_OF_RESOURCES, error.detail)
    if isinstance(examined, Failed):
        return examined
    record = examined.record
    try:
        if study is not None and record.study_uid != study:
            sentence = "The Study Instance UID of the object differs from the one in the request's path"
            return Failed(record.sop_class_uid, record.instance_uid, FailureReason.STUDY_MISMATCH, sentence)
        await _write(archive, examined, spool)
    except Unavailable as error:
        await withdraw(archive, blob_keys(record))
        return Failed(record.sop_class_uid, record.instance_uid, FailureReason.OUT_OF_RESOURCES, error.detail)
    except BaseException:
        await asyncio.shield(withdraw(archive, blob_keys(record)))
        raise
    finally:
        examined.close()
    return record


async def abandon(archive: Archive, results: Iterable[Awaitable[object]]) -> None:
    """Wait for all that was begun with `keep`, and withdraw it: what failed as a whole leaves nothing."""
    outcomes = await asyncio.gather(*results, return_exceptions=True)
    await withdraw(archive, [key for outcome in outcomes if isinstance(outcome, InstanceRecord) for key in blob_keys(outcome)])


async def withdraw(archive: Archive, keys: Sequence[str]) -> None:
    """Delete blobs that never got a row. Those that cannot be deleted now are orphans: no reason to fail what goes on without them."""
    with suppress(Unavailable):
        await discard(archive, keys)


async def commit(archive: Archive, outcomes: Sequence[InstanceRecord | Failed]) -> StoreAnswer:
    """Index what was kept, in one transaction, and tell each one's fate; blobs that no row refers to are removed.

    If the index fails, the blobs stay: a commit whose acknowledgement was lost may have made their rows visible. `verify` sweeps the rest.
    """
    records = [outcome for outcome in outcomes if isinstance(outcome, InstanceRecord)]
    answer = StoreAnswer(failed=[outcome for outcome in outcomes if isinstance(outcome, Failed)])
    added = await archive.index.add(records, archive.on_conflict) if records else ()
    for record, fate in zip(records, added, strict=True):
        if fate.outcome is Outcome.REFUSED:
            answer.failed.append(Failed(record.sop_class_uid, record.instance_uid, FailureReason.DUPLICATE_SOP_INSTANCE, SAME_UID))
        else:
            answer.stored.append(_stored(record, fate))
    unused = [key for fate in added for key in fate.unused]
    if unused:
        await remove_unused(archive, unused)
    return answer


async def remove_unused(archive: Archive, keys: Sequence[str]) -> None:
    """Delete blobs without a row. A backend that fails now is no failure of the request: the index remembers the keys for the sweeper."""
    try:
        await discard(archive, keys)
        await archive.index.discard(keys)
    except Unavailable:
        return


async def discard(archive: Archive, keys: Sequence[str]) -> None:
    for key in keys:
        await archive.blobs.delete(key)


def blob_keys(record: InstanceRecord) -> tuple[str, ...]:
    """Every blob that belongs to this record alone."""
    return tuple(dict.fromkeys((record.blob.key, record.form.key)))


def _stored(record: InstanceRecord, fate: Added) -> Stored:
    warning, comments = (WarningReason.DATA_SET_DOES_NOT_MATCH_SOP_CLASS, record.repairs) if record.repairs else (None, ())
    if fate.outcome is Outcome.REPLACED:
        sentence = "Another object with this SOP Instance UID was stored; this one has taken its place"
        warning, comments = WarningReason.COERCION, (sentence, *record.repairs)
    return Stored(record.target, record.sop_class_uid, warning, comments)


async def _write(archive: Archive, examined: Examined, spool: Spool) -> None:
    await _put(archive, examined.record.blob.key, spool)
    if examined.web is not None:
        await _put(archive, examined.record.form.key, examined.web)


async def _put(archive: Archive, key: str, spool: Spool) -> None:
    path = spool.path()
    if path is not None and isinstance(archive.blobs, SupportsAdopt) and await archive.blobs.adopt(key, path) is not None:
        return
    await archive.blobs.put(key, spool.body())
