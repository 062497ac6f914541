"""PS3.18 8.6: multipart payloads byte by byte, as this server writes them."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP

import httpx
import pytest

from tests.api.conftest import BASE, Site
from tests.builders import instance
from tests.parts import parts_of

STUDY, SERIES, INSTANCE = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}"
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
RESOURCES = [
    (PATH, "multipart/related"),
    (PATH + "/frames/1,2", OCTETS),
    (PATH + "/bulkdata", OCTETS),
    (PATH + "/bulkdata/7FE00010", OCTETS),
]
HOSTILE = b"\r\n--\r\n--bx\r\n\r\n----\r\nContent-Type: x\r\n\r\n" * 10


async def stored(site: Site) -> bytes:
    pixels = HOSTILE + bytes(8 * 16 * 2 * 2 - len(HOSTILE))
    part10 = instance(study_uid=STUDY, series_uid=SERIES, instance_uid=INSTANCE, frames=2, rows=8, columns=16, pixels=pixels)
    assert (await site.store(part10)).status_code == 200
    return part10


@pytest.fixture(params=RESOURCES, ids=lambda row: row[0].rpartition("/")[2])
async def answer(site: Site, request: pytest.FixtureRequest) -> httpx.Response:
    await stored(site)
    path, accept = request.param
    answer = await site.get(path, accept)
    assert answer.status_code == 200
    return answer


async def test_m1_a_mail_parser_reads_every_answer(answer: httpx.Response) -> None:
    whole = message_from_bytes(b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content, policy=HTTP)
    assert not whole.defects
    assert len(list(whole.iter_parts())) == len(parts_of(answer))


async def test_m2_lines_end_with_crlf_only(answer: httpx.Response) -> None:
    for part in parts_of(answer):
        assert part.raw_head.count(b"\n") == part.raw_head.count(b"\r\n") == part.raw_head.count(b"\r")


async def test_m3_data_that_look_like_delimiters_survive(site: Site) -> None:
    part10 = await stored(site)
    (part,) = parts_of(await site.get(PATH, "multipart/related"))
    assert part.body == part10
    (value,) = parts_of(await site.get(PATH + "/bulkdata/7FE00010", OCTETS))
    assert value.body.startswith(HOSTILE)


async def test_m4_a_part_without_a_byte_is_refused_alone(site: Site) -> None:
    answer = await site.store(b"", instance())
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1


async def test_m5_the_closing_delimiter_is_there_and_nothing_follows(answer: httpx.Response) -> None:
    boundary = answer.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    assert answer.content.endswith(b"\r\n--" + boundary + b"--\r\n")
    assert answer.content.count(b"--" + boundary + b"--") == 1


async def test_m6_each_bulkdata_part_is_located_where_the_metadata_say(site: Site) -> None:
    await stored(site)
    (metadata,) = await site.objects(PATH + "/metadata")
    (part,) = parts_of(await site.get(PATH + "/bulkdata/7FE00010", OCTETS))
    assert part.location == metadata["7FE00010"]["BulkDataURI"] == f"{BASE}{PATH}/bulkdata/7FE00010"


@pytest.mark.parametrize(("path", "accept"), RESOURCES)
async def test_m10_head_has_the_headers_of_get_without_a_body(site: Site, path: str, accept: str) -> None:
    await stored(site)
    got = await site.http.get(path, headers={"Accept": accept})
    head = await site.http.head(path, headers={"Accept": accept})
    varying = {"x-request-id", "content-type", "last-modified"}  # the date is told once its second is over
    assert {name: value for name, value in head.headers.items() if name not in varying} == {
        name: value for name, value in got.headers.items() if name not in varying
    }
    assert head.headers["content-type"].partition("boundary")[0] == got.headers["content-type"].partition("boundary")[0]
    assert head.content == b""
