"""From what is stored to the Pictures of its frames, in a whole service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import JPEGBaseline8Bit

from app.errors import NotFound, TooLarge, Unprocessable
from app.model import Access, InstanceRecord, Span, Target, Uid
from app.ports import Archive
from app.studies import pictures as module
from app.studies.pictures import described, pictures
from tests.api.conftest import Site, open_site
from tests.builders import encapsulated, instance

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
UIDS: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N}
ALL = Access()


def archive_of(site: Site) -> Archive:
    archive: Archive = site.app.state.service.archive
    return archive


async def record_of(site: Site) -> InstanceRecord:
    async for record in archive_of(site).index.locate(Target(Uid(S), Uid(E), Uid(N)), access=ALL):
        return record
    raise AssertionError("nothing is stored")


async def test_frames_come_in_the_order_asked_for_with_their_own_pixels(site: Site) -> None:
    pixels = np.arange(4 * 6 * 5, dtype="<u2").reshape(4, 6, 5)
    await site.store(instance(**UIDS, rows=6, columns=5, frames=4, pixels=pixels.tobytes(), WindowCenter="40", WindowWidth="400"))
    made = await pictures(archive_of(site), await record_of(site), [3, 1], ALL)
    assert [picture.frame for picture in made] == [pixels[2].tobytes(), pixels[0].tobytes()]
    assert {picture.transfer_syntax for picture in made} == {"1.2.840.10008.1.2.1"}
    assert {(picture.image.rows, picture.image.columns) for picture in made} == {(6, 5)}
    assert made[0].window is not None
    assert (made[0].window.center, made[0].window.width) == (40, 400)


async def test_frames_and_large_tables_come_with_one_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {f"{colour}PaletteColorLookupTableDescriptor": [4096, 0, 16] for colour in ("Red", "Green", "Blue")}
    data = {f"{colour}PaletteColorLookupTableData": bytes([at]) * 8192 for at, colour in enumerate(("Red", "Green", "Blue"))}
    await site.store(instance(**UIDS, PhotometricInterpretation="PALETTE COLOR", **tables, **data))
    archive, record = archive_of(site), await record_of(site)
    reads: list[int] = []
    read_spans = archive.blobs.read_spans

    async def counted(key: str, spans: Sequence[Span]) -> list[bytes]:
        reads.append(len(spans))
        return await read_spans(key, spans)

    monkeypatch.setattr(archive.blobs, "read_spans", counted)
    (picture,) = await pictures(archive, record, [1], ALL)
    assert picture.palette is not None
    assert [table.data for table in picture.palette] == list(data.values())
    assert reads == [4]


async def test_a_compressed_frame_comes_as_stored(site: Site) -> None:
    frames = [b"\xff\xd8\xff" + bytes([at]) * 61 for at in range(3)]
    await site.store(encapsulated(frames, JPEGBaseline8Bit, fragments_per_frame=2, **UIDS))
    made = await pictures(archive_of(site), await record_of(site), [2], ALL)
    assert made[0].frame == frames[1]
    assert made[0].transfer_syntax == str(JPEGBaseline8Bit)


@pytest.mark.parametrize("numbers", [[2], [0], [1, 2]])
async def test_a_frame_that_is_not_there(site: Site, numbers: list[int]) -> None:
    await site.store(instance(**UIDS))
    with pytest.raises(NotFound):
        await pictures(archive_of(site), await record_of(site), numbers, ALL)


async def test_an_instance_without_pixels_or_without_their_description(site: Site) -> None:
    await site.store(instance(**UIDS, rows=0))
    with pytest.raises(NotFound):
        await pictures(archive_of(site), await record_of(site), [1], ALL)
    await site.store(encapsulated([bytes(8)], JPEGBaseline8Bit, study_uid=S, series_uid=E, instance_uid="1.9", Rows=None))
    async for record in archive_of(site).index.locate(Target(Uid(S), Uid(E), Uid("1.9")), access=ALL):
        with pytest.raises(Unprocessable):
            await pictures(archive_of(site), record, [1], ALL)


async def test_too_many_pixels_are_refused_before_they_are_read(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", limits={"rendered_pixels": 100}):
        await site.store(instance(**UIDS, frames=2))
        archive, record = archive_of(site), await record_of(site)
        assert len(await pictures(archive, record, [1], ALL)) == 1
        with pytest.raises(TooLarge):
            await pictures(archive, record, [1, 2], ALL)


async def test_metadata_are_parsed_once_and_forgotten_when_there_is_much_of_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.store(instance(**UIDS), instance(study_uid=S, series_uid=E, instance_uid="1.9"))
    archive = archive_of(site)
    first, second = [record async for record in archive.index.locate(Target(Uid(S)), access=ALL)]
    found = await described(archive, first, ALL)
    assert await described(archive, first, ALL) is found
    monkeypatch.setattr(module, "REMEMBERED", 1)
    await described(archive, second, ALL)
    again = await described(archive, first, ALL)
    assert again is not found
    assert again == found
