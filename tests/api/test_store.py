"""Store (PS3.18 10.5) as a user agent sees it: statuses, the report, and what is there afterwards."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, generate_uid

from app.studies.purge import purge
from tests.api.conftest import Site
from tests.builders import instance, multipart, study

JSON = "application/dicom+json"


def uids(part10: bytes) -> tuple[str, str, str]:
    read = pydicom.dcmread(io.BytesIO(part10), force=True)
    return read.StudyInstanceUID, read.SeriesInstanceUID, read.SOPInstanceUID


def blobs(site: Site) -> list[Path]:
    return [path for path in (site.settings.data_dir / "blobs" / "instances").rglob("*") if path.is_file()]


async def purge_now(site: Site) -> None:
    """As `radiolucent purge --now`."""
    archive = site.app.state.service.archive
    assert [count async for count in purge(archive, kept_before=archive.now(), spare_before=archive.now())]


async def test_all_stored_is_200_with_references_and_without_a_failure_sequence(site: Site) -> None:
    one = instance()
    answer = await site.store(one)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    report = answer.json()
    study_uid, series_uid, instance_uid = uids(one)
    root = "http://127.0.0.1/dicom-web/studies/" + study_uid
    assert report["00081190"] == {"vr": "UR", "Value": [root]}
    (item,) = report["00081199"]["Value"]
    assert item["00081155"]["Value"] == [instance_uid]
    assert item["00081190"] == {"vr": "UR", "Value": [f"{root}/series/{series_uid}/instances/{instance_uid}"]}
    assert "00081198" not in report
    assert list(report) == sorted(report)


async def test_none_stored_is_409_without_a_reference_sequence(site: Site) -> None:
    answer = await site.store(b"this is no DICOM object at all, only text " * 10)
    assert answer.status_code == 409
    assert "00081199" not in answer.json()


async def test_one_bad_part_among_many_never_spoils_the_others(site: Site) -> None:
    good = study(series=1, instances=9)
    answer = await site.store(*good[:4], b"\x00garbage" * 50, *good[4:])
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 9
    assert len(await site.objects("/instances")) == 9


async def test_s5_an_object_of_another_study_than_the_path_fails_alone(site: Site) -> None:
    mine, other = instance(), instance()
    answer = await site.store(mine, other, study=uids(mine)[0])
    assert answer.status_code == 202
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081155"]["Value"] == [uids(other)[2]]
    assert failed["00081197"]["Value"] == [0xA901]
    assert len(await site.objects("/studies")) == 1


async def test_s11_identical_bytes_again_are_success_and_one_row(site: Site) -> None:
    one = instance()
    assert (await site.store(one)).status_code == 200
    assert (await site.store(one)).status_code == 200
    assert (await site.store(one, one)).status_code == 200
    assert len(await site.objects("/instances")) == 1
    assert len(blobs(site)) == 1


async def test_s12_other_bytes_under_a_known_uid_are_refused_with_0111(site: Site) -> None:
    first = instance(instance_uid="1.2.3.4", study_uid="1.2", series_uid="1.2.3", PatientID="A")
    second = instance(instance_uid="1.2.3.4", study_uid="1.2", series_uid="1.2.3", PatientID="B")
    await site.store(first)
    answer = await site.store(second)
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0111]
    (found,) = await site.objects("/studies")
    assert found["00100020"]["Value"] == ["A"]
    assert len(blobs(site)) == 1


async def test_s12_other_bytes_replace_the_old_ones_with_a_warning_where_the_setting_says_so(replacing_site: Site) -> None:
    first = instance(instance_uid="1.2.3.4", study_uid="1.2", series_uid="1.2.3", PatientID="A")
    second = instance(instance_uid="1.2.3.4", study_uid="1.2", series_uid="1.2.3", PatientID="B")
    await replacing_site.store(first)
    answer = await replacing_site.store(second)
    assert answer.status_code == 202
    assert answer.json()["00081199"]["Value"][0]["00081196"]["Value"] == [0xB000]
    (found,) = await replacing_site.objects("/studies")
    assert found["00100020"]["Value"] == ["B"]
    assert len(blobs(replacing_site)) == 2, "who reads the old ones just now reads them to the end"
    await purge_now(replacing_site)
    assert [path.read_bytes() for path in blobs(replacing_site)] == [second]


async def test_s13_of_two_concurrent_stores_of_one_uid_exactly_one_wins(site: Site) -> None:
    rivals = [instance(instance_uid="1.2.3.4", study_uid="1.2", series_uid="1.2.3", PatientID=str(n)) for n in range(6)]
    answers = await asyncio.gather(*(site.store(rival) for rival in rivals))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
    (found,) = await site.objects("/studies")
    assert found["00100020"]["Value"] == [str(winner)]
    assert len(blobs(site)) == 1
    assert blobs(site)[0].read_bytes() == rivals[winner]


async def test_s24_the_stored_bytes_are_the_received_bytes(site: Site) -> None:
    one = instance()
    await site.store(one)
    assert [path.read_bytes() for path in blobs(site)] == [one]


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/related; type="application/dicom"; boundary=b',
        "multipart/related; type=application/dicom; boundary=b",
        'multipart/related; boundary="b"; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1',
        "Multipart/Related; TYPE=Application/DICOM; Boundary=b",
    ],
)
async def test_s6_s7_every_spelling_of_the_content_type_is_taken(site: Site, content_type: str) -> None:
    body, _ = multipart([instance()], boundary="b")
    answer = await site.http.post("/studies", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200


async def test_single_part_and_line_feed_only_bodies_are_taken(site: Site) -> None:
    answer = await site.http.post("/studies", content=instance(), headers={"Content-Type": "application/dicom"})
    assert answer.status_code == 200
    body = b"--b\nContent-Type: application/dicom\n\n" + instance() + b"\n--b--\n"
    headers = {"Content-Type": "multipart/related; type=application/dicom; boundary=b"}
    answer = await site.http.post("/studies", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("text/plain", 415), ("", 415), ("multipart/form-data; boundary=b", 415), ('multipart/related; type="application/dicom"', 400)],
)
async def test_what_cannot_be_taken_is_415_or_400_with_a_problem_document(site: Site, content_type: str, status: int) -> None:
    answer = await site.http.post("/studies", content=b"x", headers={"Content-Type": content_type} if content_type else {})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_s9_a_truncated_body_is_400_and_nothing_of_it_is_visible_or_left(site: Site) -> None:
    body, content_type = multipart(study(series=1, instances=5))
    answer = await site.http.post("/studies", content=body[:-40], headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert await site.objects("/studies") == []
    assert blobs(site) == []
    temporary = site.settings.data_dir / "blobs" / "tmp"
    assert not temporary.exists() or list(temporary.iterdir()) == []


async def test_an_empty_multipart_is_400(site: Site) -> None:
    headers = {"Content-Type": "multipart/related; type=application/dicom; boundary=b"}
    answer = await site.http.post("/studies", content=b"--b--\r\n", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
async def test_legal_syntaxes_are_stored_without_warning(site: Site, syntax: str) -> None:
    answer = await site.store(instance(transfer_syntax=syntax))
    assert answer.status_code == 200, answer.text


async def test_repairs_are_named_in_the_report(site: Site) -> None:
    answer = await site.store(instance()[128 + 4 :])
    assert answer.status_code == 202
    (item,) = answer.json()["00081199"]["Value"]
    assert item["00081196"]["Value"] == [0xB007]
    assert item["00000902"]["Value"][0]


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
async def test_what_cannot_be_identified_is_refused_with_a_sentence(site: Site, name: str) -> None:
    read = pydicom.dcmread(io.BytesIO(instance()))
    delattr(read, name)
    buffer = io.BytesIO()
    read.save_as(buffer, enforce_file_format=False)
    answer = await site.store(buffer.getvalue())
    assert answer.status_code == 409
    report = answer.json()
    item = report.get("00081198", report.get("0008119A"))["Value"][0]
    assert item["00081197"]["Value"] == [0xC000]
    assert "UID" in item["00000902"]["Value"][0]


async def test_a_uid_that_could_be_a_path_is_refused(site: Site) -> None:
    read = pydicom.dcmread(io.BytesIO(instance()))
    evil = b"../../../../etc/passwd"
    uid = generate_uid()[: len(evil)]
    read.SOPInstanceUID = uid
    buffer = io.BytesIO()
    read.save_as(buffer)
    answer = await site.store(buffer.getvalue().replace(uid.encode(), evil))
    assert answer.status_code == 409
    assert blobs(site) == []


async def test_private_and_unknown_sop_classes_are_stored(site: Site) -> None:
    answer = await site.store(instance(SOPClassUID="1.3.12.2.1107.5.9.1"))
    assert answer.status_code == 200, answer.text


async def test_an_accept_header_that_cannot_be_met_is_406_before_anything_is_stored(site: Site) -> None:
    answer = await site.store(instance(), Accept="text/html")
    assert answer.status_code == 406
    assert await site.objects("/studies") == []
