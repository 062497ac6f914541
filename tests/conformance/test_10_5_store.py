"""PS3.18 10.5: Store, one test or more for each statement S that no other file shows; names begin with its number."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from tests.api.conftest import BASE, Site, open_site
from tests.builders import encapsulated, instance, multipart, study
from tests.parts import parts_of

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{S}/series/{E}/instances/{N}"
PART10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
RELATED = 'multipart/related; type="application/dicom"; boundary='


def known(**keywords: Any) -> bytes:
    return instance(study_uid=S, series_uid=E, instance_uid=N, **keywords)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.dcm", instance())
    return buffer.getvalue()


async def post(site: Site, body: bytes, content_type: str, path: str = "/studies") -> int:
    return (await site.http.post(path, content=body, headers={"Content-Type": content_type})).status_code


async def test_s1_s2_every_status_comes_with_its_body_and_no_empty_sequence(site: Site) -> None:
    stored = await site.store(known())
    mixed = await site.store(instance(study_uid=S), instance(study_uid="9.9"), study=S)
    none = await site.store(instance(study_uid="9.9"), study=S)
    assert [answer.status_code for answer in (stored, mixed, none)] == [200, 202, 409]
    for answer, sequences in ((stored, {"00081199"}), (mixed, {"00081198", "00081199"}), (none, {"00081198"})):
        assert answer.headers["content-type"] == "application/dicom+json"
        assert set(answer.json()) - {"00081190"} == sequences
        assert answer.json()["00081190"]["vr"] == "UR"
    body, content_type = multipart([instance()])
    for given, status in ((content_type.replace("boundary=b", ""), 400), (content_type.replace("dicom", "pdf"), 415)):
        answer = await site.http.post("/studies", content=body, headers={"Content-Type": given})
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_s2_a_report_of_several_studies_has_an_empty_retrieve_url(site: Site) -> None:
    report = (await site.store(instance(), instance())).json()
    assert report["00081190"] == {"vr": "UR"}
    assert len(report["00081199"]["Value"]) == 2
    assert all("00081196" not in item for item in report["00081199"]["Value"])


@pytest.mark.parametrize("accept", ["application/dicom+json", "application/json", "*/*", "text/html, application/dicom+json;q=0.5"])
async def test_s3_the_report_is_json_for_whoever_takes_it(site: Site, accept: str) -> None:
    answer = await site.store(instance(), Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"


async def test_s4_the_retrieve_urls_of_the_report_can_be_retrieved(site: Site) -> None:
    sent = known()
    report = (await site.store(sent)).json()
    whole, one = report["00081190"]["Value"][0], report["00081199"]["Value"][0]["00081190"]["Value"][0]
    assert (whole, one) == (f"{BASE}/studies/{S}", BASE + PATH)
    for url in (whole, one):
        assert [part.body for part in parts_of(await site.get(url, PART10))] == [sent]


@pytest.mark.parametrize("boundary", ["a b'()+_,-./:=?c", "x" * 70, "----WebKitFormBoundary7MA4YWxkTrZu0gW", "0"])
async def test_s6_every_legal_boundary_is_taken(site: Site, boundary: str) -> None:
    body, _ = multipart([instance(), instance()], boundary)
    assert await post(site, body, f'{RELATED}"{boundary}"') == 200
    assert len(await site.objects("/instances")) == 2


async def test_s6_what_stands_before_and_behind_the_parts_is_passed_over(site: Site) -> None:
    body, content_type = multipart([instance()])
    assert await post(site, b"This is a multipart message.\r\n" + body + b"\r\nThe end.\r\n", content_type) == 200


async def test_s6_lines_that_end_with_lf_only_are_taken(site: Site) -> None:
    sent = instance()
    body = b"--b\nContent-Type: application/dicom\n\n" + sent + b"\n--b--\n"
    assert await post(site, body, RELATED + "b") == 200
    (found,) = await site.objects("/instances")
    (part,) = parts_of(await site.get(found["00081190"]["Value"][0].removeprefix(BASE), PART10))
    assert part.body == sent


async def test_s6_part_headers_in_any_spelling_or_none_are_taken(site: Site) -> None:
    heads = [b"content-type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\nContent-Location: x\r\nMIME-Version: 1.0\r\n",
             b"CONTENT-TYPE:application/dicom\r\n", b'Content-Type: Application/DICOM\r\nContent-Length: 7\r\n', b""]  # fmt: skip
    body = b"".join(b"--b\r\n" + head + b"\r\n" + instance() + b"\r\n" for head in heads) + b"--b--\r\n"
    assert await post(site, body, RELATED + "b") == 200
    assert len(await site.objects("/instances")) == len(heads)


async def test_s8_a_body_without_a_length_is_taken_in_pieces_of_any_size(site: Site) -> None:
    body, content_type = multipart([instance(rows=64, columns=64), instance()])

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    answer = await site.http.post("/studies", content=pieces(), headers={"Content-Type": content_type})
    assert answer.status_code == 200
    assert len(await site.objects("/instances")) == 2


async def test_s10_one_corrupt_part_among_a_hundred(site: Site) -> None:
    good = study(series=1, instances=99)
    corrupt = good[0][:300] + b"\xff\xff" + good[0][302:400]
    answer = await site.store(*good[:50], corrupt, *good[50:])
    report = answer.json()
    assert answer.status_code == 202
    assert len(report["00081199"]["Value"]) == 99
    assert sum(len(report.get(tag, {"Value": []})["Value"]) for tag in ("00081198", "0008119A")) == 1
    assert len(await site.objects("/instances")) == 99


async def test_s14_first_instances_of_one_new_patient_at_once_make_one_study_each(site: Site) -> None:
    sent = [instance(study_uid=f"1.2.{n % 2}", series_uid=f"1.2.{n % 2}.1", PatientID="NEW") for n in range(8)]
    answers = await asyncio.gather(*(site.store(one) for one in sent))
    assert {answer.status_code for answer in answers} == {200}
    found = await site.objects("/studies?PatientID=NEW")
    assert [item["00201208"]["Value"] for item in found] == [[4], [4]]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [(b"", 0xC000), (b"\0", 0xC000), (b"hello", 0xC000), (b"\0" * 132, 0xC000), (bytes(128) + b"DICM", 0xC000), (zipped(), 0xC000),
     (b"%PDF-1.4", 0xC000), (known()[:200], 0xC000)],
    ids=["nothing", "one byte", "text", "zeros", "only a preamble", "zip", "pdf", "cut off"],
)  # fmt: skip
async def test_s15_what_is_no_dicom_object_is_refused_with_a_sentence(site: Site, sent: bytes, reason: int) -> None:
    answer = await site.store(sent)
    assert answer.status_code == 409
    (item,) = answer.json().get("0008119A", answer.json().get("00081198"))["Value"]
    assert item["00081197"] == {"vr": "US", "Value": [reason]}
    assert item["00000902"]["Value"][0].count(" ") >= 3
    single = await site.http.post("/studies", content=sent, headers={"Content-Type": "application/dicom"})
    assert single.status_code in {400, 409}
    assert await site.objects("/instances") == []


async def test_s15_a_dicomdir_is_refused_as_no_instance(site: Site) -> None:
    path = get_testdata_file("DICOMDIR")
    assert path
    with open(path, "rb") as file:
        answer = await site.store(file.read())
    assert answer.status_code == 409
    (item,) = answer.json().get("0008119A", answer.json().get("00081198"))["Value"]
    assert item["00081197"]["Value"] == [0x0122]


def without_preamble(part10: bytes) -> bytes:
    return part10[132:]


def without_file_meta(part10: bytes) -> bytes:
    return part10[pydicom.dcmread(io.BytesIO(part10)).file_meta.FileMetaInformationGroupLength + 144 :]


def claiming_implicit(part10: bytes) -> bytes:
    return part10.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0", 1)


def with_trailing_padding(part10: bytes) -> bytes:
    return part10 + b"\0" * 512


@pytest.mark.parametrize("change", [without_preamble, without_file_meta, claiming_implicit, with_trailing_padding])
async def test_s15_what_the_field_sends_is_stored_with_the_repair_named_and_the_same_data_set(
    site: Site, change: Callable[[bytes], bytes]
) -> None:
    sent = known()
    answer = await site.store(change(sent))
    assert answer.status_code in {200, 202}, answer.text
    (item,) = answer.json()["00081199"]["Value"]
    assert ("00081196" in item) == (answer.status_code == 202) == bool(item.get("00000902"))
    (part,) = parts_of(await site.get(PATH, PART10))
    received = pydicom.dcmread(io.BytesIO(part.body))
    assert received == pydicom.dcmread(io.BytesIO(sent))
    assert received.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


async def test_s15_group_length_and_odd_length_and_deflated_and_implicit_are_stored(site: Site) -> None:
    odd = known().replace(b"SH\x04\x00ACC1", b"SH\x03\x00ACC", 1)
    answer = await site.store(odd)
    assert answer.status_code in {200, 202}, answer.text
    (found,) = await site.objects("/studies?AccessionNumber=ACC")
    assert found["00080050"]["Value"] == ["ACC"]
    for syntax in (DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian):
        assert (await site.store(instance(transfer_syntax=syntax))).status_code == 200


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(b"DA\x08\x0020240229", b"DA\x08\x002024XX99"), (b"TM\x06\x00101500", b"TM\x06\x0099:99:"), (b"IS\x02\x001 ", b"IS\x02\x00x "),
     (b"CS\x02\x00F ", b"CS\x02\x00f\xff")],
)  # fmt: skip
async def test_s16_invalid_values_are_stored_and_do_not_spoil_search_or_metadata(site: Site, right: bytes, wrong: bytes) -> None:
    sent = known().replace(right, wrong, 1)
    assert sent != known()
    answer = await site.store(sent)
    assert answer.status_code in {200, 202}, answer.text
    for path in ("/studies", "/series", "/instances", PATH + "/metadata"):
        assert len(await site.objects(path)) == 1, path
    assert [part.body for part in parts_of(await site.get(PATH, PART10))] == [sent]


async def test_s25_the_digest_on_record_is_that_of_the_received_bytes(site: Site) -> None:
    await site.store(known())
    before = (await site.get(PATH)).headers["etag"]
    await site.http.delete(PATH)
    await site.store(known(PatientID="OTHER"))
    assert (await site.get(PATH)).headers["etag"] != before
    await site.http.delete(PATH)
    await site.store(known())
    assert (await site.get(PATH)).headers["etag"] == before


async def test_s26_an_unknown_compressed_syntax_of_a_private_class_is_stored_and_comes_back(site: Site) -> None:
    keywords: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N, "SOPClassUID": "1.3.12.2.1107.5.99.3.10"}
    sent = encapsulated([b"\x01\x02\x03\x04"], JPEGBaseline8Bit, **keywords).replace(b"1.2.840.10008.1.2.4.50", b"1.2.826.0.1.3680043.10")
    assert (await site.store(sent)).status_code in {200, 202}
    assert [part.body for part in parts_of(await site.get(PATH, PART10))] == [sent]


async def test_s29_a_single_part_body_goes_to_the_study_of_its_path(site: Site) -> None:
    assert await post(site, known(), "application/dicom", f"/studies/{S}") == 200
    assert await post(site, instance(), "application/dicom; transfer-syntax=1.2.840.10008.1.2.1", f"/studies/{S}") == 409
    assert len(await site.objects("/instances")) == 1


@pytest.mark.parametrize("uid", ["../../../x", "1.2/../3", "C:\\x", "1.2.3\0x", "a" * 64])
async def test_s30_a_uid_that_could_be_a_path_is_c000_and_leaves_no_file(site: Site, uid: str) -> None:
    right = "1." + "2" * (len(uid) - 2)
    sent = instance(study_uid=right).replace(right.encode(), uid.encode())
    answer = await site.store(sent)
    assert answer.status_code == 409
    (item,) = answer.json().get("00081198", answer.json().get("0008119A"))["Value"]
    assert item["00081197"]["Value"] == [0xC000]
    assert not [path for path in site.settings.data_dir.parent.rglob("*") if path.is_file() and "instances" in str(path)]


async def test_s27_what_is_larger_than_the_limit_is_413_alone_and_fails_alone_among_others(tmp_path: Path) -> None:
    async for small in open_site(tmp_path / "small", limits={"instance_bytes": 4000}):
        large = instance(rows=100, columns=100)
        assert (await small.http.post("/studies", content=large, headers={"Content-Type": "application/dicom"})).status_code == 413
        answer = await small.store(instance(), large, instance())
        assert answer.status_code == 202
        report = answer.json()
        assert len(report["00081199"]["Value"]) == 2
        assert report["0008119A"]["Value"][0]["00081197"]["Value"] == [0xA700]
        assert len(await small.objects("/instances")) == 2
