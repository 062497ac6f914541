"""Ranges of single-part answers and digests (RFC 9110 14, RFC 9530; statement R23): 206, 416, and only the range is read."""

from __future__ import annotations

import base64
import hashlib
import os
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit

from tests.api.conftest import Site
from tests.builders import encapsulated, instance

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{S}/series/{E}/instances/{N}"
MPEG4 = "1.2.840.10008.1.2.4.102"
OCTETS = "application/octet-stream; transfer-syntax=*"
UIDS: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N}


def known(**keywords: Any) -> bytes:
    return instance(**UIDS, **keywords)


def blob(site: Site) -> Path:
    """The one file of the store."""
    (found,) = (path for path in (site.settings.data_dir / "blobs").rglob("*") if path.is_file())
    return found


async def ranged(site: Site, path: str, accept: str, asked: str, **headers: str) -> httpx.Response:
    return await site.get(path, accept, Range=asked, **headers)


@pytest.mark.parametrize(
    ("path", "accept"), [("", "application/dicom; transfer-syntax=*"), ("/frames/2", OCTETS), ("/bulkdata/7FE00010", OCTETS)]
)
@pytest.mark.parametrize(("asked", "begin", "end"), [("bytes=0-9", 0, 10), ("bytes=60-", 60, None), ("bytes=-7", -7, None)])
async def test_r23_a_range_is_the_same_bytes_as_of_the_whole(
    site: Site, path: str, accept: str, asked: str, begin: int, end: int | None
) -> None:
    await site.store(known(frames=3))
    whole = await site.get(PATH + path, accept)
    assert whole.status_code == 200
    assert whole.headers["accept-ranges"] == "bytes"
    answer = await ranged(site, PATH + path, accept, asked)
    assert answer.status_code == 206
    assert answer.content == whole.content[begin:end]
    first = begin % len(whole.content)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole.content)}"
    assert int(answer.headers["content-length"]) == len(answer.content)
    for name in ("etag", "content-type", "content-location", "vary", "cache-control"):
        assert answer.headers[name] == whole.headers[name]


async def test_a_range_crosses_the_pieces_of_a_rewritten_object(site: Site) -> None:
    await site.store(known(transfer_syntax=ImplicitVRLittleEndian, rows=40, columns=40))
    whole = (await site.get(PATH, "application/dicom")).content
    for begin in range(0, len(whole), 97):
        answer = await ranged(site, PATH, "application/dicom", f"bytes={begin}-{begin + 150}")
        assert answer.content == whole[begin : begin + 151]


async def test_a_range_of_a_frame_that_begins_within_a_byte(site: Site) -> None:
    await site.store(known(frames=3, rows=5, columns=5, bits=1, pixels=bytes(range(200, 210))))
    whole = (await site.get(PATH + "/frames/2", OCTETS)).content
    assert len(whole) == 4
    assert (await ranged(site, PATH + "/frames/2", OCTETS, "bytes=1-2")).content == whole[1:3]


async def test_a_compressed_frame_in_one_fragment_has_ranges(site: Site) -> None:
    frames = [b"\xff\xd8\xff" + bytes([n]) * 40 + b"\xff\xd9" for n in (1, 2)]
    await site.store(encapsulated(frames, JPEGBaseline8Bit, **UIDS))
    answer = await ranged(site, PATH + "/frames/2", "image/jpeg", "bytes=3-12")
    assert (answer.status_code, answer.content) == (206, b"\x02" * 10)


async def test_a_frame_in_several_fragments_comes_whole(site: Site) -> None:
    frame = b"\xff\xd8\xff" + bytes(41) + b"\xff\xd9"
    await site.store(encapsulated([frame, frame], JPEGBaseline8Bit, fragments_per_frame=2, **UIDS))
    answer = await ranged(site, PATH + "/frames/2", "image/jpeg", "bytes=0-1")
    assert (answer.status_code, answer.content) == (200, frame)
    assert answer.headers["accept-ranges"] == "none"


async def test_a_video_can_be_sought_in(site: Site) -> None:
    stream = os.urandom(5000)
    await site.store(encapsulated([stream], MPEG4, **UIDS))
    answer = await ranged(site, PATH + "/bulkdata/7FE00010", "video/mp4", "bytes=4000-4099")
    assert (answer.status_code, answer.content) == (206, stream[4000:4100])
    assert answer.headers["content-type"] == f"video/mp4; transfer-syntax={MPEG4}"
    assert answer.headers["content-range"] == "bytes 4000-4099/5000"


@pytest.mark.parametrize("path", ["", "/frames/1", "/bulkdata/7FE00010"])
async def test_r19_r23_nothing_but_the_range_is_read(site: Site, path: str) -> None:
    """The store has lost all that follows the range: whoever reads it fails."""
    await site.store(known(rows=512, columns=512))
    stored = blob(site)
    stored.chmod(0o600)
    os.truncate(stored, 4000)
    accept = OCTETS if path else "application/dicom"
    answer = await ranged(site, PATH + path, accept, "bytes=100-1099")
    assert (answer.status_code, len(answer.content)) == (206, 1000)
    assert (await site.get(PATH + path, accept)).status_code == 500


async def test_r23_several_ranges_are_parts_in_the_order_asked(site: Site) -> None:
    await site.store(known())
    whole = (await site.get(PATH, "application/dicom")).content
    answer = await ranged(site, PATH, "application/dicom", "bytes=200-299,0-9,-1")
    assert answer.status_code == 206
    assert "content-range" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.content)
    message = message_from_bytes(f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode() + answer.content)
    assert message.get_content_type() == "multipart/byteranges"
    size = len(whole)
    found = [(part["content-range"], part["content-type"]) for part in message.walk() if part is not message]
    kind = "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert found == [(f"bytes 200-299/{size}", kind), (f"bytes 0-9/{size}", kind), (f"bytes {size - 1}-{size - 1}/{size}", kind)]
    assert b"\r\n\r\n" + whole[200:300] + b"\r\n--" in answer.content


async def test_r23_a_range_outside_is_416_and_tells_the_length(site: Site) -> None:
    await site.store(known())
    size = len((await site.get(PATH, "application/dicom")).content)
    answer = await ranged(site, PATH, "application/dicom", f"bytes={size}-")
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"
    assert answer.json()["code"] == "range-not-satisfiable"


@pytest.mark.parametrize("asked", ["bytes=9-1", "items=0-1", "bytes=x", "bytes=0-1,x", ",".join(["bytes=0-0"] + ["1-1"] * 16)])
async def test_a_range_that_is_none_gives_the_whole(site: Site, asked: str) -> None:
    await site.store(known())
    answer = await ranged(site, PATH, "application/dicom", asked)
    assert (answer.status_code, answer.content) == (200, known())


async def test_if_range_gives_the_range_of_the_same_content_only(site: Site) -> None:
    await site.store(known())
    tag = (await site.get(PATH, "application/dicom")).headers["etag"]
    assert (await ranged(site, PATH, "application/dicom", "bytes=0-9", **{"If-Range": tag})).status_code == 206
    for other in ('"other"', "W/" + tag, "Sun, 01 Jan 2040 00:00:00 GMT"):
        assert (await ranged(site, PATH, "application/dicom", "bytes=0-9", **{"If-Range": other})).status_code == 200


async def test_multipart_answers_have_no_ranges(site: Site) -> None:
    await site.store(known())
    answer = await ranged(site, PATH, 'multipart/related; type="application/dicom"', "bytes=0-9")
    assert answer.status_code == 200
    assert "accept-ranges" not in answer.headers


async def test_head_tells_that_ranges_can_be_had_and_ignores_them(site: Site) -> None:
    await site.store(known())
    head = await site.http.head(PATH, headers={"Accept": "application/dicom", "Range": "bytes=0-9"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["accept-ranges"] == "bytes"
    assert int(head.headers["content-length"]) == len(known())


async def test_what_goes_out_as_received_bears_its_digest(site: Site) -> None:
    await site.store(known())
    answer = await site.get(PATH, "application/dicom")
    expected = f"sha-256=:{base64.b64encode(hashlib.sha256(known()).digest()).decode()}:"
    assert answer.headers["repr-digest"] == answer.headers["content-digest"] == expected
    assert answer.content == known()
    part = await ranged(site, PATH, "application/dicom", "bytes=0-9")
    assert part.headers["repr-digest"] == expected, "this digest is that of the whole, whatever part of it is sent"
    assert "content-digest" not in part.headers


async def test_what_was_rewritten_bears_no_digest(site: Site) -> None:
    await site.store(known(transfer_syntax=ImplicitVRLittleEndian))
    assert "repr-digest" not in (await site.get(PATH, "application/dicom")).headers
