"""A blob store in a bucket of an S3 service, below a prefix of its own.

A put is atomic by the service's own promise: one PUT, or a multipart upload that is completed or aborted. Every upload carries its
SHA-256, and a put only succeeds after the service has told the size back. Every call is bounded in time and retried a few times.
A service keeps the parts of an upload that a crash cut off, unseen and charged for: the bucket needs a lifecycle rule that
aborts incomplete multipart uploads.

Must not know: DICOM, HTTP of our own, the index. The only module that knows the object store client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from app.errors import NotFound, Unavailable
from app.model import Blob, Span
from app.storage.bodies import CHUNK, absent, cut, gathered, inside, promised, runs, sliced, truncated, well_formed
from app.storage.keys import checked, folders_of, is_key

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

_PART = 8 * 1024 * 1024
_PARTS_AT_ONCE = 3
_WINDOW = 4 * 1024 * 1024
_GAP = 256 * 1024
_RANGES_AT_ONCE = 8
_PROBE = "probe"
_LAST_BREATH = 0.05


@dataclass(frozen=True, slots=True)
class S3Credentials:
    """An access key; without one the usual AWS_* environment variables and the machine's own role are asked."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """Where a bucket is. `endpoint` is empty for AWS itself; `timeout` bounds each call, in seconds, retries included.
    Seven, and two more to take back what was begun, so that a caller has an answer within ten."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    virtual_hosted: bool = False
    timeout: float = 7.0


class S3BlobStore:
    """`ports.BlobStore` in one bucket."""

    def __init__(self, bucket: S3Bucket, credentials: S3Credentials | None = None) -> None:
        self._client = _client(bucket, credentials)
        self._timeout = bucket.timeout

    async def put(self, key: str, body: AsyncIterable[bytes]) -> Blob:
        checked(key)
        chunks = gathered(body, CHUNK)
        first: deque[bytes] = deque()
        async for chunk in chunks:
            first.append(chunk)
            if len(first) * CHUNK >= _PART:
                return await self._confirmed(key, await self._upload(key, first, chunks), None)
        data = b"".join(first)
        with _writing():
            async with asyncio.timeout(self._timeout):
                stored = await obstore.put_async(self._client, key, data, use_multipart=False)
                return await self._confirmed(key, len(data), stored["e_tag"])

    async def read(self, key: str, span: Span | None = None) -> AsyncIterator[bytes]:
        checked(key)
        with promised():
            if span is None:
                span = Span(0, (await self.stat(key)).size)
                if not span.length:
                    return
            well_formed([span])
            if span.length > _WINDOW:
                inside([span], (await self.stat(key)).size)
        for offset in range(span.offset, max(span.end, span.offset + 1), _WINDOW):
            [window] = await self.read_spans(key, [Span(offset, min(_WINDOW, span.end - offset))])
            for chunk in sliced(window):
                yield chunk

    async def read_spans(self, key: str, spans: Sequence[Span]) -> list[bytes]:
        checked(key)
        well_formed(spans)
        with promised():
            return await self._spans(key, spans)

    async def _spans(self, key: str, spans: Sequence[Span]) -> list[bytes]:
        asked = [span for span in spans if span.length]
        if len(asked) < len(spans) or not spans:
            inside(spans, (await self.stat(key)).size)
        # Joined here: the client's own call for many ranges panics if one of them lies beyond the end.
        joined = runs(asked, _GAP)
        found: deque[bytes] = deque()
        with _reading():
            async with asyncio.timeout(self._timeout):
                for start in range(0, len(joined), _RANGES_AT_ONCE):
                    batch = joined[start : start + _RANGES_AT_ONCE]
                    found.extend(await asyncio.gather(*(self._range(key, span) for span in batch)))
        return cut(spans, joined, found)

    async def stat(self, key: str) -> Blob:
        checked(key)
        with _reading():
            async with asyncio.timeout(self._timeout):
                meta = await obstore.head_async(self._client, key)
        return Blob(key, meta["size"], meta["last_modified"].timestamp())

    async def delete(self, key: str) -> None:
        checked(key)
        with suppress(NotFound), _reading():
            async with asyncio.timeout(self._timeout):
                await obstore.delete_async(self._client, key)

    async def list(self, prefix: str) -> AsyncIterator[Blob]:
        for folder in folders_of(prefix):
            async for blob in self._listed(folder):
                if blob.key.startswith(prefix):
                    yield blob

    async def _listed(self, folder: str) -> AsyncIterator[Blob]:
        pages = aiter(obstore.list(self._client, folder, chunk_size=1000))
        while True:
            with _reading():
                async with asyncio.timeout(self._timeout):
                    page = await anext(pages, None)
            if page is None:
                return
            for meta in page:
                if is_key(meta["path"]):
                    yield Blob(meta["path"], meta["size"], meta["last_modified"].timestamp())

    async def check(self) -> None:
        # One small object, written over and over and never deleted: two workers that check at once do not get in each other's way.
        with _writing():
            async with asyncio.timeout(self._timeout):
                await obstore.put_async(self._client, _PROBE, b"probe", use_multipart=False)
                found = await obstore.get_range_async(self._client, _PROBE, start=0, length=5)
        if found.to_bytes() != b"probe":
            raise Unavailable("The object store gives back something else than what was written")

    async def close(self) -> None:
        # The client's threads touch Python objects for a moment after an upload has returned; a process that ends just then aborts.
        await asyncio.sleep(_LAST_BREATH)

    async def _upload(self, key: str, first: deque[bytes], chunks: AsyncIterable[bytes]) -> int:
        """A multipart upload; its size. Not bounded in time as a whole, since a body may come slowly: each part is, by the client."""
        writer = obstore.open_writer_async(self._client, key, buffer_size=_PART, max_concurrency=_PARTS_AT_ONCE)
        size = 0
        try:
            async for chunk in _chained(first, chunks):
                with _writing():
                    await writer.write(chunk)
                size += len(chunk)
            with _writing():
                await writer.close()
        except BaseException as error:
            with suppress(BaseError, OSError):
                await asyncio.shield(writer.__aexit__(type(error), error, error.__traceback__))
            raise
        return size

    async def _confirmed(self, key: str, size: int, tag: str | None) -> Blob:
        """What the service says it holds. If another put of this key came in between, its tag differs, and its own caller checks it."""
        with _writing():
            async with asyncio.timeout(self._timeout):
                meta = await obstore.head_async(self._client, key)
        if meta["size"] != size and tag in (None, meta["e_tag"]):
            raise Unavailable("The object store did not keep the whole of what was written; nothing was stored")
        return Blob(key, meta["size"], meta["last_modified"].timestamp())

    async def _range(self, key: str, span: Span) -> bytes:
        """One span of at least one byte. The service cuts it at the end of the blob, and refuses one that begins beyond the end."""
        try:
            found = await obstore.get_range_async(self._client, key, start=span.offset, length=span.length)
        except BaseError:
            inside([span], (await obstore.head_async(self._client, key))["size"])
            raise
        if len(found) != span.length:
            raise truncated()
        return found.to_bytes()


async def _chained(first: deque[bytes], rest: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    while first:
        yield first.popleft()
    async for chunk in rest:
        yield chunk


def _client(bucket: S3Bucket, credentials: S3Credentials | None) -> S3Store:
    config: S3Config = {"virtual_hosted_style_request": bucket.virtual_hosted, "checksum_algorithm": "SHA256"}
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint
    if bucket.region:
        config["region"] = bucket.region
    if credentials is not None:
        config["access_key_id"] = credentials.access_key_id
        config["secret_access_key"] = credentials.secret_access_key
        if credentials.session_token:
            config["session_token"] = credentials.session_token
    bound = timedelta(seconds=bucket.timeout)
    options: ClientConfig = {"connect_timeout": min(bound, timedelta(seconds=3)), "timeout": bound}
    if bucket.endpoint.startswith("http://"):
        options["allow_http"] = True
    retry: RetryConfig = {
        "max_retries": 3,
        "retry_timeout": bound * 0.8,
        "backoff": {"init_backoff": timedelta(milliseconds=50), "max_backoff": bound / 4, "base": 2},
    }
    return S3Store(bucket.name, prefix=bucket.prefix or None, config=config, client_options=options, retry_config=retry)


@contextmanager
def _reading() -> Iterator[None]:
    """The client's errors in our words: its own hold addresses and the names of buckets, so nothing of their text goes on."""
    try:
        yield
    except FileNotFoundError:
        raise absent() from None
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        raise Unavailable("The object store refuses this service's access key; see to its permissions on the bucket") from error
    except (BaseError, OSError) as error:
        raise Unavailable("The object store does not answer as it should; try again later") from error


@contextmanager
def _writing() -> Iterator[None]:
    """As `_reading`; but what is missing when something is written can only be the bucket."""
    try:
        with _reading():
            yield
    except NotFound as error:
        raise Unavailable("The object store has no such bucket, or lost what was just written") from error
