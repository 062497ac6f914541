"""What must be known of an instance before its frames are transcoded, read from its Metadata and remembered: never on the straight path.

Must not know: media types, codecs.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.dicom.encode import PIXEL_DATA
from app.dicom.picture import ImageAttributes
from app.dicom.recoded import LOSSY_COMPRESSION
from app.dicom.show import image_attributes
from app.errors import NotFound
from app.model import Access, InstanceRecord, JsonObject, Target
from app.ports import Archive

REMEMBERED = 20_000
"""Layouts that are remembered, of some 300 bytes each."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`image`: how the frames that were found are laid out, None if the instance does not say; `whole`: they are all. `marked`: lossy
    compression is told of. `trailing`: elements follow Pixel Data. `icons`: there are compressed pixel data within sequences."""

    image: ImageAttributes | None
    whole: bool
    marked: bool
    trailing: bool
    icons: bool


async def layouts(archive: Archive, target: Target, records: Sequence[InstanceRecord], access: Access) -> dict[str, Layout]:
    """By digest, for these instances under the target. NotFound if one was deleted meanwhile."""
    wanted = {record.digest: record for record in records}
    found = {digest: _remembered[digest] for digest in wanted if digest in _remembered}
    if len(found) < len(wanted):
        async for metadata in archive.index.metadata(target, access=access):
            if metadata.digest in wanted and metadata.digest not in found:
                # The mark of the base URL is a control character, which only a lenient reader takes.
                dataset = json.loads(zlib.decompress(metadata.text), strict=False)
                found[metadata.digest] = _remember(metadata.digest, _layout(dataset, wanted[metadata.digest]))
    if len(found) < len(wanted):
        raise NotFound("An instance was deleted or replaced while it was asked for", clause="PS3.18 10.4.3")
    return found


def _layout(dataset: JsonObject, record: InstanceRecord) -> Layout:
    image = image_attributes(dataset)
    mark = dataset.get(f"{LOSSY_COMPRESSION:08X}", {}).get("Value") or [""]
    return Layout(
        image=replace(image, frames=record.frames.count) if image is not None else None,
        whole=image is not None and image.frames == record.frames.count,
        marked=mark[0] == "01",
        trailing=max(dataset) > PIXEL_DATA,
        icons=any(item.encapsulated and item.path != PIXEL_DATA for item in record.bulkdata),
    )


_remembered: dict[str, Layout] = {}
"""Equal digests, equal layouts, whichever archive they are in. It tells nothing of a patient."""


def _remember(digest: str, layout: Layout) -> Layout:
    while len(_remembered) >= REMEMBERED:
        del _remembered[next(iter(_remembered))]
    _remembered[digest] = layout
    return layout
