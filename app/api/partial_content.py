"""206 Partial Content: the ranges of a single-part answer that a request asks for (RFC 9110 14), read from the store and nothing else.

One range goes out bare, several as multipart/byteranges in the order asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from app.dicomweb import ranges
from app.model import Span
from app.studies.answers import Part


@dataclass(frozen=True, slots=True)
class Partial:
    """What goes out instead of the whole: headers, the exact length, the bytes."""

    headers: dict[str, str]
    length: int
    chunks: AsyncIterator[bytes]


def partial_content(request: Request, part: Part, content_type: str, etag: str) -> Partial | None:
    """The ranges of the part that the request asks for; None if it is to have the whole. RangeNotSatisfiable."""
    if request.method != "GET" or part.length is None:  # a range has no meaning for any other method (RFC 9110 14.2)
        return None
    asked, condition = request.headers.get("range"), request.headers.get("if-range")
    spans = ranges.select(asked, condition=condition, etag=etag, length=part.length)
    if not spans:
        return None
    if len(spans) == 1:
        headers = {"Content-Type": content_type, "Content-Range": ranges.content_range(spans[0], part.length)}
        return Partial(headers, spans[0].length, part.body(spans[0]))
    boundary = etag.strip('"')
    heads = [_head(boundary, content_type, span, part.length) for span in spans]
    tail = f"\r\n--{boundary}--\r\n".encode("ascii")
    length = sum(map(len, heads)) + sum(span.length for span in spans) + len(tail)
    return Partial({"Content-Type": f"multipart/byteranges; boundary={boundary}"}, length, _body(part, spans, heads, tail))


def _head(boundary: str, content_type: str, span: Span, length: int) -> bytes:
    lines = f"Content-Type: {content_type}\r\nContent-Range: {ranges.content_range(span, length)}"
    return f"\r\n--{boundary}\r\n{lines}\r\n\r\n".encode("ascii")


async def _body(part: Part, spans: Sequence[Span], heads: Sequence[bytes], tail: bytes) -> AsyncIterator[bytes]:
    for span, head in zip(spans, heads, strict=True):
        before = head
        async for chunk in part.body(span):
            yield before + chunk
            before = b""
    yield tail
