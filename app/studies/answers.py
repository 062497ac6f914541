"""What a reading transaction answers: parts of known length whose bytes are read only when they are sent.

Must not know HTTP beyond media types: `api/responses.py` turns these values into status, headers and bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

from app.dicomweb.negotiate import Offer, Packaging
from app.model import Form, Span
from app.ports import Archive


@dataclass(frozen=True, slots=True)
class Part:
    """One representation: `length` in bytes (None: known only once read), `location` relative to the base URL."""

    media_type: str
    transfer_syntax: str | None
    location: str
    length: int | None
    body: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Representation:
    """The whole answer. `body` gives each part's chunks; with `packaging` SINGLE there is exactly one part.

    `etag` identifies content and form; `partial` counts the instances that have no acceptable form (206 with a Warning).
    """

    media_type: str
    packaging: Packaging
    parts: Sequence[Part]
    etag: str
    partial: int = 0


class NotModified(Exception):
    """The user agent's copy is current (RFC 9110 13.1.2): `etag` is what it has."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the request says of the form it wants: Accept header, `accept` parameter, entity tags it already holds."""

    accept: str | None = None
    parameter: str | None = None
    known: frozenset[str] = frozenset()


def entity_tag(digests: Iterable[str], *form: str) -> str:
    """A strong entity tag for these contents in this form; equal bytes, equal tag (RFC 9110 8.8.3)."""
    content = hashlib.sha256("\n".join((*form, "", *digests)).encode()).hexdigest()
    return f'"{content[:32]}"'


def ensure_modified(etag: str, wanted: Wanted) -> None:
    """NotModified if the user agent holds this very representation."""
    if etag in wanted.known or "*" in wanted.known:
        raise NotModified(etag)


async def form_body(archive: Archive, form: Form) -> AsyncIterator[bytes]:
    """The bytes of an instance as they go out, from the plan made at store time."""
    for piece in form.pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            async for chunk in archive.blobs.read(form.key, piece):
                yield chunk


async def span_body(archive: Archive, key: str, span: Span) -> AsyncIterator[bytes]:
    async for chunk in archive.blobs.read(key, span):
        yield chunk


def both_packagings(media_type: str, transfer_syntax: str | None, *, single: bool, fallback: bool = False) -> list[Offer]:
    """The multipart offer, and the single-part one where the resource is one item (PS3.18 8.7.4)."""
    offers = [Offer(media_type, transfer_syntax, Packaging.MULTIPART, fallback)]
    if single:
        offers.append(Offer(media_type, transfer_syntax, Packaging.SINGLE, fallback))
    return offers
