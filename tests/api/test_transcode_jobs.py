"""How much work transcoding is: each frame is made once, whoever asks and whoever goes away, and only if somebody asks."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless

from tests.api.conftest import Site, open_site
from tests.api.test_transcode import EXPLICIT, OCTETS, PART10, PATH, UIDS, S
from tests.builders import compressed, encapsulated
from tests.counting import counted
from tests.parts import parts_of
from tests.unit.dicom import raw


async def test_the_stored_form_costs_no_job_and_no_metadata(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = counted(site)
    await site.store(compressed(JPEG2000Lossless, **UIDS, frames=2))
    archive = site.app.state.service.archive

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the metadata was read")

    monkeypatch.setattr(type(archive.index), "metadata", refused)
    for path, accept in ((PATH, "*/*"), (PATH + "/frames/1,2", "*/*"), (PATH + "/pixeldata", "*/*"), (PATH, "application/zip")):
        assert (await site.get(path, accept)).status_code == 200
    assert not jobs.jobs


async def test_one_frame_of_many_is_one_job(site: Site) -> None:
    jobs = counted(site)
    await site.store(compressed(JPEG2000Lossless, **UIDS, frames=20))
    for _ in range(3):
        assert (await site.get(PATH + "/frames/7", OCTETS)).status_code == 200
    assert sum(jobs.jobs.values()) == 1


async def test_a_range_of_a_file_makes_only_the_frames_that_lie_in_it_and_the_first(site: Site) -> None:
    jobs = counted(site)
    await site.store(compressed(JPEG2000Lossless, **UIDS, frames=40))
    accept = f"application/dicom; transfer-syntax={EXPLICIT}"
    size = int((await site.http.head(PATH, headers={"Accept": accept})).headers["content-length"])
    assert (await site.get(PATH, accept, Range=f"bytes={size - 3000}-")).status_code == 206
    assert sum(jobs.jobs.values()) == 3


async def test_without_a_cache_each_frame_of_one_answer_is_made_once(tmp_path: Path) -> None:
    async for bare in open_site(tmp_path / "data", pixels={"cache_bytes": 0}):
        jobs = counted(bare)
        await bare.store(compressed(JPEG2000Lossless, **UIDS, frames=9))
        for path, accept in ((PATH, PART10), (PATH + "/frames/1,2,3,4,5,6,7,8,9", OCTETS), (PATH + "/frames/1", OCTETS)):
            jobs.jobs.clear()
            assert (await bare.get(path, accept)).status_code == 200
            assert set(jobs.jobs.values()) == {1}, path


async def test_a_waiter_that_goes_away_leaves_the_others_their_frame(site: Site) -> None:
    jobs = counted(site)
    await site.store(compressed(JPEG2000Lossless, **UIDS))
    jobs.gate = asyncio.Event()
    first, *others = [asyncio.create_task(site.get(PATH + "/frames/1", OCTETS)) for _ in range(9)]
    async with asyncio.timeout(20):
        while not jobs.jobs:
            await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    jobs.gate.set()
    assert [answer.status_code for answer in await asyncio.gather(*others)] == [200] * 8
    assert sum(jobs.jobs.values()) == 1


async def test_what_was_made_is_gone_with_its_instance(site: Site) -> None:
    jobs = counted(site)
    sent = compressed(JPEG2000Lossless, **UIDS)
    for _ in range(2):
        await site.store(sent)
        await site.get(PATH + "/frames/1", OCTETS)
        assert [path for path in site.settings.cache_dir.rglob("*") if path.is_file()]
        await site.http.delete(f"/studies/{S}")
        assert not [path for path in site.settings.cache_dir.rglob("*") if path.is_file()]
    assert sum(jobs.jobs.values()) == 2


async def test_each_transcoded_answer_leaves_one_audit_record(site: Site) -> None:
    await site.store(compressed(JPEG2000Lossless, **UIDS))
    before = len(site.audit())
    for path, accept in ((PATH, PART10), (PATH + "/frames/1", OCTETS), (PATH + "/pixeldata", OCTETS)):
        assert (await site.get(path, accept)).status_code == 200
    assert [record["outcome"] for record in site.audit()[before:]] == ["success"] * 3


async def test_a_full_queue_is_503_before_an_answer_begins_and_waited_for_once_it_has_begun(site: Site) -> None:
    jobs = counted(site)
    sent = compressed(JPEG2000Lossless, **UIDS, frames=6)
    await site.store(sent)
    jobs.busy = {0, 3, 5, 6}
    refused = await site.get(PATH, PART10)
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    answer = await site.get(PATH, PART10)
    assert answer.status_code == 200
    assert pydicom.dcmread(io.BytesIO(parts_of(answer)[0].body)).pixel_array.shape == (6, 32, 32)
    assert sum(jobs.jobs.values()) == 6


@pytest.mark.parametrize(("rows", "frames"), [(60_000, 4), (20_000, 12)])
async def test_what_one_value_cannot_hold_decompressed_goes_out_as_stored(site: Site, rows: int, frames: int) -> None:
    """PS3.18 8.7.3: more than 4 GiB; asked for by name it is 406."""
    jobs = counted(site)
    sent = encapsulated([b"\xff\x4f\xff\x51" + bytes(20)] * frames, JPEG2000Lossless, **UIDS, rows=rows, columns=20_000, bits=8)
    assert rows * 20_000 * frames > 2**32
    await site.store(sent)
    assert (await site.get(PATH, "application/dicom")).content == sent
    refused = await site.get(PATH, f"application/dicom; transfer-syntax={EXPLICIT}")
    assert refused.status_code == 406
    assert not jobs.jobs


async def test_a_file_with_compressed_icons_goes_out_as_stored_and_its_frames_in_any_form(site: Site) -> None:
    sent = compressed(JPEG2000Lossless, **UIDS)
    fragments = raw.item(b"") + raw.item(b"\xff\x4f\xff\x51") + raw.SEQUENCE_END
    icon = raw.item(raw.explicit(0x7FE00010, "OB", fragments, raw.UNDEFINED) + raw.ITEM_END, raw.UNDEFINED)
    at = sent.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")
    sent = sent[:at] + raw.explicit(0x00880200, "SQ", icon + raw.SEQUENCE_END, raw.UNDEFINED) + sent[at:]
    await site.store(sent)
    assert (await site.get(PATH, "application/dicom")).content == sent
    assert (await site.get(PATH, f"application/dicom; transfer-syntax={EXPLICIT}")).status_code == 406
    assert (await site.get(PATH + "/frames/1", OCTETS)).status_code == 200
