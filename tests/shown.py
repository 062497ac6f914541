"""What it takes to show the frames of a Part 10 file, derived just as the server derives it: examined, then read from its Metadata."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace

from app.dicom import frames, show
from app.dicom.picture import Picture
from app.model import InstanceRecord, JsonObject, Limits, Span
from app.storage.spool import FileSpool
from app.studies.examine import Examined, Receipt, examine


@dataclass(frozen=True)
class Shown:
    """An examined object: its record, its Metadata, the bytes that all spans refer to, and the bulk values that showing it takes."""

    record: InstanceRecord
    metadata: JsonObject
    blob: bytes
    bulk: dict[str, bytes]

    def frame(self, number: int) -> bytes:
        return frames.extract(self.record.frames, number, _cut(self.blob, frames.span(self.record.frames, number)))

    def picture(self, number: int = 1) -> Picture:
        made = show.picture(self.metadata, number, self.bulk)
        return replace(made, frame=self.frame(number), transfer_syntax=self.record.form.transfer_syntax)

    def pictures(self) -> list[Picture]:
        return [self.picture(number) for number in range(1, self.record.frames.count + 1)]


def shown(data: bytes) -> Shown:
    spool = FileSpool()
    spool.write(data)
    examined = examine(spool, FileSpool, Receipt("received", "web", 0.0), Limits())
    assert isinstance(examined, Examined), examined
    blob = examined.web or spool
    everything = blob.read(0, blob.size)
    metadata = json.loads(zlib.decompress(examined.record.metadata).replace(b"\x01", b"http://localhost"))
    bulk = {each.path: _cut(everything, each.span) for each in show.needed(examined.record.bulkdata)}
    examined.close()
    spool.close()
    return Shown(examined.record, metadata, everything, bulk)


def picture(data: bytes, number: int = 1) -> Picture:
    return shown(data).picture(number)


def _cut(data: bytes, span: Span) -> bytes:
    return data[span.offset : span.end]
