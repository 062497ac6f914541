"""`application/zip` of instances, metadata and bulkdata (statement R24)."""

from __future__ import annotations

import io
import json
import re
import zipfile

import httpx
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from tests.api.conftest import BASE, Site
from tests.builders import encapsulated, instance, study

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{S}/series/{E}/instances/{N}"
ZIP = "application/zip"
PDF = b"%PDF-1.7 " + b"x" * 3000


def opened(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.status_code in (200, 206), answer.text
    assert answer.headers["content-type"] == ZIP
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == len(names)
        return {name: archive.read(name) for name in names}


def read(part10: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(part10))


async def test_r24_a_study_is_one_file_for_each_instance_in_folders_of_series(site: Site) -> None:
    sent = study(series=2, instances=3)
    await site.store(*sent)
    uid = read(sent[0]).StudyInstanceUID
    answer = await site.get(f"/studies/{uid}", ZIP)
    found = opened(answer)
    assert list(found) == [f"000{series}/00000{number}.dcm" for series in (1, 2) for number in (1, 2, 3)]
    assert list(found.values()) == sent
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert re.fullmatch(r'attachment; filename="dicom-[0-9a-f]{8}\.zip"', answer.headers["content-disposition"])
    assert "accept-ranges" not in answer.headers


async def test_a_series_and_an_instance_come_likewise(site: Site) -> None:
    sent = instance(study_uid=S, series_uid=E, instance_uid=N)
    await site.store(sent)
    for place in (PATH, f"/studies/{S}/series/{E}"):
        assert opened(await site.get(place, ZIP)) == {"0001/000001.dcm": sent}


async def test_r24_names_tell_nothing_of_the_patient(site: Site) -> None:
    await site.store(instance(study_uid=S, patient_name="../../Doe^Jane", PatientID="/etc/x", SeriesDescription="..\\.."))
    answer = await site.get(f"/studies/{S}", ZIP)
    assert list(opened(answer)) == ["0001/000001.dcm"]
    assert "Doe" not in str(answer.headers)


async def test_instances_come_as_stored_where_no_transfer_syntax_is_named(site: Site) -> None:
    compressed = encapsulated([b"\xff\x4f\xff\x51" + bytes(20)], JPEG2000Lossless, study_uid=S)
    native = instance(study_uid=S)
    await site.store(native, compressed)
    for accept in (ZIP, ZIP + "; transfer-syntax=*"):
        assert set(opened(await site.get(f"/studies/{S}", accept)).values()) == {native, compressed}


async def test_a_transfer_syntax_that_is_named_counts_for_each_instance(site: Site) -> None:
    native = instance(study_uid=S)
    await site.store(native, encapsulated([b"\xff\x4f\xff\x51" + bytes(20)], JPEG2000Lossless, study_uid=S))
    answer = await site.get(f"/studies/{S}", ZIP + "; transfer-syntax=1.2.840.10008.1.2.1")
    assert answer.status_code == 206
    assert answer.headers["warning"].startswith("299 ")
    assert list(opened(answer).values()) == [native]
    assert (await site.get(f"/studies/{S}", ZIP + "; transfer-syntax=1.2.840.10008.1.2.4.50")).status_code == 406


async def test_equal_requests_give_equal_bytes_and_the_tag_is_that_of_the_zip(site: Site) -> None:
    await site.store(*study(series=1, instances=2, study_uid=S))
    first = await site.get(f"/studies/{S}", ZIP)
    assert (await site.get(f"/studies/{S}", ZIP)).content == first.content
    assert first.headers["etag"] != (await site.get(f"/studies/{S}")).headers["etag"]
    assert (await site.get(f"/studies/{S}", ZIP, **{"If-None-Match": first.headers["etag"]})).status_code == 304


async def test_head_has_the_headers_of_get(site: Site) -> None:
    await site.store(instance(study_uid=S))
    got = await site.get(f"/studies/{S}", ZIP)
    head = await site.http.head(f"/studies/{S}", headers={"Accept": ZIP})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_multipart_stays_the_default(site: Site) -> None:
    await site.store(instance(study_uid=S))
    for accept in (None, "*/*", 'application/zip;q=0.5, multipart/related; type="application/dicom"'):
        assert (await site.get(f"/studies/{S}", accept)).headers["content-type"].startswith("multipart/related")
    assert (await site.http.get(f"/studies/{S}?accept=application/zip")).headers["content-type"] == ZIP


async def test_r24_metadata_is_one_json_file_for_each_instance(site: Site) -> None:
    sent = study(series=2, instances=2, study_uid=S)
    await site.store(*sent)
    found = opened(await site.get(f"/studies/{S}/metadata", ZIP))
    assert list(found) == [f"000{series}/00000{number}.json" for series in (1, 2) for number in (1, 2)]
    for text, part10 in zip(found.values(), sent, strict=True):
        (document,) = json.loads(text)
        assert document["00080018"]["Value"] == [read(part10).SOPInstanceUID]
        assert document["7FE00010"]["BulkDataURI"].startswith(BASE)


async def test_r24_bulkdata_are_one_file_for_each_value_and_frame(site: Site) -> None:
    frames = [b"\xff\xd8\xff" + bytes([n]) * 31 + b"\xff\xd9" for n in (1, 2)]
    await site.store(
        encapsulated(frames, JPEGBaseline8Bit, study_uid=S, series_uid=E, InstanceNumber=1),
        instance(
            study_uid=S, series_uid=E, InstanceNumber=2, rows=0, EncapsulatedDocument=PDF, MIMETypeOfEncapsulatedDocument="application/pdf"
        ),
    )
    found = opened(await site.get(f"/studies/{S}/bulkdata", ZIP))
    assert list(found) == ["0001/000001/7FE00010-000001.jpg", "0001/000001/7FE00010-000002.jpg", "0001/000002/00420011.pdf"]
    assert list(found.values())[:2] == frames
    assert found["0001/000002/00420011.pdf"].startswith(PDF)
    assert list(opened(await site.get(f"/studies/{S}/pixeldata", ZIP))) == list(found)[:2]


async def test_an_absent_study_is_404(site: Site) -> None:
    for suffix in ("", "/metadata", "/bulkdata"):
        assert (await site.get(f"/studies/{S}{suffix}", ZIP)).status_code == 404


@pytest.mark.parametrize("suffix", ["", "/bulkdata"])
async def test_a_first_file_that_cannot_be_read_is_an_error_and_no_archive(site: Site, suffix: str) -> None:
    await site.store(instance(study_uid=S, rows=2000, columns=2000))
    for path in (site.settings.data_dir / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    answer = await site.get(f"/studies/{S}{suffix}", ZIP)
    assert answer.status_code >= 400
    assert answer.headers["content-type"] == "application/problem+json"
