"""Frames of an instance in another transfer syntax (PS3.18 8.7.3): made one by one, each of them once, and kept for a while.

The work is done by `Pixels`, the keeping by `Derived`; here it is decided what may become what. Must not know: media types, HTTP, codecs.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from struct import Struct

from app import __version__
from app.dicom import frames as frame_table
from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import ImageAttributes
from app.dicom.recoded import native_bits
from app.errors import Busy, Unprocessable
from app.model import InstanceRecord, Uid
from app.ports import Archive

LARGEST_FRAME = 1024**3
"""Bytes of a frame in native form that is transcoded; what is larger goes out as stored only."""

PATIENCE = 60.0
"""Seconds that an answer which has begun waits for a place in the queue of the workers."""

_PAUSE = 0.25
_LENGTH = Struct(">H")
_ORDER = (
    syntaxes.EXPLICIT_LE,
    syntaxes.HTJ2K_LOSSLESS,
    syntaxes.HTJ2K_LOSSLESS_RPCL,
    syntaxes.JPEG_LS_LOSSLESS,
    syntaxes.JPEG_2000_LOSSLESS,
    syntaxes.JPEG_LOSSLESS_SV1,
    syntaxes.RLE_LOSSLESS,
    syntaxes.JPEG_XL_LOSSLESS,
)
"""Best first, for user agents that leave the choice to us."""


@dataclass(frozen=True, slots=True)
class Made:
    """A frame in the other syntax, and how its samples are laid out now."""

    data: bytes
    image: ImageAttributes


@dataclass(frozen=True, slots=True)
class Transcoding:
    """The frames of one instance, described by `image`, in the syntax `to`."""

    archive: Archive
    record: InstanceRecord
    image: ImageAttributes
    to: Uid

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame in native form."""
        return -(-native_bits(self.image) // 8)

    @property
    def native(self) -> bool:
        return not syntaxes.lookup(self.to).encapsulated

    async def frame(self, number: int, *, patient: bool = False) -> Made:
        """Frame `number` (from 1). Unprocessable, Corrupt, TooLarge; Busy, but not for PATIENCE seconds if `patient`."""
        waited = 0.0
        while True:
            try:
                entry = await self.archive.derived.made(self.record.blob.key, self._form(number), partial(self._make, number))
                return _unpacked(entry, self.image)
            except Busy:
                if not patient or waited >= PATIENCE:
                    raise
                await asyncio.sleep(_PAUSE)
                waited += _PAUSE

    def _form(self, number: int) -> str:
        return f"frame {number} in {self.to} by {__version__}"

    async def _make(self, number: int) -> bytes:
        record = self.record
        span = frame_table.span(record.frames, number)
        if span.length > 2 * self.frame_bytes + 64 * 1024:
            raise Unprocessable("The compressed frame is larger than the image that its attributes describe", clause="PS3.3 C.7.6.3")
        (raw,) = await self.archive.blobs.read_spans(record.form.key, [span])
        frame = frame_table.extract(record.frames, number, raw)
        data, image = await self.archive.pixels.transcode(frame, self.image, record.form.transfer_syntax, self.to)
        if self.native:
            if not 0 <= len(data) - self.frame_bytes <= 1:
                raise Unprocessable("The pixel data has another size than its attributes say", clause="PS3.3 C.7.6.3")
            data = data[: self.frame_bytes]
        facts = json.dumps([image.photometric, image.planar]).encode()
        return _LENGTH.pack(len(facts)) + facts + data


def _unpacked(entry: bytes, image: ImageAttributes) -> Made:
    start = _LENGTH.size + _LENGTH.unpack_from(entry)[0]
    photometric, planar = json.loads(entry[_LENGTH.size : start])
    return Made(entry[start:], replace(image, photometric=photometric, planar=planar))


def others(archive: Archive, record: InstanceRecord) -> tuple[Uid, ...]:
    """The syntaxes, beside the stored one, in which its frames might be had: whether they can hold the image
    is not known yet."""
    if not record.frames.count or record.frames.video:
        return ()
    return _others(record.form.transfer_syntax, archive.pixels.decodable, archive.pixels.encodable)


@lru_cache(maxsize=256)
def _others(stored: Uid, decodable: frozenset[Uid], encodable: frozenset[Uid]) -> tuple[Uid, ...]:
    """What is lossless may become lossless; what has or may have lost something is decompressed, and never compressed again."""
    if stored not in decodable:
        return ()
    found = {syntaxes.EXPLICIT_LE}
    if syntaxes.lookup(stored).lossless:
        found |= {uid for uid in encodable if syntaxes.lookup(uid).encapsulated}
    return tuple(sorted(found - {stored}, key=lambda uid: (_ORDER.index(uid) if uid in _ORDER else len(_ORDER), uid)))


def fitting(archive: Archive, record: InstanceRecord, image: ImageAttributes | None) -> tuple[Uid, ...]:
    """Of `others`, those that can hold a frame of this image; none if it is described by nothing."""
    if image is None or -(-native_bits(image) // 8) > LARGEST_FRAME:
        return ()
    held = archive.pixels.fitting(image, record.form.transfer_syntax)
    return tuple(to for to in others(archive, record) if to in held)


async def attempt(transcoding: Transcoding, number: int) -> Made | None:
    """The frame, or None if it cannot be had in this syntax although it is sound. Errors as `Transcoding.frame`."""
    try:
        return await transcoding.frame(number)
    except Unprocessable:
        if transcoding.native:
            raise
        if syntaxes.lookup(transcoding.record.form.transfer_syntax).encapsulated:
            await replace(transcoding, to=syntaxes.EXPLICIT_LE).frame(number)
        return None
