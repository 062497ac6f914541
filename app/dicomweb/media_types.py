"""Media types and the Accept grammar as values (PS3.18 8.7; RFC 9110 8.3, 12.5.1).

Reads what the field sends: quoted and unquoted parameters, any letter case, several media ranges in one header, elements that are no
media range. Must not know what the server can send (`negotiate`) nor how a body looks (`multipart`). All work is linear in the text,
and the text is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from app.errors import BadRequest

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
OCTET_STREAM = "application/octet-stream"
ZIP = "application/zip"

MAX_TEXT = 16 * 1024
"""Characters of one Accept or Content-Type header."""

MAX_RANGES = 256
"""Media ranges of one Accept header."""

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_ESSENCE = re.compile(rf"\s*+({_NAME})/({_NAME})\s*+")
_PARAMETER = re.compile(rf';\s*+(?>(?:({_NAME})(?>(?:\s*+=\s*+(?:"((?>(?:[^"\\]++|\\.)*))"|([^;"]*+)))?))?)\s*+', re.DOTALL)
_ELEMENT = re.compile(r'(?>(?:[^",]++|"(?>(?:[^"\\]++|\\.)*)"?+)+)', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_WEIGHT = re.compile(r"[0-9](?:\.[0-9]{0,9})?|\.[0-9]{1,9}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SEVERAL = re.compile(r"[\s,;\\|]")
_SYNTAX = re.compile(r"[0-9.]+|\*")

_ALIASES = {
    "application/json": DICOM_JSON,
    "image/jpg": "image/jpeg",
    "image/x-jls": "image/jls",
    "image/x-dicom-rle": "image/dicom-rle",
    "image/dicom+jpeg": "image/jpeg",
    "image/dicom+jpeg-ls": "image/jls",
    "image/dicom+jp2": "image/jp2",
    "image/dicom+jpx": "image/jpx",
    "image/dicom+rle": "image/dicom-rle",
}


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type with its parameters. Names are lower case, values are as sent, without their quotes."""

    type: str
    subtype: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def essence(self) -> str:
        """`type/subtype`."""
        return f"{self.type}/{self.subtype}"

    def get(self, name: str) -> str | None:
        """The first value of the parameter, None if there is none."""
        return next((value for key, value in self.parameters if key == name), None)


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One alternative of an Accept header (PS3.18 8.7.3.5).

    `essence` is that of the parts where `multipart` is True; it may be `*/*` or `image/*`, and legacy names are replaced by today's.
    `multipart` is None for a plain `*/*`, which covers both forms. `transfer_syntax` None means not given, `*` means any. `q` is 0 to 1;
    0 excludes what the range covers.
    """

    essence: str
    multipart: bool | None = False
    transfer_syntax: str | None = None
    q: float = 1.0
    charset: str | None = None

    @property
    def wildcard(self) -> bool:
        """Whether the range leaves the media type open."""
        return self.essence.endswith("/*")


ANYTHING = MediaRange("*/*", multipart=None)


def canonical(essence: str) -> str:
    """The name in use today of a legacy or plain media type (PS3.18 2016 and before); any other one unchanged, in lower case."""
    essence = essence.lower()
    return _ALIASES.get(essence, essence)


def parse(text: str) -> MediaType:
    """One media type, such as a Content-Type. BadRequest if it is none (RFC 9110 8.3.1)."""
    _check_length(text)
    media_type = _media_type(text)
    if media_type is None:
        raise BadRequest("A media type is malformed: expected type/subtype; name=value", clause="PS3.18 8.7")
    return media_type


@lru_cache(maxsize=128)
def parse_accept(text: str) -> tuple[MediaRange, ...]:
    """The media ranges of an Accept header or `accept` parameter, best first; empty if there is none.

    Order: q descending; at equal q a plain `*/*` comes last (PS3.18 8.7.8.1 asks for wildcards after named types), else as listed.
    Excluded ranges (q=0) stand at the end. Elements that are no media range are ignored. BadRequest if a range names more than one
    transfer syntax, or if the text is too long.
    """
    _check_length(text)
    ranges: list[MediaRange] = []
    for element in _ELEMENT.findall(text):
        media_range = _media_range(element)
        if media_range is not None:
            ranges.append(media_range)
        elif ranges and ranges[-1].transfer_syntax and _SYNTAX.fullmatch(element.split(";", 1)[0].strip()):
            raise _several_syntaxes()
        if len(ranges) > MAX_RANGES:
            raise BadRequest(f"The Accept header lists more than {MAX_RANGES} media ranges", clause="PS3.18 8.7.5")
    return tuple(sorted(ranges, key=lambda item: (-item.q, item.essence == "*/*" and item.multipart is None)))


def _check_length(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise BadRequest(f"A media type header is longer than {MAX_TEXT} characters", clause="PS3.18 8.7")


def _media_type(text: str) -> MediaType | None:
    essence = _ESSENCE.match(text)
    if essence is None or _CONTROL.search(text):
        return None
    parameters = []
    at = essence.end()
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None:
            return None
        name, quoted, plain = found.groups()
        if quoted is not None:
            parameters.append((name.lower(), _QUOTED_PAIR.sub(r"\1", quoted)))
        elif plain is not None:
            parameters.append((name.lower(), plain.strip()))
        at = found.end()
    return MediaType(essence[1].lower(), essence[2].lower(), tuple(parameters))


def _media_range(element: str) -> MediaRange | None:
    media_type = _media_type(element)
    weight = _weight(media_type) if media_type else None
    if media_type is None or weight is None:
        return None
    essence, parts, multipart = media_type.essence, "", False
    if essence in ("multipart/related", "multipart/*"):
        multipart = True
        essence, _, parts = (media_type.get("type") or "*/*").partition(";")
    inner = _media_type(f"{essence};{parts}")
    if inner is None:
        return None
    syntaxes = [*_syntaxes(media_type), *_syntaxes(inner)]
    if len(syntaxes) > 1:
        raise _several_syntaxes()
    return MediaRange(
        essence=canonical(inner.essence),
        multipart=None if inner.essence == "*/*" and not multipart else multipart,
        transfer_syntax=syntaxes[0] if syntaxes else None,
        q=weight,
        charset=media_type.get("charset"),
    )


def _weight(media_type: MediaType) -> float | None:
    text = media_type.get("q")
    if text is None:
        return 1.0
    return min(float(text), 1.0) if _WEIGHT.fullmatch(text) else None


def _syntaxes(media_type: MediaType) -> Iterator[str]:
    for name, value in media_type.parameters:
        if name == "transfer-syntax" and value.strip():
            if _SEVERAL.search(value.strip()):
                raise _several_syntaxes()
            yield value.strip()


def _several_syntaxes() -> BadRequest:
    return BadRequest(
        "A media range may name one transfer syntax only; write alternatives as media ranges of their own", clause="PS3.18 8.7.3.5.2"
    )
