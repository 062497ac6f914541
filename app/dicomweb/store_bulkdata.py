"""The bulkdata parts of a Store request, found by the BulkDataURIs of its metadata (PS3.18 8.7.3, 10.5.1; RFC 2387, RFC 2392).

A part is named by its Content-Location, or by its Content-ID for `cid:` references. Relative and absolute names mean the same if they
lead to the same place under the request's own URI. Must not know: where the bytes lie, DICOM objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin

from app.dicomweb import media_types
from app.dicomweb.media_types import OCTET_STREAM
from app.errors import BadRequest
from app.model import Span

_UUID = re.compile(r"(?:urn:)?uuid:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BulkdataPart:
    """One part: its media type (today's name), its transfer syntax if it says one, and where its bytes lie in the request's spool."""

    media_type: str
    transfer_syntax: str | None
    span: Span


@dataclass(slots=True)
class BulkdataParts:
    """All parts so far; several under one name are the frames of one image, in order. `base` is the URI of the request."""

    base: str
    named: dict[str, list[BulkdataPart]] = field(default_factory=dict)
    nameless: int = 0
    used: set[str] = field(default_factory=set)

    def add(self, headers: Mapping[str, str], span: Span) -> None:
        """Take a part; `headers` with names in lower case."""
        names = [self._name(headers["content-location"])] if headers.get("content-location", "").strip() else []
        if headers.get("content-id", "").strip():
            names.append(self._name("cid:" + headers["content-id"].strip().strip("<>")))
        part = BulkdataPart(*_kind(headers.get("content-type", "")), span)
        for name in dict.fromkeys(names):
            self.named.setdefault(name, []).append(part)
        self.nameless += not names

    def find(self, uri: str) -> tuple[BulkdataPart, ...]:
        """The parts that a BulkDataURI means; none if there are none."""
        name = self._name(uri)
        self.used.add(name)
        return tuple(self.named.get(name, ()))

    def unused(self) -> int:
        """How many parts nothing has asked for."""
        wanted = {id(part) for name in self.used for part in self.named.get(name, ())}
        return self.nameless + len({id(part) for parts in self.named.values() for part in parts} - wanted)

    def _name(self, text: str) -> str:
        text = text.strip()
        if text[:4].lower() == "cid:":
            return "cid:" + unquote(text[4:])
        if _UUID.match(text):
            return "uuid:" + _UUID.sub("", text, count=1).lower()
        try:
            return urljoin(self.base, text)
        except ValueError:
            return text


def _kind(content_type: str) -> tuple[str, str | None]:
    try:
        parsed = media_types.parse(content_type or OCTET_STREAM)
    except BadRequest:
        return OCTET_STREAM, None
    syntax = (parsed.get("transfer-syntax") or "").strip()
    return media_types.canonical(parsed.essence), syntax if syntax not in ("", "*") else None
