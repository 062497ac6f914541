"""An instance that goes out whole as it was received is checked against its digest on the way: damage is found when it matters.

The last chunk is held back until the digest of all is known. Of a small answer nothing has been sent by then; of a large one the end is
missing, and the connection breaks: nobody takes damaged bytes for whole ones. From then on the instance is in quarantine.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

from app.errors import Unavailable
from app.model import InstanceRecord, Span
from app.ports import Archive
from app.studies.answers import form_body, form_digest
from app.studies.locate import quarantined

log = logging.getLogger("radiolucent")
LARGE = 256 * 1024
"""Chunks from this size on are hashed in a thread."""


async def instance_body(archive: Archive, record: InstanceRecord, span: Span | None = None) -> AsyncIterator[bytes]:
    """The bytes of an instance as they go out, or of a span of them. Corrupt before the end if they are not what was received."""
    body = form_body(archive, record.form, span)
    if span is not None or form_digest(record) is None:
        async for chunk in body:
            yield chunk
        return
    digest = hashlib.sha256()
    last = b""
    async for chunk in body:
        if last:
            yield last
        last = chunk
        await _update(digest, chunk)
    if digest.hexdigest() != record.digest:
        await keep_back(archive, record)
        raise quarantined()
    yield last


async def keep_back(archive: Archive, record: InstanceRecord) -> None:
    """Put an instance whose bytes are not what was received in quarantine, and tell it to whoever reads the log."""
    log.error("damaged: study %s series %s instance %s blob %s", *_names(record), record.blob.key)
    with suppress(Unavailable):
        await archive.upkeep.quarantine([record.blob.key])
        await archive.derived.forget([record.blob.key])


def _names(record: InstanceRecord) -> tuple[str, str, str]:
    return record.study_uid, record.series_uid, record.instance_uid


async def _update(digest: hashlib._Hash, chunk: bytes) -> None:
    if len(chunk) < LARGE:
        digest.update(chunk)
    else:
        await asyncio.to_thread(digest.update, chunk)
