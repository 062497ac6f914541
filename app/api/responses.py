"""From the answer of a transaction to HTTP: headers, exact lengths, one piece where it is small, a stream where it is not."""

from __future__ import annotations

import gzip
import uuid
import zlib
from collections.abc import AsyncIterator, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.dicomweb import multipart
from app.dicomweb.negotiate import Packaging
from app.studies.answers import NotModified, Part, Representation

GATHER = 4 * 1024 * 1024
"""Answers of known length up to this many bytes go out in one piece."""

REVALIDATE = "private, no-cache"
"""A copy may be kept by the user's own agent, and used only after asking: rights may have been withdrawn in the meantime."""

GZIP_FROM = 1024
VARY = "Accept, Accept-Encoding, Authorization, Origin"


async def representation(request: Request, answer: Representation, base: str) -> Response:
    """Multipart or single part with its entity tag; 206 and a Warning if some instances have no acceptable form."""
    headers = {"ETag": answer.etag, "Cache-Control": REVALIDATE, "Vary": VARY}
    if answer.partial:
        headers["Warning"] = warning(f"{answer.partial} instances have no form that the Accept header admits")
    if answer.packaging is Packaging.SINGLE:
        (part,) = answer.parts
        headers["Content-Type"] = content_type(part)
        headers["Content-Location"] = base + part.location
        length, chunks = part.length, part.body()
    else:
        boundary = uuid.uuid4().hex
        heads = multipart.heads([(content_type(part), base + part.location) for part in answer.parts], boundary=boundary)
        headers["Content-Type"] = multipart.content_type(answer.media_type, boundary)
        length, chunks = _total(answer.parts, heads, boundary), _multipart(answer.parts, heads, boundary)
    if length is not None:
        headers["Content-Length"] = str(length)
    return await respond(request, chunks, 206 if answer.partial else 200, headers, length)


async def respond(request: Request, chunks: AsyncIterator[bytes], status: int, headers: dict[str, str], length: int | None) -> Response:
    """Send the chunks: gathered if they are few and small, streamed otherwise.

    The first chunk is read before the head goes out, so that a body that cannot be read is still an error answer and never a false end.
    """
    if request.method == "HEAD":
        return Response(None, status, headers)
    if length is not None and length <= GATHER:
        return Response(b"".join([chunk async for chunk in chunks]), status, headers)
    first = await anext(chunks, b"")
    return StreamingResponse(_chained(first, chunks), status, headers)


async def json_stream(request: Request, chunks: AsyncIterator[bytes], headers: dict[str, str]) -> Response:
    """DICOM JSON that arrives in chunks; compressed if the user agent takes gzip. One chunk goes out with its length."""
    headers = {**headers, "Content-Type": "application/dicom+json", "Cache-Control": REVALIDATE, "Vary": VARY}
    if request.method == "HEAD":
        return Response(None, 200, headers)
    first = await anext(chunks, b"")
    second = await anext(chunks, None)
    if second is None:
        return json_body(request, first, headers)
    whole = _chained(first + second, chunks)
    if _takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return StreamingResponse(_gzipped(whole), 200, headers)
    return StreamingResponse(whole, 200, headers)


def json_body(request: Request, body: bytes, headers: dict[str, str], status: int = 200) -> Response:
    """DICOM JSON that is there already."""
    headers = {"Content-Type": "application/dicom+json", **headers}
    if len(body) >= GZIP_FROM and _takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, 1, mtime=0)
    headers["Content-Length"] = str(len(body))
    return Response(None if request.method == "HEAD" else body, status, headers)


def not_modified(outcome: NotModified) -> Response:
    return Response(None, 304, {"ETag": outcome.etag, "Cache-Control": REVALIDATE, "Vary": VARY})


def warning(sentence: str) -> str:
    """One Warning value: 299, who warns, the sentence (PS3.18 8.3.4.4.1)."""
    quoted = sentence.replace("\\", "\\\\").replace('"', '\\"').encode("ascii", "replace").decode()
    return f'299 radiolucent "{quoted}"'


def content_type(part: Part) -> str:
    """With the transfer syntax on every part: viewers guess Implicit VR Little Endian without it."""
    return f"{part.media_type}; transfer-syntax={part.transfer_syntax}" if part.transfer_syntax else part.media_type


def _total(parts: Sequence[Part], heads: Sequence[bytes], boundary: str) -> int | None:
    lengths = [part.length for part in parts if part.length is not None]
    return multipart.content_length(heads, lengths, boundary=boundary) if len(lengths) == len(parts) else None


async def _multipart(parts: Sequence[Part], heads: Sequence[bytes], boundary: str) -> AsyncIterator[bytes]:
    for part, head in zip(parts, heads, strict=True):
        yield head
        async for chunk in part.body():
            yield chunk
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


def _takes_gzip(request: Request) -> bool:
    """Accept-Encoding names gzip (or `*`) and does not refuse it (RFC 9110 12.5.3)."""
    for choice in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, parameters = choice.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
