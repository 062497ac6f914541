"""Retrieve (PS3.18 10.4) as a user agent sees it: instances, metadata, frames, bulkdata, entity tags."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from tests.api.conftest import BASE, Site
from tests.builders import compressed, encapsulated, instance, study
from tests.parts import parts_of

PART10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
DEFAULT_PART10 = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{S}/series/{E}/instances/{N}"


def known(**keywords: object) -> bytes:
    return instance(study_uid=S, series_uid=E, instance_uid=N, **keywords)


def read(part10: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(part10))


async def test_an_instance_comes_back_byte_for_byte(site: Site) -> None:
    await site.store(known())
    answer = await site.get(PATH, PART10)
    assert answer.status_code == 200
    (part,) = parts_of(answer)
    assert part.body == known()
    assert part.content_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_a_single_instance_comes_as_a_single_part_where_asked(site: Site) -> None:
    await site.store(known())
    answer = await site.get(PATH, "application/dicom")
    assert answer.headers["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert answer.content == known()


async def test_a_study_cannot_come_as_a_single_part(site: Site) -> None:
    await site.store(known())
    answer = await site.get(f"/studies/{S}", "application/dicom")
    assert answer.status_code == 406
    assert any("multipart/related" in offer for offer in answer.json()["offers"])


async def test_r1_study_and_series_give_exactly_their_instances(site: Site) -> None:
    all_of_it = study(series=2, instances=3)
    await site.store(*all_of_it, instance())
    sets = [read(part10) for part10 in all_of_it]
    first = sets[0]
    answer = await site.get(f"/studies/{first.StudyInstanceUID}", PART10)
    assert {part.body for part in parts_of(answer)} == set(all_of_it)
    answer = await site.get(f"/studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}", PART10)
    mine = {read(part.body).SOPInstanceUID for part in parts_of(answer)}
    assert mine == {item.SOPInstanceUID for item in sets if item.SeriesInstanceUID == first.SeriesInstanceUID}


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("accept", [PART10, DEFAULT_PART10, "*/*"])
async def test_what_never_goes_out_is_rewritten_to_explicit_little_endian(site: Site, syntax: str, accept: str) -> None:
    sent = known(transfer_syntax=syntax, rows=20, columns=30)
    await site.store(sent)
    (part,) = parts_of(await site.get(PATH, accept))
    assert part.content_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    received, original = read(part.body), read(sent)
    assert received.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    np.testing.assert_array_equal(received.pixel_array, original.pixel_array)
    del received.PixelData, original.PixelData
    assert received == original


async def test_lossless_pixels_come_as_stored_where_any_syntax_will_do_and_else_decompressed(site: Site) -> None:
    sent = compressed(JPEG2000Lossless, study_uid=S, series_uid=E, instance_uid=N)
    await site.store(sent)
    (part,) = parts_of(await site.get(PATH, PART10))
    assert part.content_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90"
    assert part.body == sent
    assert (await site.get(PATH, "*/*")).status_code == 200
    (part,) = parts_of(await site.get(PATH, DEFAULT_PART10))
    assert part.content_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert read(part.body).PixelData == read(instance(rows=32, columns=32)).PixelData


async def test_a_syntax_that_cannot_be_decoded_comes_as_stored_or_not_at_all(site: Site) -> None:
    hierarchical = "1.2.840.10008.1.2.4.65"
    await site.store(encapsulated([b"\xff\xd8\xff" + bytes(20)], hierarchical, study_uid=S, series_uid=E, instance_uid=N))
    assert (await site.get(PATH, "*/*")).status_code == 200
    refused = await site.get(PATH, DEFAULT_PART10)
    assert refused.status_code == 406
    assert f'multipart/related; type="application/dicom"; transfer-syntax={hierarchical}' in refused.json()["offers"]


async def test_a_study_of_mixed_syntaxes_comes_in_part_with_206_and_a_warning(site: Site) -> None:
    await site.store(instance(study_uid=S), encapsulated([b"\xff\x4f\xff\x51" + bytes(20)], JPEG2000Lossless, study_uid=S))
    answer = await site.get(f"/studies/{S}", DEFAULT_PART10)
    assert answer.status_code == 206
    assert len(parts_of(answer)) == 1
    assert answer.headers["warning"].startswith('299 radiolucent "1 ')


async def test_r2_a_wrong_series_or_study_is_404_and_an_invalid_uid_400(site: Site) -> None:
    await site.store(known())
    for path in (f"/studies/{S}/series/9.9/instances/{N}", f"/studies/9.9/series/{E}/instances/{N}", "/studies/9.9"):
        for suffix in ("", "/metadata", "/frames/1", "/bulkdata/7FE00010"):
            if "instances" in path or suffix in {"", "/metadata"}:
                assert (await site.get(path + suffix)).status_code == 404, path + suffix
    for uid in ("abc", "1.2.", "1" * 65, "..%2F..", "1.2 3"):
        answer = await site.get(f"/studies/{uid}/metadata")
        assert answer.status_code in {400, 404}, uid
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await site.get("/studies/abc/metadata")).status_code == 400


async def test_r7_metadata_is_an_array_of_whole_data_sets(site: Site) -> None:
    await site.store(known(), instance(study_uid=S, series_uid=E))
    for path, count in ((f"/studies/{S}", 2), (f"/studies/{S}/series/{E}", 2), (PATH, 1)):
        found = await site.objects(path + "/metadata")
        assert len(found) == count
        for item in found:
            assert list(item) == sorted(item)
            assert not any(tag.startswith("0002") for tag in item)
            assert item["00083002"]["Value"] == ["1.2.840.10008.1.2.1"]


async def test_metadata_is_compressed_where_the_user_agent_takes_it(site: Site) -> None:
    await site.store(known())
    answer = await site.get(PATH + "/metadata", "application/dicom+json", **{"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    plain = await site.get(PATH + "/metadata", "application/dicom+json", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert answer.json() == plain.json()


async def test_r9_r10_every_bulkdata_uri_of_the_metadata_can_be_fetched(site: Site) -> None:
    icon = pydicom.Dataset()
    icon.PrivateBlock = None
    del icon.PrivateBlock
    waveform = pydicom.Dataset()
    waveform.WaveformBitsAllocated = 16
    waveform.WaveformSampleInterpretation = "SS"
    waveform.WaveformData = bytes(range(256)) * 16
    await site.store(known(WaveformSequence=[waveform], ICCProfile=b"\x07" * 3000))
    (metadata,) = await site.objects(PATH + "/metadata")
    uris = {
        metadata["7FE00010"]["BulkDataURI"]: read(known()).PixelData,
        metadata["00282000"]["BulkDataURI"]: b"\x07" * 3000,
        metadata["54000100"]["Value"][0]["54001010"]["BulkDataURI"]: waveform.WaveformData,
    }
    for uri, value in uris.items():
        assert uri.startswith(BASE + PATH + "/bulkdata/")
        single = await site.get(uri, "*/*")
        assert single.content == value
        assert single.headers["content-type"].startswith("application/octet-stream")
        (part,) = parts_of(await site.get(uri, 'multipart/related; type="application/octet-stream"'))
        assert part.body == value
        assert part.location == uri
    every = parts_of(await site.get(PATH + "/bulkdata", 'multipart/related; type="application/octet-stream"'))
    assert {part.location: part.body for part in every} == uris


async def test_a_document_comes_under_its_own_media_type(site: Site) -> None:
    pdf = b"%PDF-1.4 " + bytes(2000)
    await site.store(
        known(
            SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", EncapsulatedDocument=pdf + b"\0", MIMETypeOfEncapsulatedDocument="application/pdf"
        )
    )
    (metadata,) = await site.objects(PATH + "/metadata")
    answer = await site.get(metadata["00420011"]["BulkDataURI"], "*/*")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(pdf)


async def test_bulkdata_that_the_metadata_does_not_name_is_404_and_a_malformed_path_400(site: Site) -> None:
    await site.store(known())
    assert (await site.get(PATH + "/bulkdata/00420011")).status_code == 404
    assert (await site.get(PATH + "/bulkdata/zzz")).status_code == 400


async def test_frames_come_in_the_order_asked_for(site: Site) -> None:
    await site.store(known(frames=3, rows=4, columns=5))
    size = 4 * 5 * 2
    pixels = read(known(frames=3, rows=4, columns=5)).PixelData
    for text, numbers in (("1", [1]), ("1,3,2", [1, 3, 2]), ("3%2C1", [3, 1])):
        answer = await site.get(f"{PATH}/frames/{text}", OCTETS)
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) == len(answer.content)
        found = parts_of(answer)
        assert [part.body for part in found] == [pixels[(n - 1) * size : n * size] for n in numbers]
        assert [part.location for part in found] == [f"{BASE}{PATH}/frames/{n}" for n in numbers]


async def test_the_part_header_is_what_viewers_search_for(site: Site) -> None:
    await site.store(known())
    (part,) = parts_of(await site.get(PATH + "/frames/1", "multipart/related; type=application/octet-stream; transfer-syntax=*"))
    assert b"Content-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\r\n" in part.raw_head + b"\r\n"
    assert len(part.raw_head) < 1000


@pytest.mark.parametrize(("text", "status"), [("0", 400), ("-1", 400), ("abc", 400), ("1,,2", 400), ("99999", 404), ("1,99", 404)])
async def test_frames_that_do_not_exist_are_404_and_those_that_cannot_400(site: Site, text: str, status: int) -> None:
    await site.store(known(frames=2))
    assert (await site.get(f"{PATH}/frames/{text}", OCTETS)).status_code == status


async def test_compressed_frames_come_as_stored_and_are_never_mislabelled(site: Site) -> None:
    frames = [b"\xff\xd8\xff" + bytes([n]) * 30 + b"\xff\xd9" for n in range(3)]
    await site.store(encapsulated(frames, JPEGBaseline8Bit, study_uid=S, series_uid=E, instance_uid=N))
    for accept, media_type in (
        (OCTETS, "application/octet-stream"),
        ('multipart/related; type="image/jpeg"', "image/jpeg"),
        ('multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50', "image/jpeg"),
        ('multipart/related; type="*/*"', "image/jpeg"),
        ("*/*", "image/jpeg"),
    ):
        found = parts_of(await site.get(PATH + "/frames/2,1", accept))
        assert [part.body[:34] for part in found] == [frames[1][:34], frames[0][:34]], accept
        assert {part.content_type for part in found} == {f"{media_type}; transfer-syntax=1.2.840.10008.1.2.4.50"}
    single = await site.get(PATH + "/frames/3", "image/jpeg")
    assert single.headers["content-type"] == "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"
    refused = await site.get(PATH + "/frames/1", 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1')
    assert refused.status_code == 422, "these frames are no images"
    refused = await site.get(PATH + "/frames/1", 'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.70')
    assert refused.status_code == 406, "what was lossy once is not made lossless"
    assert refused.json()["offers"]


async def test_frames_of_an_object_without_pixels_are_404(site: Site) -> None:
    await site.store(known(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR", rows=0, columns=0, frames=0))
    answer = await site.get(PATH + "/frames/1", OCTETS)
    assert answer.status_code == 404


@pytest.mark.parametrize("suffix", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010", "/bulkdata"])
async def test_a_current_copy_is_304_and_tags_differ_by_form(site: Site, suffix: str) -> None:
    await site.store(known())
    first = await site.get(PATH + suffix)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for given in (tag, f'"other", {tag}', f"W/{tag.removeprefix('W/')}", tag.removeprefix("W/"), "*"):
        again = await site.get(PATH + suffix, **{"If-None-Match": given})
        assert again.status_code == 304, given
        assert again.content == b""
        assert again.headers["etag"] == tag
    assert (await site.get(PATH + suffix, **{"If-None-Match": '"other"'})).status_code == 200


async def test_a_new_instance_changes_the_tag_of_its_series(site: Site) -> None:
    await site.store(known())
    path = f"/studies/{S}/series/{E}/metadata"
    before = (await site.get(path)).headers["etag"]
    await site.store(instance(study_uid=S, series_uid=E))
    assert (await site.get(path)).headers["etag"] != before


@pytest.mark.parametrize("suffix", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
async def test_head_has_the_headers_of_get_and_no_body(site: Site, suffix: str) -> None:
    await site.store(known())
    got = await site.http.get(PATH + suffix)
    head = await site.http.head(PATH + suffix)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["etag"] == got.headers["etag"]


async def test_a_trailing_slash_is_forgiven(site: Site) -> None:
    await site.store(known())
    assert (await site.get(PATH + "/metadata/")).status_code == 200


async def test_r11_links_carry_the_host_of_a_trusted_proxy_and_its_prefix(shared_site: Site) -> None:
    await shared_site.store(known())
    forwarded = {"Forwarded": 'for=10.0.0.1;host="pacs.example.org:8443";proto=https', "X-Forwarded-Prefix": "/imaging"}
    (metadata,) = (await shared_site.get(PATH + "/metadata", **forwarded)).json()
    assert metadata["7FE00010"]["BulkDataURI"].startswith(f"https://pacs.example.org:8443/imaging/dicom-web{PATH}/bulkdata/")


async def test_r11_forwarded_headers_of_others_are_ignored(site: Site) -> None:
    await site.store(known())
    (metadata,) = (await site.get(PATH + "/metadata", Forwarded="host=evil.example;proto=https")).json()
    assert metadata["7FE00010"]["BulkDataURI"].startswith(BASE)
