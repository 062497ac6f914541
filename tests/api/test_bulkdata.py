"""`/bulkdata` and `/pixeldata` of study, series and instance (PS3.18 10.4; statements R20, R21, R25, M6)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from tests.api.conftest import BASE, Site, open_site
from tests.builders import dataset, encapsulated, instance, part10, study
from tests.parts import parts_of

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{S}/series/{E}/instances/{N}"
PLACES = (f"/studies/{S}", f"/studies/{S}/series/{E}", PATH)
OCTETS = 'multipart/related; type="application/octet-stream"'
ANY_OCTETS = OCTETS + "; transfer-syntax=*"
NATIVE = OCTETS + "; transfer-syntax=1.2.840.10008.1.2.1"
JPEG = [b"\xff\xd8\xff" + bytes([n]) * 31 + b"\xff\xd9" for n in (1, 2)]
J2K = b"\xff\x4f\xff\x51" + bytes(20)
"""A head and nothing behind it: cannot be decoded."""
HIERARCHICAL = "1.2.840.10008.1.2.4.65"
"""A lossless syntax that no codec here reads."""
UIDS: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N}


def with_icon() -> bytes:
    """An object with pixel data of its own, those of an icon, and a private value that is long."""
    made = dataset(**UIDS)
    icon = Dataset()
    icon.Rows = icon.Columns = 64
    icon.PixelData = bytes(64 * 64)
    icon["PixelData"].VR = "OW"
    made.IconImageSequence = [icon]
    made.add_new(0x00091010, "OB", bytes(2000))
    made.add_new(0x00090010, "LO", "ACME")
    return part10(made)


@pytest.mark.parametrize("place", PLACES)
async def test_r20_r21_pixeldata_are_those_of_the_top_level_and_bulkdata_are_all(site: Site, place: str) -> None:
    await site.store(with_icon())
    pixels = parts_of(await site.get(place + "/pixeldata", OCTETS))
    assert [part.location for part in pixels] == [f"{BASE}{PATH}/bulkdata/7FE00010"]
    bulkdata = parts_of(await site.get(place + "/bulkdata", OCTETS))
    assert {part.location.partition("/bulkdata/")[2] for part in bulkdata} == {"00880200/1/7FE00010", "00091010", "7FE00010"}


async def test_m6_each_part_bears_the_address_that_the_metadata_gives(site: Site) -> None:
    sent = study(series=2, instances=2, study_uid=S)
    await site.store(*sent)
    addresses = [found["7FE00010"]["BulkDataURI"] for found in await site.objects(f"/studies/{S}/metadata")]
    found = parts_of(await site.get(f"/studies/{S}/pixeldata", OCTETS))
    assert [part.location for part in found] == addresses
    assert [part.body for part in found] == [pydicom.dcmread(io.BytesIO(one)).PixelData for one in sent]
    for part in found:
        assert (await site.get(part.location, OCTETS)).status_code == 200


async def test_each_frame_of_many_is_a_part(site: Site) -> None:
    await site.store(instance(**UIDS, frames=3, rows=4, columns=5, bits=8))
    pixels = pydicom.dcmread(io.BytesIO(instance(**UIDS, frames=3, rows=4, columns=5, bits=8))).PixelData
    for kind in ("pixeldata", "bulkdata"):
        found = parts_of(await site.get(f"{PATH}/{kind}", OCTETS))
        assert [part.body for part in found] == [pixels[n : n + 20] for n in (0, 20, 40)]


async def test_frames_of_single_bits_begin_on_a_byte(site: Site) -> None:
    await site.store(instance(**UIDS, frames=2, rows=3, columns=3, bits=1, pixels=b"\xff\xff\x03\x00"))
    found = parts_of(await site.get(PATH + "/pixeldata", OCTETS))
    assert [part.body for part in found] == [b"\xff\x01", b"\xff\x01"]


async def test_compressed_frames_come_in_their_own_media_type_or_as_octets(site: Site) -> None:
    await site.store(encapsulated(JPEG, JPEGBaseline8Bit, **UIDS))
    for accept, kind in (
        ("*/*", "image/jpeg"),
        ('multipart/related; type="image/jpeg"', "image/jpeg"),
        (ANY_OCTETS, "application/octet-stream"),
    ):
        found = parts_of(await site.get(f"/studies/{S}/pixeldata", accept))
        assert [part.body for part in found] == JPEG
        assert {part.content_type for part in found} == {f"{kind}; transfer-syntax=1.2.840.10008.1.2.4.50"}


async def test_one_value_of_one_instance_comes_as_a_single_part_where_asked(site: Site) -> None:
    await site.store(instance(**UIDS))
    single = await site.get(PATH + "/pixeldata", "application/octet-stream")
    assert single.headers["content-type"] == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    assert single.headers["content-location"] == f"{BASE}{PATH}/bulkdata/7FE00010"
    assert (await site.get(PATH + "/pixeldata", "*/*")).headers["content-type"].startswith("multipart/related")
    await site.store(instance(study_uid=S, series_uid=E))
    assert (await site.get(f"/studies/{S}/pixeldata", "application/octet-stream")).status_code == 406


async def test_without_pixel_data_it_is_404(site: Site) -> None:
    await site.store(instance(**UIDS, rows=0, Modality="SR"))
    for place in PLACES:
        assert (await site.get(place + "/pixeldata")).status_code == 404
        assert (await site.get(place + "/bulkdata")).status_code == 404
    assert (await site.get("/studies/9.9/pixeldata")).status_code == 404


async def test_octets_of_an_instance_resource_are_its_bulkdata(site: Site) -> None:
    await site.store(with_icon())
    for place in PLACES:
        expected = parts_of(await site.get(place + "/bulkdata", ANY_OCTETS))
        found = parts_of(await site.get(place, ANY_OCTETS))
        assert [(part.location, part.body) for part in found] == [(part.location, part.body) for part in expected]


@pytest.mark.parametrize("place", PLACES[:2])
@pytest.mark.parametrize(
    ("suffix", "accept"),
    [
        ("", 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1'),
        ("", "application/zip; transfer-syntax=1.2.840.10008.1.2.1"),
        ("", NATIVE),
        ("/bulkdata", NATIVE),
        ("/pixeldata", NATIVE),
        ("/pixeldata", "application/zip; transfer-syntax=1.2.840.10008.1.2.1"),
    ],
)
async def test_r25_what_has_no_acceptable_form_is_left_out_with_a_warning(site: Site, place: str, suffix: str, accept: str) -> None:
    await site.store(
        instance(**UIDS), instance(study_uid=S, series_uid=E), encapsulated([J2K], JPEG2000Lossless, study_uid=S, series_uid=E)
    )
    answer = await site.get(place + suffix, accept)
    assert answer.status_code == 206
    assert answer.headers["warning"] == '299 radiolucent "1 instances have no form that the Accept header admits"'
    if "multipart" in accept:
        assert len(parts_of(answer)) == 2


@pytest.mark.parametrize("suffix", ["", "/bulkdata", "/pixeldata"])
@pytest.mark.parametrize("place", PLACES)
async def test_r25_where_nothing_has_an_acceptable_form_it_is_406_with_the_offers(site: Site, place: str, suffix: str) -> None:
    await site.store(encapsulated([JPEG[0]], HIERARCHICAL, **UIDS))
    answer = await site.get(place + suffix, NATIVE)
    assert answer.status_code == 406
    assert any(HIERARCHICAL in offer for offer in answer.json()["offers"])


@pytest.mark.parametrize("suffix", ["", "/bulkdata", "/pixeldata", "/frames/1", "/bulkdata/7FE00010"])
async def test_pixel_data_that_are_damaged_are_422_in_any_form_but_the_stored_one(site: Site, suffix: str) -> None:
    await site.store(encapsulated([J2K], JPEG2000Lossless, **UIDS))
    for accept in (NATIVE, OCTETS + "; transfer-syntax=1.2.840.10008.1.2.4.80"):
        answer = await site.get(PATH + suffix, accept)
        assert (answer.status_code, answer.json()["title"]) == (422, "Cannot be processed")
    assert (await site.get(PATH + suffix, ANY_OCTETS)).status_code == 200


async def test_more_frames_than_a_request_may_have_are_413(tmp_path: Path) -> None:
    async for small in open_site(tmp_path / "data", limits={"frames": 5}):
        await small.store(instance(**UIDS, frames=3), instance(study_uid=S, series_uid=E, frames=3))
        for accept in (OCTETS, "application/zip"):
            assert (await small.get(f"/studies/{S}/pixeldata", accept)).status_code == 413
        assert (await small.get(f"/studies/{S}", ANY_OCTETS)).status_code == 413
        assert (await small.get(PATH + "/pixeldata", OCTETS)).status_code == 200
        assert (await small.get(f"/studies/{S}")).status_code == 200, "whole instances have no such bound"


async def test_one_container_holds_all_that_has_a_form_in_it(site: Site) -> None:
    """A user agent that would take some instances as Part 10 files and others in a zip gets one of the two."""
    await site.store(instance(**UIDS), encapsulated([J2K], JPEG2000Lossless, study_uid=S, series_uid=E))
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1, application/zip;q=0.5'
    answer = await site.get(f"/studies/{S}", accept)
    assert answer.status_code == 206
    assert [part.content_type for part in parts_of(answer)] == ["application/dicom; transfer-syntax=1.2.840.10008.1.2.1"]


async def test_every_retrieval_leaves_one_audit_record(site: Site) -> None:
    await site.store(instance(**UIDS))
    before = len(site.audit())
    for path, accept in ((PATH + "/pixeldata", None), (f"/studies/{S}", "application/zip"), (f"/studies/{S}", ANY_OCTETS)):
        await site.get(path, accept)
    assert len(site.audit()) == before + 3
