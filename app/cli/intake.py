"""Two ways for sources into an archive: straight, in batches with one commit each; or by Store over HTTP to a running server.

Both tell each source's fate as soon as it is known. Nothing is told as stored before it is on stable storage.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import httpx

from app.cli.sources import Source, Unreadable
from app.dicomweb.store_report import Failed
from app.errors import Unavailable
from app.model import Action, Added, Caller, InstanceRecord, Outcome, Target
from app.ports import Archive, Spool
from app.studies.audited import audited
from app.studies.writing import abandon, indexed, keep

BATCH_FILES = 32
BATCH_BYTES = 64 * 1024**2
CALLER = Caller("command-line")

OTHER_CONTENT = "Another object with this SOP Instance UID, but other content, is stored already"
TOO_LARGE = "The file is larger than the limit for one instance"


class Fate(StrEnum):
    STORED = "stored"
    PRESENT = "already there"
    REPLACED = "replaced"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a source; `reason` is a sentence if it was refused."""

    source: Source
    fate: Fate
    reason: str = ""


Tell = Callable[[Told], None]
Item = TypeVar("Item")


async def into_archive(archive: Archive, sources: Sequence[Source], jobs: int, tell: Tell) -> None:
    """Store all sources, `jobs` batches at a time. Unavailable ends it; what was told until then stays, and it may be repeated."""

    async def batch(members: list[Source]) -> None:
        async with audited(archive, CALLER, Action.STORE, Target(), source="import") as granted:
            outcomes = await _all_kept(archive, members)
            records = [outcome for outcome in outcomes if isinstance(outcome, InstanceRecord)]
            fates = iter(await _finished(indexed(archive, records)))
            told = [_told(source, outcome, fates) for source, outcome in zip(members, outcomes, strict=True)]
            granted.detail.update({fate.name.lower(): sum(item.fate is fate for item in told) for fate in Fate})
            granted.detail.update(studies=sorted({str(record.study_uid) for record in records}))
            # Before the record is written: that may be interrupted, and what is stored has to be told.
            for item in told:
                tell(item)

    await _each(_batches(sources), batch, jobs)


async def to_server(client: httpx.AsyncClient, url: str, sources: Sequence[Source], jobs: int, tell: Tell) -> None:
    """Store all sources at the DICOMweb service `url`, each in a request of its own. Unavailable if the server does not answer."""

    async def one(source: Source) -> None:
        tell(await _sent(client, f"{url.rstrip('/')}/studies", source))

    await _each(sources, one, jobs)


async def _each(items: Iterable[Item], work: Callable[[Item], Awaitable[None]], jobs: int) -> None:
    room = asyncio.Semaphore(jobs)

    async def one(item: Item) -> None:
        try:
            await work(item)
        finally:
            room.release()

    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                await room.acquire()
                group.create_task(one(item))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    size = 0
    for source in sources:
        if batch and (len(batch) == BATCH_FILES or size + source.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(source)
        size += source.size
    if batch:
        yield batch


async def _all_kept(archive: Archive, members: Sequence[Source]) -> list[InstanceRecord | Failed | str]:
    """The outcomes in order. If the import ends here (Ctrl-C, no room to wait in), nothing of the batch stays."""
    tasks = [asyncio.ensure_future(_kept(archive, source)) for source in members]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.shield(abandon(archive, tasks))
        raise


async def _finished(work: Coroutine[Any, Any, Item]) -> Item:
    """The outcome of `work`, also if the import is ended meanwhile: no commit is left halfway, and what it has brought is told."""
    task = asyncio.ensure_future(work)
    with suppress(asyncio.CancelledError):
        return await asyncio.shield(task)
    return await task


async def _kept(archive: Archive, source: Source) -> InstanceRecord | Failed | str:
    """The record, or why there is none."""
    spool = archive.spool()
    try:
        if not await asyncio.to_thread(_fill, spool, source, archive.limits.instance_bytes):
            return TOO_LARGE
        return await keep(archive, spool)
    except Unreadable as error:
        return str(error)
    finally:
        spool.close()


def _fill(spool: Spool, source: Source, limit: int) -> bool:
    for chunk in source.chunks():
        # Counted as it comes: what a zip archive says of a member's size is not to be trusted.
        if spool.size + len(chunk) > limit:
            return False
        spool.write(chunk)
    return True


def _told(source: Source, outcome: InstanceRecord | Failed | str, added: Iterator[Added]) -> Told:
    if isinstance(outcome, str):
        return Told(source, Fate.REFUSED, outcome)
    if isinstance(outcome, Failed):
        return Told(source, Fate.REFUSED, outcome.comment)
    match next(added).outcome:
        case Outcome.STORED:
            return Told(source, Fate.STORED)
        case Outcome.SAME:
            return Told(source, Fate.PRESENT)
        case Outcome.REPLACED:
            return Told(source, Fate.REPLACED)
        case _:
            return Told(source, Fate.REFUSED, OTHER_CONTENT)


async def _sent(client: httpx.AsyncClient, url: str, source: Source) -> Told:
    boundary = secrets.token_hex(16)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
    }
    try:
        response = await client.post(url, content=_body(source, boundary), headers=headers)
    except Unreadable as error:
        return Told(source, Fate.REFUSED, str(error))
    except httpx.TransportError as error:
        raise Unavailable("The server does not answer, or breaks the connection off; the import may be repeated") from error
    if response.status_code in (200, 202):
        return Told(source, Fate.STORED)
    return Told(source, Fate.REFUSED, _reason(response))


async def _body(source: Source, boundary: str) -> AsyncIterator[bytes]:
    yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    chunks = source.chunks()
    while (chunk := await asyncio.to_thread(next, chunks, b"")) != b"":
        yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()


def _reason(response: httpx.Response) -> str:
    """The server's own words if it has any (Error Comment, or the detail of RFC 9457), else reason code or status."""
    status = f"The server answered {response.status_code}"
    try:
        answer = response.json()
        for tag in ("00081198", "0008119A"):
            for item in answer.get(tag, {}).get("Value", []):
                comment = item.get("00000902", {}).get("Value", [""])[0]
                code = item.get("00081197", {}).get("Value", [0])[0]
                return str(comment) or f"{status}: failure reason {code:04X}"
        return f"{status}: {answer['detail']}" if "detail" in answer else status
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        return status
