"""A whole Part 10 file with its frames in another transfer syntax, put together while it goes out (PS3.18 10.4.1.1.1).

The bytes around the pixel data come from the store as they are, but for the few elements that are no longer true (`dicom/recoded`); frames
are made one by one. Of a native file the length is known beforehand, and ranges of it can be had; of a compressed one neither. Memory is
that of a few frames.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from app.dicom import recoded, transfer_syntax
from app.dicom.elements import UNDEFINED, Malformed
from app.dicom.encode import PIXEL_DATA
from app.dicom.outermost import Outermost
from app.dicom.picture import ImageAttributes
from app.dicomweb import resources
from app.dicomweb.media_types import DICOM
from app.errors import Corrupt, Unprocessable
from app.model import Form, Span, length_of
from app.studies.ahead import Ahead
from app.studies.answers import Part, cut, form_body
from app.studies.layouts import Layout
from app.studies.transcoding import Made, Transcoding

_SPARE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Recoded:
    """One instance to be sent: `layout` of what is stored; its frames stand from `place` on among those made ahead."""

    transcoding: Transcoding
    layout: Layout
    ahead: Ahead
    place: int

    @property
    def end(self) -> int:
        return self.place + self.transcoding.image.frames


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands before the first frame (literal bytes, and Spans of the form), and the Span of the form behind the pixel data."""

    before: tuple[bytes | Span, ...]
    behind: Span


async def file_part(file: Recoded, first: Made | None) -> Part:
    """The file as a part. With `first`, its first frame, the length of a native one is found out before anything is sent."""
    transcoding = file.transcoding
    form, image = transcoding.record.form, transcoding.image
    length, around = None, None
    if first is not None and transcoding.native and not recoded.native_bits(image) % 8:
        around = await _around(file, first.image)
        length = sum(map(length_of, around.before)) + recoded.native_length(image) + around.behind.length
    most = form.length + 2 * transcoding.frame_bytes * image.frames + 16 * image.frames + _SPARE
    body = partial(_body, file, around)
    return Part(DICOM, transcoding.to, resources.retrieve_uri(transcoding.record.target), length, body, most=most)


async def _body(file: Recoded, around: _Around | None, span: Span | None = None) -> AsyncIterator[bytes]:
    chunks = _whole(file, around) if span is None or around is None else _range(file, around, span)
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
    except BaseException:
        file.ahead.close()
        raise


async def _whole(file: Recoded, around: _Around | None) -> AsyncGenerator[bytes, None]:
    transcoding = file.transcoding
    made = await file.ahead.take(file.place)
    now = made.image
    around = around or await _around(file, now)
    async for chunk in _pieces(transcoding, around.before):
        yield chunk
    packed, sent = recoded.Packed(recoded.native_bits(now)), 0
    for place in range(file.place, file.end):
        made = made if place == file.place else await file.ahead.take(place)
        if made.image != now:
            raise Unprocessable("The frames of this instance do not have the same colours, so that one file cannot hold them decompressed")
        if transcoding.native:
            data = packed.feed(made.data)
            sent += len(data)
            yield data
        else:
            yield recoded.item(made.data) + recoded.padded(made.data)
    if transcoding.native:
        rest = packed.close()
        yield rest + bytes(recoded.native_length(now) - sent - len(rest))
    else:
        yield recoded.SEQUENCE_END
    async for chunk in _pieces(transcoding, (around.behind,)):
        yield chunk


async def _range(file: Recoded, around: _Around, span: Span) -> AsyncGenerator[bytes, None]:
    """A run of the bytes of a native file: of the frames, only those that lie in it are made."""
    transcoding = file.transcoding
    size, frames = transcoding.frame_bytes, transcoding.image.frames
    start = sum(map(length_of, around.before))
    async for chunk in _pieces(transcoding, cut(around.before, span)):
        yield chunk
    begin, end = max(span.offset - start, 0), min(span.end - start, size * frames)
    if begin < end:
        last = file.place + -(-end // size)
        for place in range(file.place + begin // size, last):
            offset = (place - file.place) * size
            made = await file.ahead.take(place, last)
            yield made.data[max(begin - offset, 0) : end - offset]
    rest = (bytes(recoded.native_length(transcoding.image) - size * frames), around.behind)
    behind = start + size * frames
    if span.end > behind:
        offset = max(span.offset - behind, 0)
        async for chunk in _pieces(transcoding, cut(rest, Span(offset, span.end - behind - offset))):
            yield chunk


async def _pieces(transcoding: Transcoding, pieces: tuple[bytes | Span, ...] | list[bytes | Span]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            if piece:
                yield piece
        elif piece.length:
            async for chunk in form_body(transcoding.archive, transcoding.record.form, piece):
                yield chunk


async def _around(file: Recoded, now: ImageAttributes) -> _Around:
    """What goes round the frames, once it is known what their samples are now."""
    transcoding = file.transcoding
    record = transcoding.record
    found = Outermost()
    stored = next((item.span for item in record.bulkdata if item.path == PIXEL_DATA), Span(0, 0))
    at = _in_form(record.form, stored.offset)
    try:
        async with aclosing(form_body(transcoding.archive, record.form, Span(0, at or record.form.length))) as chunks:
            async for chunk in chunks:
                if found.feed(chunk):
                    break
    except Malformed:
        raise Corrupt("The stored file is not as it was when it was received") from None
    if found.pixels is None:
        raise Corrupt("The stored file is not as it was when it was received")
    if found.pixels.length != UNDEFINED:
        end = found.pixels.value + found.pixels.length
    elif at == found.pixels.value:
        end = at + stored.length + len(recoded.SEQUENCE_END)
    elif not file.layout.trailing:
        end = record.form.length
    else:
        raise Unprocessable("The file was mended when it was received, and has elements behind its pixel data: it is sent as stored only")
    lossy = transfer_syntax.lookup(record.form.transfer_syntax).lossy and not file.layout.marked
    before = recoded.before(found.places, found.pixels, transcoding.image, now, transcoding.to, lossy=lossy)
    return _Around(before, Span(end, max(0, record.form.length - end)))


def _in_form(form: Form, offset: int) -> int | None:
    """Where the byte at this offset of the blob stands in the form; None if it lies in none of its Spans."""
    at = 0
    for piece in form.pieces:
        if isinstance(piece, Span) and piece.offset <= offset < piece.end:
            return at + offset - piece.offset
        at += length_of(piece)
    return None
