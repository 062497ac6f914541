"""multipart/related on the wire, both ways, without any I/O (PS3.18 8.6.1.2; RFC 2046 5.1, RFC 2387).

The reader is fed chunks of any size and gives events; the writer makes part heads of known length. Must not know DICOM, nor where the
bytes come from. Memory is bounded by the header bound plus one chunk, time by the number of bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from app.dicomweb import media_types
from app.dicomweb.media_types import DICOM, DICOM_JSON, DICOM_XML, ZIP
from app.dicomweb.negotiate import Packaging
from app.errors import BadRequest, InvalidMultipart, TooLarge, UnsupportedMediaType

SEPARATOR = b"\r\n"
"""Stands between the data of a part and the head of the next one."""

MAX_HEAD = 1000
"""Bytes below which a part head stays: dicomweb-client looks no further for its end."""

STORE_OFFERS = (
    'multipart/related; type="application/dicom"',
    'multipart/related; type="application/dicom+json"',
    'multipart/related; type="application/dicom+xml"',
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    ZIP,
)
"""The media types that a Store request may have."""

_STORABLE = frozenset({DICOM, DICOM_JSON, DICOM_XML})
_ZIP = frozenset({ZIP, "application/x-zip-compressed"})

_CLAUSE = "PS3.18 8.6.1.2"
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PLAIN = re.compile(r"[0-9A-Za-z'+_.-]+")
_UID = re.compile(r"[0-9.]{1,64}")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")
_MEDIA_TYPE = re.compile(r"[0-9A-Za-z!#$&^_.+-]+/[0-9A-Za-z!#$&^_.+-]+")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_DELIMITER_END = re.compile(rb"(--)(?=[ \t\r\n])|[ \t]{0,256}+(\r?\n)")
_DELIMITER_OPEN = re.compile(rb"(?:--?+|[ \t]{0,256}+\r?+)\Z")
_FOLD = re.compile(rb"\r?\n[ \t]++")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++)[ \t]*+:[ \t]*+([^\x00-\x08\x0a-\x1f\x7f]*+)\r?")


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins; `headers` have lower-case names, repeated ones are joined by a comma."""

    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class PartData:
    """Some bytes of the part that began last; never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is whole: its delimiter was seen."""


@dataclass(frozen=True, slots=True)
class End:
    """The body is whole: closing delimiter seen, input over."""


Event = PartBegin | PartData | PartEnd | End


class _State(Enum):
    PREAMBLE = "preamble"
    HEAD = "head"
    DATA = "data"
    EPILOGUE = "epilogue"


class Reader:
    """Reads one multipart body: `feed` chunk after chunk, then `close`; consume what each call gives before the next one.

    The first delimiter line decides how lines end: with CRLF, or with LF alone, which is tolerated. Only delimiters at the start of such
    a line count, so that data may hold anything else. `header_bytes` bounds each part's header block, the preamble and the epilogue;
    `parts` bounds their number. After an error the reader is spent; a part whose PartEnd was not seen must be forgotten.
    """

    def __init__(self, boundary: str, *, header_bytes: int, parts: int) -> None:
        self._dashes = b"--" + boundary.encode("ascii")
        self._newline = b"\n"
        self._delimiter = self._newline + self._dashes
        self._header_bytes = header_bytes
        self._parts = parts
        self._state = _State.PREAMBLE
        self._held = b"\n"  # the very first delimiter has no line before it
        self._skip = 0
        self._dropped = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that this chunk completes. InvalidMultipart; TooLarge for more than `parts` parts."""
        buffer = self._held + chunk if self._held else chunk
        at = 0
        while self._state is not _State.EPILOGUE:
            if self._state is _State.HEAD:
                end = self._head_end(buffer, at)
                if end is None:
                    break
                yield PartBegin(_headers(buffer[at:end]))
                # The newline of the blank line also serves a delimiter that follows at once: it is looked at again, but is no data.
                start = max(at, end - len(self._newline))
                self._skip, self._state, at = end - start, _State.DATA, start
                continue
            begin, found = self._find(buffer, at)
            yield from self._pass(buffer, at, begin)
            at = begin
            if found is None:
                break
            yield from self._cross(found)
            at = found.end()
        self._held = buffer[at:]
        if self._state is _State.EPILOGUE:
            self._drop(len(self._held))
            self._held = b""

    def close(self) -> Iterator[Event]:
        """The events that the end of the input completes, `End` the last. InvalidMultipart if the closing delimiter is missing."""
        if self._state is _State.DATA and self._held == self._delimiter + b"--":
            yield PartEnd()
            self._state = _State.EPILOGUE
        if self._state is not _State.EPILOGUE:
            raise InvalidMultipart("The multipart body ends before its closing delimiter: it is cut off or empty", clause=_CLAUSE)
        yield End()

    def _head_end(self, buffer: bytes, at: int) -> int | None:
        """Where the header block ends, blank line included; None while that is not known."""
        if buffer.startswith((b"\n", b"\r\n"), at):
            return buffer.index(b"\n", at) + 1
        blank = _BLANK_LINE.search(buffer, at, at + self._header_bytes)
        if blank is None and len(buffer) - at >= self._header_bytes:
            raise InvalidMultipart(f"The headers of a part are longer than {self._header_bytes} bytes", clause=_CLAUSE)
        return blank.end() if blank else None

    def _find(self, buffer: bytes, at: int) -> tuple[int, re.Match[bytes] | None]:
        """The next delimiter: where it begins and how it ends. Without one: where the bytes begin that may yet become one."""
        begin = buffer.find(self._delimiter, at)
        while begin >= 0:
            after = begin + len(self._delimiter)
            found = _DELIMITER_END.match(buffer, after)
            if found or _DELIMITER_OPEN.match(buffer, after):
                return begin, found
            begin = buffer.find(self._delimiter, begin + 1)
        begin = buffer.find(self._newline[:1], max(at, len(buffer) - len(self._delimiter) + 1))
        while begin >= 0 and not self._delimiter.startswith(buffer[begin:]):
            begin = buffer.find(self._newline[:1], begin + 1)
        return (begin if begin >= 0 else len(buffer)), None

    def _pass(self, buffer: bytes, at: int, end: int) -> Iterator[Event]:
        if self._state is _State.PREAMBLE:
            self._drop(end - at)
        elif at + self._skip < end:
            yield PartData(buffer[at + self._skip : end])
        self._skip = max(0, self._skip - (end - at))

    def _cross(self, delimiter: re.Match[bytes]) -> Iterator[Event]:
        closing, newline = delimiter.groups()
        if self._state is _State.DATA:
            yield PartEnd()
        elif closing:
            raise InvalidMultipart("The multipart body has no parts", clause=_CLAUSE)
        else:
            self._newline, self._delimiter = newline, newline + self._dashes
        self._state, self._skip, self._dropped = (_State.EPILOGUE if closing else _State.HEAD), 0, 0
        if not closing:
            self._parts -= 1
            if self._parts < 0:
                raise TooLarge("The multipart body has more parts than this server takes in one request", clause=_CLAUSE)

    def _drop(self, count: int) -> None:
        self._dropped += count
        if self._dropped > self._header_bytes:
            raise InvalidMultipart(f"There are more than {self._header_bytes} bytes outside of the parts", clause=_CLAUSE)


def _headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in _FOLD.sub(b" ", block).split(b"\n"):
        if line in (b"", b"\r"):
            continue
        found = _HEADER.fullmatch(line)
        if found is None:
            raise InvalidMultipart("A header line of a part is malformed: expected Name: value", clause=_CLAUSE)
        name, value = found[1].decode("ascii").lower(), found[2].decode("utf-8", "replace").strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


@dataclass(frozen=True, slots=True)
class StowContent:
    """What the Content-Type of a Store request says. `boundary` is empty for a single part."""

    packaging: Packaging
    media_type: str
    boundary: str = ""


def boundary_of(content_type: str | None) -> StowContent:
    """The form of a Store request's body (PS3.18 10.5.1), from its Content-Type.

    UnsupportedMediaType, naming what is taken, for other media types; BadRequest if the header is malformed or has no legal boundary.
    """
    if not content_type or not content_type.strip():
        raise _unsupported("The request has no Content-Type")
    outer = media_types.parse(content_type)
    single = media_types.canonical(outer.essence)
    if single in _STORABLE:
        return StowContent(Packaging.SINGLE, single)
    if single in _ZIP:
        return StowContent(Packaging.SINGLE, ZIP)
    if outer.essence != "multipart/related":
        raise _unsupported("This media type cannot be stored")
    # A missing type is forgiven: the parts themselves say what they are.
    essence = media_types.canonical((outer.get("type") or DICOM).partition(";")[0].strip())
    if essence not in _STORABLE:
        raise _unsupported("Parts of this media type cannot be stored")
    boundaries = {value for name, value in outer.parameters if name == "boundary"}
    if len(boundaries) != 1:
        raise BadRequest("The Content-Type multipart/related needs one boundary parameter", clause=_CLAUSE)
    boundary = boundaries.pop()
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequest("The boundary parameter is malformed: 1 to 70 of the characters that RFC 2046 allows", clause=_CLAUSE)
    return StowContent(Packaging.MULTIPART, essence, boundary)


def _unsupported(detail: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(f"{detail}; send {' or '.join(STORE_OFFERS)}", clause="PS3.18 10.5.1", offers=STORE_OFFERS)


def content_type(media_type: str, boundary: str, transfer_syntax: str | None = None) -> str:
    """The Content-Type of a whole multipart answer. ValueError for a boundary or a text that cannot stand in a header."""
    if not _MEDIA_TYPE.fullmatch(media_type) or (transfer_syntax and not _UID.fullmatch(transfer_syntax)):
        raise ValueError("not a media type without parameters, or not a transfer syntax UID")
    syntax = f"; transfer-syntax={transfer_syntax}" if transfer_syntax else ""
    name = boundary if _PLAIN.fullmatch(_checked_boundary(boundary)) else f'"{boundary}"'
    return f'multipart/related; type="{media_type}"{syntax}; boundary={name}'


def part_head(content_type: str, *, boundary: str, location: str | None = None) -> bytes:
    """Delimiter, headers and blank line of a part, without the SEPARATOR that goes before every part but the first.

    `content_type` should carry `transfer-syntax` where the part has one. A `location` that would bring the head to MAX_HEAD bytes is left
    out: a client that cannot find the data is worse off than one without the address. ValueError for control characters.
    """
    head = f"--{_checked_boundary(boundary)}\r\nContent-Type: {_checked(content_type)}\r\n"
    line = f"Content-Location: {_checked(location)}\r\n" if location else ""
    if len(head) + 2 >= MAX_HEAD:
        raise ValueError("the content type of a part is too long")
    return (head + (line if len(head) + len(line) + 2 < MAX_HEAD else "") + "\r\n").encode("ascii")


def heads(parts: Iterable[tuple[str, str | None]], *, boundary: str) -> list[bytes]:
    """For each (content type, location): the bytes that go before the data of that part, SEPARATOR included from the second one on."""
    made = [part_head(kind, boundary=boundary, location=location) for kind, location in parts]
    return [head if index == 0 else SEPARATOR + head for index, head in enumerate(made)]


def tail(boundary: str) -> bytes:
    """What follows the data of the last part."""
    return f"\r\n--{_checked_boundary(boundary)}--\r\n".encode("ascii")


def content_length(heads: Sequence[bytes], lengths: Iterable[int], *, boundary: str) -> int:
    """The bytes of the whole body: `heads` as given by `heads()`, the `lengths` of the data, and the tail."""
    return sum(map(len, heads)) + sum(lengths) + len(tail(boundary))


def _checked(text: str) -> str:
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("a header value holds characters other than printable ASCII")
    return text


def _checked_boundary(boundary: str) -> str:
    if not _BOUNDARY.fullmatch(boundary):
        raise ValueError("not a boundary by RFC 2046")
    return boundary
