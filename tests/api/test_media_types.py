"""Metadata, matches and Store responses in each of their media types (PS3.18 10.4.4, 10.5.3, 10.6.4; S3, Q31, R8)."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from app.dicomweb import dicom_json_reader, dicom_xml_reader
from tests.api.conftest import Site
from tests.builders import fresh_uid, instance, study
from tests.parts import parts_of

XML = 'multipart/related; type="application/dicom+xml"'
ONE_XML = "application/dicom+xml"
NDJSON = "application/x-ndjson"


def parsed(text: bytes) -> dict[str, Any]:
    document = dicom_xml_reader.read(text, nesting=64, elements=100_000)
    return dicom_json_reader.data_set(document, nesting=64, elements=100_000)


@pytest.fixture
async def uid(site: Site) -> str:
    """A study of 2 series with 3 instances each."""
    uid = fresh_uid()
    assert (
        await site.store(*study(study_uid=uid, PatientName="Müller^Jörg=山田^太郎", ImageType=["ORIGINAL", "", "AXIAL"]))
    ).status_code == 200
    return uid


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances", "/studies/{uid}/series", "/studies/{uid}/metadata"])
async def test_q31_r8_xml_has_one_part_for_each_data_set_and_says_what_json_says(site: Site, uid: str, path: str) -> None:
    path = path.format(uid=uid)
    expected = await site.objects(path)
    answer = await site.get(path, XML)
    assert answer.status_code == 200
    parts = parts_of(answer)
    assert {part.content_type for part in parts} == {"application/dicom+xml"}
    assert [parsed(part.body) for part in parts] == expected


@pytest.mark.parametrize("path", ["/studies", "/instances", "/studies/{uid}/metadata"])
async def test_ndjson_has_one_object_in_each_line(site: Site, uid: str, path: str) -> None:
    path = path.format(uid=uid)
    answer = await site.get(path, NDJSON)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == NDJSON
    assert answer.text.endswith("\n")
    assert [json.loads(line) for line in answer.text.splitlines()] == await site.objects(path)


async def test_q1_no_match_is_200_with_an_empty_answer_in_each_form(site: Site) -> None:
    for accept, body in ((NDJSON, b""), ("application/dicom+json", b"[]")):
        answer = await site.get("/studies?PatientID=nobody", accept)
        assert (answer.status_code, answer.content) == (200, body)
    answer = await site.get("/studies?PatientID=nobody", XML)
    assert answer.status_code == 200
    assert answer.content == f"--{answer.headers['content-type'].rpartition('=')[2]}--\r\n".encode()


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/dicom+json"),
        ("application/json", "application/dicom+json"),
        ("application/dicom+xml;q=0.5, application/dicom+json", "application/dicom+json"),
        ("multipart/related; type=application/dicom+xml", "multipart/related"),
        ("multipart/related", "multipart/related"),
        ("multipart/*", "multipart/related"),
        ("application/dicom+json;q=0.1, multipart/related; type=application/dicom+xml", "multipart/related"),
        (ONE_XML, ONE_XML),
        (NDJSON, NDJSON),
    ],
)
async def test_the_accept_header_selects_the_form_of_metadata(site: Site, accept: str, expected: str) -> None:
    await site.store(instance())
    (found,) = await site.objects("/instances")
    answer = await site.http.get(found["00081190"]["Value"][0] + "/metadata", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == expected


async def test_single_part_xml_is_for_one_instance_only(site: Site, uid: str) -> None:
    for path in (f"/studies/{uid}/metadata", "/studies"):
        answer = await site.get(path, ONE_XML)
        assert answer.status_code == 406
        assert XML in answer.json()["offers"]


async def test_r22_each_form_has_its_own_tag_and_the_same_bytes_for_the_same_tag(site: Site, uid: str) -> None:
    path = f"/studies/{uid}/metadata"
    tags = set()
    for accept in ("application/dicom+json", NDJSON, XML):
        first, second = await site.get(path, accept), await site.get(path, accept)
        assert (first.headers["etag"], first.content) == (second.headers["etag"], second.content)
        tags.add(first.headers["etag"])
        again = await site.get(path, accept, **{"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
    assert len(tags) == 3


async def test_a_large_answer_is_streamed_and_whole_in_each_form(site: Site) -> None:
    uid = fresh_uid()
    await site.store(*study(series=1, instances=40, study_uid=uid, ImageComments="x" * 9000, PatientComments="y" * 4000))
    path = f"/studies/{uid}/metadata"
    expected = await site.objects(path)
    assert len(expected) == 40
    answer = await site.get(path, NDJSON, **{"Accept-Encoding": "identity"})
    assert [json.loads(line) for line in answer.text.splitlines()] == expected
    assert [parsed(part.body) for part in parts_of(await site.get(path, XML))] == expected


async def test_xml_is_compressed_for_who_takes_it(site: Site, uid: str) -> None:
    async with site.http.stream("GET", f"/studies/{uid}/metadata", headers={"Accept": XML, "Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert gzip.decompress(raw).startswith(b"--")


async def test_bulkdata_uris_in_xml_can_be_fetched(site: Site) -> None:
    await site.store(instance())
    (found,) = await site.objects("/instances")
    answer = await site.http.get(found["00081190"]["Value"][0] + "/metadata", headers={"Accept": ONE_XML})
    uri = parsed(answer.content)["7FE00010"]["BulkDataURI"]
    assert (await site.http.get(uri, headers={"Accept": "*/*"})).status_code == 200


@pytest.mark.parametrize(("accept", "single"), [(XML, False), (ONE_XML, True)])
async def test_s3_a_store_response_comes_as_xml_for_who_asks(site: Site, accept: str, single: bool) -> None:
    answer = await site.store(instance(), b"no dicom" * 100, Accept=accept)
    assert answer.status_code == 202
    text = answer.content if single else parts_of(answer)[0].body
    report = parsed(text)
    assert report["00081199"]["Value"][0]["00081150"]["vr"] == "UI"
    assert report["0008119A"]["Value"][0]["00081197"]["Value"] == [0xC000]
    assert report["00081190"]["Value"][0].startswith("http://127.0.0.1/dicom-web/studies/")


async def test_a_head_of_each_form_has_its_type(site: Site, uid: str) -> None:
    for accept in (NDJSON, XML):
        answer = await site.http.head(f"/studies/{uid}/metadata", headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(accept.partition(";")[0])
        assert answer.content == b""
