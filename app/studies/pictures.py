"""From the record of an instance to the Pictures of its frames: Metadata by the index, frames and small bulkdata in one blob read.

Shared by whatever shows pixels: rendered images, thumbnails, volumes, presentation states. Must not know HTTP, nor how a picture is made.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.dicom import frames as frame_table
from app.dicom import show
from app.dicom.picture import ImageAttributes, Picture
from app.dicomweb.rendering import View
from app.errors import InvalidQuery, NotFound, TooLarge, Unprocessable
from app.model import Access, InstanceRecord, JsonObject
from app.ports import Archive

CLAUSE = "PS3.18 8.3.5"
LARGEST_FRAME = 1024**3
"""Bytes of a stored frame that is read to be shown."""

REMEMBERED = 3 * 1024 * 1024 // 2
"""Bytes of Metadata text whose parsed form is kept, which takes about ten times as much: enough for viewers that ask a series frame by
frame, and little enough that a busy server has reached it within a minute."""

_SMALL = 32 * 1024


async def described(archive: Archive, record: InstanceRecord, access: Access) -> JsonObject:
    """The Metadata of the instance, parsed; not to be changed, for others may hold it too. NotFound if it went in the meantime."""
    known = _remembered.get(record.digest)
    if known is not None:
        return known
    async for metadata in archive.index.metadata(record.target, access=access):
        if metadata.digest == record.digest:
            parsed, size = await asyncio.to_thread(_parsed, metadata.text) if len(metadata.text) > _SMALL else _parsed(metadata.text)
            _remembered.put(record.digest, parsed, size)
            return parsed
    raise NotFound("The instance was deleted or replaced while it was asked for", clause="PS3.18 10.4.3")


async def image_of(archive: Archive, record: InstanceRecord, access: Access) -> ImageAttributes:
    """What its frames look like. Unprocessable if the instance describes no image, TooLarge if a frame has more pixels than are shown."""
    image = show.image_attributes(await described(archive, record, access))
    if image is None:
        raise Unprocessable("The instance does not describe its pixel data, so that no picture can be made of it", clause="PS3.3 C.7.6.3")
    ensure_few_pixels(archive, image.rows * image.columns)
    return image


async def pictures(archive: Archive, record: InstanceRecord, numbers: Sequence[int], access: Access) -> list[Picture]:
    """These frames (from 1) of a located instance, in this order, as `Pixels.render` takes them.

    All of them stand in memory: for many, call it frame by frame. NotFound for a frame that is not there; errors as `image_of`, and
    TooLarge if all frames together have too many pixels.
    """
    ensure_frames(record, numbers)
    image = await image_of(archive, record, access)
    ensure_few_pixels(archive, image.rows * image.columns * len(numbers))
    dataset = await described(archive, record, access)
    values = show.needed(record.bulkdata, numbers[0] if len(numbers) == 1 else None)
    spans = [frame_table.span(record.frames, number) for number in numbers]
    if sum(span.length for span in spans) > LARGEST_FRAME:
        raise TooLarge(f"The stored frames have more than {LARGEST_FRAME} bytes", clause=CLAUSE)
    read = await archive.blobs.read_spans(record.form.key, [*spans, *(value.span for value in values)])
    bulk = {value.path: content for value, content in zip(values, read[len(spans) :], strict=True)}
    return [
        replace(
            show.picture(dataset, number, bulk),
            frame=frame_table.extract(record.frames, number, raw),
            transfer_syntax=record.form.transfer_syntax,
        )
        for number, raw in zip(numbers, read, strict=False)
    ]


def ensure_frames(record: InstanceRecord, numbers: Sequence[int]) -> None:
    """NotFound if the instance does not have all these frames."""
    if not record.frames.count or record.frames.video:
        raise NotFound("The instance has no pixel data whose frames can be told apart", clause="PS3.18 10.4.1.1.6")
    if not 1 <= min(numbers) <= max(numbers) <= record.frames.count:
        raise NotFound(f"Frame {max(numbers)} does not exist: the instance has {record.frames.count}", clause="PS3.18 10.4.1.1.6")


def ensure_few_pixels(archive: Archive, count: int) -> None:
    """TooLarge if that is more than one picture or animation may have."""
    most = archive.limits.rendered_pixels
    if count > most:
        raise TooLarge(f"The picture would be made of {count} pixels, more than {most} (setting limits.rendered_pixels)", clause=CLAUSE)


def ensure_within(view: View, columns: int, rows: int) -> None:
    """InvalidQuery if nothing of a picture of this size lies in the source region of the view (PS3.18 8.3.5.1.3)."""
    if view.region is None:
        return
    if view.region.left >= (1 if view.relative else columns) or view.region.top >= (1 if view.relative else rows):
        raise InvalidQuery("The source region lies outside of the image", clause="PS3.18 8.3.5.1.3")


def _parsed(text: bytes) -> tuple[JsonObject, int]:
    raw = zlib.decompress(text)
    # The mark of the base URL is a control character, which only a lenient reader takes.
    parsed: JsonObject = json.loads(raw, strict=False)
    return parsed, len(raw)


@dataclass(slots=True)
class _Remembered:
    """The parsed Metadata used last, by digest of the instance: equal digests, equal Metadata, whichever archive it is in."""

    parsed: OrderedDict[str, tuple[JsonObject, int]] = field(default_factory=OrderedDict)
    size: int = 0

    def get(self, digest: str) -> JsonObject | None:
        found = self.parsed.get(digest)
        if found is None:
            return None
        self.parsed.move_to_end(digest)
        return found[0]

    def put(self, digest: str, parsed: JsonObject, size: int) -> None:
        """The newest one stays, however large."""
        if digest in self.parsed:
            return
        self.parsed[digest] = parsed, size
        self.size += size
        while self.size > REMEMBERED and len(self.parsed) > 1:
            self.size -= self.parsed.popitem(last=False)[1][1]


_remembered = _Remembered()
