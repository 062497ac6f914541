"""From the answer of a transaction to HTTP: headers, exact lengths, one piece where it is small, a stream where it is not."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api import ahead, documents, zipped
from app.api.partial_content import partial_content
from app.api.recent import Recent
from app.api.request import takes_gzip
from app.dicomweb import multipart
from app.dicomweb.media_types import DICOM_JSON
from app.dicomweb.negotiate import Packaging
from app.studies.answers import NotModified, Part, Representation
from app.studies.metadata import MetadataAnswer

GATHER = 4 * 1024 * 1024
"""Answers of known length up to this many bytes go out in one piece."""

REVALIDATE = "private, no-cache"
"""A copy may be kept by the user's own agent, and used only after asking: rights may have been withdrawn in the meantime."""

GZIP_FROM = 1024
SMALL = 128 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
"""No text of ours begins with these bytes."""

VARY = "Accept, Accept-Encoding, Authorization"
"""What answers depend on beside the address; the CORS layer adds Origin where they depend on that."""


async def answered(request: Request, transaction: Awaitable[Representation], base: str) -> Response:
    """What a retrieving transaction answers; 304 if the user agent's copy is current."""
    try:
        answer = await transaction
    except NotModified as outcome:
        return not_modified(outcome)
    return await _representation(request, answer, base)


async def _representation(request: Request, answer: Representation, base: str) -> Response:
    """Multipart, single part or zip, with validators; 206 for ranges, and with a Warning if some instances have no acceptable form."""
    headers = {"ETag": answer.etag, **dated(answer.modified), "Cache-Control": REVALIDATE, "Vary": VARY}
    warnings = list(answer.warnings)
    if answer.partial:
        warnings.append(f"{answer.partial} instances have no form that the Accept header admits")
    if answer.damaged:
        warnings.append(f"{answer.damaged} instances are damaged in the store and were left out; tell its administrator")
    if warnings:
        headers["Warning"] = ", ".join(map(warning, warnings))
    status = 206 if answer.partial or answer.damaged else 200
    if answer.names:
        headers |= zipped.headers(answer.etag)
        length, chunks = zipped.length(answer.parts, answer.names), zipped.archive(zipped.entries(answer.parts, answer.names))
    elif answer.packaging is Packaging.SINGLE:
        (part,) = answer.parts
        headers |= _described(part, base)
        ranged = partial_content(request, part, content_type(part), answer.etag)
        if ranged is not None:
            headers |= ranged.headers
            status, length, chunks = 206, ranged.length, ranged.chunks
        else:
            headers |= {"Content-Digest": headers["Repr-Digest"]} if part.digest is not None else {}
            length, chunks = part.length, part.body()
            if part.made and request.method != "HEAD":
                made = await ahead.whole(part)
                length, chunks = len(made), ahead.once(made)
    else:
        # Equal bytes for an equal tag; and no stored object can hold the boundary, for it would have to hold a digest of itself.
        boundary = answer.etag.strip('"')
        heads = multipart.heads([(content_type(part), base + part.location) for part in answer.parts], boundary=boundary)
        headers["Content-Type"] = multipart.content_type(answer.media_type, boundary)
        length, chunks = _total(answer.parts, heads, boundary), _multipart(answer.parts, heads, boundary)
    if length is not None:
        headers["Content-Length"] = str(length)
    return await respond(request, chunks, status, headers, length)


async def zip_stream(request: Request, files: AsyncIterator[zipped.Entry], etag: str, modified: float | None) -> Response:
    """A zip archive of files that are made while they go out."""
    headers = {"ETag": etag, **dated(modified), "Cache-Control": REVALIDATE, "Vary": VARY, **zipped.headers(etag)}
    return await respond(request, zipped.archive(files), 200, headers, None)


def dated(modified: float | None) -> dict[str, str]:
    """The Last-Modified header, where the time is known (RFC 9110 8.8.2)."""
    return {} if modified is None else {"Last-Modified": formatdate(int(modified), usegmt=True)}


def _described(part: Part, base: str) -> dict[str, str]:
    """What a single part tells of itself: type, address, whether ranges of it can be had, its digest (RFC 9530)."""
    headers = {"Content-Type": content_type(part), "Content-Location": base + part.location}
    headers["Accept-Ranges"] = "none" if part.length is None else "bytes"
    headers |= documents.headers(part.media_type)
    if part.digest is not None:
        headers["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(part.digest)).decode('ascii')}:"
    return headers


async def respond(request: Request, chunks: AsyncIterator[bytes], status: int, headers: dict[str, str], length: int | None) -> Response:
    """Send the chunks: gathered if they are few and small, streamed otherwise.

    The first chunk is read before the head goes out, so that a body that cannot be read is still an error answer and never a false end.
    """
    if request.method == "HEAD":
        return _head(status, headers)
    if length is not None and length <= GATHER:
        return Response(b"".join([chunk async for chunk in chunks]), status, headers)
    first = await anext(chunks, b"")
    return StreamingResponse(_chained(first, chunks), status, headers)


async def metadata_body(request: Request, answer: MetadataAnswer, recent: Recent) -> Response:
    """Metadata as text; compressed if the user agent takes gzip. A body of bounded size has its length, and is kept for the next one."""
    headers = {"ETag": answer.etag, "Content-Type": answer.content_type, **dated(answer.modified)}
    headers |= {"Cache-Control": REVALIDATE, "Vary": VARY}
    if request.method == "HEAD":
        return _head(200, headers)
    packed = takes_gzip(request)
    body = recent.find(answer.etag)
    if body is None:
        gathered = bytearray()
        async for chunk in answer.body:
            gathered += chunk
            if len(gathered) > recent.largest:
                whole = _chained(bytes(gathered), answer.body)
                headers |= {"Content-Encoding": "gzip"} if packed else {}
                return StreamingResponse(_gzipped(whole) if packed else whole, 200, headers)
        body = await _packed(gathered) if packed and len(gathered) >= GZIP_FROM else bytes(gathered)
        if answer.faithful:
            recent.keep(answer.etag, body)
    if packed and body.startswith(_GZIP_MAGIC):
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return Response(body, 200, headers)


async def _packed(body: bytearray) -> bytes:
    """In a thread where it takes long: other requests go on meanwhile."""
    if len(body) <= SMALL:
        return gzip.compress(body, 1, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, 1, mtime=0)


def json_body(request: Request, body: bytes, headers: dict[str, str], status: int = 200) -> Response:
    """DICOM JSON, or another text that `headers` name, that is there already."""
    headers = {"Content-Type": DICOM_JSON, **headers}
    if len(body) >= GZIP_FROM and takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, 1, mtime=0)
    headers["Content-Length"] = str(len(body))
    return Response(None if request.method == "HEAD" else body, status, headers)


def _head(status: int, headers: dict[str, str]) -> Response:
    """An answer to HEAD. A length that is not known is left out: Starlette would say 0, which GET would not (RFC 9110 9.3.2)."""
    response = Response(None, status, headers)
    if "Content-Length" not in headers:
        del response.headers["Content-Length"]
    return response


def not_modified(outcome: NotModified) -> Response:
    return Response(None, 304, {"ETag": outcome.etag, "Cache-Control": REVALIDATE, "Vary": VARY})


def warning(sentence: str) -> str:
    """One Warning value: 299, who warns, the sentence (PS3.18 8.3.4.4.1)."""
    quoted = sentence.replace("\\", "\\\\").replace('"', '\\"').encode("ascii", "replace").decode()
    return f'299 radiolucent "{quoted}"'


def content_type(part: Part) -> str:
    """With the transfer syntax on every part: viewers guess Implicit VR Little Endian without it."""
    if part.charset:
        return f"{part.media_type}; charset={part.charset}"
    return f"{part.media_type}; transfer-syntax={part.transfer_syntax}" if part.transfer_syntax else part.media_type


def _total(parts: Sequence[Part], heads: Sequence[bytes], boundary: str) -> int | None:
    lengths = [part.length for part in parts if part.length is not None]
    return multipart.content_length(heads, lengths, boundary=boundary) if len(lengths) == len(parts) else None


async def _multipart(parts: Sequence[Part], heads: Sequence[bytes], boundary: str) -> AsyncIterator[bytes]:
    async with aclosing(ahead.bodies(parts)) as bodies:
        number = 0
        async for chunks in bodies:
            # The head goes with the first bytes: of a first part that cannot be read, nothing has been sent yet.
            yield heads[number] + await anext(chunks, b"")
            async for chunk in chunks:
                yield chunk
            number += 1
    yield multipart.tail(boundary)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _gzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    async for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()
