"""What a reading transaction answers: parts of known length whose bytes are read only when they are sent.

Must not know HTTP beyond media types: `api/responses.py` turns these values into status, headers and bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.dicomweb import framing
from app.dicomweb.media_types import DICOM_XML
from app.dicomweb.negotiate import Candidate, Offer, Packaging, explain, select
from app.model import Form, InstanceRecord, Span, length_of
from app.ports import Archive

QUICK = 256 * 1024
"""Bytes that are worked on at once; work on more goes to a thread, so that others need not wait for it."""


class Body(Protocol):
    """The bytes of a part, or those of a `span` of it; a span is asked for only where the part's length is known."""

    def __call__(self, span: Span | None = None) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One representation: `length` in bytes (None: known only once read), `location` relative to the base URL.

    Where the length is not known, it is at most `most`. `digest` is the SHA-256 (hex) of the bytes as they go out, where that is known
    without reading them. `made` tells that the bytes are computed when they are asked for and come in one chunk: work that may begin
    before its turn. `charset` is that of a text which does not tell itself.
    """

    media_type: str
    transfer_syntax: str | None
    location: str
    length: int | None
    body: Body
    digest: str | None = None
    most: int = 0
    made: bool = False
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Representation:
    """The whole answer. `body` gives each part's chunks; with `packaging` SINGLE there is exactly one part.

    `etag` identifies content and form; `partial` counts the instances that have no acceptable form, `damaged` those in quarantine (206 with
    a Warning). `modified` is when the content last changed (seconds since 1970). `names`, one for each part, make a zip archive of the
    parts. `warnings` are sentences on what was asked in vain.
    """

    media_type: str
    packaging: Packaging
    parts: Sequence[Part]
    etag: str
    partial: int = 0
    modified: float | None = None
    names: Sequence[str] = ()
    warnings: tuple[str, ...] = ()
    damaged: int = 0


class NotModified(Exception):
    """The user agent's copy is current (RFC 9110 13.1): `etag` is what it has."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


@dataclass(frozen=True, slots=True)
class Weighed:
    """One choice: what was on offer, and which of it is acceptable for what reason, best first; the first was taken."""

    offers: tuple[Offer, ...]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the request says of the form it wants: Accept header, `accept` parameter, entity tags it already holds.

    `since`, in seconds since 1970, is when the user agent's copy was last modified; it counts only where no tag is given. `coding` is
    the content coding that a text will have. `weighed`, if given, takes every choice that is made for this request.
    """

    accept: str | None = None
    parameter: str | None = None
    known: frozenset[str] = frozenset()
    since: float | None = None
    coding: str = ""
    weighed: list[Weighed] | None = None

    def choose(self, offers: Sequence[Offer]) -> Offer:
        """The selected representation (PS3.18 8.7.8). NotAcceptable, naming the offers; BadRequest."""
        if self.weighed is not None:
            self.weighed.append(Weighed(tuple(offers), tuple(explain(offers, accept=self.accept, parameter=self.parameter))))
        return select(offers, accept=self.accept, parameter=self.parameter)


async def documents(offer: Offer, texts: Sequence[bytes]) -> list[bytes]:
    """JSON objects as documents of that media type; what takes longer than others would like to wait is made in a thread."""

    def made() -> list[bytes]:
        return [framing.document(offer, text) for text in texts]

    slow = offer.media_type == DICOM_XML and sum(map(len, texts)) > QUICK
    return await asyncio.to_thread(made) if slow else made()


def entity_tag(digests: Iterable[str], *form: str) -> str:
    """A strong entity tag for these contents in this form; equal bytes, equal tag (RFC 9110 8.8.3)."""
    content = hashlib.sha256("\n".join((*form, "", *digests)).encode()).hexdigest()
    return f'"{content[:32]}"'


def ensure_modified(etag: str, wanted: Wanted, modified: float | None = None) -> None:
    """NotModified if the user agent holds this representation; `wanted.known` holds tags without the mark of weakness (13.1.2)."""
    if etag in wanted.known or "*" in wanted.known:
        raise NotModified(etag)
    if not wanted.known and wanted.since is not None and modified is not None and int(modified) <= wanted.since:
        raise NotModified(etag)


def settled(archive: Archive, modified: float | None) -> float | None:
    """The time to tell as Last-Modified: none while its second is not over, for what follows in that second would bear the same date."""
    return modified if modified is not None and int(modified) < int(archive.now()) else None


async def form_body(archive: Archive, form: Form, span: Span | None = None) -> AsyncGenerator[bytes, None]:
    """The bytes of an instance as they go out, from the plan made at store time."""
    for piece in form.pieces if span is None else cut(form.pieces, span):
        if isinstance(piece, bytes):
            yield piece
        else:
            async for chunk in archive.blobs.read(form.key, piece):
                yield chunk


def cut(pieces: Iterable[bytes | Span], span: Span) -> list[bytes | Span]:
    """The pieces that make up this span of what all of them make up."""
    found: list[bytes | Span] = []
    at = 0
    for piece in pieces:
        length = length_of(piece)
        begin, end = max(span.offset - at, 0), min(span.end - at, length)
        if begin < end:
            found.append(piece[begin:end] if isinstance(piece, bytes) else Span(piece.offset + begin, end - begin))
        at += length
    return found


def form_digest(record: InstanceRecord) -> str | None:
    """The digest of what goes out, if that is what was received."""
    as_received = record.form.key == record.blob.key and record.form.pieces == (Span(0, record.blob.size),)
    return record.digest if as_received else None


async def span_body(archive: Archive, key: str, whole: Span, span: Span | None = None) -> AsyncIterator[bytes]:
    """A run of stored bytes; `span` is counted from its start."""
    async for chunk in archive.blobs.read(key, whole if span is None else Span(whole.offset + span.offset, span.length)):
        yield chunk


def both_packagings(media_type: str, transfer_syntax: str | None, *, single: bool, fallback: bool = False) -> list[Offer]:
    """The multipart offer, and the single-part one where the resource is one item (PS3.18 8.7.4)."""
    offers = [Offer(media_type, transfer_syntax, Packaging.MULTIPART, fallback)]
    if single:
        offers.append(Offer(media_type, transfer_syntax, Packaging.SINGLE, fallback))
    return offers
