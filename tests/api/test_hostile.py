"""Hostile but bounded input: no answer is of the 5xx class, and none says anything of what it was given (H1, H3, H4, H7; P7, P11)."""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import BASE, Site, open_site
from tests.builders import corpus, encapsulated, fresh_uid, instance, multipart
from tests.services.postgres import Server

DICOM = {"Content-Type": "application/dicom"}
DICOM_JSON = "application/dicom+json"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
SMALL = [path.read_bytes() for path in corpus() if path.stat().st_size < 10_000]
KEYS = (
    "PatientName", "PatientID", "StudyDate", "StudyTime", "StudyInstanceUID", "ModalitiesInStudy", "SeriesNumber", "SOPInstanceUID",
    "00400275.00400009", "AcquisitionDateTime", "includefield", "limit", "offset", "fuzzymatching", "accept", "0008,0020", "Nothing",
)  # fmt: skip
VALUES = (
    "%00", "a%00b", "%ED%A0%80", "%ff", "%F4%8F%BF%BF*", "'%3BDROP%20TABLE%20study--", "%5C", "%25_", "%5B", "*a*a*a*", "%5E", "%3D*",
    "1" + "0" * 30, "-1", "-", "--", "99999999", "20240230", "20240131-20230101", "9999-", "1.2,1.3,,", "%D9%A3", "?" * 17, "all", "",
)  # fmt: skip
fuzz = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


def assert_no_failure(answer: httpx.Response) -> None:
    assert answer.status_code < 500 or answer.status_code == 501, (answer.status_code, answer.text[:300])


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def path_of(uids: dict[str, Any]) -> str:
    return "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids)


def fresh() -> dict[str, Any]:
    return {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of the corpus, cut, overwritten and stuffed here and there."""
    data = bytearray(draw(st.sampled_from(SMALL)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, max(0, min(len(data) - 1, 2000))))
        match draw(st.sampled_from(("write", "length", "insert", "cut"))):
            case "write":
                piece = draw(st.binary(min_size=1, max_size=8))
                data[at : at + len(piece)] = piece
            case "length":
                data[at : at + 4] = draw(st.sampled_from((b"\xff\xff\xff\xff", b"\xfe\xff\xff\x7f", b"\xff\xff\0\0", b"\0\0\0\0")))
            case "insert":
                data[at:at] = draw(
                    st.sampled_from((b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\xdd\xe0\0\0\0\0", b"SQ", b"\\" * 64, b"\0"))
                )
            case _:
                del data[at : at + draw(st.integers(1, 400))]
    return bytes(data)


@fuzz
@given(data=damaged())
async def test_a_damaged_object_is_refused_or_kept_but_never_a_failure(site: Site, data: bytes) -> None:
    answer = await site.http.post("/studies", content=data, headers=DICOM)
    assert answer.status_code in (200, 202, 409), answer.text[:300]
    for item in answer.json().get("00081199", {}).get("Value", []):
        path = item["00081190"]["Value"][0].removeprefix("http://127.0.0.1/dicom-web")
        for resource, accept in (("", "*/*"), ("/metadata", DICOM_JSON), ("/frames/1", "*/*"), ("/bulkdata", "*/*")):
            assert_no_failure(await site.get(path + resource, accept))
    assert_no_failure(await site.get("/instances?includefield=all", DICOM_JSON))


def _texts(size: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=size)


@fuzz
@given(
    level=st.sampled_from(("studies", "series", "instances")),
    pairs=st.lists(st.tuples(st.sampled_from(KEYS) | _texts(12), st.sampled_from(VALUES) | _texts(20)), max_size=6),
)
async def test_no_query_is_a_failure(site: Site, level: str, pairs: list[tuple[str, str]]) -> None:
    # What httpx does not send as it stands goes out percent-encoded; "%" itself stays, and begins whatever follows.
    query = "&".join(f"{quote(name, safe='%,.')}={quote(value, safe='%*?,')}" for name, value in pairs)
    assert_no_failure(await site.http.get(f"/{level}?{query}"))


@fuzz
@given(
    path=st.lists(st.sampled_from(("studies", "series", "instances", "frames", "metadata", "bulkdata", "1.2.3", "1,2", "..", "%2e%2e",
                                   "%2f", "%00", "%ff", "7FE00010", "rendered", "0" * 65, "")), max_size=9),
    accept=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
    | st.sampled_from(("*/*;q=9e9", 'multipart/related;type="', "a/b," * 300, "image/*;transfer-syntax=*;transfer-syntax=*")),
    method=st.sampled_from(("GET", "HEAD", "DELETE", "POST", "PUT", "TRACE")),
)  # fmt: skip
async def test_no_address_or_accept_header_is_a_failure(site: Site, path: list[str], accept: str, method: str) -> None:
    answer = await site.http.request(method, f"{BASE}/{'/'.join(path)}", headers={"Accept": accept})
    assert_no_failure(answer)


@pytest.mark.parametrize("origin", ["http://[", "null", "://", "http://[::1", "http://127.0.0.1:99999999", "\x7f"])
async def test_an_origin_that_is_none_is_refused_as_a_foreign_one(site: Site, origin: str) -> None:
    answer = await site.http.post("/studies", content=b"", headers={"Origin": origin, **DICOM})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-site")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "x"])
async def test_a_compressed_body_is_refused(site: Site, coding: str) -> None:
    answer = await site.http.post("/studies", content=instance(), headers={**DICOM, "Content-Encoding": coding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


async def test_two_host_headers_are_refused(site: Site) -> None:
    answer = await site.http.get("/studies", headers=[("Host", "127.0.0.1"), ("Host", "attacker.example")])
    assert answer.status_code == 400


async def test_of_elements_with_the_same_tag_the_last_one_counts_everywhere(site: Site) -> None:
    first, last = fresh_uid(), fresh_uid()
    made = instance(rows=0, study_uid=first)
    twice = made + element(0x0020000D, b"UI", last.encode() + b"\0" * (len(last) % 2))
    answer = await site.http.post("/studies", content=twice, headers=DICOM)
    assert answer.status_code in (200, 202), answer.text
    assert (await site.get(f"/studies/{first}/metadata")).status_code == 404
    (found,) = await site.objects(f"/studies/{last}/metadata")
    assert found["0020000D"]["Value"] == [last]
    (study,) = await site.objects("/studies")
    assert study["0020000D"]["Value"] == [last]


async def test_file_meta_information_that_names_another_instance_is_told(site: Site) -> None:
    uid = fresh_uid()
    other = uid[:-1] + ("1" if uid[-1] != "1" else "2")
    made = instance(rows=0, instance_uid=uid).replace(uid.encode(), other.encode(), 1)
    answer = await site.http.post("/studies", content=made, headers=DICOM)
    (item,) = answer.json()["00081199"]["Value"]
    assert item["00081155"]["Value"] == [uid]
    assert "File Meta Information differ" in str(item["00000902"]["Value"])


async def test_what_a_refusal_says_holds_no_value_of_the_object(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    secret = "Zebulon^Quincy"
    with caplog.at_level(logging.DEBUG):
        broken = instance(rows=0, patient_name=secret) + element(0x00080018, b"UI", b"1..2.Zebulon")
        answers = [await site.http.post("/studies", content=piece, headers=DICOM) for piece in (broken, broken[:400], broken[150:])]
        answers.append(await site.get(f"/studies?PatientName={secret}&StudyDate=Zebulon"))
        answers.append(await site.get("/studies/Zebulon/metadata"))
    assert all(400 <= answer.status_code < 500 or answer.status_code in (200, 202) for answer in answers)
    assert not any("Zebulon" in answer.text for answer in answers)
    assert "Zebulon" not in "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))


@pytest.mark.parametrize(
    "claims",
    [
        {"NumberOfFrames": "1000000"},
        {"NumberOfFrames": "-5"},
        {"Rows": 65535, "Columns": 65535, "NumberOfFrames": "2147483647"},
        {"BitsAllocated": 65535},
        {"SamplesPerPixel": 0},
    ],
)
async def test_frames_that_are_claimed_but_not_there_are_not_found(site: Site, claims: dict[str, Any]) -> None:
    for native in (True, False):
        uids = fresh()
        # pydicom looks at none of these numbers when it writes.
        made = instance(**uids, **claims) if native else encapsulated([b"\xff\xd8\xff\xd9"], JPEG_BASELINE, **uids, **claims)
        assert (await site.store(made)).status_code in (200, 202)
        answer = await site.get(path_of(uids) + "/frames/1000000,999999", "*/*")
        assert answer.status_code == 404


async def test_a_million_offsets_for_one_fragment_are_no_frame_table(site: Site) -> None:
    uids = fresh()
    made = encapsulated([b"\xff\xd8\xff\xd9"], JPEG_BASELINE, **uids, NumberOfFrames="1000000", bot=False)
    at = made.rindex(b"\xfe\xff\x00\xe0\0\0\0\0")
    table = b"\xfe\xff\x00\xe0" + struct.pack("<L", 4_000_000) + bytes(4_000_000)
    assert (await site.store(made[:at] + table + made[at + 8 :])).status_code in (200, 202)
    assert (await site.get(path_of(uids) + "/frames/1", "*/*")).status_code in (200, 404)


async def test_an_object_beyond_the_limit_of_elements_is_refused(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", limits={"elements": 100}):
        flood = instance(rows=0) + element(0x10011001, b"LO", b"") * 100
        answer = await site.http.post("/studies", content=flood, headers=DICOM)
        assert answer.status_code == 409
        assert "more elements" in answer.text


async def test_warnings_of_one_answer_are_few(site: Site) -> None:
    answer = await site.get("/studies?includefield=" + ",".join(f"Nothing{number}" for number in range(250)))
    assert answer.status_code == 200
    assert len(answer.headers["Warning"]) < 4096


async def test_many_empty_parts_are_refused_by_their_number(site: Site) -> None:
    answer = await site.http.post(
        "/studies", content=b"--b\r\n\r\n\r\n" * 11_000 + b"--b--", headers={"Content-Type": "multipart/related; boundary=b"}
    )
    assert answer.status_code == 413


async def test_postgresql_takes_every_text_that_an_object_may_hold(postgres: Server, tmp_path: Path) -> None:
    """NUL and lone surrogates are in no text of PostgreSQL; they come in by broken values and by other repertoires."""
    odd = [b"A\0B", b"\xed\xa0\x80x", b"\x01\x02\x1b", b"\xf4\x8f\xbf\xbf", b"\\" * 300, b"A=B=C=D^\0", b"\xff" * 600, b"x" * 9000]
    tags = [(0x00080050, b"SH"), (0x00080090, b"PN"), (0x00081030, b"LO"), (0x00100010, b"PN"), (0x00100020, b"LO"), (0x00200010, b"SH"),
            (0x00080020, b"DA"), (0x00080060, b"CS"), (0x0008103E, b"LO"), (0x00200011, b"IS")]  # fmt: skip
    with postgres.database() as url:
        async for site in open_site(tmp_path / "data", database={"url": url}):
            for charset in (None, "ISO_IR 192", "GB18030", "ISO 2022 IR 87"):
                made = []
                for value in odd:
                    padded = value + b" " * (len(value) % 2)
                    # The last one of a tag counts: these come after the sound ones.
                    made.append(instance(rows=0, SpecificCharacterSet=charset) + b"".join(element(tag, vr, padded) for tag, vr in tags))
                body, content_type = multipart(made)
                answer = await site.http.post("/studies", content=body, headers={"Content-Type": content_type})
                assert answer.status_code == 202, answer.text[:300]
                assert "00081198" not in answer.json()
            for level in ("studies", "series", "instances"):
                assert len(await site.objects(f"/{level}?includefield=all&limit=100")) == 32
            for key in ("PatientName", "PatientID", "StudyDescription", "AccessionNumber", "ReferringPhysicianName"):
                for asked in VALUES:
                    assert_no_failure(await site.get(f"/instances?{key}={asked}"))
